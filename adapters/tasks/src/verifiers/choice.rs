//! Multiple choice.

use super::{Judgement, TextVerifier, compare};
use crate::{error::TaskError, math::last_boxed};

/// Right when the answer names the reference's letter.
///
/// The letter stands in the last `\boxed{}`, or behind the last `answer is`, `answer:`, `option is` or `choice is`, or is the whole text; dressed as
/// `B`, `(B)`, `B.`, `**B**`, `\text{B}`, or `(B) blue`. A text that names none this way, or several, is unparseable: a letter that happens to stand somewhere is not an answer.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    options: u8,
}

impl Choice {
    /// Letters from `A` on, `options` of them.
    ///
    /// # Errors
    /// [`TaskError::Size`] outside of 2..=26.
    pub fn new(options: u8) -> Result<Self, TaskError> {
        if !(2..=26).contains(&options) {
            return Err(TaskError::Size { name: "options", expected: "within 2..=26", got: options.to_string() });
        }
        Ok(Self { options })
    }

    fn read(self, text: &str) -> Result<char, String> {
        let named = last_boxed(text).or_else(|| behind_answer(text)).unwrap_or(text);
        letter(named).filter(|letter| (*letter as u8) < b'A' + self.options).ok_or_else(|| {
            let last = (b'A' + self.options - 1) as char;
            format!("`{}` names no letter from A to {last}", super::short(named))
        })
    }
}

impl TextVerifier for Choice {
    fn judge(&self, answer: &str, reference: &str) -> Judgement {
        let read = |text: &str| self.read(text);
        compare((answer, read), (reference, read), |found, wanted| {
            (found == wanted, if found == wanted { "the same letter" } else { "another letter" }.into())
        })
    }
}

/// What stands behind the last mark of an answer, to the end of its line.
fn behind_answer(text: &str) -> Option<&str> {
    const MARKS: [&str; 6] = ["answer is", "answer:", "option is", "choice is", "answer is option", "answer is choice"];
    let lower = text.to_ascii_lowercase();
    let behind = MARKS.iter().filter_map(|mark| lower.rfind(mark).map(|at| at + mark.len())).max()?;
    text[behind..].trim_start_matches(|c: char| c == ':' || c.is_whitespace()).lines().next()
}

/// The letter of `B`, `(B)`, `B. blue` and the like; `A or B` has none.
fn letter(text: &str) -> Option<char> {
    let dressing = |c: char| c.is_whitespace() || matches!(c, '*' | '$' | '{' | '}' | '"' | '\'' | '`');
    let mut rest = text.trim_matches(dressing);
    for command in ["\\text", "\\textbf", "\\mathrm", "\\mathbf"] {
        let inner = rest.strip_prefix(command).filter(|inner| inner.starts_with('{'));
        rest = inner.map_or(rest, |inner| inner.trim_matches(dressing));
    }
    let (rest, bracket) = match rest.strip_prefix(['(', '[']) {
        Some(inner) => (inner, true),
        None => (rest, false),
    };
    let mut characters = rest.trim_start_matches(dressing).chars();
    let letter = characters.next().filter(char::is_ascii_alphabetic)?;
    let behind = characters.as_str().trim_start_matches(['*', '}', '$']);
    let closed = |rest: &str| if bracket { rest.starts_with([')', ']']) } else { rest.starts_with([')', '.', ':']) };
    let names = if behind.is_empty() { !bracket } else { closed(behind) };
    (names && !names_another(behind)).then(|| letter.to_ascii_uppercase())
}

/// Whether a second letter is named, as in `(A) or (B)`, `A. or B` or `(a) and b)`. The words `a` and `I` are none.
fn names_another(behind: &str) -> bool {
    let bytes = behind.as_bytes();
    let letter_or_digit = |i: usize| bytes.get(i).is_some_and(|c| c.is_ascii_alphanumeric() || !c.is_ascii());
    (0..bytes.len()).filter(|&i| bytes[i].is_ascii_alphabetic()).any(|i| {
        let alone = !letter_or_digit(i + 1) && (i == 0 || !letter_or_digit(i - 1));
        let closed = matches!(behind[i + 1..].trim_start().as_bytes().first(), Some(b')' | b']' | b'.' | b':'));
        alone && (closed || bytes[i].is_ascii_uppercase() && bytes[i] != b'I')
    })
}
