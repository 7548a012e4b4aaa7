//! From the rows of a file to different problems: duplicates, and who is held out.

use std::{collections::HashMap, path::Path};

use palinode_core::task::Split;
use palinode_rows::{Row, RowPlace, Rows, RowsError};
use palinode_text::Conversation;

use crate::{digits::spread, error::TaskError, layout::Layout, verifiers::TextVerifier};

/// Most rows: a few bytes of Parquet can stand for billions.
const MAX_ROWS: usize = 1 << 22;
/// Most memory, roughly: problems stay there, as texts and as ids.
const MAX_MEMORY: usize = 4 << 30;
/// What a problem takes besides its texts, and how many bytes each of theirs becomes.
const OF_PROBLEM: usize = 300;
const OF_BYTE: usize = 8;
/// As soon as so many rows are left out, it is asked whether they are most of the file.
const HASTY: usize = 1000;
/// One problem in five is held out.
const HELD_OUT: u64 = 5;

/// A problem as text.
pub(crate) struct Entry {
    pub(crate) place: RowPlace,
    pub(crate) split: Split,
    pub(crate) prompt: Conversation,
    pub(crate) answer: String,
    /// A worked solution, or why what stands there is none.
    pub(crate) solution: Result<Option<String>, String>,
}

impl Entry {
    /// All that it says.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let solution = self.solution.as_ref().ok().and_then(Option::as_deref);
        self.prompt.texts().chain([self.answer.as_str()]).chain(solution)
    }
}

/// A row that is no problem.
pub(crate) struct LeftOut {
    pub(crate) place: RowPlace,
    /// Of two files, that of which it is one.
    pub(crate) split: Split,
    /// The reference, where there is one.
    pub(crate) reference: String,
    pub(crate) because: String,
}

/// The different problems of one or two files, in order.
pub(crate) struct Entries<'a> {
    pub(crate) list: Vec<Entry>,
    /// Rows that repeat an earlier one.
    pub(crate) duplicates: usize,
    pub(crate) left_out: Vec<LeftOut>,
    seen: HashMap<String, usize>,
    rows: usize,
    memory: usize,
    layout: &'a Layout,
    verifier: &'a dyn TextVerifier,
}

impl<'a> Entries<'a> {
    /// Reads a file, and holds a fifth of its problems out by a hash of what the user asks; or reads two, the second of which is held out.
    ///
    /// A repeated prompt, white space apart, is dropped and counted where the verifier finds both answers the same. Where they differ, it is left out, and
    /// so are rows without a prompt or a reference that can be read, unless more than half are like that. A prompt that is to be trained on and held out
    /// is refused, and so is a file whose first row lacks a field.
    pub(crate) fn read(
        path: &'a Path,
        held_out: Option<&'a Path>,
        layout: &'a Layout,
        verifier: &'a dyn TextVerifier,
    ) -> Result<Self, TaskError> {
        let (list, left_out, seen) = (Vec::new(), Vec::new(), HashMap::new());
        let mut entries = Self { list, duplicates: 0, left_out, seen, rows: 0, memory: 0, layout, verifier };
        match held_out {
            None => entries.extend(path, path, None)?,
            Some(other) => {
                entries.extend(path, path, Some(Split::Train))?;
                entries.extend(other, path, Some(Split::HeldOut))?;
            }
        }
        Ok(entries)
    }

    /// Adds the rows of a file, all on the side that is given, or on that of their hash.
    fn extend(&mut self, path: &Path, first_path: &Path, side: Option<Split>) -> Result<(), TaskError> {
        let (problems, left_out, rows) = (self.list.len(), self.left_out.len(), self.rows);
        for row in Rows::open_for(path, &self.layout.paths(), &self.layout.further_paths())? {
            let row = row?;
            if self.rows == rows {
                self.layout.check(&row).map_err(|reason| row.place.error(path, reason))?;
            }
            self.rows += 1;
            if self.rows > MAX_ROWS {
                let reason = format!("more than {MAX_ROWS} rows; split the file");
                return Err(RowsError::File { path: path.into(), reason }.into());
            }
            self.add(&row, first_path, side).map_err(|reason| row.place.error(path, reason))?;
            let (left_out, rows) = (&self.left_out[left_out..], self.rows - rows);
            // A wrong layout shows early.
            if left_out.len() > HASTY {
                check_most(left_out, rows, path)?;
            }
        }
        check_most(&self.left_out[left_out..], self.rows - rows, path)?;
        if self.list.len() == problems {
            let Layout { prompt, answer, .. } = self.layout;
            let reason = format!("holds no problem; write one {{\"{prompt}\": \"...\", \"{answer}\": \"...\"}} a line");
            return Err(RowsError::File { path: path.into(), reason }.into());
        }
        Ok(())
    }

    fn add(&mut self, row: &Row, first_path: &Path, side: Option<Split>) -> Result<(), String> {
        let place = row.place;
        self.memory += OF_PROBLEM;
        let mut leave_out = |reference, because| {
            self.left_out.push(LeftOut { place, split: side.unwrap_or(Split::Train), reference, because });
            Ok(())
        };
        let (prompt, answer) = match self.layout.read(row) {
            Ok(read) => read,
            Err(reason) => return leave_out(String::new(), reason),
        };
        let key = prompt.key();
        let split = side.unwrap_or_else(|| {
            if spread(prompt.asked().bytes()).is_multiple_of(HELD_OUT) { Split::HeldOut } else { Split::Train }
        });
        if let Some(first) = self.seen.get(&key).map(|&i| &self.list[i]) {
            if first.split != split {
                let there = format!("{}, {}", first_path.display(), first.place);
                let reason = "a problem that is trained on can't be held out; remove one of them";
                return Err(format!("the prompt of {there} again: {reason}"));
            }
            if first.answer != answer && !self.verifier.judge(&answer, &first.answer).verdict.is_right() {
                return leave_out(answer, format!("the prompt of {} again, with another answer", first.place));
            }
            self.duplicates += 1;
            return Ok(());
        }
        let entry = Entry { place, split, prompt, answer, solution: self.layout.solution_of(row) };
        self.memory += OF_BYTE * entry.texts().map(str::len).sum::<usize>();
        if self.memory > MAX_MEMORY {
            return Err(format!("the problems up to here take more than {} GiB of memory; split the file", MAX_MEMORY >> 30));
        }
        self.seen.insert(key, self.list.len());
        self.list.push(entry);
        Ok(())
    }
}

/// Refuses a file most of whose rows are no problems.
fn check_most(left_out: &[LeftOut], rows: usize, path: &Path) -> Result<(), TaskError> {
    match left_out.first() {
        Some(LeftOut { place, because, .. }) if left_out.len() * 2 > rows => {
            let reason = match rows {
                1 => because.clone(),
                _ => format!("{because}; so it is, or like it, in {} of {rows} rows", left_out.len()),
            };
            Err(place.error(path, reason).into())
        }
        _ => Ok(()),
    }
}
