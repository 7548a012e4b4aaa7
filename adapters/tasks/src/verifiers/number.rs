//! Reading one number out of text, exactly.

mod context;
mod cursor;
mod latex;

use std::{fmt, ops::Range};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use palinode_math::{Answer, Suffix, emphasis, final_boxed, script, suffix};

use self::cursor::{CURRENCIES, Cursor};

/// The last number of a text stands in so many of its last bytes: exact values of many numbers cost time.
const MAX_SEARCHED: usize = 1 << 12;
/// Longest unit, in bytes.
const MAX_UNIT: usize = 40;
/// Currencies by their codes, before or behind an amount.
const CODES: [&str; 18] =
    ["US$", "NT$", "HK$", "C$", "A$", "R$", "S$", "USD", "EUR", "GBP", "CNY", "RMB", "JPY", "INR", "CHF", "KRW", "Rs.", "Rs"];

/// A number as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    value: BigRational,
    /// Whether a percent sign followed; `value` is what stood before it.
    percent: bool,
    /// What else followed, by its one name.
    unit: Option<String>,
    /// As it was written.
    text: String,
}

/// How far from the reference r an answer may be: `absolute + relative |r|`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tolerance {
    pub(super) absolute: BigRational,
    pub(super) relative: BigRational,
}

impl Tolerance {
    fn allows(&self, answer: &BigRational, reference: &BigRational) -> bool {
        answer == reference || (answer - reference).abs() <= &self.absolute + &self.relative * reference.abs()
    }

    pub(super) fn is_exact(&self) -> bool {
        self.absolute.is_zero() && self.relative.is_zero()
    }
}

impl Number {
    /// Reads a text that is one number: a sign, a currency, digits (with thousands separators), a fraction or a power of ten, a percent sign, a unit; or
    /// one number in LaTeX, as the mathematical verifiers read it. Of a text with a box, the box is read; emphasis around it does not matter.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let ascii = script::ascii_digits(text);
        let inside = final_boxed(&ascii)?.unwrap_or(&ascii);
        let text = bare(inside);
        if text.is_empty() {
            return Err("no number".into());
        }
        // Marks can also stand around a part, as in `**18** km`.
        Self::plain(text).or_else(|reason| {
            let marked = text.contains(['*', '_', '`']);
            let unmarked = if marked { Self::plain(bare(&emphasis::without_marks(text))).ok() } else { None };
            unmarked.or_else(|| Self::of_mathematics(text)).ok_or(reason)
        })
    }

    fn plain(text: &str) -> Result<Self, String> {
        let not_one = || format!("`{}` is not one number", super::short(text));
        let mut cursor = Cursor { text: without_code(text), at: 0 };
        let value = cursor.number()?.ok_or_else(not_one)?;
        let (value, percent, unit) = match behind(cursor.rest()).ok_or_else(not_one)? {
            Suffix::Percent => (value, true, None),
            Suffix::Unit(unit) => (value, false, unit),
            Suffix::Factor(factor) => (value * BigInt::from(factor), false, None),
            Suffix::Other => return Err(not_one()),
        };
        Ok(Self { value, percent, unit, text: text.to_owned() })
    }

    /// The number that an answer in mathematics is, as `\frac{1}{2}`, `18\text{ eggs}`, `x = 18` or `27 + 12 = 39`.
    fn of_mathematics(text: &str) -> Option<Self> {
        let number = Answer::parse(text).ok()?.numeral()?;
        let value = if number.percent { number.value * BigInt::from(100) } else { number.value };
        Some(Self { value, percent: number.percent, unit: number.unit, text: text.to_owned() })
    }

    /// Reads the number in the last box of a text, or else its last number. One that is a part of something larger is not read, as in `2^5`, `√5`,
    /// `5 million`, `minus 5`, `20 - 2` or `1, 2, 3`.
    pub(super) fn last(text: &str) -> Result<Self, String> {
        if let Some(boxed) = final_boxed(text)? {
            return Self::read(boxed);
        }
        // What is cut through is no number.
        let text = match super::tail(text, MAX_SEARCHED) {
            cut if cut.len() < text.len() => cut.find(char::is_whitespace).map_or("", |at| &cut[at..]),
            whole => whole,
        };
        let ascii = script::ascii_digits(text);
        if let Some((before, span)) = latex::last_span(&ascii)
            && !context::is_operand(&latex::plain(before))
            && let Ok(number) = Self::read(span)
        {
            return Ok(number);
        }
        let plain = emphasis::without_marks(&latex::plain(&ascii));
        let text = plain.as_str();
        let (value, place) = last_in(text)?;
        let value = if is_bullet(text, &place) { value.abs() } else { value };
        if context::is_part(text, &place, &value) {
            return Err(format!("the last number, {}, is a part of something larger", text[place].trim()));
        }
        let percent = percent_sign(text[place.end..].trim_start()).is_some();
        Ok(Self { value, percent, unit: None, text: text[place].trim().to_owned() })
    }

    pub(super) fn into_value(self) -> BigRational {
        self.value
    }

    /// Whether both are the same amount: values within the tolerance and no two different units.
    ///
    /// Where one has a percent sign and the other none, 50 % is both 0.5 and 50: the question may ask for a share or for "how many percent".
    pub(super) fn same_amount(&self, reference: &Self, tolerance: &Tolerance) -> bool {
        let shares = self.percent != reference.percent && tolerance.allows(&self.share(), &reference.share());
        self.same_unit(reference) && (shares || tolerance.allows(&self.value, &reference.value))
    }

    /// Whether both have the same unit, or one has none.
    pub(super) fn same_unit(&self, other: &Self) -> bool {
        self.unit.is_none() || other.unit.is_none() || self.unit == other.unit
    }

    fn share(&self) -> BigRational {
        if self.percent { &self.value / BigInt::from(100) } else { self.value.clone() }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.percent && !self.text.contains(['%', 'p']) { f.write_str("%") } else { Ok(()) }
    }
}

