//! The loop that draws the view and listens to keys.

use std::{
    env,
    io::{self, IsTerminal},
    sync::{
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use super::{
    super::{
        Failure,
        failure::INPUT,
        steering::{AT_ONCE, Steering},
    },
    draw::draw,
    model::{Mode, View},
    tty::{self, Tui},
};

/// A key that means something here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Key {
    Pause,
    Checkpoint,
    /// `q`, or Ctrl-C.
    Quit,
    Help,
    /// How often each verdict was given, with examples.
    Verdicts,
    Escape,
    Older,
    Newer,
    Up,
    Down,
}

/// What a key asks of the loop.
#[derive(Debug, PartialEq)]
enum Wish {
    Stay,
    Leave,
    /// Leave, and end the process.
    Abort,
}

/// What the source of the view's events did.
pub(super) enum Fed {
    /// There is more at once.
    More,
    /// There will be more.
    Idle,
    /// There will be none.
    Over,
}

/// Why the whole terminal can't be had, if it can't.
pub(super) fn obstacle() -> Option<&'static str> {
    if !(io::stdout().is_terminal() && io::stderr().is_terminal()) {
        return Some("standard output and standard error are not both a terminal");
    }
    match env::var_os("TERM") {
        Some(term) if term != "dumb" && !term.is_empty() => None,
        _ => Some("TERM names no terminal that can draw"),
    }
}

/// Whether colours are unwanted.
pub(super) fn is_plain() -> bool {
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Draws what `feed` puts into the view until that is over, or the person leaves. The terminal is given back on every way out.
///
/// # Errors
/// Those of `feed`, and a terminal that can't be drawn on.
pub(super) fn run(
    (mut tui, keys): (Tui, Receiver<Key>),
    view: &mut View,
    steering: Option<&Steering>,
    again: &str,
    mut feed: impl FnMut(&mut View) -> Result<Fed, Failure>,
) -> Result<(), Failure> {
    let _back = GiveBack;
    loop {
        let fed = feed(view)?;
        if matches!(fed, Fed::Over) || !tty::is_ours() {
            return Ok(());
        }
        if let Some(steering) = steering {
            view.steer(Mode::Train {
                paused: steering.pause.load(Ordering::Relaxed),
                checkpoint: steering.checkpoint.load(Ordering::Relaxed),
                stopping: steering.is_to_stop(),
            });
        }
        view.prepare();
        tui.draw(|frame| draw(frame, view)).map_err(|error| Failure::new(INPUT, format!("the terminal: {error}")))?;
        let patience = if matches!(fed, Fed::More) { Duration::ZERO } else { BETWEEN };
        match keys.recv_timeout(patience) {
            Ok(key) => match press(key, view, steering) {
                Wish::Stay => {}
                Wish::Leave => return Ok(()),
                Wish::Abort => {
                    tty::leave();
                    anstream::eprintln!("stopped at once; {again}");
                    std::process::exit(INTERRUPTED);
                }
            },
            Err(RecvTimeoutError::Timeout) => {}
            // The keyboard is gone; there is still something to see.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(patience),
        }
    }
}

/// Gives the terminal back when it goes.
struct GiveBack;

impl Drop for GiveBack {
    fn drop(&mut self) {
        tty::leave();
    }
}

fn press(key: Key, view: &mut View, steering: Option<&Steering>) -> Wish {
    match (key, steering) {
        (Key::Quit, None) => return Wish::Leave,
        (Key::Quit, Some(steering)) if steering.ask_to_stop() == AT_ONCE => return Wish::Abort,
        (Key::Pause, Some(steering)) => {
            steering.pause.fetch_xor(true, Ordering::Relaxed);
        }
        (Key::Checkpoint, Some(steering)) => steering.checkpoint.store(true, Ordering::Relaxed),
        (Key::Help, _) => view.help = !view.help,
        (Key::Verdicts, _) => view.judged = !view.judged,
        (Key::Escape, _) => (view.help, view.judged) = (false, false),
        (Key::Older, _) => view.turn(true),
        (Key::Newer, _) => view.turn(false),
        (Key::Up, _) => view.scroll = view.scroll.saturating_sub(1),
        (Key::Down, _) => view.scroll = (view.scroll + 1).min(MAX_SCROLL),
        _ => {}
    }
    Wish::Stay
}

/// How often the screen is drawn while no key is pressed.
const BETWEEN: Duration = Duration::from_millis(150);
/// No text of an episode has more lines.
const MAX_SCROLL: usize = 8000;
/// The exit code of a run that a person stopped.
const INTERRUPTED: i32 = super::super::failure::INTERRUPTED as i32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_steer_a_run_of_our_own() {
        let (mut view, steering) = (View::default(), Steering::default());
        let mut press = |key| press(key, &mut view, Some(&steering));
        let paused = || steering.pause.load(Ordering::Relaxed);
        assert_eq!((press(Key::Pause), paused()), (Wish::Stay, true));
        assert_eq!((press(Key::Pause), paused()), (Wish::Stay, false));
        assert_eq!(press(Key::Checkpoint), Wish::Stay);
        assert!(steering.checkpoint.load(Ordering::Relaxed));
        assert_eq!((press(Key::Quit), press(Key::Quit)), (Wish::Stay, Wish::Abort));
        assert_eq!(steering.stop.load(Ordering::Relaxed), AT_ONCE);
    }

    #[test]
    fn keys_that_steer_do_nothing_to_a_run_of_another_process() {
        let mut view = View::default();
        for key in [Key::Pause, Key::Checkpoint, Key::Down, Key::Up, Key::Up, Key::Help, Key::Verdicts, Key::Escape] {
            assert_eq!(press(key, &mut view, None), Wish::Stay);
        }
        assert_eq!((view.mode, view.scroll, view.help, view.judged), (Mode::Watch, 0, false, false));
        press(Key::Verdicts, &mut view, None);
        assert!(view.judged);
        assert_eq!(press(Key::Quit, &mut view, None), Wish::Leave);
    }
}
