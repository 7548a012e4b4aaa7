//! From the rows of a file to problems as text: fields, duplicates, and who is held out.

use std::{collections::HashMap, path::Path};

use palinode_core::task::Split;

use crate::{
    digits::spread,
    error::{TaskError, hint},
    layout::Layout,
    line::collapsed,
    rows::{Place, Row, Rows, Value},
    verifiers::TextVerifier,
};

/// Most rows: a few bytes of Parquet can stand for billions.
const MAX_ROWS: usize = 1 << 22;
/// Most memory, roughly: problems stay there, as texts and as ids.
const MAX_MEMORY: usize = 4 << 30;
/// What a problem takes besides its texts, and how many bytes each of theirs becomes.
const OF_PROBLEM: usize = 300;
const OF_BYTE: usize = 8;
/// One problem in five is held out.
const HELD_OUT: u64 = 5;

/// A problem as text.
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) split: Split,
    pub(crate) prompt: String,
    pub(crate) answer: String,
}

/// The different problems of one or two files, in order.
pub(crate) struct Entries<'a> {
    pub(crate) list: Vec<Entry>,
    /// Rows that repeat an earlier one.
    pub(crate) duplicates: usize,
    seen: HashMap<String, usize>,
    rows: usize,
    memory: usize,
    layout: &'a Layout,
    verifier: &'a dyn TextVerifier,
}

impl<'a> Entries<'a> {
    /// Reads a file, and holds a fifth of its problems out by a hash of the prompt; or reads two, the second of which is held out.
    ///
    /// A repeated prompt, white space apart, is dropped and counted where the verifier finds both answers the same. It is refused where they differ,
    /// and where one of them is to be trained on and the other held out.
    pub(crate) fn read(
        path: &'a Path,
        held_out: Option<&'a Path>,
        layout: &'a Layout,
        verifier: &'a dyn TextVerifier,
    ) -> Result<Self, TaskError> {
        let mut entries = Self { list: Vec::new(), duplicates: 0, seen: HashMap::new(), rows: 0, memory: 0, layout, verifier };
        let Some(other) = held_out else {
            entries.extend(path, path, |key| {
                if spread(key.bytes()).is_multiple_of(HELD_OUT) { Split::HeldOut } else { Split::Train }
            })?;
            return Ok(entries);
        };
        entries.extend(path, path, |_| Split::Train)?;
        entries.extend(other, path, |_| Split::HeldOut)?;
        Ok(entries)
    }

    fn extend(&mut self, path: &Path, first_path: &Path, split: impl Fn(&str) -> Split) -> Result<(), TaskError> {
        let before = self.list.len();
        for row in Rows::open_for(path, &[&self.layout.prompt, &self.layout.answer])? {
            let row = row?;
            self.rows += 1;
            if self.rows > MAX_ROWS {
                let reason = format!("more than {MAX_ROWS} rows; split the file");
                return Err(TaskError::File { path: path.into(), reason });
            }
            let wrong = |reason: String| row.place.error(path, reason);
            let (prompt, answer) = self.layout.read(&row).map_err(wrong)?;
            let key = collapsed(&prompt);
            let entry = Entry { place: row.place, split: split(&key), prompt, answer };
            if let Some(first) = self.seen.get(&key).map(|&i| &self.list[i]) {
                self.check_repeated(first, &entry, first_path).map_err(wrong)?;
                self.duplicates += 1;
                continue;
            }
            self.memory += OF_PROBLEM + OF_BYTE * (entry.prompt.len() + entry.answer.len());
            if self.memory > MAX_MEMORY {
                let reason = format!("its problems would take more than {} GiB of memory; split the file", MAX_MEMORY >> 30);
                return Err(TaskError::File { path: path.into(), reason });
            }
            self.seen.insert(key, self.list.len());
            self.list.push(entry);
        }
        if self.list.len() == before {
            let Layout { prompt, answer, .. } = self.layout;
            let reason = format!("holds no problem; write one {{\"{prompt}\": \"...\", \"{answer}\": \"...\"}} a line");
            return Err(TaskError::File { path: path.into(), reason });
        }
        Ok(())
    }

    fn check_repeated(&self, first: &Entry, again: &Entry, first_path: &Path) -> Result<(), String> {
        if first.split != again.split {
            let there = format!("{}, {}", first_path.display(), first.place);
            return Err(format!(
                "the prompt of {there} again: a problem that is trained on can't be held out; remove one of them"
            ));
        }
        let same = first.answer == again.answer || self.verifier.judge(&again.answer, &first.answer).verdict.is_right();
        if same { Ok(()) } else { Err(format!("the prompt of {} again, with another answer", first.place)) }
    }
}

impl Layout {
    /// Prompt and answer of a row.
    fn read(&self, row: &Row) -> Result<(String, String), String> {
        let field = |name: &str, takes_numbers: bool| {
            let value = row.at(name).ok_or_else(|| self.missing(name, row))?;
            let text = match value {
                Value::Text(_) => value.as_text(),
                Value::Number(_) | Value::Bool(_) if takes_numbers => value.as_text(),
                _ => None,
            };
            let text = text.ok_or_else(|| format!("\"{name}\" is {}, not a string", value.kind()))?;
            match text.trim() {
                "" => Err(format!("\"{name}\" is empty")),
                text => Ok(text.to_owned()),
            }
        };
        Ok((field(&self.prompt, false)?, field(&self.answer, true)?))
    }

    /// Says what the row has instead, and what may have been meant.
    fn missing(&self, name: &str, row: &Row) -> String {
        const SHOWN: usize = 8;
        let keys: Vec<&str> = row.keys().take(SHOWN).collect();
        let fits = |layout: &Self| {
            let all_there = row.at(&layout.prompt).is_some() && row.at(&layout.answer).is_some();
            all_there && (&layout.prompt, &layout.answer) != (&self.prompt, &self.answer) && name != layout.prompt
        };
        let other = Self::NAMES.into_iter().find(|other| Self::named(other).is_ok_and(|layout| fits(&layout)));
        let hint = match other {
            Some(other) => format!(" (these are the fields of the layout `{other}`)"),
            None => hint(name, keys.iter().copied()),
        };
        let there: Vec<String> = keys.iter().map(|key| format!("\"{}\"", crate::verifiers::short(key))).collect();
        format!("no field \"{name}\"{hint}; there are {}", if there.is_empty() { "none".into() } else { there.join(", ") })
    }
}
