//! The live view of a run, of this process (`palinode train --tui`) or of another (`palinode watch`).
//!
//! ```text
//! events of our own run ── channel ─┐
//! files of another ── tail, follow ─┴─ model ── draw (pure) ── terminal, tty
//! ```

mod draw;
mod draw_episode;
mod draw_verdicts;
mod episode;
mod figures;
#[cfg(test)]
mod fixtures;
mod model;
mod plain;
mod terminal;
#[cfg(test)]
mod tests;
mod track;
#[cfg(unix)]
mod tty;
#[cfg(not(unix))]
#[path = "view/no_tty.rs"]
mod tty;

use std::{
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        mpsc::{self, Sender, TryRecvError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use palinode::{
    report::follow::{Follow, News},
    train::{event::Event, run::run_folder::RunLock},
};

use self::{
    model::{Mode, View},
    terminal::{Fed, is_plain, obstacle},
};
use super::{
    Failure,
    args::WatchArgs,
    failure::{INPUT, clean},
    progress,
    steering::Steering,
};

/// The view of our own run, in a thread of its own.
pub(crate) struct Live {
    sender: Option<Sender<Event>>,
    thread: Option<JoinHandle<View>>,
}

impl Live {
    /// Takes the terminal over. What `run` holds already is shown first.
    ///
    /// # Errors
    /// Why there is no view, in words; nothing was changed then.
    pub(crate) fn start(run: &Path, steering: Arc<Steering>) -> Result<Self, String> {
        if let Some(why) = obstacle() {
            return Err(why.to_owned());
        }
        let mut view = View::new(Mode::Train { paused: false, checkpoint: false, stopping: false }, is_plain());
        let mut past = Follow::open(run).map_err(|failure| failure.to_string())?;
        while past.poll(&mut |news| show(&mut view, news)).map_err(|failure| failure.to_string())? {}
        let tui = tty::enter().map_err(|error| format!("the terminal can't be taken over: {error}"))?;
        let again = format!("`palinode train --resume --out {}` goes on from the last checkpoint", run.display());
        let (sender, receiver) = mpsc::channel::<Event>();
        let thread = thread::spawn(move || {
            let mut heard = Instant::now();
            let feed = |view: &mut View| loop {
                match receiver.try_recv() {
                    Ok(event) => {
                        view.take(&event, event.seconds());
                        heard = Instant::now();
                    }
                    Err(TryRecvError::Empty) => {
                        view.silence = heard.elapsed().as_secs_f64();
                        return Ok(Fed::Idle);
                    }
                    Err(TryRecvError::Disconnected) => return Ok(Fed::Over),
                }
            };
            // Without a terminal the run goes on, and says so in lines.
            let _ = terminal::run(tui, &mut view, Some(&steering), &again, feed);
            view
        });
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// Shows an event; `false` when the view is gone.
    pub(crate) fn send(&self, event: &Event) -> bool {
        self.sender.as_ref().is_some_and(|sender| sender.send(event.clone()).is_ok())
    }
}

/// Whether there is a terminal for it.
pub(crate) fn is_possible() -> bool {
    obstacle().is_none()
}

/// Gives the terminal back, where a view has it: before a process ends from elsewhere.
pub(crate) fn give_back() {
    tty::leave();
}

impl Drop for Live {
    /// Gives the terminal back, and leaves the warnings on it.
    fn drop(&mut self) {
        self.sender = None;
        let Some(Ok(view)) = self.thread.take().map(JoinHandle::join) else { return };
        let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
        for message in view.warned() {
            anstream::eprintln!("{yellow}warning:{yellow:#} {message}");
        }
    }
}

fn show(view: &mut View, news: News) {
    match news {
        News::Event(event, seconds) => view.take(&event, seconds),
        News::Again => view.forget(),
        News::Unreadable(why) => view.warn(None, &on_one_line(&why)),
    }
}

/// Text of a file, as a terminal shows it.
fn on_one_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

/// `palinode watch`.
pub(crate) fn watch(args: &WatchArgs) -> Result<(), Failure> {
    let mut follow = Follow::open(&args.run)?;
    if obstacle().is_some() {
        return in_lines(&mut follow, &args.run);
    }
    let mut view = View::new(Mode::Watch, is_plain());
    let tui = tty::enter().map_err(|error| Failure::new(INPUT, format!("the terminal can't be taken over: {error}")))?;
    terminal::run(tui, &mut view, None, "", |view| {
        let more = follow.poll(&mut |news| show(view, news))?;
        view.silence = follow.silence().unwrap_or(0.0);
        Ok(if more { Fed::More } else { Fed::Idle })
    })
}

/// One line an event, until the run ends, or nobody goes on with it.
fn in_lines(follow: &mut Follow, run: &Path) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let (mut steps, mut ended, mut left) = (0, false, false);
    loop {
        let mut lines = String::new();
        // Asked before the files are read: what was written until then is seen.
        let free = !RunLock::is_taken(run);
        let more = follow.poll(&mut |news| {
            let told = match news {
                News::Event(event, _) => {
                    ended |= matches!(*event, Event::End { .. });
                    plain::lines(&event, &mut steps)
                }
                News::Again => {
                    ended = false;
                    vec!["the run was taken back to an earlier point".to_owned()]
                }
                News::Unreadable(why) => vec![format!("warning: {}", on_one_line(&why))],
            };
            lines.extend(told.into_iter().flat_map(|line| [line, "\n".to_owned()]));
        })?;
        match out.write_all(lines.as_bytes()).and_then(|()| out.flush()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(Failure::new(INPUT, format!("standard output: {error}"))),
            Ok(()) if ended && !more => return Ok(()),
            // A run may be between two processes for a moment.
            Ok(()) if !more && free && !follow.waits() && left => {
                let go_on = format!("go on with `palinode train --resume --out {}`", run.display());
                progress::print_notes(&[format!("this run has stopped, and has not ended; {go_on}")]);
                return Ok(());
            }
            Ok(()) if !more => {
                left = free && !follow.waits();
                thread::sleep(PAUSE);
            }
            Ok(()) => {}
        }
    }
}

/// How often a run is looked at where nothing is drawn.
const PAUSE: Duration = Duration::from_millis(250);
