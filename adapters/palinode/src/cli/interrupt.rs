//! Ctrl-C and SIGTERM: once, the step is finished and stored; twice, the process ends at once.

use std::{
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use palinode::train::keep::Wish;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use super::{
    Failure,
    failure::{INTERRUPTED, USAGE},
};

/// How soon a person is told that a signal was heard.
const ANSWER: Duration = Duration::from_millis(100);

/// What signals asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    stop: Arc<AtomicBool>,
}

impl Asked {
    /// What is to happen behind a step.
    pub(crate) fn wish(&self) -> Wish {
        if self.stop.load(Ordering::Relaxed) { Wish::Stop } else { Wish::GoOn }
    }
}

/// Listens to signals from now on.
pub(crate) fn listen(run: &Path) -> Result<Asked, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds what the first has set.
        flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), stop.clone())
            .and_then(|_| flag::register(signal, stop.clone()))
            .map_err(|error| Failure::new(USAGE, format!("signals can't be listened to: {error}")))?;
    }
    let (heard, run) = (stop.clone(), run.display().to_string());
    thread::spawn(move || {
        while !heard.load(Ordering::Relaxed) {
            thread::sleep(ANSWER);
        }
        let message = format!("\nstopping behind this step, and storing {run}; once more stops at once\n");
        // Nobody may be reading any more.
        let _ = std::io::stderr().write_all(message.as_bytes());
    });
    Ok(Asked { stop })
}
