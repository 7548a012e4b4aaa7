//! The fields of a line as it spells them: what is derived from a log says the same to the last digit, whatever version of palinode wrote it.

use core::fmt;
use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Keys that say what an event is and when it happened, and examples; all others are what it measured.
const AXES: [&str; 8] = ["event", "stage", "phase", "step", "rl_step", "final", "seconds", "examples"];

/// What no run comes near, so that no file can exhaust memory: figures of an event, entries of a list, and the length of a name.
const MAX_FIGURES: usize = 1024;
const MAX_ENTRIES: usize = 255;
const MAX_NAME: usize = 100;

/// The fields of a JSON object, in its order.
pub(crate) struct RawFields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> RawFields<'a> {
    /// A field as text without quotes; empty where it is missing, null or no single value.
    pub(crate) fn text(&self, key: &str) -> String {
        self.get(key).and_then(scalar).unwrap_or_default()
    }

    /// A field that is a list of one kind of thing.
    pub(crate) fn list<T: DeserializeOwned>(&self, key: &str) -> Option<Vec<T>> {
        serde_json::from_str(self.get(key)?.get()).ok()
    }

    /// A field that is a list of objects.
    pub(crate) fn objects(&self, key: &str) -> Option<Vec<RawFields<'a>>> {
        serde_json::from_str(self.get(key)?.get()).ok()
    }

    /// What an event measured: names and numbers. Of a list there is one for each attempt, also of each name in it: `reward_t1`, `reward_t2`,
    /// `verdicts_right_t1`, …
    pub(crate) fn figures(&self) -> Vec<(String, &'a str)> {
        let mut figures: Vec<(String, &'a str)> = Vec::new();
        let measured = |key: &str| key.len() <= MAX_NAME && !AXES.contains(&key);
        for (key, raw) in self.0.iter().filter(|(key, _)| measured(key)) {
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

    fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, raw)| *raw)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = RawFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawFields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    fields.push((key, value));
                }
                Ok(RawFields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The numbers of a field: its own, one for each attempt of a list, or those of an object by name.
fn numbers<'a>(key: &str, raw: &'a RawValue) -> Vec<(String, &'a str)> {
    match raw.get().as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => vec![(key.to_owned(), raw.get())],
        Some(b'[') => {
            let entries: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
            let attempts = entries.into_iter().take(MAX_ENTRIES).enumerate();
            let of_attempt = |(k, entry): (usize, &'a RawValue)| match entry.get().starts_with('{') {
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
fn named<'a>(key: &str, raw: &'a RawValue) -> Vec<(String, &'a str)> {
    let RawFields(fields) = serde_json::from_str(raw.get()).unwrap_or(RawFields(Vec::new()));
    let named = fields.into_iter().filter(|(name, _)| name.len() <= MAX_NAME).take(MAX_ENTRIES);
    named.filter_map(|(name, entry)| number(format!("{key}_{name}"), entry)).collect()
}

fn number(name: String, raw: &RawValue) -> Option<(String, &str)> {
    raw.get().starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| (name, raw.get()))
}

/// A string without its quotes, a number or a boolean as it is.
fn scalar(raw: &RawValue) -> Option<String> {
    match raw.get().as_bytes().first()? {
        b'"' => serde_json::from_str(raw.get()).ok(),
        b'[' | b'{' | b'n' => None,
        _ => Some(raw.get().to_owned()),
    }
}
