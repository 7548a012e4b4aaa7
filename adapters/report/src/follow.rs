//! Follows the files of a run, which another process may still be writing.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use palinode_train::{
    event::{Episode, Event},
    run::{
        names::{EPISODES, METRICS, TIMES},
        run_folder::Time,
    },
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    ReportError,
    tail::{Next, Tail},
};

/// A run's folder, read as far as it was written.
#[derive(Debug)]
pub struct Follow {
    metrics: Tail,
    times: Tail,
    episodes: Tail,
    /// A time whose event was not read yet.
    time: Option<Time>,
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
    /// # Errors
    /// A folder that holds no `metrics.jsonl`.
    pub fn open(folder: &Path) -> Result<Self, ReportError> {
        let tail = |name: &str| Tail::new(folder.join(name));
        let mut follow = Self { metrics: tail(METRICS), times: tail(TIMES), episodes: tail(EPISODES), time: None, held: None };
        let missing =
            |path: PathBuf, what: &str| ReportError::Read { path, error: io::Error::new(io::ErrorKind::NotFound, what) };
        if !folder.exists() {
            return Err(missing(folder.to_owned(), "there is no such folder"));
        }
        if !folder.join(METRICS).is_file() {
            return Err(missing(folder.join(METRICS), "there is no such file"));
        }
        follow.metrics.look().map_err(|error| failure(&follow.metrics, error))?;
        Ok(follow)
    }

    /// Hands over what is new, and tells whether there may be more at once.
    ///
    /// # Errors
    /// A file that can't be read, or is gone.
    pub fn poll(&mut self, take: &mut dyn FnMut(News)) -> Result<bool, ReportError> {
        let mut same = true;
        for (tail, needed) in [(&mut self.metrics, true), (&mut self.times, false), (&mut self.episodes, false)] {
            match tail.look() {
                Ok(found) => same &= found,
                Err(error) if error.kind() == io::ErrorKind::NotFound && !needed => {}
                Err(error) => return Err(failure(tail, error)),
            }
        }
        if !same {
            // The three files tell of one run: none is of use without the others.
            for tail in [&mut self.metrics, &mut self.times, &mut self.episodes] {
                *tail = Tail::new(tail.path().to_owned());
            }
            (self.time, self.held) = (None, None);
            take(News::Again);
            return Ok(true);
        }
        let more = self.events(take)?;
        let mut lines = 0;
        while lines < AT_ONCE {
            match record::<Episode>(&mut self.episodes)? {
                Record::Known(episode) => take(News::Event(Box::new(Event::Episode(Box::new(episode))), None)),
                Record::Unreadable(why) => take(News::Unreadable(why)),
                Record::Unknown => {}
                Record::Nothing => return Ok(more),
            }
            lines += 1;
        }
        Ok(true)
    }

    /// Whether an event waits for its time.
    pub fn waits(&self) -> bool {
        self.held.is_some()
    }

    /// Events with their times. A time is written behind its event: it may be missing for a moment, but not for long.
    fn events(&mut self, take: &mut dyn FnMut(News)) -> Result<bool, ReportError> {
        for _ in 0..AT_ONCE {
            let (event, line, since) = match self.held.take() {
                Some(held) => held,
                None => match record::<Event>(&mut self.metrics)? {
                    Record::Known(event) => (event, self.metrics.line, Instant::now()),
                    Record::Unreadable(why) => {
                        take(News::Unreadable(why));
                        continue;
                    }
                    Record::Unknown => continue,
                    Record::Nothing => return Ok(false),
                },
            };
            // Runs of old kept the time within the event.
            let own = event.seconds().filter(|seconds| *seconds > 0.0);
            let seconds = match event.seconds() {
                Some(_) if own.is_none() => self.time_of(line)?,
                _ => own,
            };
            if event.seconds().is_some() && seconds.is_none() && self.times.line > 0 && since.elapsed() < PATIENCE {
                self.held = Some((event, line, since));
                return Ok(false);
            }
            take(News::Event(Box::new(event), seconds));
        }
        Ok(true)
    }

    fn time_of(&mut self, line: u64) -> Result<Option<f64>, ReportError> {
        loop {
            match self.time {
                Some(time) if time.line == line => return Ok(Some(time.seconds)),
                Some(time) if time.line > line => return Ok(None),
                _ => match record::<Time>(&mut self.times)? {
                    Record::Known(time) => self.time = Some(time),
                    Record::Nothing => return Ok(None),
                    Record::Unreadable(_) | Record::Unknown => {}
                },
            }
        }
    }

    /// Seconds since the run wrote anything.
    pub fn silence(&self) -> Option<f64> {
        let written = self.metrics.path().metadata().and_then(|metadata| metadata.modified()).ok()?;
        SystemTime::now().duration_since(written).ok().map(|since| since.as_secs_f64())
    }
}

/// What a line of a file is.
enum Record<T> {
    Known(T),
    /// An event of a kind that this program does not know.
    Unknown,
    Unreadable(String),
    Nothing,
}

fn record<T: DeserializeOwned>(tail: &mut Tail) -> Result<Record<T>, ReportError> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "event")]
        _kind: String,
    }
    let why = match tail.next() {
        Ok(Next::Nothing) => return Ok(Record::Nothing),
        Ok(Next::TooLong) => "it is longer than 4 MiB".to_owned(),
        Ok(Next::Line(line)) if line.trim_ascii().is_empty() => return Ok(Record::Unknown),
        Ok(Next::Line(line)) => match serde_json::from_slice(line) {
            Ok(record) => return Ok(Record::Known(record)),
            Err(error) => {
                let error = error.to_string();
                if error.starts_with("unknown variant") && serde_json::from_slice::<Kind>(line).is_ok() {
                    return Ok(Record::Unknown);
                }
                // The line is the file's, which serde can't know.
                let what = error.rsplit_once(" at line ").map_or(error.as_str(), |(what, _)| what);
                what.chars().take(120).collect()
            }
        },
        Err(error) => return Err(failure(tail, error)),
    };
    let name = tail.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Record::Unreadable(format!("{name}, line {} can't be read: {why}", tail.line)))
}

fn failure(tail: &Tail, error: io::Error) -> ReportError {
    ReportError::Read { path: tail.path().to_owned(), error }
}

/// Lines of a file that are read before the screen is drawn again.
const AT_ONCE: usize = 5000;
/// How long an event waits for its time.
pub const PATIENCE: Duration = Duration::from_millis(500);
