//! Reading one number out of text, exactly.

mod context;
mod currency;
mod cursor;
mod latex;
mod measure;
mod words;

use std::{fmt, ops::Range};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use palinode_math::{Answer, Suffix, emphasis, final_boxed, script, suffix};

use self::cursor::Cursor;

/// The last number of a text stands in so many of its last bytes: exact values of many numbers cost time.
const MAX_SEARCHED: usize = 1 << 12;
/// Longest unit, in bytes.
const MAX_UNIT: usize = 40;
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
        let unstruck = emphasis::without_struck(inside);
        let text = bare(&unstruck);
        if text.starts_with('~') || text.ends_with('~') {
            return Err("a number that is only near, or struck out".into());
        }
        if text.is_empty() {
            return Err("no number".into());
        }
        // Marks can also stand around a part, as in `**18** km`.
        Self::plain(text).or_else(|reason| {
            let marked = text.contains(['*', '_', '`']);
            let unmarked = if marked { Self::plain(bare(&emphasis::without_marks(text))).ok() } else { None };
            // A dollar sign of money is no delimiter.
            let escaped = if is_money(text) && text.strip_prefix('$').is_some_and(|rest| rest.starts_with(is_start)) {
                format!("\\{text}")
            } else {
                text.to_owned()
            };
            unmarked.or_else(|| Self::of_mathematics(&escaped)).ok_or(reason)
        })
    }

    fn plain(text: &str) -> Result<Self, String> {
        let not_one = || format!("`{}` is not one number", super::short(text));
        let (currency, amount) = currency::before(without_word(text));
        let (negative, amount) = unsigned(amount);
        let mut cursor = Cursor { text: amount, at: 0 };
        let value = cursor.number()?.ok_or_else(not_one)?;
        let currency = currency.or_else(|| currency::sign_in(&amount[..cursor.at]));
        let (value, percent, unit) = match behind(cursor.rest(), &value).ok_or_else(not_one)? {
            Suffix::Percent => (value, true, None),
            Suffix::Unit(unit) => (value, false, unit),
            Suffix::Factor(factor) => (value * BigInt::from(factor), false, None),
            Suffix::Other => return Err(not_one()),
        };
        let value = if negative { -value } else { value };
        let unit = match (currency, unit) {
            (Some(currency), Some(unit)) if !currency::go_together(currency, &unit) => return Err(not_one()),
            (currency, unit) => unit.or_else(|| currency.map(str::to_owned)),
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
        let unit = currency::of(&text[place.clone()], &text[place.end..]).or_else(|| measure::of(&text[place.end..]));
        Ok(Self { value, percent, unit, text: text[place].trim().to_owned() })
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
        let (Some(own), Some(other)) = (&self.unit, &other.unit) else { return true };
        own == other || currency::may_be(own, other) || currency::may_be(other, own)
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
    let inner = emphasis::undressed(text);
    let inner = ['"', '\'', '“'].iter().find_map(|&quote| quoted(inner, quote)).unwrap_or(inner);
    let inner = if is_money(inner) { inner } else { inner.trim_matches('$').trim() };
    // Three points mean that more follows.
    let inner = if inner.ends_with("..") { inner } else { inner.trim_end_matches(['.', '。']) };
    emphasis::undressed(inner)
}

/// Whether the only dollar sign of a text stands before an amount or after one, and encloses no mathematics.
fn is_money(text: &str) -> bool {
    text.matches('$').count() == 1
}

fn quoted(text: &str, quote: char) -> Option<&str> {
    let close = if quote == '“' { '”' } else { quote };
    text.strip_prefix(quote)?.strip_suffix(close).filter(|inner| !inner.contains(close))
}

/// The text without a word that says nothing of the number after it.
fn without_word(text: &str) -> &str {
    let behind = |word: &&str| {
        let rest = strip_word(text, word)?;
        rest.trim_start_matches(['-', '−']).starts_with(is_start).then_some(rest)
    };
    ["exactly ", "only ", "just ", "precisely "].iter().find_map(behind).unwrap_or(text)
}

/// Whether a word takes the number after it away from nothing, and that number.
fn unsigned(text: &str) -> (bool, &str) {
    let amount = ["minus ", "negative "].iter().find_map(|word| strip_word(text, word)).filter(|rest| rest.starts_with(is_start));
    amount.map_or((false, text), |amount| (true, amount))
}

/// Whether an amount without a sign begins with this.
fn is_start(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '$' | '.')
}

/// What stands after a word in any case.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word)).map(|start| &text[start.len()..])
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

/// What follows a number, all of it; a unit may stand in brackets, and so may the number in words.
fn behind(text: &str, value: &BigRational) -> Option<Suffix> {
    let text = text.trim();
    if let Some(rest) = percent_sign(text) {
        return rest.trim().is_empty().then_some(Suffix::Percent);
    }
    if text.is_empty() {
        return Some(Suffix::Unit(None));
    }
    if let Some(currency) = currency::named(text) {
        return Some(Suffix::Unit(Some(currency.to_owned())));
    }
    let inner = text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
    if inner.and_then(words::number).is_some_and(|number| *value == BigRational::from_integer(number.into())) {
        return Some(Suffix::Unit(None));
    }
    let bracketed = inner.unwrap_or(text);
    let plain = bracketed.replace('²', "^2").replace('³', "^3");
    let plain = plain.strip_suffix(" each").unwrap_or(&plain);
    if text.len() > MAX_UNIT || !plain.starts_with(char::is_alphabetic) {
        return None;
    }
    Some(suffix(plain))
}

/// The text after a percent sign.
fn percent_sign(text: &str) -> Option<&str> {
    let word = ["percent", "per cent", "pct"].iter().find_map(|sign| text.strip_prefix(sign));
    let ended = word.filter(|rest| !rest.starts_with(char::is_alphabetic));
    ["\\%", "%"].iter().find_map(|sign| text.strip_prefix(sign)).or(ended)
}
