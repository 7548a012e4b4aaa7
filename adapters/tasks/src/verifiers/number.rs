//! Reading one number out of text, exactly.

use std::fmt;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};

use crate::math::{Suffix, last_boxed, suffix};

/// Longest run of digits, and the largest power of ten: exact arithmetic on more would cost time, and no answer has them.
const MAX_DIGITS: usize = 100;
/// The last number of a text stands in so many of its last bytes: exact values of many numbers cost time.
const MAX_SEARCHED: usize = 1 << 12;
/// Longest unit, in bytes.
const MAX_UNIT: usize = 40;
const CURRENCIES: [char; 4] = ['$', '€', '£', '¥'];
/// Words behind a number that are no factor and yet change it.
const CHANGING: [&str; 9] = ["squared", "cubed", "half", "halve", "third", "quarter", "fifth", "tenth", "hundredth"];
/// What stands next to a number that is only a part of something larger.
const PARTS: [char; 10] = ['^', '_', '{', '}', '√', '½', '¼', '¾', '²', '³'];

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
    /// Reads a text that is one number: a sign, a currency, digits (with thousands separators), a fraction or a power of ten, a percent sign, a unit.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_matches('$').trim().trim_end_matches('.').trim();
        if text.is_empty() {
            return Err("no number".into());
        }
        let not_one = || format!("`{}` is not one number", super::short(text));
        let mut cursor = Cursor { text, at: 0 };
        let value = cursor.number()?.ok_or_else(not_one)?;
        let (value, percent, unit) = match behind(&text[cursor.at..]).ok_or_else(not_one)? {
            Suffix::Percent => (value, true, None),
            Suffix::Unit(unit) => (value, false, unit),
            Suffix::Factor(factor) => (value * BigInt::from(factor), false, None),
            Suffix::Other => return Err(not_one()),
        };
        Ok(Self { value, percent, unit, text: text.to_owned() })
    }

    /// Reads the number in the last box of a text, or else its last number. One that is a part of something larger is not read, as in `2^5`, `√5`,
    /// `5 million` or `minus 5`.
    pub(super) fn last(text: &str) -> Result<Self, String> {
        if let Some(boxed) = last_boxed(text) {
            return Self::read(boxed);
        }
        // What is cut through is no number.
        let text = match super::tail(text, MAX_SEARCHED) {
            cut if cut.len() < text.len() => cut.find(char::is_whitespace).map_or("", |at| &cut[at..]),
            whole => whole,
        };
        let mut cursor = Cursor { text, at: 0 };
        let mut last = None;
        loop {
            cursor.skip_spaces();
            let start = cursor.at;
            if start == text.len() {
                break;
            }
            match cursor.number() {
                Ok(Some(value)) => last = Some(Ok((value, start..cursor.at))),
                // Something like 3.4.5: no number, and no two.
                Err(reason) => last = Some(Err(reason)),
                Ok(None) => cursor.skip_word(),
            }
        }
        let (value, place) = last.unwrap_or_else(|| Err("no number".into()))?;
        let (before, after) = (&text[..place.start], &text[place.end..]);
        if is_part(before, after) {
            return Err(format!("the last number, {}, is a part of something larger", &text[place]));
        }
        let percent = percent_sign(after.trim_start()).is_some();
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
    (text.len() <= MAX_UNIT && plain.starts_with(|c: char| c.is_alphabetic() || c == '°')).then(|| suffix(&plain))
}

/// The text behind a percent sign.
fn percent_sign(text: &str) -> Option<&str> {
    ["\\%", "%", "percent", "per cent"].iter().find_map(|sign| text.strip_prefix(sign))
}

/// Whether a number between these texts is only a part of something larger.
fn is_part(before: &str, after: &str) -> bool {
    let letters = |text: &str| text.chars().take_while(|c| c.is_alphabetic()).collect::<String>().to_lowercase();
    let next = letters(after.trim_start());
    let single = next.strip_suffix('s').unwrap_or(&next);
    let multiplied = [&next, single].iter().any(|word| matches!(suffix(word), Suffix::Factor(_)) || CHANGING.contains(word));
    let attached = !next.is_empty() && after.starts_with(char::is_alphabetic) && suffix(&next) == Suffix::Other;
    let previous: String = before.trim_end().chars().rev().take_while(|c| c.is_alphabetic()).collect();
    let negated = ["sunim", "evitagen"].iter().any(|word| previous.eq_ignore_ascii_case(word));
    multiplied || attached || negated || before.ends_with(PARTS) || after.starts_with(PARTS)
}

