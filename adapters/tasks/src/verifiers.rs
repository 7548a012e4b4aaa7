//! Verifiers of text: from an answer and a reference to a verdict, with its reason.
//!
//! | kind | an answer is right when |
//! |---|---|
//! | [`Exact`] | its text is the reference's |
//! | [`Numeric`] | its number is the reference's, within a tolerance |
//! | [`Gsm8k`] | the number after its last `####`, or else its last number, is the reference's |
//! | [`Boxed`] | the content of its last `\boxed{}` means what the reference's means, in a [`Form`](palinode_math::Form) |
//! | [`Math`] | as `Boxed`, but an answer without a box is read whole |
//! | [`Choice`] | it names the reference's letter |
//! | [`Pattern`] | what a regular expression finds in it is right |
//! | [`Json`] | its JSON is the reference's: the fields of an object, the items of an array, or another value |
//! | [`All`], [`Weighted`] | all parts say so; with credit by weight |
//! | [`Function`] | a function of yours says so |
//!
//! All are pure, bounded in time and memory by the lengths of both texts, which are bounded themselves ([`MAX_TEXT`]), and never panic. What can't be
//! judged is never a silent zero: an answer in which nothing can be read is [`Verdict::Unparseable`], and a reference in which nothing can be read makes
//! the verdict [`Verdict::Failed`], because then no answer could be right.
//!
//! What only surrounds an answer does not matter to those that read numbers, mathematics or letters: emphasis and headings of Markdown, pictures, dollar signs,
//! a final point, digits of other scripts.

mod boxed;
mod choice;
mod combined;
mod config;
mod exact;
mod function;
mod gsm8k;
mod json;
mod number;
mod numeric;
mod pattern;

use std::{borrow::Cow, fmt};

pub use boxed::{Boxed, Math};
pub use choice::Choice;
pub use combined::{All, Weighted};
pub use config::{Part, VerifierConfig};
pub use exact::Exact;
pub use function::Function;
pub use gsm8k::Gsm8k;
pub use json::Json;
pub use numeric::Numeric;
use palinode_core::verifier::Verdict;
pub use pattern::Pattern;

use palinode_text::one_line;

/// Longest text, in bytes, that is judged; an answer of a few thousand tokens is far below.
pub const MAX_TEXT: usize = 1 << 16;

/// Judges answers by one reference, which has been read: from an answer's text to the verdict and why.
pub type ByReference = Box<dyn Fn(&str) -> Judgement + Send + Sync>;

/// Judges the text of an answer by the text of a reference.
///
/// # Contract
/// That of [`palinode_core::verifier::Verifier`]: pure, total, bounded. White space around both texts does not matter. The verdict is
/// [`Verdict::Failed`] exactly where nothing can be read in the reference, whatever the answer.
pub trait TextVerifier: fmt::Debug + Send + Sync {
    /// Reads a reference, once for all the answers that are judged by it.
    fn by(&self, reference: &str) -> ByReference;

    /// The verdict on one answer and why.
    fn judge(&self, answer: &str, reference: &str) -> Judgement {
        self.by(reference)(answer)
    }
}

/// A verdict, and what it rests on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What was read in the answer; `None` where nothing was, or it was not looked at.
    pub answer: Option<String>,
    /// What was read in the reference.
    pub reference: Option<String>,
    /// Why, as a clause for people.
    pub because: Cow<'static, str>,
}

impl Judgement {
    /// Right or wrong, about two things that were read.
    pub fn of(
        right: bool,
        answer: impl Into<String>,
        reference: impl Into<String>,
        because: impl Into<Cow<'static, str>>,
    ) -> Self {
        let verdict = if right { Verdict::Right } else { Verdict::Wrong };
        Self { verdict, answer: Some(answer.into()), reference: Some(reference.into()), because: because.into() }
    }

    /// Nothing could be read in the answer.
    pub fn unparseable(because: impl Into<Cow<'static, str>>, reference: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unparseable, answer: None, reference: Some(reference.into()), because: because.into() }
    }

    /// Nothing could be read in the reference, or the verifier is at its end for another reason.
    pub fn failed(because: impl Into<Cow<'static, str>>) -> Self {
        Self { verdict: Verdict::Failed, answer: None, reference: None, because: because.into() }
    }
}

/// `right: 1/2 is 0.5 (the same exact value)`.
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.verdict.name())?;
        match (&self.answer, &self.reference) {
            (Some(answer), Some(reference)) => {
                let is = if self.verdict.is_right() { "is" } else { "is not" };
                write!(f, "{} {is} {} ({})", short(answer), short(reference), self.because)
            }
            _ => f.write_str(&self.because),
        }
    }
}

/// Reads both texts in the same way and compares what was read: the frame of most verifiers.
fn compare<T: fmt::Display + Send + Sync + 'static>(
    reference: &str,
    read: impl Fn(&str) -> Result<T, String> + Copy + Send + Sync + 'static,
    judge: impl Fn(&T, &T) -> (bool, Cow<'static, str>) + Send + Sync + 'static,
) -> ByReference {
    by_read(reference, read, T::to_string, move |answer, wanted| {
        let found = read(answer)?;
        let (right, because) = judge(&found, wanted);
        Ok(Judgement::of(right, found.to_string(), wanted.to_string(), because))
    })
}

/// Judges by what was read in the reference; where that is nothing, every verdict is a failure. `judge` gives the reason where it can't read an answer.
fn by_read<T: Send + Sync + 'static>(
    reference: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
    show: impl Fn(&T) -> String + Send + Sync + 'static,
    judge: impl Fn(&str, &T) -> Result<Judgement, String> + Send + Sync + 'static,
) -> ByReference {
    match bounded(reference).and_then(read) {
        Ok(wanted) => Box::new(move |answer| {
            let judged = bounded(answer).and_then(|answer| judge(answer, &wanted));
            judged.unwrap_or_else(|reason| Judgement::unparseable(reason, show(&wanted)))
        }),
        Err(reason) => always(Judgement::failed(format!("the reference: {reason}"))),
    }
}

/// The same judgement whatever the answer.
fn always(judgement: Judgement) -> ByReference {
    Box::new(move |_| judgement.clone())
}

/// The text without the space around it, unless it is too long to be judged.
fn bounded(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if text.len() > MAX_TEXT {
        return Err(format!("{} bytes are too many to be judged; at most {MAX_TEXT} are", text.len()));
    }
    Ok(text)
}

/// The last bytes of a text, from a whole character on.
fn tail(text: &str, bytes: usize) -> &str {
    let from = text.len().saturating_sub(bytes);
    let whole = (from..=text.len()).find(|&at| text.is_char_boundary(at));
    &text[whole.unwrap_or(text.len())..]
}

/// A text on one line, cut where it gets long for a message.
pub(crate) fn short(text: &str) -> String {
    one_line(text, 60)
}

#[cfg(test)]
mod tests;
