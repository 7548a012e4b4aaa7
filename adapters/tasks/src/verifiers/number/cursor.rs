//! A number that begins at a place in a text.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Zero};
use palinode_math::script;

/// Longest run of digits, and the largest power of ten: exact arithmetic on more would cost time, and no answer has them.
const MAX_DIGITS: usize = 100;
pub(super) const CURRENCIES: [char; 15] = ['$', '€', '£', '¥', '₹', '₩', '₽', '₺', '₫', '฿', '₦', '₱', '₪', '₴', '₸'];
/// What may stand between thousands besides a comma: spaces, narrow and not, apostrophes, a low line.
const SEPARATORS: [char; 8] = [' ', '\u{a0}', '\u{202f}', '\u{2009}', '\u{2007}', '\'', '’', '_'];

/// A place in a text.
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn rest(&self) -> &'a str {
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

    pub(super) fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Past one character, or past all of a word, so that the 2 of `x2` is no number. In scripts without spaces, digits are no part of a word.
    pub(super) fn skip_word(&mut self) {
        let of_word = |c: char| c.is_alphanumeric() && !script::stands_beside(c);
        let word = self.rest().find(|c| !of_word(c)).unwrap_or(self.rest().len());
        self.at += if word > 0 { word } else { self.next().map_or(0, char::len_utf8) };
    }

    /// A number that starts here, after spaces; nothing is read where none does.
    ///
    /// # Errors
    /// When what starts like a number is none, such as `1,23`, `3.4.5` or `69/3`.
    pub(super) fn number(&mut self) -> Result<Option<BigRational>, String> {
        let start = self.at;
        self.skip_spaces();
        let negative = self.sign();
        let _ = self.take("\\");
        if self.next().is_some_and(|c| CURRENCIES.contains(&c)) {
            self.at += self.next().map_or(0, char::len_utf8);
            self.at += if self.rest().starts_with(' ') { 1 } else { 0 };
        }
        let digits = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        if !(digits(self.next()) || self.next() == Some('.') && digits(self.rest().chars().nth(1))) {
            self.at = start;
            return Ok(None);
        }
        let from = self.at;
        let value = self.magnitude();
        let value = match self.next() {
            // More digits after it, or a mark that would go on with them.
            Some(c) if c.is_ascii_digit() || matches!(c, '.' | ',' | '/' | ':') && digits(self.rest().chars().nth(1)) => None,
            _ => value,
        };
        let Some(value) = value else {
            let digits = |c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '/' | ':'));
            self.at += self.rest().find(digits).unwrap_or(self.rest().len());
            let written = &self.text[from..self.at];
            let whole = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let division = written.split_once('/').is_some_and(|(over, under)| whole(over) && whole(under));
            let what = if division { "is a division that is left to do" } else { "can't be read as a number" };
            return Err(format!("`{}` {what}", crate::verifiers::short(written)));
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
        let operand = |c: char| c.is_alphanumeric() && !script::stands_beside(c) || matches!(c, ')' | ']' | '}' | '%');
        minus && !before.ends_with(operand)
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
        if denominator.is_zero() {
            return None;
        }
        let quotient = numerator / &denominator;
        // `69/3` is a division that is left to do.
        (!quotient.is_integer() || quotient.is_zero() || denominator.is_one()).then_some(quotient)
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
        if self.is_comma() {
            self.comma_groups(&mut digits)?;
        } else {
            self.spaced_groups(&mut digits);
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

    fn is_comma(&self) -> bool {
        self.rest().starts_with(',') && self.rest()[1..].starts_with(|c: char| c.is_ascii_digit())
    }

    /// Groups after commas, which separate nothing else within a number: of three digits, or of two but for the last, as in `12,34,567`.
    fn comma_groups(&mut self, digits: &mut String) -> Option<()> {
        let mut sizes = vec![digits.len()];
        while self.is_comma() {
            self.at += 1;
            let group = self.digits();
            sizes.push(group.len());
            digits.push_str(group);
        }
        let (last, rest) = sizes.split_last()?;
        let (first, middle) = rest.split_first()?;
        let thousands = (1..=3).contains(first) && middle.iter().all(|&size| size == 3);
        let lakhs = (1..=2).contains(first) && !middle.is_empty() && middle.iter().all(|&size| size == 2);
        // Nobody groups the digits of `0,500`: it may be half of one.
        (*last == 3 && (thousands || lakhs) && !digits.starts_with('0')).then_some(())
    }

    /// Groups of three digits after one separator, the same throughout. Where another number may follow a space, there is no group.
    fn spaced_groups(&mut self, digits: &mut String) {
        let Some(separator) = self.next().filter(|c| SEPARATORS.contains(c)) else { return };
        if !(1..=3).contains(&digits.len()) || digits.starts_with('0') {
            return;
        }
        let is_digit = |c: char| c.is_ascii_digit();
        while let Some(after) = self.rest().strip_prefix(separator) {
            let size = after.bytes().take_while(u8::is_ascii_digit).count();
            let behind = &after[size..];
            let goes_on =
                behind.trim_start().starts_with('/') || behind.starts_with([',', ':']) && behind[1..].starts_with(is_digit);
            if size != 3 || goes_on {
                return;
            }
            digits.push_str(&after[..3]);
            self.at += separator.len_utf8() + 3;
        }
    }

    fn digits(&mut self) -> &'a str {
        let start = self.at;
        self.at += self.rest().bytes().take_while(u8::is_ascii_digit).count();
        &self.text[start..self.at]
    }

    /// `e-3`, `× 10^4`, `×10⁴`, `\times 10^{4}`, `* 10**4`, or 1 where none follows; `None` for one out of range.
    fn power_of_ten(&mut self) -> Option<BigRational> {
        let start = self.at;
        let exponent = if self.take("e") || self.take("E") { self.exponent("") } else { self.exponent_of_ten() };
        let Some((negative, digits)) = exponent else {
            self.at = start;
            return Some(BigRational::from_integer(1.into()));
        };
        let exponent: u32 = digits.parse().ok().filter(|&n| n <= MAX_DIGITS as u32)?;
        let power = BigRational::from_integer(BigInt::from(10).pow(exponent));
        Some(if negative { power.recip() } else { power })
    }

    /// What stands after `× 10^`.
    fn exponent_of_ten(&mut self) -> Option<(bool, String)> {
        self.skip_spaces();
        let times = ["\\times", "\\cdot", "×", "·", "*", "x"].iter().any(|sign| self.take(sign));
        self.skip_spaces();
        if !(times && self.take("10")) {
            return None;
        }
        if self.take("^{") {
            self.exponent("}")
        } else if self.take("^") || self.take("**") {
            self.exponent("")
        } else {
            self.superscript()
        }
    }

    /// A sign and digits, and what closes them.
    fn exponent(&mut self, close: &str) -> Option<(bool, String)> {
        let negative = self.take("-") || self.take("−");
        let _ = !negative && self.take("+");
        let digits = self.digits().to_owned();
        (!digits.is_empty() && (close.is_empty() || self.take(close))).then_some((negative, digits))
    }

    fn superscript(&mut self) -> Option<(bool, String)> {
        const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
        let negative = self.take("⁻");
        let mut digits = String::new();
        while let Some(digit) = self.next().and_then(|c| DIGITS.iter().position(|&digit| digit == c)) {
            digits.extend(char::from_digit(digit as u32, 10));
            self.at += DIGITS[digit].len_utf8();
        }
        (!digits.is_empty()).then_some((negative, digits))
    }
}