/// A place in a text.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl Cursor<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, prefix: &str) -> bool {
        let there = self.rest().starts_with(prefix);
        self.at += if there { prefix.len() } else { 0 };
        there
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Past one character, or past all of a word, so that the 2 of `x2` is no number.
    fn skip_word(&mut self) {
        let word = self.rest().find(|c: char| !c.is_alphanumeric()).unwrap_or(self.rest().len());
        self.at += if word > 0 { word } else { self.next().map_or(0, char::len_utf8) };
    }

    /// A number that starts here, after spaces; nothing is read where none does.
    ///
    /// # Errors
    /// When what starts like a number is none, such as `1,23` or `3.4.5`.
    fn number(&mut self) -> Result<Option<BigRational>, String> {
        let start = self.at;
        self.skip_spaces();
        let negative = self.sign();
        let _ = self.take("\\");
        if self.next().is_some_and(|c| CURRENCIES.contains(&c)) {
            self.at += self.next().map_or(0, char::len_utf8);
        }
        let digits = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        if !(digits(self.next()) || self.next() == Some('.') && digits(self.rest().chars().nth(1))) {
            self.at = start;
            return Ok(None);
        }
        let from = self.at;
        let value = self.magnitude();
        let value = match self.next() {
            // More digits behind it, or a mark that would go on with them.
            Some(c) if c.is_ascii_digit() || matches!(c, '.' | ',' | '/' | ':') && digits(self.rest().chars().nth(1)) => None,
            _ => value,
        };
        let Some(value) = value else {
            let digits = |c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '/' | ':'));
            self.at += self.rest().find(digits).unwrap_or(self.rest().len());
            return Err(format!("`{}` can't be read as a number", super::short(&self.text[from..self.at])));
        };
        Ok(Some(if negative { -value } else { value }))
    }

    /// A sign, which is one only where no operand stands before it: in `5-3` and in `5 - 3` it takes away.
    fn sign(&mut self) -> bool {
        let (at, text) = (self.at, self.text);
        let minus = ["-", "−", "–", "—"].iter().any(|sign| self.take(sign));
        if !minus && !self.take("+") {
            return false;
        }
        let spaced = self.next().is_some_and(char::is_whitespace);
        self.skip_spaces();
        // What stands close to its number is a sign, but for an operand as close before it.
        let before = if spaced { text[..at].trim_end() } else { &text[..at] };
        minus && !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, ')' | ']' | '}' | '%'))
    }

    /// Digits with separators and decimals, and then a fraction, a mixed number or a power of ten.
    fn magnitude(&mut self) -> Option<BigRational> {
        let whole = self.decimal()?;
        let here = self.at;
        self.skip_spaces();
        let spaced = self.at > here;
        if self.take("/") {
            self.skip_spaces();
            // With spaces around it may also be prose.
            return if !spaced || self.next().is_some_and(|c| c.is_ascii_digit()) { self.quotient(whole) } else { None };
        }
        self.at = here;
        if whole.is_integer() && self.rest().starts_with(' ') {
            let here = self.at;
            self.at += 1;
            if let Some(part) = self.proper_fraction() {
                return Some(whole + part);
            }
            self.at = here;
        }
        let power = self.power_of_ten()?;
        Some(whole * power)
    }

    fn quotient(&mut self, numerator: BigRational) -> Option<BigRational> {
        let denominator = self.decimal()?;
        (!denominator.is_zero()).then(|| numerator / denominator)
    }

    /// The `1/2` of `3 1/2`.
    fn proper_fraction(&mut self) -> Option<BigRational> {
        let numerator = self.decimal()?;
        if !self.take("/") {
            return None;
        }
        let part = self.quotient(numerator)?;
        (part < BigRational::from_integer(1.into())).then_some(part)
    }

    /// Digits, with separators before every third, and decimals.
    fn decimal(&mut self) -> Option<BigRational> {
        let mut digits = self.digits().to_owned();
        let first = digits.len();
        while self.rest().starts_with(',') && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) {
            self.at += 1;
            let group = self.digits().to_owned();
            if group.len() != 3 || !(1..=3).contains(&first) {
                return None;
            }
            digits += &group;
        }
        let whole = digits.len();
        if self.rest().starts_with('.') && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) {
            self.at += 1;
            digits += self.digits();
        }
        if digits.is_empty() || digits.len() > MAX_DIGITS {
            return None;
        }
        let numerator = digits.parse::<BigInt>().ok()?;
        Some(BigRational::new(numerator, BigInt::from(10).pow((digits.len() - whole) as u32)))
    }

    fn digits(&mut self) -> &str {
        let start = self.at;
        self.at += self.rest().bytes().take_while(u8::is_ascii_digit).count();
        &self.text[start..self.at]
    }

    /// `e-3`, `× 10^4`, `\times 10^{4}`, `* 10^4`, or 1 where none follows; `None` for one out of range.
    fn power_of_ten(&mut self) -> Option<BigRational> {
        let one = BigRational::from_integer(1.into());
        let start = self.at;
        let braced = if self.take("e") || self.take("E") {
            false
        } else {
            self.skip_spaces();
            let times = self.take("\\times") || self.take("\\cdot") || self.take("×") || self.take("*") || self.take("x");
            self.skip_spaces();
            if !(times && self.take("10^")) {
                self.at = start;
                return Some(one);
            }
            self.take("{")
        };
        let negative = self.take("-");
        let _ = !negative && self.take("+");
        let digits = self.digits();
        if digits.is_empty() {
            self.at = start;
            return Some(one);
        }
        let exponent: u32 = digits.parse().ok().filter(|&n| n <= MAX_DIGITS as u32)?;
        if braced && !self.take("}") {
            return None;
        }
        let power = BigRational::from_integer(BigInt::from(10).pow(exponent));
        Some(if negative { power.recip() } else { power })
    }
}
