//! The one reader of a run's files: `metrics.jsonl` with the times of `times.jsonl`, and `episodes.jsonl`, whatever version of palinode wrote them.
//!
//! ```text
//! lines   bounded lines of a file, once each, also while it grows
//! records lines that are read, and what happens to those that can't be: an error in a whole file, a note in one that is followed
//! RunLog  events with their times ─┬─ Logged::event    the event that the training loop wrote        follow, live view
//!                                  ├─ Logged::reported what a report shows of it                     report, comparison, summary
//!                                  └─ Logged::fields   every figure under its name, as it is spelled CSV, TensorBoard
//! ```
//!
//! What an event holds is laid down in [`palinode_train::event`]; the names of the fields that a report shows stand a second time in `event` and `episode` alone,
//! because a report is also made of logs that lack some of them, or have other stages, kinds and verdicts than this version knows. A test holds the two together.

mod episode;
mod event;
mod fields;
mod lines;
mod number;
mod records;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, path::Path};

use palinode_train::{
    event::Event,
    run::{
        names::{EPISODES, METRICS, TIMES},
        run_folder::Time,
    },
};
use serde::Deserialize;
use serde_json::value::RawValue;

pub use self::lines::MAX_LINE;
use self::records::reason;
pub(crate) use self::{
    episode::{Attempt, Episode},
    event::{About, Eval, Reached, Reported, Step, Warning},
    fields::RawFields,
    number::{ABSURD, MAX_ATTEMPTS, Num},
    records::{LogLine, NextRecord, Records},
};
use crate::ReportError;

/// The events of a run in order, with their times.
#[derive(Debug)]
pub(crate) struct RunLog {
    pub(crate) metrics: Records,
    pub(crate) times: Records,
    /// A time whose event was not read yet.
    time: Option<Time>,
    /// The time that was read last.
    last: Option<f64>,
}

impl RunLog {
    /// The whole log of the run in a folder, as far as it was written.
    pub(crate) fn open(run: &Path) -> Result<Self, ReportError> {
        let (metrics, times) = (Records::of_whole(run.join(METRICS))?, run.join(TIMES));
        // Runs of old kept the time within the event.
        let times = if times.is_file() { Records::of_whole(times)? } else { Records::of_growing(times) };
        Ok(Self { metrics, times, time: None, last: None })
    }

    /// The log of a run that goes on.
    pub(crate) fn follow(run: &Path) -> Self {
        let [metrics, times] = [METRICS, TIMES].map(|name| Records::of_growing(run.join(name)));
        Self { metrics, times, time: None, last: None }
    }

    /// The next event of a whole log with its time, or `None` at the end or where a killed run stopped writing.
    pub(crate) fn next(&mut self) -> Result<Option<Logged>, ReportError> {
        self.next_as(Ok)
    }

    /// The same, as what `read` makes of it.
    pub(crate) fn next_as<T>(&mut self, read: impl FnOnce(Logged) -> Result<T, String>) -> Result<Option<T>, ReportError> {
        let Self { metrics, times, time, last } = self;
        let mut failed = None;
        let read = |line: LogLine| {
            let mut logged = Logged::read(line)?;
            match time_of(times, time, last, logged.line.number) {
                Ok(time) => logged.seconds = time.or(logged.seconds),
                Err(error) => failed = Some(error),
            }
            read(logged)
        };
        let found = metrics.next_of_whole(read);
        failed.map_or(found, Err)
    }

    /// The next event, as what `read` makes of it; without its time, which may be written later ([`RunLog::time_of`]).
    pub(crate) fn next_written<T>(
        &mut self,
        read: impl FnOnce(Logged) -> Result<T, String>,
    ) -> Result<NextRecord<T>, ReportError> {
        self.metrics.next(|line| read(Logged::read(line)?))
    }

    /// Whether times are kept, as far as was read.
    pub(crate) fn has_times(&self) -> bool {
        self.last.is_some()
    }

    /// When the event on a line happened, since the start of the run; `None` where that is not written yet, or never was.
    pub(crate) fn time_of(&mut self, line: u64) -> Result<Option<f64>, ReportError> {
        time_of(&mut self.times, &mut self.time, &mut self.last, line)
    }

    /// When the last event of a whole log happened; `None` where no times were kept.
    pub(crate) fn last_time(&mut self) -> Result<Option<f64>, ReportError> {
        self.time_of(u64::MAX)?;
        Ok(self.last)
    }

