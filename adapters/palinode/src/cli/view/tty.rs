//! The terminal itself: taken over as a whole, and always given back.

use std::{
    fs::File,
    io::{self, Write},
    panic,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Receiver},
    },
    thread,
};

use ratatui::{
    Terminal,
    backend::TermionBackend,
    termion::{
        cursor,
        event::Key as TermionKey,
        get_tty,
        input::TermRead,
        raw::{IntoRawMode, RawTerminal},
        screen::{ToAlternateScreen, ToMainScreen},
    },
};

use super::terminal::Key;

/// What the view is drawn on.
pub(super) type Tui = Terminal<TermionBackend<Screen>>;

/// The terminal while it is ours. Whoever empties this gives it back.
static TAKEN: Mutex<Option<RawTerminal<File>>> = Mutex::new(None);

/// Takes the terminal over and listens to its keys. A panic gives it back before it prints its message.
///
/// # Errors
/// There is no terminal, or it does not do what is needed.
pub(super) fn enter() -> io::Result<(Tui, Receiver<Key>)> {
    let tty = get_tty()?;
    let keys = listen(tty.try_clone()?);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        leave();
        before(panic);
    }));
    let mut raw = tty.into_raw_mode()?;
    write!(raw, "{ToAlternateScreen}{}", cursor::Hide)?;
    *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(raw);
    match Terminal::new(TermionBackend::new(Screen(Vec::new()))) {
        Ok(terminal) => Ok((terminal, keys)),
        Err(error) => {
            leave();
            Err(error)
        }
    }
}

/// Gives the terminal back, as it was. Does nothing when it is not ours.
pub(super) fn leave() {
    if let Some(mut raw) = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // Nothing can be done about a terminal that is gone; its modes are put back when `raw` is dropped.
        let _ = write!(raw, "{}{ToMainScreen}", cursor::Show).and_then(|()| raw.flush());
    }
}

/// Whether the terminal is ours.
pub(super) fn is_ours() -> bool {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner).is_some()
}

/// Writes to the terminal as long as it is ours, a frame at a time.
#[derive(Debug)]
pub(super) struct Screen(Vec<u8>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = match &mut *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(raw) => raw.write_all(&self.0).and_then(|()| raw.flush()),
            None => Ok(()),
        };
        self.0.clear();
        written
    }
}

/// A thread that waits for keys for as long as anyone wants them.
fn listen(tty: File) -> Receiver<Key> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for key in tty.keys() {
            let Ok(key) = key else { return };
            if let Some(key) = meaning(key)
                && sender.send(key).is_err()
            {
                return;
            }
        }
    });
    receiver
}

fn meaning(key: TermionKey) -> Option<Key> {
    Some(match key {
        TermionKey::Char('q') | TermionKey::Ctrl('c') => Key::Quit,
        TermionKey::Char('p') => Key::Pause,
        TermionKey::Char('c') => Key::Checkpoint,
        TermionKey::Char('?') => Key::Help,
        TermionKey::Char('v') => Key::Verdicts,
        TermionKey::Esc => Key::Escape,
        TermionKey::Left => Key::Older,
        TermionKey::Right => Key::Newer,
        TermionKey::Up => Key::Up,
        TermionKey::Down => Key::Down,
        _ => return None,
    })
}
