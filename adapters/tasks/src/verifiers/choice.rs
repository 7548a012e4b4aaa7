//! Multiple choice.

mod denial;
mod marks;

use std::borrow::Cow;

use palinode_math::{emphasis, final_boxed};

use super::{ByReference, TextVerifier, compare};
use crate::error::TaskError;

/// Right when the answer names the reference's letter.
///
/// The letter stands in the last `\boxed{}`, or after the last `answer is`, `answer:`, `I choose`, `答案是` or the like, or is the whole text; dressed as
/// `B`, `(B)`, `B.`, `**B**`, `\text{B}`, `Option B`, or `(B) blue`; a reason may follow, as in `B because ...` or `B, not A`. A text that names none this
/// way, or several, is unparseable: a letter that happens to stand somewhere is not an answer. So is a letter that is denied (`I doubt that the answer is
/// B`, `A. is wrong`), or taken back later, unless the later one is marked as the answer too (`Wait, that is wrong. The answer is C`).
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
        let text = emphasis::without_struck(text);
        let text = &ascii_letters(&text);
        if let Some(boxed) = final_boxed(text)? {
            let letter = self.letter(boxed)?;
            // Both are places in the same text.
            let later = &text[boxed.as_ptr() as usize - text.as_ptr() as usize + boxed.len()..];
            return self.kept(letter, later.trim_start_matches(['}', '$', ' ', '.']));
        }
        let strong = marks::strong(text);
        let after = strong.map_or(0, |at| at);
        let weak = marks::weak(&text[after..]).map(|at| at + after).filter(|&at| letter(line(text, at).0).is_some());
        match (strong, weak) {
            (_, Some(at)) if !denial::denies_ahead(&text[..at]) => {
                let (named, later) = line(text, at);
                let earlier = strong.and_then(|strong| letter(line(text, strong).0));
                let found = self.letter(named)?;
                if earlier.is_some_and(|earlier| earlier != found) && !denial::corrects(&text[after..at]) {
                    return Err(format!("two letters are named, and none is taken back: `{}`", super::short(&text[after..])));
                }
                self.kept(found, later)
            }
            (Some(at), _) if denial::denies_ahead(&text[..at]) => {
                Err(format!("the answer is denied or only supposed: `{}`", super::short(text)))
            }
            (Some(at), _) => {
                let (named, later) = line(text, at);
                self.kept(self.letter(named)?, later)
            }
            (None, _) => self.letter(text),
        }
    }

    /// The last letter of an option.
    fn last(self) -> char {
        (b'A' + self.options - 1) as char
    }

    /// A letter, unless the text after it takes it back.
    fn kept(self, letter: char, later: &str) -> Result<char, String> {
        if denial::takes_back(letter, later, self.last()) {
            return Err(format!("{letter} is taken back: `{}`", super::short(later)));
        }
        Ok(letter)
    }

    fn letter(self, named: &str) -> Result<char, String> {
        let last = self.last();
        letter(named)
            .filter(|letter| *letter <= last)
            .ok_or_else(|| format!("`{}` names no letter from A to {last}", super::short(named)))
    }
}

impl TextVerifier for Choice {
    fn by(&self, reference: &str) -> ByReference {
        let own = *self;
        compare(
            reference,
            move |text: &str| own.read(text),
            |found, wanted| (found == wanted, if found == wanted { "the same letter" } else { "another letter" }.into()),
        )
    }
}

/// What stands after a mark to the end of its line, and the lines after it.
fn line(text: &str, at: usize) -> (&str, &str) {
    let rest = text[at..].trim_start_matches(|c: char| matches!(c, ':' | '*' | '_') || c.is_whitespace());
    rest.split_once('\n').unwrap_or((rest, ""))
}

/// The text with full-width and circled letters in ASCII.
fn ascii_letters(text: &str) -> Cow<'_, str> {
    let ascii = |c: char| {
        let of = |first: u32, to: u8| char::from(to + (c as u32 - first) as u8);
        match c {
            'Ａ'..='Ｚ' => Some(of('Ａ' as u32, b'A')),
            'ａ'..='ｚ' => Some(of('ａ' as u32, b'a')),
            'Ⓐ'..='Ⓩ' => Some(of('Ⓐ' as u32, b'A')),
            _ => None,
        }
    };
    if text.chars().any(|c| ascii(c).is_some()) {
        Cow::Owned(text.chars().map(|c| ascii(c).unwrap_or(c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The letter of `B`, `(B)`, `B. blue`, `Option B`, `B because it is blue` and the like; `A or B` has none.
fn letter(text: &str) -> Option<char> {
    let dressing = |c: char| c.is_whitespace() || matches!(c, '*' | '_' | '$' | '{' | '}' | '"' | '\'' | '`' | '“' | '”');
    let mut rest = without_lead(emphasis::undressed(text).trim_matches(dressing)).trim_start_matches(dressing);
    for command in ["\\textbf", "\\text", "\\mathrm", "\\mathbf"] {
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
        (_, false) => {
            behind.starts_with([')', '.', ':', ',', ';', '!', '\n', '。', '，', '、', '：'])
                || gives_reason(behind)
                || explains(behind)
        }
    };
    let letter = letter.to_ascii_uppercase();
    (names && !denial::is_denied(behind) && !denial::names_another(letter, behind)).then_some(letter)
}

/// The text without words that only say that a letter follows.
fn without_lead(text: &str) -> &str {
    const LEADS: [&str; 10] =
        ["option", "choice", "letter", "answer", "clearly", "definitely", "indeed", "simply", "obviously", "therefore"];
    let mut rest = text;
    let lead = |rest: &str| {
        LEADS.into_iter().find_map(|word| {
            let start = rest.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word))?;
            let after = &rest[start.len()..];
            after.starts_with([' ', '\n', '*']).then(|| rest.len() - after.trim_start_matches([' ', '\n', '*']).len())
        })
    };
    while let Some(length) = lead(rest) {
        rest = &rest[length..];
    }
    rest
}

/// Whether a reason follows at once, or what the answer is not.
fn gives_reason(behind: &str) -> bool {
    let word = behind.trim_start().split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    behind.starts_with([' ', '(', '-', '–', '—'])
        && (REASONS.contains(&word.to_ascii_lowercase().as_str()) || behind.trim_start().starts_with("(not "))
}

/// Whether a remark in brackets follows, or after a dash the text of the option: `C (the third one)`, `B - Paris`.
fn explains(behind: &str) -> bool {
    let dash = [" - ", " – ", " — "].iter().any(|dash| behind.starts_with(dash));
    dash || behind.strip_prefix(" (").is_some_and(|remark| remark.contains(')'))
}

/// Words that begin a reason.
const REASONS: [&str; 6] = ["because", "since", "not", "rather", "instead", "due"];
