//! Regular expressions, without backtracking. To find a match costs time in proportion to the pattern's size times the text's, whatever it says; to find
//! all of them may cost that for each, so long texts are cut.

use std::sync::Arc;

use palinode_core::verifier::Verdict;
use regex::{Regex, RegexBuilder};

use super::{ByReference, Exact, Judgement, TextVerifier, always, bounded, by_read, tail};
use crate::error::TaskError;

/// Largest pattern as written, and compiled, in bytes: one of the settings, and one that data brings along.
const MAX_PATTERN: usize = 1 << 12;
const MAX_COMPILED: usize = 1 << 20;
const MAX_COMPILED_OF_DATA: usize = 1 << 18;
/// Longest text that a pattern is tried on.
const MAX_SEARCHED: usize = 1 << 12;

/// Judges what a regular expression finds.
///
/// With a pattern, its last match that is not empty counts (its first group, where it has one), in the last 4096 bytes of each text, and another
/// verifier judges it. Without, the reference is
/// the pattern, and right is an answer that it matches from start to end.
#[derive(Debug, Clone)]
pub struct Pattern {
    pattern: Option<Arc<Regex>>,
    then: Arc<dyn TextVerifier>,
}

impl Pattern {
    /// The reference is the pattern.
    pub fn of_reference() -> Self {
        Self { pattern: None, then: Arc::new(Exact::default()) }
    }

    /// The pattern's last match, judged by `then`. A reference in which it finds nothing is taken whole.
    ///
    /// # Errors
    /// [`TaskError::Verifier`] when the pattern is none, or too large.
    pub fn new(pattern: &str, then: Arc<dyn TextVerifier>) -> Result<Self, TaskError> {
        Ok(Self { pattern: Some(Arc::new(compile(pattern, MAX_COMPILED).map_err(TaskError::Verifier)?)), then })
    }
}

impl TextVerifier for Pattern {
    fn by(&self, reference: &str) -> ByReference {
        let Some(pattern) = self.pattern.clone() else {
            // Compiled anew for each answer: kept with every problem of a file, patterns of up to MAX_COMPILED_OF_DATA bytes would fill the memory.
            let reference = reference.to_owned();
            return Box::new(move |answer| matches_reference(answer, &reference));
        };
        let wanted = match bounded(reference) {
            Ok(text) => last_match(&pattern, text).unwrap_or(text),
            Err(reason) => return always(Judgement::failed(format!("the reference: {reason}"))),
        };
        let then = self.then.by(wanted);
        // A reference that the other verifier can't read is a failure, whatever is found in the answer.
        let nothing = then("");
        if nothing.verdict == Verdict::Failed {
            return always(nothing);
        }
        by_read(
            wanted,
            |wanted| Ok(wanted.to_owned()),
            String::clone,
            move |answer, _| {
                let found = last_match(&pattern, answer).ok_or_else(|| format!("/{pattern}/ finds nothing"))?;
                Ok(then(found))
            },
        )
    }
}

fn matches_reference(answer: &str, reference: &str) -> Judgement {
    let (found, wanted) = (answer.trim(), reference.trim());
    // Alone first: it must not close the group that is put around it.
    let anchored = || compile(&format!(r"\A(?:{wanted})\z"), MAX_COMPILED_OF_DATA);
    let pattern = match compile(wanted, MAX_COMPILED_OF_DATA).and_then(|_| anchored()) {
        Ok(pattern) => pattern,
        Err(reason) => return Judgement::failed(format!("the reference: {reason}")),
    };
    if found.len() > MAX_SEARCHED {
        return Judgement::unparseable(format!("longer than {MAX_SEARCHED} bytes"), wanted);
    }
    let right = pattern.is_match(found);
    Judgement::of(right, found, format!("/{wanted}/"), if right { "the pattern matches" } else { "the pattern does not match" })
}

fn last_match<'t>(pattern: &Regex, text: &'t str) -> Option<&'t str> {
    let captures = pattern.captures_iter(tail(text, MAX_SEARCHED)).filter(|captures| !captures[0].is_empty()).last()?;
    captures.get(1).or_else(|| captures.get(0)).map(|found| found.as_str())
}

fn compile(pattern: &str, size: usize) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!("a pattern of {} bytes; at most {MAX_PATTERN} are taken", pattern.len()));
    }
    let built = RegexBuilder::new(pattern).size_limit(size).dfa_size_limit(size).nest_limit(64).build();
    built.map_err(|error| format!("`{}` is no pattern: {}", super::short(pattern), last_line(&error.to_string())))
}

/// The reason of a regex error, without the picture above it.
fn last_line(error: &str) -> &str {
    error.lines().last().unwrap_or_default().trim_start_matches("error: ")
}
