//! The folder a run leaves: `config.toml`, `inputs.json`, `metrics.jsonl`, `episodes.jsonl`, `times.jsonl`, `checkpoints/`, `lock`, and
//! later `report.html`. What else lies in it is never touched.
//!
//! `metrics.jsonl` and `episodes.jsonl` are the same bytes whenever the same run is repeated on a CPU. Wall-clock time is not, and has a file of its
//! own: for each event that has a time, its line in `metrics.jsonl` (from 1) and the seconds since the start of the run.

use std::{
    fs,
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufWriter, Seek, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    error::TrainError,
    event::{Event, Sink},
    run::{
        checkpoint::{ModelCard, Store, Written},
        files::{Disk, FileSystem as _},
        keep::{Keep, State, Wish},
        names::{EPISODES, INPUTS, METRICS, TIMES},
        occupancy::occupancy,
        stored::Stored,
    },
};

/// When a run's state is stored, and how much of that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Keeping {
    /// Steps between two checkpoints within a stage; 0 for none but at the ends of stages.
    pub every: usize,
    /// How many of those are kept, besides the best.
    pub last: usize,
}

impl Keeping {
    /// A checkpoint every so many steps within a stage, of which the last few are kept, besides the best.
    pub fn new(every: usize, last: usize) -> Self {
        Self { every, last }
    }
}

impl Default for Keeping {
    fn default() -> Self {
        Self { every: 25, last: 2 }
    }
}

/// The right to write to a run's folder, which one process has at a time, and loses when it ends, however it does.
#[derive(Debug)]
pub struct RunLock {
    path: PathBuf,
    _file: File,
}

impl RunLock {
    /// Makes the folder where there is none, and takes the lock.
    ///
    /// # Errors
    /// [`TrainError::Locked`] when another process has it; [`TrainError::Io`].
    pub fn take(path: &Path) -> Result<Self, TrainError> {
        let io = |path: &Path, source| TrainError::Io { path: path.into(), source };
        fs::create_dir_all(path).map_err(|source| io(path, source))?;
        let name = path.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(|source| io(&name, source))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(TrainError::Locked { run: path.into() }),
            // Some network file systems have no locks: then nothing can be promised, and a run is still possible.
            Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Unsupported => Err(io(&name, error)),
            _ => Ok(Self { path: path.into(), _file: file }),
        }
    }

    /// Whether a process writes to a run, as far as its file system can tell.
    pub fn is_taken(path: &Path) -> bool {
        File::open(path.join("lock")).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// The folder of one run, as a sink for its events and a keeper of its states.
///
/// Clones share the same files, so that one can be the sink and another the keeper.
#[derive(Clone)]
pub struct RunFolder {
    path: PathBuf,
    files: Arc<Mutex<Files>>,
    checkpoints: Store,
    keeping: Keeping,
    ask: Arc<Ask>,
}

/// What somebody outside of the loop wishes.
type Ask = dyn Fn() -> Wish + Send + Sync;

impl RunFolder {
    /// Makes the folder for a new run and proves that it can be written. An earlier run in this place is replaced.
    ///
    /// # Errors
    /// [`TrainError::Foreign`] for a folder that holds anything else ([`occupancy`]); [`TrainError::Io`] names what can't be written.
    pub fn create<C: Serialize>(lock: RunLock, config: &str, card: &ModelCard<C>) -> Result<Self, TrainError> {
        let path = lock.path.clone();
        occupancy(&path)?;
        // What an earlier run in this place left must not be taken for this one's.
        Store::of(&path).create(card)?;
        for name in ["report.html", INPUTS] {
            let file = path.join(name);
            Disk.remove_file(&file).map_err(|source| TrainError::Io { path: file, source })?;
        }
        let config_file = path.join("config.toml");
        Disk.write(&config_file, config.as_bytes()).map_err(|source| TrainError::Io { path: config_file, source })?;
        Self::open(lock, Written::default())
    }

    /// Goes on with a run from what was stored last; what was written after that is dropped.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Damaged`] where there is no run.
    pub fn resume(lock: RunLock, written: Written) -> Result<Self, TrainError> {
        // Files are about to be cut: they must be a run's.
        Store::of(&lock.path).any_card()?;
        Self::open(lock, written)
    }

    /// The same, with other intervals.
    pub fn keeping(self, keeping: Keeping) -> Self {
        Self { keeping, ..self }
    }

    /// The same, with somebody who is asked after every step.
    pub fn asking(self, ask: impl Fn() -> Wish + Send + Sync + 'static) -> Self {
        Self { ask: Arc::new(ask), ..self }
    }

    /// The same, whose checkpoints go by way of another file system.
    pub fn on(self, disk: Arc<dyn crate::run::files::FileSystem>) -> Self {
        Self { checkpoints: self.checkpoints.on(disk), ..self }
    }

    /// Whether a folder holds a run.
    pub fn holds_run(path: &Path) -> bool {
        path.join("config.toml").exists() || path.join("metrics.jsonl").exists()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open(lock: RunLock, keep: Written) -> Result<Self, TrainError> {
        let path = lock.path.clone();
        let open = |name: &str, keep: u64| JsonLines::open(path.join(name), keep);
        let files = Files {
            metrics: open(METRICS, keep.metrics)?,
            episodes: open(EPISODES, keep.episodes)?,
            times: open(TIMES, keep.times)?,
            line: keep.lines,
            _lock: lock,
        };
        Ok(Self {
            checkpoints: Store::of(&path),
            path,
            files: Arc::new(Mutex::new(files)),
            keeping: Keeping::default(),
            ask: Arc::new(|| Wish::GoOn),
        })
    }
}

impl Sink for RunFolder {
    fn receive(&mut self, event: &Event) -> Result<(), TrainError> {
        let Files { metrics, episodes, times, line, .. } = &mut *self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Event::Episode(episode) = event {
            return episodes.write(episode);
        }
        if !event.is_kept() {
            return Ok(());
        }
        metrics.write(event)?;
        *line += 1;
        match event.seconds() {
            Some(seconds) => times.write(&Time { line: *line, seconds }),
            None => Ok(()),
        }
    }
}

impl<M: Stored> Keep<M> for RunFolder {
    fn wish(&mut self, done: usize) -> Wish {
        match (self.ask)() {
            Wish::GoOn if self.keeping.every > 0 && done.is_multiple_of(self.keeping.every) => Wish::Keep,
            asked => asked,
        }
    }

    fn keep(&mut self, state: &State<'_, M>) -> Result<(), TrainError> {
        let written = self.files.lock().unwrap_or_else(PoisonError::into_inner).written()?;
        self.checkpoints.store(state, written, self.keeping.last)
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
    _lock: RunLock,
}

impl Files {
    /// How much was written, once that is on the disk: a checkpoint must not know of more than a power failure leaves.
    fn written(&self) -> Result<Written, TrainError> {
        for file in [&self.metrics, &self.episodes, &self.times] {
            file.sync()?;
        }
        Ok(Written {
            metrics: self.metrics.written,
            lines: self.line,
            episodes: self.episodes.written,
            times: self.times.written,
        })
    }
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

    fn sync(&self) -> Result<(), TrainError> {
        self.file.get_ref().sync_data().map_err(|source| TrainError::Io { path: self.path.clone(), source })
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
