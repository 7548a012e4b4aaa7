//! Several run folders in, one page that compares them out.
//!
//! ```text
//! run folders ─ Entry ─┬─ groups: repeats of one configuration ─ table ─┐
//!                      ├─ settings: what differs in config.toml ────────┼─ page
//!                      ├─ notes: what must not be compared ─────────────┤
//!                      └─ figures: one line a run ──────────────────────┘
//! ```

mod figures;
mod groups;
mod notes;
mod page;
mod settings;
mod table;

#[cfg(test)]
mod tests;

use std::{collections::HashSet, path::Path};

pub(super) use self::page::page;
use self::settings::Settings;
use super::{ReportError, html::Config, run::Run, text::clip};

/// One of the runs compared.
#[derive(Debug)]
pub(super) struct Entry {
    /// A, B, … in the order given.
    pub(super) letter: String,
    /// The folder's name, or its whole path where two runs share a name.
    pub(super) name: String,
    pub(super) run: Run,
    pub(super) settings: Settings,
}

impl Entry {
    /// Reads all runs. What their steps hold is not kept: no part of the comparison shows it.
    pub(super) fn read_all<P: AsRef<Path>>(folders: &[P]) -> Result<Vec<Self>, ReportError> {
        if !(2..=MAX_RUNS).contains(&folders.len()) {
            return Err(ReportError::Number { got: folders.len(), most: MAX_RUNS });
        }
        let mut seen = HashSet::new();
        if let Some(twice) = folders
            .iter()
            .map(AsRef::as_ref)
            .find(|folder| !seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf())))
        {
            return Err(ReportError::Twice { path: twice.to_path_buf() });
        }
        let names: Vec<String> = folders.iter().map(|folder| short_name(folder.as_ref())).collect();
        let mut entries = Vec::with_capacity(folders.len());
        for (index, folder) in folders.iter().map(AsRef::as_ref).enumerate() {
            let unique = names.iter().filter(|name| **name == names[index]).count() == 1;
            let name = if unique { names[index].clone() } else { folder.display().to_string() };
            let mut run = Run::read(folder)?;
            run.steps.retain(|_, _| false);
            let settings = Settings::of(&Config::read(folder)?);
            entries.push(Self { letter: letter(index), name: clip(&name, 80), run, settings });
        }
        Ok(entries)
    }

    /// A field of the run's first event, as text; "?" where it is missing.
    fn about(&self, field: &str) -> String {
        self.run.about.field(field).unwrap_or_else(|| "?".to_owned())
    }
}

fn short_name(folder: &Path) -> String {
    let name = folder.file_name().map(ToOwned::to_owned);
    let name = name.or_else(|| Some(folder.canonicalize().ok()?.file_name()?.to_owned()));
    name.map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// A to Z, then AA, AB, ….
fn letter(index: usize) -> String {
    let one = |index: usize| char::from(b'A' + (index % 26) as u8);
    if index < 26 { one(index).to_string() } else { [one(index / 26 - 1), one(index)].iter().collect() }
}

/// The letters of some runs: "A, B and D".
fn letters<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> String {
    let all: Vec<&str> = entries.into_iter().map(|entry| entry.letter.as_str()).collect();
    match all.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// No more runs are compared on one page.
pub(super) const MAX_RUNS: usize = 48;
