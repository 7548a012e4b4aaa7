//! What a person asks of a run while it goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

use palinode::train::run::keep::Wish;

/// Go on.
pub(crate) const GO_ON: u8 = 0;
/// Finish the step, store a checkpoint and stop.
pub(crate) const FINISH: u8 = 1;
/// Stop at once.
pub(crate) const AT_ONCE: u8 = 2;

/// Wishes, set by whoever listens to the person and read by whoever trains.
#[derive(Debug, Default)]
pub(crate) struct Steering {
    /// Wait after the step under way for as long as this is set.
    pub(crate) pause: AtomicBool,
    /// Store a checkpoint after the step under way, once.
    pub(crate) checkpoint: AtomicBool,
    /// [`GO_ON`], [`FINISH`] or [`AT_ONCE`].
    pub(crate) stop: AtomicU8,
    /// A signal asked for [`FINISH`].
    pub(crate) signal: Arc<AtomicBool>,
}

impl Steering {
    /// What is to happen after a step.
    pub(crate) fn wish(&self) -> Wish {
        if self.is_to_stop() {
            Wish::Stop
        } else if self.checkpoint.swap(false, Ordering::Relaxed) {
            Wish::Keep
        } else {
            Wish::GoOn
        }
    }

    /// Whether the run is to stop after the step under way.
    pub(crate) fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed) != GO_ON || self.signal.load(Ordering::Relaxed)
    }

    /// Returns when the run may go on: at once, or when a pause ends, or when the run is to stop.
    pub(crate) fn wait_while_paused(&self) {
        while self.pause.load(Ordering::Relaxed) && !self.is_to_stop() {
            thread::sleep(WAKE);
        }
    }

    /// Asks for the end of the run, more urgently each time, and returns how urgently now.
    pub(crate) fn ask_to_stop(&self) -> u8 {
        let before = self.stop.load(Ordering::Relaxed);
        let now = if before == GO_ON { FINISH } else { AT_ONCE };
        self.stop.store(now, Ordering::Relaxed);
        now
    }
}

/// How often a paused run looks whether it may go on.
const WAKE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Instant};

    use super::*;

    #[test]
    fn a_second_request_to_stop_is_urgent() {
        let steering = Steering::default();
        assert_eq!([(); 3].map(|()| steering.ask_to_stop()), [FINISH, AT_ONCE, AT_ONCE]);
    }

    #[test]
    fn wishes_are_told_once_and_the_end_comes_first() {
        let steering = Steering::default();
        assert_eq!(steering.wish(), Wish::GoOn);
        steering.checkpoint.store(true, Ordering::Relaxed);
        assert_eq!([steering.wish(), steering.wish()], [Wish::Keep, Wish::GoOn]);
        steering.checkpoint.store(true, Ordering::Relaxed);
        steering.signal.store(true, Ordering::Relaxed);
        assert_eq!([steering.wish(), steering.wish()], [Wish::Stop, Wish::Stop]);
    }

    #[test]
    fn a_pause_ends_when_it_is_lifted_or_the_run_is_to_stop() {
        for lift in [true, false] {
            let steering = Arc::new(Steering::default());
            steering.pause.store(true, Ordering::Relaxed);
            let waiting = Arc::clone(&steering);
            let began = Instant::now();
            let thread = thread::spawn(move || waiting.wait_while_paused());
            thread::sleep(3 * WAKE);
            assert!(!thread.is_finished());
            if lift {
                steering.pause.store(false, Ordering::Relaxed);
            } else {
                steering.ask_to_stop();
            }
            thread.join().unwrap();
            assert!(began.elapsed() >= 3 * WAKE);
        }
    }
}
