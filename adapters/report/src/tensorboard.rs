//! A run's curves as an event file that TensorBoard reads.
//!
//! The file is derived from the run's log and says nothing of its own. It is written anew whenever it is opened, so that no step is doubled or missing when
//! a run goes on from a checkpoint, and two files of one run are the same bytes where its `config.toml` has the same time of writing.
//!
//! A record is `length: u64, masked CRC-32C of the length: u32, data, masked CRC-32C of the data: u32`, all little-endian (TensorFlow,
//! `core/lib/io/record_writer.h`); its data is an `Event` of `event.proto`, with a `Summary` of scalars.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use palinode_train::{
    TrainError,
    event::{Event, Sink},
};

use crate::{
    ReportError,
    log::{EventKind, Logged, RawFields, RunLog},
};

/// The name of the file. TensorBoard looks for `tfevents` in it.
pub const FILE: &str = "events.out.tfevents.palinode";
/// Its name while what was logged so far is written into it: TensorBoard does not see it.
const DRAFT: &str = "palinode.draft";

/// An event file that is being written.
///
/// As a sink it takes the events that come after those of the log it was opened with. Tags are `eval/…` and `train/…` over RL steps and `warm/…` over the
/// steps of the warm start; each has the figures of the log under their own names, with `_t1`, `_t2`, … where there is one for each attempt.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
    /// When the run began, in seconds since 1970; 0 where nothing tells.
    began: f64,
    /// How long it went before it was resumed.
    before: f64,
    /// When the last event happened, since then.
    seconds: f64,
    scalars: u64,
}

impl EventFile {
    /// Writes everything that the run in the folder `run` has logged into a new event file in `folder`. It takes the place of an older one when it is whole.
    ///
    /// # Errors
    /// [`EventFileError`]; an older file is as it was.
    pub fn of_run(run: &Path, folder: &Path) -> Result<Self, EventFileError> {
        let mut log = RunLog::open(run)?;
        let (path, draft) = (folder.join(FILE), folder.join(DRAFT));
        let failure = |path: &Path| {
            let path = path.to_owned();
            move |source| EventFileError::Write { path, source }
        };
        let opened = fs::create_dir_all(folder).and_then(|()| File::create(&draft));
        let file = BufWriter::new(opened.map_err(failure(&draft))?);
        let began = fs::metadata(run.join("config.toml")).and_then(|data| data.modified()).ok();
        let began = began.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0.0, |since| since.as_secs_f64());
        let mut file = Self { path: draft, file, began, before: 0.0, seconds: 0.0, scalars: 0 };
        let written = file.add_all(&mut log).and_then(|()| fs::rename(&file.path, &path).map_err(failure(&path)));
        if let Err(error) = written {
            // What failed is what is told.
            let _ = fs::remove_file(&file.path);
            return Err(error);
        }
        Ok(Self { path, ..file })
    }

    /// Appends what a log holds.
    fn add_all(&mut self, log: &mut RunLog) -> Result<(), EventFileError> {
        let first = [double(1, self.began), bytes(3, b"brain.Event:2")].concat();
        self.write(|file| write_record(file, &first))?;
        while let Some(logged) = log.next()? {
            let fields = logged.fields().map_err(|reason| log.malformed(reason))?;
            self.add(&logged, &fields)?;
        }
        self.write(BufWriter::flush)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many numbers it holds so far: one for each tag at each step.
    pub fn scalars(&self) -> u64 {
        self.scalars
    }

    /// Appends what an event measured, where it is one that goes into a chart.
    fn add(&mut self, logged: &Logged, fields: &RawFields<'_>) -> Result<(), EventFileError> {
        if let Some(seconds) = logged.seconds {
            // The clock of a run that was resumed began anew.
            self.before += if seconds < self.seconds { self.seconds } else { 0.0 };
            self.seconds = seconds;
        }
        let (group, step) = match logged.kind {
            EventKind::Step => ("train", "rl_step"),
            EventKind::Eval => ("eval", "rl_step"),
            EventKind::Warm => ("warm", "step"),
            _ => return Ok(()),
        };
        let Ok(step) = fields.text(step).parse::<i64>() else { return Ok(()) };
        let mut summary = Vec::new();
        for (name, number) in fields.figures() {
            // What TensorBoard draws has 32 bits.
            let Ok(number) = number.parse::<f64>() else { continue };
            let tag = format!("{group}/{name}");
            summary.extend(bytes(1, &[bytes(1, tag.as_bytes()), float(2, number as f32)].concat()));
            self.scalars += 1;
        }
        let event = [double(1, self.began + self.before + self.seconds), integer(2, step), bytes(5, &summary)].concat();
        self.write(|file| write_record(file, &event))
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), EventFileError> {
        write(&mut self.file).map_err(|source| EventFileError::Write { path: self.path.clone(), source })
    }
}

impl Sink for EventFile {
    fn receive(&mut self, event: &Event) -> Result<(), TrainError> {
        let io = |source| TrainError::Io { path: self.path.clone(), source };
        let Some(logged) = Logged::of(event).map_err(|error| io(error.into()))? else { return Ok(()) };
        let fields = logged.fields().map_err(|reason| io(io::Error::other(reason)))?;
        // Written through, for a TensorBoard that looks on.
        self.add(&logged, &fields).and_then(|()| self.write(BufWriter::flush)).map_err(TrainError::from)
    }
}

/// Why an event file could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventFileError {
    /// The run's log can't be read.
    #[error(transparent)]
    Log(#[from] ReportError),
    /// The file can't be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl From<EventFileError> for TrainError {
    fn from(error: EventFileError) -> Self {
        match error {
            EventFileError::Write { path, source } => Self::Io { path, source },
            EventFileError::Log(ReportError::Read { path, error }) => Self::Io { path, source: error },
            EventFileError::Log(error) => Self::Sink(error.into()),
        }
    }
}

fn write_record(file: &mut impl Write, data: &[u8]) -> io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    file.write_all(&length)?;
    file.write_all(&masked_crc(&length).to_le_bytes())?;
    file.write_all(data)?;
    file.write_all(&masked_crc(data).to_le_bytes())
}

/// The checksum of a record, turned so that a checksum of data that holds checksums stays good.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A field of a protobuf message that is a `double`; zero is the default and is left out.
fn double(field: u8, value: f64) -> Vec<u8> {
    if value == 0.0 { Vec::new() } else { [&[field << 3 | 1], &value.to_le_bytes()[..]].concat() }
}

/// A `float` of a `oneof`, which has no default.
fn float(field: u8, value: f32) -> Vec<u8> {
    [&[field << 3 | 5], &value.to_le_bytes()[..]].concat()
}

/// An `int64`; zero is the default and is left out.
fn integer(field: u8, value: i64) -> Vec<u8> {
    if value == 0 { Vec::new() } else { [vec![field << 3], varint(value as u64)].concat() }
}

/// A `string` or a message.
fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    [vec![field << 3 | 2], varint(value.len() as u64), value.to_vec()].concat()
}

/// Seven bits a byte, the lowest first; all but the last are marked.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[cfg(test)]
mod tests;
