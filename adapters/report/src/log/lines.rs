//! The lines of a file that is complete, or that another process is still writing.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// The longest line of a log that is read, in bytes.
pub const MAX_LINE: u64 = 4 << 20;

/// The lines of a file, each once, as far as it has grown when it is looked at; with a bound on their length.
#[derive(Debug)]
pub(crate) struct Lines {
    path: PathBuf,
    reader: Option<BufReader<File>>,
    /// Bytes that were read.
    offset: u64,
    /// Lines that were read.
    pub(crate) line: u64,
    /// The last bytes before `offset`: what a file holds there tells whether it is still the same.
    before: Vec<u8>,
    buffer: Vec<u8>,
    /// The rest of an endless line is passed over.
    skipping: bool,
}

/// What the next line is.
#[derive(Debug, PartialEq)]
pub(crate) enum Next<'a> {
    /// A line, without its end.
    Line(&'a [u8]),
    /// One that is longer than [`MAX_LINE`]; it counts as a line.
    TooLong,
    /// None is complete yet.
    Nothing,
}

impl Lines {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, reader: None, offset: 0, line: 0, before: Vec::new(), buffer: Vec::new(), skipping: false }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the file anew. `false` when what was read is no longer there: the file was cut, or is another one. All of it is new then.
    pub(crate) fn look(&mut self) -> io::Result<bool> {
        let mut file = File::open(&self.path)?;
        let start = self.offset - self.before.len() as u64;
        file.seek(SeekFrom::Start(start))?;
        let mut found = Vec::new();
        file.by_ref().take(self.before.len() as u64).read_to_end(&mut found)?;
        if found != self.before {
            *self = Self::new(std::mem::take(&mut self.path));
            return Ok(false);
        }
        self.reader = Some(BufReader::new(file));
        Ok(true)
    }

    /// The next line since the last [`Lines::look`].
    pub(crate) fn next(&mut self) -> io::Result<Next<'_>> {
        let Some(reader) = &mut self.reader else { return Ok(Next::Nothing) };
        loop {
            self.buffer.clear();
            let size = reader.take(MAX_LINE).read_until(b'\n', &mut self.buffer)?;
            let ended = self.buffer.ends_with(b"\n");
            if !ended && (size as u64) < MAX_LINE {
                // A line that is still being written is read again from its start, the rest of an endless one from where it stands.
                if self.skipping {
                    advance(&mut self.offset, &mut self.before, &self.buffer);
                }
                self.reader = None;
                return Ok(Next::Nothing);
            }
            advance(&mut self.offset, &mut self.before, &self.buffer);
            let was_skipping = std::mem::replace(&mut self.skipping, !ended);
            if ended {
                self.line += 1;
                return Ok(if was_skipping { Next::TooLong } else { Next::Line(&self.buffer[..size - 1]) });
            }
        }
    }

    /// What stands after the last complete line, once [`Lines::next`] has found nothing more: a line that is still being written, or one that a
    /// killed run left unfinished.
    pub(crate) fn rest(&self) -> Next<'_> {
        match self.buffer.as_slice() {
            _ if self.skipping => Next::TooLong,
            [] => Next::Nothing,
            rest => Next::Line(rest),
        }
    }
}

fn advance(offset: &mut u64, before: &mut Vec<u8>, read: &[u8]) {
    *offset += read.len() as u64;
    before.extend_from_slice(&read[read.len().saturating_sub(WITNESS)..]);
    before.drain(..before.len().saturating_sub(WITNESS));
}

/// Bytes by which a file is known again.
const WITNESS: usize = 64;

#[cfg(test)]
mod tests {
    use std::{fs, fs::OpenOptions, io::Write};

    use super::*;

    fn all(lines: &mut Lines) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            match lines.next().unwrap() {
                Next::Line(line) => all.push(String::from_utf8_lossy(line).into_owned()),
                Next::TooLong => all.push("too long".into()),
                Next::Nothing => return all,
            }
        }
    }

    fn append(path: &Path, text: &[u8]) {
        OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text).unwrap();
    }

    #[test]
    fn lines_come_once_and_only_when_they_are_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        append(&path, b"one\ntw");
        let mut lines = Lines::new(path.clone());
        assert!(lines.look().unwrap());
        assert_eq!(all(&mut lines), ["one"]);
        append(&path, b"o\n\nthree");
        assert!(lines.look().unwrap());
        assert_eq!(all(&mut lines), ["two", ""]);
        assert!(lines.look().unwrap());
        assert!(all(&mut lines).is_empty());
        assert_eq!(lines.line, 3);
    }

    #[test]
    fn a_file_that_was_cut_is_read_from_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        append(&path, b"one\ntwo\nthree\n");
        let mut lines = Lines::new(path.clone());
        assert!(lines.look().unwrap());
        assert_eq!(all(&mut lines).len(), 3);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(4).unwrap();
        assert!(!lines.look().unwrap() && lines.look().unwrap());
        assert_eq!(all(&mut lines), ["one"]);
        // It is longer than before when it is looked at, and still another one.
        fs::write(&path, "1\n2\n3\n4\n").unwrap();
        assert!(!lines.look().unwrap() && lines.look().unwrap());
        assert_eq!((all(&mut lines).len(), lines.line), (4, 4));
    }

    #[test]
    fn endless_lines_are_passed_over_in_bounded_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let mut lines = Lines::new(path.clone());
        append(&path, b"one\n");
        append(&path, &vec![b'x'; 3 * MAX_LINE as usize]);
        assert!(lines.look().unwrap());
        assert_eq!(all(&mut lines), ["one"]);
        append(&path, b"yyy");
        assert!(lines.look().unwrap());
        assert!(all(&mut lines).is_empty());
        append(&path, b"zzz\ntwo\n");
        assert!(lines.look().unwrap());
        assert_eq!(all(&mut lines), ["too long", "two"]);
        assert!(lines.buffer.capacity() as u64 <= 2 * MAX_LINE && lines.line == 3);
    }

    #[test]
    fn bytes_that_are_no_text_are_lines_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        append(&path, &[0xff, 0xfe, 0, b'\n', b'a', b'\n']);
        let mut lines = Lines::new(path);
        assert!(lines.look().unwrap());
        assert_eq!(lines.next().unwrap(), Next::Line(&[0xff, 0xfe, 0]));
        assert_eq!(lines.next().unwrap(), Next::Line(b"a"));
    }
}
