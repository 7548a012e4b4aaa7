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

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use super::{
    Failure,
    failure::{INTERRUPTED, USAGE},
    steering::Steering,
    view,
};

/// How soon a person is told that a signal was heard.
const ANSWER: Duration = Duration::from_millis(100);

/// Listens to signals from now on, and says so when one is heard.
pub(crate) fn listen(run: &Path) -> Result<Arc<Steering>, Failure> {
    let steering = Arc::new(Steering::default());
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds what the first has set.
        flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), steering.signal.clone())
            .and_then(|_| flag::register(signal, steering.signal.clone()))
            .map_err(unheard)?;
    }
    let (heard, run) = (steering.signal.clone(), run.display().to_string());
    thread::spawn(move || {
        while !heard.load(Ordering::Relaxed) {
            thread::sleep(ANSWER);
        }
        let message = format!("\nstopping after this step, and storing {run}; once more stops at once\n");
        // Nobody may be reading any more.
        let _ = std::io::stderr().write_all(message.as_bytes());
    });
    Ok(steering)
}

/// Listens to signals while a view has the terminal: it shows the first, and the second ends the process only when the terminal was given back,
/// which a signal's handler can't do.
pub(crate) fn listen_viewed() -> Result<Arc<Steering>, Failure> {
    let (steering, heard) = (Arc::new(Steering::default()), Arc::new(AtomicBool::new(false)));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, heard.clone()).map_err(unheard)?;
    }
    let first = steering.signal.clone();
    thread::spawn(move || {
        loop {
            thread::sleep(ANSWER);
            if heard.swap(false, Ordering::Relaxed) && first.swap(true, Ordering::Relaxed) {
                view::give_back();
                std::process::exit(i32::from(INTERRUPTED));
            }
        }
    });
    Ok(steering)
}

fn unheard(error: std::io::Error) -> Failure {
    Failure::new(USAGE, format!("signals can't be listened to: {error}"))
}
