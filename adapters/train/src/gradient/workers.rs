//! Independent pieces of work on several cores.

use std::{
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    error::TrainError,
    judges::{Judges, VERDICT_LIMIT},
};

/// Threads that each work on one piece at a time.
///
/// A tensor operation on a small batch can't keep two cores busy, two operations can. Each thread owns a rayon pool of one, so that
/// operations inside a piece stay on its core, and their results do not depend on the number of threads.
#[derive(Debug)]
pub struct Workers {
    pools: Vec<ThreadPool>,
    decode_batch: usize,
    judges: Judges,
}

/// Episodes that are decoded together when nothing else is asked for; more do not make a step of decoding cheaper on a CPU.
pub const DECODE_BATCH: usize = 32;

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
        let pools = (0..threads.max(1)).map(pool).collect::<Result<_, _>>()?;
        Ok(Self { pools, decode_batch: DECODE_BATCH, judges: Judges::new(Some(VERDICT_LIMIT)) })
    }

    /// The same threads, each decoding so many episodes together: their KV caches are what decoding needs memory for.
    pub fn with_decode_batch(self, episodes: usize) -> Self {
        Self { decode_batch: episodes.max(1), ..self }
    }

    /// The same threads, which wait for a verdict no longer than this; for as long as it takes where there is no limit.
    pub fn with_verdict_limit(self, limit: Option<Duration>) -> Self {
        Self { judges: Judges::new(limit), ..self }
    }

    /// Who asks verifiers.
    pub fn judges(&self) -> &Judges {
        &self.judges
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

    /// As [`Workers::map`], where each result is handed to `take` in the order of the pieces and then forgotten: no more of them exist at once than
    /// there are threads.
    pub fn fold<T: Sync, R: Send>(&self, pieces: &[T], f: impl Fn(&T) -> R + Sync, take: impl FnMut(R) + Send) {
        let next = AtomicUsize::new(0);
        let line = Line { state: Mutex::new((Some(0), take)), moved: Condvar::new() };
        thread::scope(|scope| {
            for pool in self.pools.iter().take(pieces.len()) {
                scope.spawn(|| {
                    pool.install(|| {
                        let _others = Release(&line);
                        loop {
                            let index = next.fetch_add(1, Ordering::Relaxed);
                            let Some(piece) = pieces.get(index) else { return };
                            line.hand_over(index, f(piece));
                        }
                    })
                });
            }
        });
    }
}

/// Threads that wait for their turn.
struct Line<F> {
    /// Whose turn it is, or nobody's any more, and what takes the results.
    state: Mutex<(Option<usize>, F)>,
    moved: Condvar,
}

impl<F> Line<F> {
    fn hand_over<R>(&self, index: usize, result: R)
    where
        F: FnMut(R),
    {
        let lock = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |state: &mut (Option<usize>, F)| state.0.is_some_and(|turn| turn != index);
        let mut state = self.moved.wait_while(lock, waiting).unwrap_or_else(PoisonError::into_inner);
        if state.0.is_some() {
            (state.1)(result);
            state.0 = Some(index + 1);
        }
        drop(state);
        self.moved.notify_all();
    }

    fn give_up(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 = None;
        self.moved.notify_all();
    }
}

/// Whoever panics, over a piece or while it is taken, must not leave the others waiting for its turn.
struct Release<'a, F>(&'a Line<F>);

impl<F> Drop for Release<'_, F> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.give_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{self, AssertUnwindSafe},
        sync::mpsc,
    };

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

    #[test]
    fn results_are_taken_in_order_and_few_wait() {
        let pieces: Vec<usize> = (0..200).collect();
        for threads in [1, 2, 7] {
            let (alive, most, mut taken) = (AtomicUsize::new(0), AtomicUsize::new(0), Vec::new());
            let work = |i: &usize| {
                // The first takes long, so that the others have to wait for it.
                thread::sleep(std::time::Duration::from_micros(if *i == 0 { 20_000 } else { (*i as u64 * 37) % 50 }));
                most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                *i
            };
            Workers::new(threads).unwrap().fold(&pieces, work, |i| {
                alive.fetch_sub(1, Ordering::SeqCst);
                taken.push(i);
            });
            assert_eq!(taken, pieces);
            assert!(most.into_inner() <= threads);
        }
    }

    #[test]
    fn a_panic_is_passed_on_and_leaves_nobody_waiting() {
        let pieces = [0, 1, 2, 3, 4, 5, 6, 7];
        for at in [0, 5] {
            for where_taken in [false, true] {
                let (tell, told) = mpsc::channel();
                thread::spawn(move || {
                    let slow = |i: &i32| {
                        thread::sleep(Duration::from_millis(2));
                        assert!(where_taken || *i != at);
                        *i
                    };
                    let fold = || Workers::new(3).unwrap().fold(&pieces, slow, |i| assert!(!where_taken || i != at));
                    let _ = tell.send(panic::catch_unwind(AssertUnwindSafe(fold)).is_err());
                });
                let panicked = told.recv_timeout(Duration::from_secs(60));
                assert_eq!(panicked, Ok(true), "piece {at}, taken: {where_taken}");
            }
        }
    }
}
