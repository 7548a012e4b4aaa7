#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! Rows of a data set, one at a time: JSONL (or one JSON array), CSV, TSV and Parquet.
//!
//! [`Rows::open`] tells the format by the file's name; `jsonl`, `csv` and `parquet` hold the readers, `value` what they yield. Files are
//! untrusted: whatever they hold, a reader keeps at most its bounded buffers in memory, and refuses what exceeds them with a reason.

use std::{
    fmt::{self, Display},
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

mod csv;
mod error;
mod foreign;
mod jsonl;
mod parquet;
mod text;
mod value;

pub use error::RowsError;
pub use jsonl::json_value;
pub use value::{Row, Value};

/// How a file holds its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, or one array of objects.
    Jsonl,
    /// Comma-separated values, as in RFC 4180; the first record names the columns. Other separators are found: semicolons, tabs, bars, or what a first
    /// line such as `sep=;` says.
    Csv,
    /// The same with tabs first.
    Tsv,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The format by the extension of a file; with an unknown one, by its first bytes, which a pipe would lose.
    pub fn of(path: &Path) -> Self {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        match extension.as_str() {
            "jsonl" | "ndjson" | "json" => Self::Jsonl,
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "parquet" => Self::Parquet,
            _ if starts_as_parquet(path).unwrap_or(false) => Self::Parquet,
            _ => Self::Jsonl,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
        }
    }
}

impl Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a row is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowPlace {
    /// The line on which a row of text starts, from 1.
    Line(usize),
    /// The number of a row without lines, from 1.
    Row(usize),
}

impl RowPlace {
    /// An error about the row that stands here in the file `path`; `reason` says what is wrong with it.
    pub fn error(&self, path: &Path, reason: String) -> RowsError {
        match *self {
            Self::Line(line) => RowsError::Line { path: path.into(), line, reason },
            Self::Row(_) => RowsError::File { path: path.into(), reason: format!("{self}: {reason}") },
        }
    }
}

impl Display for RowPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// The rows of a file in order; ends after the first error.
#[derive(Debug)]
pub struct Rows {
    path: PathBuf,
    source: Source,
    ended: bool,
}

impl Rows {
    /// Opens a file of the [`Format::of`] its name.
    ///
    /// # Errors
    /// [`RowsError::Io`], or [`RowsError::Line`] or [`RowsError::File`] when its header can't be used.
    pub fn open(path: &Path) -> Result<Self, RowsError> {
        Self::open_for(path, &[], &[])
    }

    /// As [`Rows::open`], where only fields on the paths of `needed` are, and those of `further` where they are there: other columns of Parquet and CSV are
    /// not read. Where a path that is needed leads nowhere, all are read, for a message to name them.
    ///
    /// # Errors
    /// As there.
    pub fn open_for(path: &Path, needed: &[&str], further: &[&str]) -> Result<Self, RowsError> {
        let failed = |fault: Fault| fault.at(path);
        foreign::refuse(path, Format::of(path))?;
        let file = File::open(path).map_err(|e| failed(e.into()))?;
        let source = match Format::of(path) {
            Format::Jsonl => Source::Jsonl(jsonl::Reader::new(file).map_err(failed)?),
            Format::Csv => Source::Csv(Box::new(csv::Reader::new(file, b',', needed, further).map_err(failed)?)),
            Format::Tsv => Source::Csv(Box::new(csv::Reader::new(file, b'\t', needed, further).map_err(failed)?)),
            Format::Parquet => Source::Parquet(Box::new(parquet::Reader::new(file, needed, further).map_err(failed)?)),
        };
        Ok(Self { path: path.into(), source, ended: false })
    }
}

impl Iterator for Rows {
    type Item = Result<Row, RowsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = match &mut self.source {
            Source::Jsonl(reader) => reader.next(),
            Source::Csv(reader) => reader.next(),
            Source::Parquet(reader) => reader.next(),
        };
        self.ended = !matches!(row, Ok(Some(_)));
        row.map_err(|fault| fault.at(&self.path)).transpose()
    }
}

impl std::iter::FusedIterator for Rows {}

#[derive(Debug)]
enum Source {
    Jsonl(jsonl::Reader<File>),
    Csv(Box<csv::Reader<File>>),
    Parquet(Box<parquet::Reader>),
}

/// Why a reader stops; the path is added by whoever knows it.
#[derive(Debug)]
enum Fault {
    Io(io::Error),
    At(RowPlace, String),
    Whole(String),
}

impl Fault {
    fn at(self, path: &Path) -> RowsError {
        match self {
            Self::Io(source) => RowsError::Io { path: path.into(), source },
            Self::At(place, reason) => place.error(path, reason),
            Self::Whole(reason) => RowsError::File { path: path.into(), reason },
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn starts_as_parquet(path: &Path) -> io::Result<bool> {
    let mut magic = [0; 4];
    if !path.metadata()?.is_file() {
        return Ok(false);
    }
    File::open(path)?.read_exact(&mut magic)?;
    Ok(&magic == parquet::MAGIC)
}

#[cfg(test)]
mod tests;
