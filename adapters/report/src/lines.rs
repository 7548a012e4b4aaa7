//! Reads JSON lines one at a time, with a bound on each.

use core::marker::PhantomData;
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::Value;

use super::{ReportError, text::clip};

/// The longest line of a log that is read, in bytes.
pub const MAX_LINE: u64 = 4 << 20;

/// The records of one file, in order; blank lines are skipped.
pub(crate) struct Lines<T> {
    path: PathBuf,
    reader: BufReader<File>,
    buffer: Vec<u8>,
    line: u64,
    /// Whether the last line was cut short, as a killed run leaves it.
    pub(crate) cut: bool,
    record: PhantomData<T>,
}

impl<T: DeserializeOwned> Lines<T> {
    pub(crate) fn open(path: &Path) -> Result<Self, ReportError> {
        let file = File::open(path).map_err(|error| ReportError::Read { path: path.to_path_buf(), error })?;
        let reader = BufReader::new(file);
        Ok(Self { path: path.to_path_buf(), reader, buffer: Vec::new(), line: 0, cut: false, record: PhantomData })
    }

    /// Returns the next record, or `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<T>, ReportError> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let read = self.reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut self.buffer);
            let size = read.map_err(|error| ReportError::Read { path: self.path.clone(), error })?;
            if size == 0 {
                return Ok(None);
            }
            let ended = self.buffer.ends_with(b"\n");
            if size as u64 > MAX_LINE {
                return Err(self.malformed("longer than 4 MiB".to_owned()));
            }
            if self.buffer.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice(&self.buffer) {
                Ok(record) => return Ok(Some(record)),
                Err(_) if !ended => {
                    self.cut = true;
                    return Ok(None);
                }
                Err(error) => return Err(self.malformed(reason(&error))),
            }
        }
    }

    /// The line that the last record stood on, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// The last record is not what it should be.
    pub(crate) fn malformed(&self, reason: String) -> ReportError {
        ReportError::Malformed { path: self.path.clone(), line: self.line, reason }
    }
}

/// A number of the run; `None` where it is missing, null, not finite or absurdly large, and drawn as a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Num(pub(super) Option<f64>);

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = match Value::deserialize(deserializer)? {
            Value::Null => None,
            Value::Number(number) => number.as_f64(),
            Value::String(text) if text.parse::<f64>().is_ok_and(|number| !number.is_finite()) => None,
            other => {
                let got = clip(&other.to_string(), 40);
                return Err(D::Error::custom(format!("expected a number or null, got {got}")));
            }
        };
        Ok(Self(number.filter(|number| number.is_finite() && number.abs() < ABSURD)))
    }
}

/// Reads a list that may be null, keeping its first `MAX_ATTEMPTS` entries.
pub(crate) fn per_attempt<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let mut list = Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default();
    list.truncate(MAX_ATTEMPTS);
    Ok(list)
}

/// Shows a string or number field; `None` when it is missing or something else.
pub(crate) fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(clip(text, 80)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// States a JSON error with its column; the line is the file's, which serde cannot know.
fn reason(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let what = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(what, _)| what);
    format!("column {}: {}", error.column(), clip(what, 200))
}

/// No attempt beyond this one is shown.
pub(super) const MAX_ATTEMPTS: usize = 8;

/// Numbers from here on are treated as missing, so that no scale can overflow.
pub(super) const ABSURD: f64 = 1e12;