/// A text without what surrounds its number: emphasis, dollar signs of mathematics, a final point.
fn bare(text: &str) -> &str {
    let inner = emphasis::undressed(text).trim_matches('$').trim().trim_end_matches(['.', '。']);
    emphasis::undressed(inner)
}

/// The text behind the code of a currency, where an amount follows.
fn without_code(text: &str) -> &str {
    let amount = |rest: &&str| rest.trim_start().starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '−' | '.'));
    CODES.iter().find_map(|code| text.strip_prefix(code)).filter(amount).unwrap_or(text)
}

/// The last number in a text, and where it stands with its sign; how it was tried to read it, where it is none.
fn last_in(text: &str) -> Result<(BigRational, Range<usize>), String> {
    let mut cursor = Cursor { text, at: 0 };
    let mut last = Err("no number".to_owned());
    loop {
        cursor.skip_spaces();
        let start = cursor.at;
        if start == text.len() {
            return last;
        }
        match cursor.number() {
            Ok(Some(value)) => last = Ok((value, start..cursor.at)),
            // Something like 3.4.5: no number, and no two.
            Err(reason) => last = Err(reason),
            Ok(None) => cursor.skip_word(),
        }
    }
}

/// Whether the sign before a number is that of a list: first in its line, with a space and words around the number.
fn is_bullet(text: &str, place: &Range<usize>) -> bool {
    let first = text[..place.start].chars().next_back().is_none_or(|c| c == '\n');
    let word = text[place.end..].strip_prefix(' ').is_some_and(|after| after.starts_with(char::is_alphabetic));
    first && word && text[place.clone()].starts_with("- ")
}

/// What follows a number, all of it; a unit may stand in brackets.
fn behind(text: &str) -> Option<Suffix> {
    let text = text.trim();
    if let Some(rest) = percent_sign(text) {
        return rest.trim().is_empty().then_some(Suffix::Percent);
    }
    if text.is_empty() || text.chars().count() == 1 && text.starts_with(CURRENCIES) {
        return Some(Suffix::Unit(None));
    }
    let bracketed = text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(text);
    let plain = bracketed.replace('²', "^2").replace('³', "^3");
    if text.len() > MAX_UNIT || !plain.starts_with(char::is_alphabetic) {
        return None;
    }
    Some(match suffix(&plain) {
        Suffix::Other if CODES.contains(&text) => Suffix::Unit(None),
        suffix => suffix,
    })
}

/// The text behind a percent sign.
fn percent_sign(text: &str) -> Option<&str> {
    let word = ["percent", "per cent", "pct"].iter().find_map(|sign| text.strip_prefix(sign));
    let ended = word.filter(|rest| !rest.starts_with(char::is_alphabetic));
    ["\\%", "%"].iter().find_map(|sign| text.strip_prefix(sign)).or(ended)
}
