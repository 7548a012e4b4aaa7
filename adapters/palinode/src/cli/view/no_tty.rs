//! Where there is no Unix terminal there is no view.

use std::{io, sync::mpsc::Receiver};

use ratatui::{Terminal, backend::TestBackend};

use super::terminal::Key;

pub(super) type Tui = Terminal<TestBackend>;

pub(super) fn enter() -> io::Result<(Tui, Receiver<Key>)> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this view needs a Unix terminal"))
}

pub(super) fn leave() {}

pub(super) fn is_ours() -> bool {
    false
}
