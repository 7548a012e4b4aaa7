//! A run's log, event by event, for what is derived from it: `metrics.jsonl` with the times of `times.jsonl`, whatever version of palinode wrote them.
//!
//! Numbers keep the spelling they have in the log, so that what is derived says the same to the last digit.

use core::fmt;
use std::path::Path;

use palinode_train::{
    event::Event,
    run::names::{METRICS, TIMES},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{ReportError, lines::Lines};

/// Keys that say what an event is and when it happened, and examples; all others are what it measured.
const AXES: [&str; 8] = ["event", "stage", "phase", "step", "rl_step", "final", "seconds", "examples"];

/// What no run comes near, so that no file can exhaust memory: figures of an event, attempts, and the length of a name.
const MAX_FIGURES: usize = 1024;
const MAX_ATTEMPTS: usize = 255;
const MAX_NAME: usize = 100;

/// The events of a run in order.
pub(crate) struct RunLog {
    metrics: Lines<Record>,
    times: Option<Lines<Time>>,
    /// The next time, read ahead.
    next: Option<Time>,
}

impl RunLog {
    pub(crate) fn open(run: &Path) -> Result<Self, ReportError> {
        let times = run.join(TIMES);
        let mut log = Self {
            metrics: Lines::open(&run.join(METRICS))?,
            times: times.is_file().then(|| Lines::open(&times)).transpose()?,
            next: None,
        };
        log.advance()?;
        Ok(log)
    }

    /// The next event, or `None` at the end or where a killed run stopped writing.
    pub(crate) fn next(&mut self) -> Result<Option<Logged>, ReportError> {
        let Some(record) = self.metrics.next()? else { return Ok(None) };
        let line = self.metrics.line();
        while self.next.as_ref().is_some_and(|time| time.line < line) {
            self.advance()?;
        }
        let seconds = self.next.as_ref().filter(|time| time.line == line).and_then(|time| time.seconds);
        Ok(Some(Logged::new(record, seconds)))
    }

    /// The last event is not what it should be.
    pub(crate) fn malformed(&self, reason: String) -> ReportError {
        self.metrics.malformed(reason)
    }

    fn advance(&mut self) -> Result<(), ReportError> {
        self.next = self.times.as_mut().map_or(Ok(None), Lines::next)?;
        Ok(())
    }
}

/// One event, and when it happened.
pub(crate) struct Logged {
    record: Record,
    /// Since the start of the run.
    pub(crate) seconds: Option<f64>,
}

impl Logged {
    fn new(record: Record, seconds: Option<f64>) -> Self {
        // Logs of 0.1.0 before `times.jsonl` had the time in the event.
        let own = || record.get("seconds").and_then(|raw| raw.get().parse().ok());
        Self { seconds: seconds.or_else(own), record }
    }

    /// What an event will be once it is read from the log; `None` for episodes, which have a file of their own.
    pub(crate) fn of(event: &Event) -> serde_json::Result<Option<Self>> {
        if let Event::Episode(_) = event {
            return Ok(None);
        }
        let record = serde_json::from_slice(&serde_json::to_vec(event)?)?;
        Ok(Some(Self::new(record, event.seconds())))
    }

    /// What kind of event it is.
    pub(crate) fn kind(&self) -> String {
        self.text("event")
    }

    /// As [`Record::text`].
    pub(crate) fn text(&self, key: &str) -> String {
        self.record.text(key)
    }

    /// What it measured: names and numbers. Of a list there is one for each attempt, also of each name in it: `reward_t1`, `reward_t2`,
    /// `verdicts_right_t1`, …
    pub(crate) fn figures(&self) -> Vec<(String, String)> {
        let mut figures: Vec<(String, String)> = Vec::new();
        let measured = |key: &str| key.len() <= MAX_NAME && !AXES.contains(&key);
        for (key, raw) in self.record.0.iter().filter(|(key, _)| measured(key)) {
            if figures.len() >= MAX_FIGURES {
                break;
            }
            for (name, number) in numbers(key, raw) {
                // `acc` has every attempt; `acc_t2` beside it is the last one, whatever its number.
                match figures.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, old)) => *old = number,
                    None => figures.push((name, number)),
                }
            }
        }
        figures
    }
}

/// The fields of a JSON object, in its order.
pub(crate) struct Record(Vec<(String, Box<RawValue>)>);

impl Record {
    /// A field as text without quotes; empty where it is missing, null or no single value.
    pub(crate) fn text(&self, key: &str) -> String {
        self.get(key).and_then(scalar).unwrap_or_default()
    }

    /// A field that is a list of one kind of thing.
    pub(crate) fn list<T: DeserializeOwned>(&self, key: &str) -> Option<Vec<T>> {
        serde_json::from_str(self.get(key)?.get()).ok()
    }

    fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, raw)| &**raw)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Record;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Record(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// When the event of a line happened.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Time {
    line: u64,
    seconds: Option<f64>,
}

/// The numbers of a field: its own, one for each attempt of a list, or those of an object by name.
fn numbers(key: &str, raw: &RawValue) -> Vec<(String, String)> {
    match raw.get().as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => vec![(key.to_owned(), raw.get().to_owned())],
        Some(b'[') => {
            let entries: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
            let attempts = entries.iter().take(MAX_ATTEMPTS).enumerate();
            let of_attempt = |(k, entry): (usize, &&RawValue)| match entry.get().starts_with('{') {
                true => named(key, entry).into_iter().map(|(name, number)| (format!("{name}_t{}", k + 1), number)).collect(),
                false => Vec::from_iter(number(format!("{key}_t{}", k + 1), entry)),
            };
            attempts.flat_map(of_attempt).take(MAX_FIGURES).collect()
        }
        Some(b'{') => named(key, raw),
        _ => Vec::new(),
    }
}

/// The numbers of an object by name.
fn named(key: &str, raw: &RawValue) -> Vec<(String, String)> {
    let Record(fields) = serde_json::from_str(raw.get()).unwrap_or(Record(Vec::new()));
    let named = fields.iter().filter(|(name, _)| name.len() <= MAX_NAME).take(MAX_ATTEMPTS);
    named.filter_map(|(name, entry)| number(format!("{key}_{name}"), entry)).collect()
}

fn number(name: String, raw: &RawValue) -> Option<(String, String)> {
    raw.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| (name, raw.get().to_owned()))
}

/// A string without its quotes, a number or a boolean as it is.
fn scalar(raw: &RawValue) -> Option<String> {
    match raw.get().as_bytes().first()? {
        b'"' => serde_json::from_str(raw.get()).ok(),
        b'[' | b'{' | b'n' => None,
        _ => Some(raw.get().to_owned()),
    }
}
