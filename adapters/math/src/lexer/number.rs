//! Numerals: separators between thousands, points, repeated digits, powers of ten, and bases.

use std::borrow::Cow;

use super::{Lexer, closing_brace};
use crate::token::Token;

/// What may stand between thousands. A plain comma comes last, as the others begin with one or replace it.
const SEPARATORS: [&str; 15] =
    ["{,}", ",\\!", "\\,", "{\\,}", "\\;", "\\ ", "~", " ", "\u{a0}", "\u{202f}", "\u{2009}", "'", "’", "_", ","];

impl Lexer<'_> {
    /// Reads a number where one begins, and says whether it did.
    pub(super) fn number(&mut self) -> bool {
        let rest = self.rest();
        if let Some((digits, base, length)) = based(rest) {
            self.push(Token::Based(digits, base), length);
            return true;
        }
        let whole = digits(rest);
        let mut length = whole.len();
        let mut numeral = Cow::Borrowed(whole);
        if let Some((grouped, taken)) = thousands(whole, &rest[length..], self.brackets > 0) {
            (numeral, length) = (Cow::Owned(grouped), length + taken);
        }
        let places = fraction(&rest[length..], !whole.is_empty());
        if whole.is_empty() && places.len() < 2 {
            return false;
        }
        append(&mut numeral, rest, length, places.len());
        length += places.len();
        if let Some((period, taken)) = repeated(&rest[length..], places) {
            numeral = Cow::Owned(format!("{numeral}~{period}"));
            length += taken;
        } else {
            let scale = scale(&rest[length..]);
            append(&mut numeral, rest, length, scale);
            length += scale;
        }
        self.push(Token::Number(numeral), length);
        true
    }
}

/// Lengthens a numeral by `more` bytes of `text` from `at`; without a copy where it is still a part of the text.
fn append<'a>(numeral: &mut Cow<'a, str>, text: &'a str, at: usize, more: usize) {
    match numeral {
        Cow::Borrowed(_) => *numeral = Cow::Borrowed(&text[..at + more]),
        Cow::Owned(owned) => owned.push_str(&text[at..at + more]),
    }
}

/// The decimal digits at the start of a text.
fn digits(text: &str) -> &str {
    &text[..text.bytes().take_while(u8::is_ascii_digit).count()]
}

/// A point and the digits after it; a point alone only after digits, and not where more points or a word follow.
fn fraction(text: &str, after_digits: bool) -> &str {
    let Some(after) = text.strip_prefix('.') else { return "" };
    let places = digits(after);
    let alone = after_digits && !after.starts_with(|c: char| c == '.' || c.is_alphabetic());
    if places.is_empty() && !alone { "" } else { &text[..1 + places.len()] }
}

/// The groups of three digits after the first, without their separators, and their length with them.
fn thousands(first: &str, text: &str, in_brackets: bool) -> Option<(String, usize)> {
    if !(1..=3).contains(&first.len()) || first.starts_with('0') {
        return None;
    }
    let separator = SEPARATORS.into_iter().find(|separator| text.starts_with(separator))?;
    let mut number = first.to_owned();
    let mut taken = 0;
    let mut zero = false;
    while let Some(after) = text[taken..].strip_prefix(separator) {
        let group = digits(after);
        // `3 100/200` is a mixed number.
        if group.len() != 3 || separator == " " && after[3..].trim_start().starts_with('/') {
            break;
        }
        zero |= group.starts_with('0');
        number.push_str(group);
        taken += separator.len() + 3;
    }
    let list_goes_on = text[taken..].strip_prefix(',').is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    // In `(100,200)` the comma separates two numbers, but no number begins with a zero as in `(1,000)`.
    let is_list = separator == "," && (list_goes_on || (in_brackets && !zero));
    (taken > 0 && !is_list).then_some((number, taken))
}

/// The digits in `\overline{3}` or `\overline3` after a point, and the length of it.
fn repeated<'a>(text: &'a str, places: &str) -> Option<(&'a str, usize)> {
    let command = ["\\overline", "\\bar"].into_iter().find(|command| text.starts_with(command)).filter(|_| !places.is_empty())?;
    let after = &text[command.len()..];
    if after.starts_with(|c: char| c.is_ascii_digit()) {
        return Some((&after[..1], command.len() + 1));
    }
    let inside = after.strip_prefix('{')?;
    let end = closing_brace(inside)?;
    let period = &inside[..end];
    (!period.is_empty() && digits(period).len() == period.len()).then_some((period, command.len() + end + 2))
}

/// The length of `e-3` and the like.
fn scale(text: &str) -> usize {
    let Some(after) = text.strip_prefix(['e', 'E']) else { return 0 };
    let signed = after.strip_prefix(['+', '-']).unwrap_or(after);
    let exponent = digits(signed);
    let ends = !signed[exponent.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_');
    if exponent.is_empty() || !ends { 0 } else { 1 + after.len() - signed.len() + exponent.len() }
}

/// Digits with a base as their subscript, the base, and the length of both. Letters alone are digits only in a base above ten.
fn based(text: &str) -> Option<(&str, u32, usize)> {
    let run = &text[..text.bytes().take_while(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()).count()];
    let after = text[run.len()..].trim_start().strip_prefix('_')?.trim_start();
    let (base, rest) = match after.strip_prefix('{') {
        Some(inside) => {
            let end = closing_brace(inside)?;
            (inside[..end].trim(), &inside[end + 1..])
        }
        None => (digits(after), &after[digits(after).len()..]),
    };
    // Thousands may be parted by a low line, as in `1_000`.
    let base: u32 = base.parse().ok().filter(|_| base.len() < 3)?;
    let plausible = run.starts_with(|c: char| c.is_ascii_digit()) || (run.len() > 1 && (11..=36).contains(&base));
    plausible.then_some((run, base, text.len() - rest.len()))
}
