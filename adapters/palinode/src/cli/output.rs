//! What goes to stdout, and what may be written over.

use std::{
    fs::File,
    io::{self, ErrorKind, IsTerminal, Read, Write},
    path::Path,
};

use super::{
    Failure,
    failure::{INPUT, USAGE, clean},
};

/// How much of a file tells who wrote it.
const BEGINNING: u64 = 8192;

/// Refuses to write over a file that palinode did not write, as its beginning tells, unless somebody insists.
pub(crate) fn require_ours(path: &Path, force: bool, ours: impl Fn(&str) -> bool) -> Result<(), Failure> {
    if force || !path.is_file() {
        return Ok(());
    }
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut begin));
    read.map_err(|error| Failure::new(INPUT, format!("{}: {error}", path.display())))?;
    if begin.is_empty() || ours(&String::from_utf8_lossy(&begin)) {
        return Ok(());
    }
    let message = format!("{}: is there already, and is nothing that this command wrote", path.display());
    Err(Failure::new(USAGE, message).with_help("give another file, or --force to overwrite this one"))
}

/// Writes text that is the result.
pub(crate) fn emit(text: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    heard(out.write_all(text).and_then(|()| out.flush()))
}

/// A reader that has seen enough, such as `head`, is no failure.
pub(crate) fn heard<T: Default>(written: io::Result<T>) -> Result<T, Failure> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(T::default()),
        other => other.map_err(|error| Failure::new(INPUT, format!("standard output: {error}"))),
    }
}

/// Ends the process as its reader expects where `println!` would panic because that reader is gone.
pub(crate) fn expect_readers_to_leave() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or_default();
        if message.starts_with("failed printing to stdout") && message.contains("Broken pipe") {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

/// Standard output for what files hold and models wrote: as it is into a pipe or a file, free of control sequences on a terminal.
pub(crate) fn stdout() -> Box<dyn Write> {
    let out = io::stdout().lock();
    if out.is_terminal() { Box::new(Cleaned { out, line: Vec::new() }) } else { Box::new(io::BufWriter::new(out)) }
}

/// Cleans whole lines, so that no character is cut in two.
struct Cleaned<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Write for Cleaned<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend(part);
            if part.ends_with(b"\n") {
                let line = clean(&String::from_utf8_lossy(&std::mem::take(&mut self.line)));
                self.out.write_all(line.as_bytes())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_text_without_control_sequences_however_it_is_cut() {
        let text = "a,\u{1b}[2Jb\nü \u{202e}c\n";
        for cut in 0..text.len() {
            let mut cleaned = Cleaned { out: Vec::new(), line: Vec::new() };
            let (a, b) = text.as_bytes().split_at(cut);
            cleaned.write_all(a).and_then(|()| cleaned.write_all(b)).unwrap();
            assert_eq!(String::from_utf8(cleaned.out).unwrap(), "a,\u{fffd}[2Jb\nü \u{fffd}c\n");
        }
    }
}
