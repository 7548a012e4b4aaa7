//! References: as ids, as what verifiers have read in them, and whether control tokens are a part of it.

use palinode_text::{Dialogue, Tokenizer};

use crate::verifiers::{ByReference, Judgement, TextVerifier, VerifierConfig};

/// The ids of a reference without the end token that closes it, which is never a part of an answer; or why no answer can be judged by it.
pub(super) fn without_end(mut reference: Vec<u32>, dialogue: &dyn Dialogue) -> Result<Vec<u32>, String> {
    let (ends, tokenizer) = (dialogue.ends(), dialogue.tokenizer());
    if let Some(at) = reference.iter().position(|id| ends.contains(id)) {
        let behind: Vec<u32> = reference[at..].iter().copied().filter(|id| !ends.contains(id)).collect();
        if !tokenizer.decode_all(&behind).trim().is_empty() {
            let end = tokenizer.decode_all(&reference[at..=at]);
            return Err(format!("the reference: it goes on after `{end}`, and no answer does"));
        }
        reference.truncate(at);
    }
    if tokenizer.decode_all(&reference).trim().is_empty() {
        return Err("the reference: it is empty, and to say nothing would be right".into());
    }
    Ok(reference)
}

/// Whether verifiers see control tokens: where a pattern of the settings holds one, or the reference does. Otherwise those that a model writes are
/// left out of its answers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    always: bool,
    reference_is_pattern: bool,
}

impl Seen {
    pub(super) fn of(verifier: &VerifierConfig, tokenizer: &dyn Tokenizer) -> Self {
        let patterns = verifier.patterns();
        let always = patterns.iter().flatten().any(|pattern| holds_as_pattern(tokenizer, pattern));
        Self { always, reference_is_pattern: patterns.contains(&None) }
    }

    /// What a problem carries for its verifier. The reference is read as its tokenizer writes it, as answers are: in the same normal form, with or
    /// without control tokens.
    pub(super) fn solution(self, tokenizer: &dyn Tokenizer, reference: &[u32], verifier: &dyn TextVerifier) -> Solution {
        let with_control = self.with_control(tokenizer, reference);
        Solution { with_control, judge: verifier.by(&text(tokenizer, reference, with_control)) }
    }

    fn with_control(self, tokenizer: &dyn Tokenizer, reference: &[u32]) -> bool {
        let pattern = || holds_as_pattern(tokenizer, &tokenizer.decode_all(reference));
        self.always || holds(tokenizer, reference) || self.reference_is_pattern && pattern()
    }
}

/// A reference that its verifier has read.
pub(super) struct Solution {
    with_control: bool,
    judge: ByReference,
}

impl Solution {
    pub(super) fn judge(&self, tokenizer: &dyn Tokenizer, answer: &[u32]) -> Judgement {
        (self.judge)(&text(tokenizer, answer, self.with_control))
    }
}

fn text(tokenizer: &dyn Tokenizer, ids: &[u32], with_control: bool) -> String {
    if with_control { tokenizer.decode_all(ids) } else { tokenizer.decode(ids) }
}

fn holds(tokenizer: &dyn Tokenizer, ids: &[u32]) -> bool {
    tokenizer.decode(ids) != tokenizer.decode_all(ids)
}

/// Whether a regular expression spells a control token, as `<\|end\|>` spells `<|end|>`.
fn holds_as_pattern(tokenizer: &dyn Tokenizer, pattern: &str) -> bool {
    let spelt = |text: &str| tokenizer.encode(text).is_ok_and(|ids| holds(tokenizer, &ids));
    spelt(pattern) || pattern.contains('\\') && spelt(&unescaped(pattern))
}

/// The pattern without the backslashes before punctuation.
fn unescaped(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        match characters.peek() {
            Some(next) if c == '\\' && !next.is_alphanumeric() => out.extend(characters.next()),
            _ => out.push(c),
        }
    }
    out
}
