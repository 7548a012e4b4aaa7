//! Independent pieces of work on several cores.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::TrainError;

/// Threads that each work on one piece at a time.
///
/// A tensor operation on a small batch can't keep two cores busy, two operations can. Each thread owns a rayon pool of one, so that
/// operations inside a piece stay on its core, and their results do not depend on the number of threads.
#[derive(Debug)]
pub struct Workers {
    pools: Vec<ThreadPool>,
    decode_batch: usize,
}

/// Episodes that are decoded together when nothing else is asked for; more do not make a step of decoding cheaper on a CPU.
pub const DECODE_BATCH: usize = 128;

impl Workers {
    /// `threads` workers; one a core where it is 0.
    ///
    /// # Errors
    /// [`TrainError::Config`] when the system refuses the threads.
    pub fn new(threads: usize) -> Result<Self, TrainError> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { cores } else { threads };
        let pool = |_| {
            ThreadPoolBuilder::new().num_threads(1).build().map_err(|e| TrainError::Config {
                name: "threads",
                expected: "a number of threads that the system grants".into(),
                got: format!("{threads} ({e})"),
            })
        };
        Ok(Self { pools: (0..threads.max(1)).map(pool).collect::<Result<_, _>>()?, decode_batch: DECODE_BATCH })
    }

    /// The same threads, each decoding so many episodes together: their KV caches are what decoding needs memory for.
    pub fn with_decode_batch(self, episodes: usize) -> Self {
        Self { decode_batch: episodes.max(1), ..self }
    }

    /// Threads.
    pub fn threads(&self) -> usize {
        self.pools.len()
    }

    /// Episodes that each thread decodes together.
    pub fn decode_batch(&self) -> usize {
        self.decode_batch
    }

    /// `f` of every piece, in the order of the pieces, whichever thread computed it.
    pub fn map<T: Sync, R: Send>(&self, pieces: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
        let next = AtomicUsize::new(0);
        let work = |pool: &ThreadPool| {
            pool.install(|| {
                let mut done = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    match pieces.get(index) {
                        Some(piece) => done.push((index, f(piece))),
                        None => return done,
                    }
                }
            })
        };
        let mut results: Vec<(usize, R)> = thread::scope(|scope| {
            let handles: Vec<_> = self.pools.iter().take(pieces.len()).map(|pool| scope.spawn(|| work(pool))).collect();
            handles
                .into_iter()
                .flat_map(|handle| match handle.join() {
                    Ok(done) => done,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
                .collect()
        });
        results.sort_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_pieces() {
        let pieces: Vec<usize> = (0..100).collect();
        for threads in [1, 2, 7] {
            let squares = Workers::new(threads).unwrap().map(&pieces, |i| i * i);
            assert_eq!(squares, pieces.iter().map(|i| i * i).collect::<Vec<_>>());
        }
        assert!(Workers::new(2).unwrap().map(&[] as &[usize], |i| *i).is_empty());
    }
}
