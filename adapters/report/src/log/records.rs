//! The records of a file of JSON lines: whole, or as far as it has grown.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    fields::RawFields,
    lines::{Lines, Next},
};
use crate::{ReportError, text::clip};

/// The records of one file in order. Blank lines are none.
#[derive(Debug)]
pub(crate) struct Records {
    lines: Lines,
    /// Whether the file is read to the end that it has now, and must make sense; if not, it is followed as it grows.
    whole: bool,
    /// The line of the last record, from 1.
    line: u64,
    /// Whether the end of a whole file was met, and the line that it may stop in.
    over: bool,
    cut: bool,
}

/// What comes next in a file.
pub(crate) enum NextRecord<T> {
    /// A record.
    Record(T),
    /// A line of a growing file that can't be read, and why. In a whole file that is an error.
    Unreadable(String),
    /// Nothing more for now; in a whole file, for ever.
    Nothing,
}

impl Records {
    /// Those of a file that is read to the end that it has now.
    pub(crate) fn of_whole(path: PathBuf) -> Result<Self, ReportError> {
        let mut records = Self { whole: true, ..Self::of_growing(path) };
        records.look().map_err(|error| records.failure(error))?;
        Ok(records)
    }

    /// Those of a file that another process writes, once it is looked at ([`Records::look`]).
    pub(crate) fn of_growing(path: PathBuf) -> Self {
        Self { lines: Lines::new(path), whole: false, line: 0, over: false, cut: false }
    }

    pub(crate) fn path(&self) -> &Path {
        self.lines.path()
    }

    /// As [`Lines::look`].
    pub(crate) fn look(&mut self) -> io::Result<bool> {
        self.lines.look()
    }

    /// The next one, which `read` makes out of its line, or says why it can't.
    pub(crate) fn next<T>(&mut self, read: impl FnOnce(LogLine) -> Result<T, String>) -> Result<NextRecord<T>, ReportError> {
        let Some((text, ended)) = self.advance().map_err(|error| self.failure(error))? else { return Ok(NextRecord::Nothing) };
        let number = self.line;
        let Some(text) = text else { return self.refuse("longer than 4 MiB".to_owned()) };
        match read(LogLine { number, text }) {
            Ok(record) => Ok(NextRecord::Record(record)),
            Err(_) if !ended => {
                self.cut = true;
                Ok(NextRecord::Nothing)
            }
            Err(reason) => self.refuse(reason),
        }
    }

    /// The next line that is not blank, where it is not too long, and whether it is ended.
    fn advance(&mut self) -> io::Result<Option<(Option<Vec<u8>>, bool)>> {
        loop {
            let (next, ended) = match self.lines.next()? {
                Next::Nothing if self.whole && !self.over => {
                    self.over = true;
                    (self.lines.rest(), false)
                }
                next => (next, true),
            };
            let text = match next {
                Next::Line(text) if text.trim_ascii().is_empty() => continue,
                // Copied: a line of a log is short, and what is made of it outlives the next one.
                Next::Line(text) => Some(text.to_vec()),
                Next::TooLong => None,
                Next::Nothing => return Ok(None),
            };
            self.line = self.lines.line + u64::from(!ended);
            return Ok(Some((text, ended)));
        }
    }

    fn refuse<T>(&self, reason: String) -> Result<NextRecord<T>, ReportError> {
        if self.whole {
            return Err(self.malformed(reason));
        }
        let name = self.path().file_name().unwrap_or_default().to_string_lossy();
        Ok(NextRecord::Unreadable(format!("{name}, line {} can't be read: {reason}", self.line)))
    }

    /// The same of a whole file, whose end is the end.
    pub(crate) fn next_of_whole<T>(&mut self, read: impl FnOnce(LogLine) -> Result<T, String>) -> Result<Option<T>, ReportError> {
        Ok(match self.next(read)? {
            NextRecord::Record(record) => Some(record),
            NextRecord::Unreadable(_) | NextRecord::Nothing => None,
        })
    }

    /// Whether the last line was cut short, as a killed run leaves it.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// The last record is not what it should be.
    pub(crate) fn malformed(&self, reason: String) -> ReportError {
        ReportError::Malformed { path: self.path().to_owned(), line: self.line, reason }
    }

    /// The file can't be read.
    pub(crate) fn failure(&self, error: io::Error) -> ReportError {
        ReportError::Read { path: self.path().to_owned(), error }
    }
}

/// A line that may be a record.
#[derive(Debug)]
pub(crate) struct LogLine {
    /// Where it stands, from 1.
    pub(crate) number: u64,
    text: Vec<u8>,
}

impl LogLine {
    /// A line that stands in no file yet.
    pub(crate) fn of_text(text: Vec<u8>) -> Self {
        Self { number: 0, text }
    }

    /// The line itself, if it holds an object.
    pub(crate) fn checked(self) -> Result<Self, String> {
        self.read::<RawFields<'_>>()?;
        Ok(self)
    }

    /// What it says, which must be an object: a list that happens to hold the same is none.
    pub(crate) fn object<'a, T: Deserialize<'a>>(&'a self) -> Result<T, String> {
        let object = self.read()?;
        let is_one = self.text.trim_ascii_start().starts_with(b"{");
        is_one.then_some(object).ok_or_else(|| "column 1: expected an object".to_owned())
    }

    /// What it says, or why that can't be read.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, String> {
        self.parse().map_err(|error| reason(&error))
    }

    /// The same, as JSON's own reader has it.
    pub(crate) fn parse<'a, T: Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.text)
    }
}

/// States why a line can't be read, with the column where it is known; the line is the file's, which serde can't know.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let what = clip(whole.rsplit_once(" at line ").map_or(whole.as_str(), |(what, _)| what), 200);
    match error.column() {
        0 => what,
        column => format!("column {column}: {what}"),
    }
}
