//! Ctrl-C and SIGTERM: once, the step is finished and stored; twice, the process ends at once.

use std::{
    io::Write,
    path::Path,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use super::{
    Failure,
    failure::{INTERRUPTED, USAGE},
    steering::Steering,
};

/// How soon a person is told that a signal was heard.
const ANSWER: Duration = Duration::from_millis(100);

/// Listens to signals from now on; says so when one is heard, unless a view has the terminal.
pub(crate) fn listen(run: &Path, viewed: bool) -> Result<Arc<Steering>, Failure> {
    let steering = Arc::new(Steering::default());
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds what the first has set.
        flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), steering.signal.clone())
            .and_then(|_| flag::register(signal, steering.signal.clone()))
            .map_err(|error| Failure::new(USAGE, format!("signals can't be listened to: {error}")))?;
    }
    if !viewed {
        let (heard, run) = (steering.signal.clone(), run.display().to_string());
        thread::spawn(move || {
            while !heard.load(Ordering::Relaxed) {
                thread::sleep(ANSWER);
            }
            let message = format!("\nstopping behind this step, and storing {run}; once more stops at once\n");
            // Nobody may be reading any more.
            let _ = std::io::stderr().write_all(message.as_bytes());
        });
    }
    Ok(steering)
}
