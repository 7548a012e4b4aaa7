//! The folder a run leaves: `config.toml`, `metrics.jsonl`, `episodes.jsonl`, `times.jsonl`, `checkpoints/`, and later `report.html`.
//!
//! `metrics.jsonl` and `episodes.jsonl` are the same bytes whenever the same run is repeated on the same CPU. Wall-clock time is not, and has a file of its
//! own: for each event that has a time, its line in `metrics.jsonl` (from 1) and the seconds since the start of the run.

use std::{
    fs,
    fs::{File, OpenOptions},
    io::{BufWriter, Seek, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use palinode_lm::Decoder;
use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::{Checkpoints, ModelCard, Saved, Written},
    error::TrainError,
    event::{Event, Sink},
    schedule::{Keep, Progress},
};

/// Everything that happened, but for episodes and times.
pub const METRICS: &str = "metrics.jsonl";
/// Sampled episodes, a few of every few steps.
pub const EPISODES: &str = "episodes.jsonl";
/// When things happened.
pub const TIMES: &str = "times.jsonl";

/// The folder of one run, as a sink for its events and a keeper of its models.
///
/// Clones share the same files, so that one can be the sink and another the keeper.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    files: Arc<Mutex<Files>>,
}

impl RunFolder {
    /// Makes the folder for a new run and proves that it can be written.
    ///
    /// # Errors
    /// [`TrainError::Io`] names what can't be written.
    pub fn create(path: &Path, config: &str, card: &ModelCard) -> Result<Self, TrainError> {
        fs::create_dir_all(path).map_err(|source| TrainError::Io { path: path.into(), source })?;
        let config_file = path.join("config.toml");
        fs::write(&config_file, config).map_err(|source| TrainError::Io { path: config_file, source })?;
        // What an earlier run in this place left must not be taken for this one's.
        for old in [path.join("checkpoints"), path.join("report.html")] {
            let removed = if old.is_dir() { fs::remove_dir_all(&old) } else { fs::remove_file(&old) };
            match removed {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => return Err(TrainError::Io { path: old, source }),
                _ => {}
            }
        }
        Checkpoints::of(path).create(card)?;
        Self::open(path, Written::default())
    }

    /// Continues a run behind its last complete stage; what was written after it is dropped.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn resume(path: &Path, saved: &Saved) -> Result<Self, TrainError> {
        Self::open(path, saved.written)
    }

    /// Whether a folder holds a run.
    pub fn holds_run(path: &Path) -> bool {
        path.join("config.toml").exists() || path.join("metrics.jsonl").exists()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open(path: &Path, keep: Written) -> Result<Self, TrainError> {
        let open = |name: &str, keep: u64| JsonLines::open(path.join(name), keep);
        let files = Files {
            metrics: open(METRICS, keep.metrics)?,
            episodes: open(EPISODES, keep.episodes)?,
            times: open(TIMES, keep.times)?,
            line: keep.lines,
        };
        Ok(Self { path: path.into(), files: Arc::new(Mutex::new(files)) })
    }
}

impl Sink for RunFolder {
    fn receive(&mut self, event: &Event) -> Result<(), TrainError> {
        let Files { metrics, episodes, times, line } = &mut *self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Event::Episode(episode) = event {
            return episodes.write(episode);
        }
        metrics.write(event)?;
        *line += 1;
        match event.seconds() {
            Some(seconds) => times.write(&Time { line: *line, seconds }),
            None => Ok(()),
        }
    }
}

impl Keep<Decoder> for RunFolder {
    fn keep(&mut self, model: &Decoder, progress: &Progress) -> Result<(), TrainError> {
        let written = {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            Written {
                metrics: files.metrics.written,
                lines: files.line,
                episodes: files.episodes.written,
                times: files.times.written,
            }
        };
        Checkpoints::of(&self.path).store(model, &Saved { progress: progress.clone(), written })
    }
}

/// What a run writes as it goes.
#[derive(Debug)]
struct Files {
    metrics: JsonLines,
    episodes: JsonLines,
    times: JsonLines,
    /// Lines of `metrics`.
    line: u64,
}

/// When something happened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// The event's line in `metrics.jsonl`, from 1.
    pub line: u64,
    /// Since the start of the run.
    pub seconds: f64,
}

/// A file of one JSON object a line, written through after each line.
#[derive(Debug)]
struct JsonLines {
    path: PathBuf,
    file: BufWriter<File>,
    written: u64,
}

impl JsonLines {
    fn open(path: PathBuf, keep: u64) -> Result<Self, TrainError> {
        let io = |source| TrainError::Io { path: path.clone(), source };
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        if length < keep {
            return Err(TrainError::Damaged { path, reason: format!("{keep} bytes were written, {length} are left") });
        }
        file.set_len(keep).and_then(|()| file.seek(std::io::SeekFrom::Start(keep))).map_err(io)?;
        Ok(Self { file: BufWriter::new(file), path, written: keep })
    }

    fn write<T: serde::Serialize>(&mut self, value: &T) -> Result<(), TrainError> {
        let io = |source| TrainError::Io { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(value).map_err(|e| io(e.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.flush()).map_err(io)?;
        self.written += line.len() as u64;
        Ok(())
    }
}