    /// The last event is not what it should be.
    pub(crate) fn malformed(&self, reason: String) -> ReportError {
        self.metrics.malformed(reason)
    }
}

/// Reads times up to that of a line.
fn time_of(times: &mut Records, ahead: &mut Option<Time>, last: &mut Option<f64>, line: u64) -> Result<Option<f64>, ReportError> {
    loop {
        match *ahead {
            Some(time) if time.line == line => return Ok(Some(time.seconds)),
            Some(time) if time.line > line => return Ok(None),
            _ => match times.next(|line| Ok(line.read::<Time>().ok()))? {
                NextRecord::Record(Some(time)) => (*ahead, *last) = (Some(time), Some(time.seconds)),
                // A time that can't be read is one that was not kept.
                NextRecord::Record(None) | NextRecord::Unreadable(_) => {}
                NextRecord::Nothing => return Ok(None),
            },
        }
    }
}

/// One event of a log, and when it happened.
#[derive(Debug)]
pub(crate) struct Logged {
    pub(crate) line: LogLine,
    /// Its kind, where this reader tells it apart.
    pub(crate) kind: EventKind,
    /// Since the start of the run.
    pub(crate) seconds: Option<f64>,
}

/// The kinds of events that something is made of, by the names they have in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Run,
    Stage,
    Warm,
    Step,
    Eval,
    Warning,
    End,
    /// One that only [`Logged::event`] may know, or nobody.
    Other,
}

impl EventKind {
    fn of(name: &str) -> Self {
        match name {
            "run" => Self::Run,
            "stage" => Self::Stage,
            "warm" => Self::Warm,
            "step" => Self::Step,
            "eval" => Self::Eval,
            "warning" => Self::Warning,
            "end" => Self::End,
            _ => Self::Other,
        }
    }
}

impl Logged {
    /// What a line of `metrics.jsonl` is, or why it is no event.
    fn read(line: LogLine) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(expecting = "an object")]
        struct Head<'a> {
            #[serde(borrow)]
            event: Cow<'a, str>,
            /// Logs of 0.1.0 before `times.jsonl` had the time in the event.
            #[serde(borrow, default)]
            seconds: Option<&'a RawValue>,
        }
        let Head { event, seconds } = line.object()?;
        let (kind, seconds) = (EventKind::of(&event), seconds.and_then(|raw| raw.get().parse().ok()));
        Ok(Self { kind, seconds, line })
    }

    /// What an event will be once it is read from the log; `None` for episodes, which have a file of their own, and for what is not kept.
    pub(crate) fn of(event: &Event) -> serde_json::Result<Option<Self>> {
        if matches!(event, Event::Episode(_)) || !event.is_kept() {
            return Ok(None);
        }
        let line = LogLine::of_text(serde_json::to_vec(event)?);
        let logged = Self::read(line).map_err(<serde_json::Error as serde::de::Error>::custom)?;
        Ok(Some(Self { seconds: event.seconds(), ..logged }))
    }

    /// The event that the training loop wrote; `None` for one of a kind, or of a stage, that this program does not know.
    pub(crate) fn event(&self) -> Result<Option<Event>, String> {
        match self.line.parse() {
            Ok(event) => Ok(Some(event)),
            Err(error) if error.to_string().starts_with("unknown variant") => Ok(None),
            Err(error) => Err(reason(&error)),
        }
    }

    /// What a report shows of it.
    pub(crate) fn reported(&self) -> Result<Reported, String> {
        Ok(match self.kind {
            EventKind::Run => Reported::Run(self.line.read()?),
            EventKind::Stage => Reported::Stage(self.line.read()?),
            EventKind::Warm => Reported::Warm(self.line.read()?),
            EventKind::Step => Reported::Step(self.line.read()?),
            EventKind::Eval => Reported::Eval(self.line.read()?),
            EventKind::Warning => Reported::Warning(self.line.read()?),
            EventKind::End => Reported::End,
            EventKind::Other => Reported::Other,
        })
    }

    /// Its fields as they are spelled.
    pub(crate) fn fields(&self) -> Result<RawFields<'_>, String> {
        self.line.read()
    }
}

/// The episodes of a run that were kept, in order.
pub(crate) fn episodes(run: &Path) -> Result<Records, ReportError> {
    Records::of_whole(run.join(EPISODES))
}
