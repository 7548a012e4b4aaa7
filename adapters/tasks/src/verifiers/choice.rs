//! Multiple choice.

use palinode_math::{emphasis, last_boxed};

use super::{Judgement, TextVerifier, compare};
use crate::error::TaskError;

/// Right when the answer names the reference's letter.
///
/// The letter stands in the last `\boxed{}`, or behind the last `answer is`, `answer:`, `option is`, `choice is`, `答案是` or the like, or is the whole text;
/// dressed as `B`, `(B)`, `B.`, `**B**`, `\text{B}`, or `(B) blue`; a reason may follow, as in `B because ...` or `B, not A`. A text that names none this
/// way, or several, is unparseable: a letter that happens to stand somewhere is not an answer.
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
    const MARKS: [&str; 14] = [
        "answer is",
        "answer:",
        "answer：",
        "answer would be",
        "answer must be",
        "option is",
        "choice is",
        "answer is option",
        "answer is choice",
        "答案是",
        "答案为",
        "答案：",
        "答案:",
        "答えは",
    ];
    let lower = text.to_ascii_lowercase();
    let behind = MARKS.iter().filter_map(|mark| lower.rfind(mark).map(|at| at + mark.len())).max()?;
    text[behind..].trim_start_matches(|c: char| matches!(c, ':' | '*' | '_') || c.is_whitespace()).lines().next()
}

/// The letter of `B`, `(B)`, `B. blue`, `B because it is blue` and the like; `A or B` has none.
fn letter(text: &str) -> Option<char> {
    let dressing = |c: char| c.is_whitespace() || matches!(c, '*' | '_' | '$' | '{' | '}' | '"' | '\'' | '`' | '“' | '”');
    let mut rest = emphasis::undressed(text).trim_matches(dressing);
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
    let behind = characters.as_str().trim_start_matches(['*', '_', '}', '$', '`', '"']);
    let names = match (behind.is_empty(), bracket) {
        (true, bracket) => !bracket,
        (_, true) => behind.starts_with([')', ']']),
        (_, false) => behind.starts_with([')', '.', ':', ',', ';', '!', '。', '，', '、', '：']) || gives_reason(behind),
    };
    (names && !names_another(behind)).then(|| letter.to_ascii_uppercase())
}

/// Whether a reason follows at once, or what the answer is not.
fn gives_reason(behind: &str) -> bool {
    let word = behind.trim_start().split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    behind.starts_with([' ', '(', '-', '–', '—'])
        && (REASONS.contains(&word.to_ascii_lowercase().as_str()) || behind.trim_start().starts_with("(not "))
}

/// Words that begin a reason.
const REASONS: [&str; 6] = ["because", "since", "not", "rather", "instead", "due"];
/// Words that reject a letter named with them.
const REJECTING: [&str; 16] = [
    "not",
    "incorrect",
    "wrong",
    "mistake",
    "false",
    "never",
    "isn't",
    "aren't",
    "cannot",
    "can't",
    "neither",
    "nor",
    "than",
    "unlike",
    "instead",
    "doesn't",
];
/// Words that offer one more letter, whatever else is said.
const OFFERING: [&str; 8] = ["or", "also", "both", "either", "maybe", "perhaps", "wait", "actually"];

/// Whether a second letter is named, as in `(A) or (B)`, `A. or B` or `(a) and b)`. The words `a` and `I` are none, and neither is a letter that its
/// sentence rejects: `B, not A`, `D. A is incorrect`.
fn names_another(behind: &str) -> bool {
    let is_rejected = |sentence: &str| {
        let lower = sentence.to_ascii_lowercase();
        let words = || lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '\'');
        let of = |list: &[&str]| words().any(|word| list.contains(&word));
        of(&REJECTING) && !of(&OFFERING)
    };
    sentences(behind).any(|sentence| names_letter(sentence) && !is_rejected(sentence))
}

/// The sentences of a text. A letter's own point ends none, as in `A. or B.`.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let ended = |at: usize| text[..at].chars().rev().take_while(|c| c.is_alphanumeric()).count() != 1;
    let mut ends: Vec<usize> =
        text.match_indices([';', '.', '!', '?', '\n', '。']).map(|(at, _)| at).filter(|&at| ended(at)).collect();
    ends.push(text.len());
    let mut start = 0;
    ends.into_iter().map(move |end| &text[std::mem::replace(&mut start, end)..end])
}

/// Whether a lone letter stands in a text as that of an option.
fn names_letter(text: &str) -> bool {
    let bytes = text.as_bytes();
    let letter_or_digit = |i: usize| bytes.get(i).is_some_and(|c| c.is_ascii_alphanumeric() || !c.is_ascii());
    (0..bytes.len()).filter(|&i| bytes[i].is_ascii_alphabetic()).any(|i| {
        let alone = !letter_or_digit(i + 1) && (i == 0 || !letter_or_digit(i - 1));
        let closed = matches!(text[i + 1..].trim_start().as_bytes().first(), Some(b')' | b']' | b'.' | b':'));
        let apostrophe = i > 0 && bytes[i - 1] == b'\'';
        alone && !apostrophe && (closed || bytes[i].is_ascii_uppercase() && bytes[i] != b'I')
    })
}
