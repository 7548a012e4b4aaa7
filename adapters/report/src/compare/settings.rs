//! What the runs' configurations say, key by key.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{html::Config, text::clip},
    Entry,
};

/// A run's `config.toml`, flat: dotted keys and their values as TOML.
#[derive(Debug)]
pub(in super::super) enum Settings {
    /// There is no such file.
    Missing,
    /// It is not valid TOML, or too long.
    Unreadable,
    /// Its keys.
    Known(BTreeMap<String, String>),
}

impl Settings {
    pub(super) fn of(config: &Config) -> Self {
        let Some(text) = &config.text else { return Self::Missing };
        match text.parse::<toml::Table>() {
            Ok(table) if !config.cut => {
                let mut keys = BTreeMap::new();
                flatten("", &table, &mut keys);
                Self::Known(keys)
            }
            _ => Self::Unreadable,
        }
    }

    pub(super) fn known(&self) -> Option<&BTreeMap<String, String>> {
        if let Self::Known(keys) = self { Some(keys) } else { None }
    }
}

/// Returns the keys that differ between runs whose configuration is known, in order; a key that one run lacks differs.
pub(super) fn differing(entries: &[Entry]) -> Vec<&str> {
    let known: Vec<_> = entries.iter().filter_map(|entry| entry.settings.known()).collect();
    let keys: BTreeSet<&String> = known.iter().flat_map(|keys| keys.keys()).collect();
    let differs = |key: &str| known.windows(2).any(|pair| pair[0].get(key) != pair[1].get(key));
    keys.into_iter().map(String::as_str).filter(|key| differs(key)).collect()
}

fn flatten(prefix: &str, table: &toml::Table, out: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let path =
            if prefix.is_empty() { clip(key, MAX_TEXT) } else { clip(&format!("{prefix}.{}", clip(key, MAX_TEXT)), MAX_TEXT) };
        match value {
            toml::Value::Table(inner) => flatten(&path, inner, out),
            _ if out.len() < MAX_KEYS => {
                out.insert(path, clip(&value.to_string(), MAX_TEXT));
            }
            _ => return,
        }
    }
}

/// Keys kept of one configuration.
const MAX_KEYS: usize = 500;

/// Characters kept of a key and of a value.
const MAX_TEXT: usize = 80;
