//! Follows the files of a run, which another process may still be writing.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use palinode_train::{
    event::{Episode, Event},
    run::names::{EPISODES, METRICS},
};

use crate::{
    ReportError,
    log::{NextRecord, Records, RunLog},
};

/// A run that goes on, or is over, read from its folder: each event once, as soon as it is written.
#[derive(Debug)]
pub struct Follow {
    folder: PathBuf,
    log: RunLog,
    episodes: Records,
    /// An event whose time is not there yet, and since when it waits.
    held: Option<(Event, u64, Instant)>,
}

/// What is new in a run's folder.
#[derive(Debug, PartialEq)]
pub enum News {
    /// An event, and when it happened, since the start of the run.
    Event(Box<Event>, Option<f64>),
    /// The run was taken back to an earlier point: everything comes again.
    Again,
    /// A line that says nothing this program understands: where, and why, as the file has it (it may hold control characters).
    Unreadable(String),
}

impl Follow {
    /// Begins to follow the run in a folder, from its first event on.
    ///
    /// # Errors
    /// [`ReportError::Read`] where there is no such folder, or where it holds no `metrics.jsonl`.
    pub fn open(folder: &Path) -> Result<Self, ReportError> {
        let missing =
            |path: PathBuf, what: &str| ReportError::Read { path, error: io::Error::new(io::ErrorKind::NotFound, what) };
        if !folder.exists() {
            return Err(missing(folder.to_owned(), "there is no such folder"));
        }
        if !folder.join(METRICS).is_file() {
            return Err(missing(folder.join(METRICS), "there is no such file"));
        }
        let mut follow = Self::new(folder);
        follow.log.metrics.look().map_err(|error| follow.log.metrics.failure(error))?;
        Ok(follow)
    }

    fn new(folder: &Path) -> Self {
        let episodes = Records::of_growing(folder.join(EPISODES));
        Self { folder: folder.to_owned(), log: RunLog::follow(folder), episodes, held: None }
    }

    /// Hands what was written since the last call to `take`, in order, some thousand lines at most. Returns whether there may be more already, so that it
    /// pays to ask again at once.
    ///
    /// # Errors
    /// [`ReportError::Read`] where a file can't be read, or where `metrics.jsonl` is gone.
    pub fn poll(&mut self, take: &mut dyn FnMut(News)) -> Result<bool, ReportError> {
        let mut same = true;
        for (file, needed) in [(&mut self.log.metrics, true), (&mut self.log.times, false), (&mut self.episodes, false)] {
            match file.look() {
                Ok(found) => same &= found,
                Err(error) if error.kind() == io::ErrorKind::NotFound && !needed => {}
                Err(error) => return Err(file.failure(error)),
            }
        }
        if !same {
            // The three files tell of one run: none is of use without the others.
            *self = Self::new(&self.folder);
            take(News::Again);
            return Ok(true);
        }
        let more = self.events(take)?;
        for _ in 0..AT_ONCE {
            match self.episodes.next(|line| line.read::<Episode>())? {
                NextRecord::Record(episode) => take(News::Event(Box::new(Event::Episode(Box::new(episode))), None)),
                NextRecord::Unreadable(why) => take(News::Unreadable(why)),
                NextRecord::Nothing => return Ok(more),
            }
        }
        Ok(true)
    }

    /// Whether an event was read that is held back until its time is written too, or [`PATIENCE`] is over.
    pub fn waits(&self) -> bool {
        self.held.is_some()
    }

    /// Events with their times. A time is written after its event: it may be missing for a moment, but not for long.
    fn events(&mut self, take: &mut dyn FnMut(News)) -> Result<bool, ReportError> {
        for _ in 0..AT_ONCE {
            let (event, line, since) = match self.held.take() {
                Some(held) => held,
                None => match self.log.next_written(|logged| Ok((logged.event()?, logged.line.number)))? {
                    NextRecord::Record((Some(event), line)) => (event, line, Instant::now()),
                    NextRecord::Record((None, _)) => continue,
                    NextRecord::Unreadable(why) => {
                        take(News::Unreadable(why));
                        continue;
                    }
                    NextRecord::Nothing => return Ok(false),
                },
            };
            // Runs of old kept the time within the event.
            let own = event.seconds().filter(|seconds| *seconds > 0.0);
            let seconds = match event.seconds() {
                Some(_) if own.is_none() => self.log.time_of(line)?,
                _ => own,
            };
            if event.seconds().is_some() && seconds.is_none() && self.log.has_times() && since.elapsed() < PATIENCE {
                self.held = Some((event, line, since));
                return Ok(false);
            }
            take(News::Event(Box::new(event), seconds));
        }
        Ok(true)
    }

    /// Seconds since the run wrote its last event; `None` where the file system does not tell.
    pub fn silence(&self) -> Option<f64> {
        let written = self.log.metrics.path().metadata().and_then(|metadata| metadata.modified()).ok()?;
        SystemTime::now().duration_since(written).ok().map(|since| since.as_secs_f64())
    }
}

/// Lines of a file that are read before the screen is drawn again.
const AT_ONCE: usize = 5000;
/// How long an event is held back for the time that is written after it.
pub const PATIENCE: Duration = Duration::from_millis(500);
