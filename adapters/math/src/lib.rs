#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! Whether two short mathematical answers, in LaTeX or plain text, are the same: for verifying answers by rule.
//!
//! No wrong answer may be accepted; where two answers can't be shown to be the same within the bounds, they count as different.
//!
//! ```text
//! final_boxed  the last \boxed{...} of a solution, where it is the one answer     boxed
//! clean        delimiters, a final point, "the answer is"                      clean
//! lex          text to tokens, without what only changes how it looks         lexer, names, token
//! parse        tokens to a shape: lists, relations, sets, expressions         parser, ast, unit, numeral
//! build        expressions to normal forms, shapes to values                  build, interval, normal, power, function
//! compare      kinds, parts, normal forms, and samples last                   compare, fraction, polynomial, monomial, reduction, sampling
//! judge        compare, and how far the answer is worked out                   form
//! ```
//!
//! # Grammar
//!
//! ```text
//! answer      = relation { ("," | ";" | and | or) relation }
//! relation    = sets { ("=" | "≠" | "<" | "≤" | ">" | "≥" | "≈" | "∈") sets }
//! sets        = side { "∪" side } | side "∖" side | side ":" side
//! side        = "\{" items "\}" | ("(" | "[") items ("]" | ")") | "⟨" items "⟩" | matrix | "∅" | "ℝ" | digits "_" base | word | sum [ unit ]
//! sum         = [ sign ] product { sign product }            sign = "+" | "-" | "±" | "∓"
//! product     = operand { ("·" | "/" | nothing) operand }    from left to right, so 1/2x is half of x
//! operand     = factor | whole fraction                      3\frac{1}{2} and 3 1/2 are mixed numbers; the fraction must be proper
//! factor      = primary { "^" exponent | "!" | "%" | "°" }         each once
//! primary     = number | variable | constant | "(" sum ")" | "|" sum "|" | command
//! ```
//!
//! # What is the same
//!
//! The first of these that decides is taken:
//!
//! 1. The same text, once what surrounds it is gone.
//! 2. The same normal form. Expressions are quotients of polynomials with rational coefficients in variables, `π`, `e`, `i`, roots of primes,
//!    logarithms of primes, and whatever is not computed further. Without the last, exact arithmetic decides: an answer in decimals never equals an
//!    irrational number, nor `0.333` a third.
//! 3. The same once whole powers are taken out of roots, absolute values and powers: `|x|^2` is `x^2`, but not for `z` and `w`, which are complex.
//! 4. Samples in double precision, for what is not computed: nested roots, functions, powers with variables. They say "equal" only where numerals
//!    are so small and terms so even that rounding can't hide a difference, never for what exact arithmetic told apart, and never where roots,
//!    logarithms or absolute values of more than one term, as in `|x-2|`, may have branches that the samples miss.
//!
//! # Conventions
//!
//! - `50\%` is a hundredth of 50. Where it is a whole answer, not a part of one, it also equals the bare number 50, if that has no percent sign.
//!   `50\%` and `0.5\%` differ.
//! - A unit at the end counts only against another unit: `5 cm` is `5`, and is not `5 m`. Units are not converted, and the case of a prefix counts: `Mg` is not `mg`. The same holds for `\$`,
//!   degrees, and one counted noun in the plural, such as `apples`. `million` and the like multiply. Other words, such as `halves`, are not read.
//!   Outside of `\text` a unit needs white space before it and must be too long for a product: `2mg` is three factors; `3 m/s` and the like are units.
//! - Degrees are an angle in the argument of a trigonometric function, else a unit.
//! - `101_2` equals the same number in the same base only, neither 101 nor 5.
//! - A comma between groups of three digits separates thousands, but not in brackets: `(100,200)` is a pair, `(1,000)` a number. So do spaces of all widths,
//!   apostrophes and low lines: `1 250`, `12'500`, `1_000`.
//! - Digits may be of any script, and counters and factors Chinese, Japanese or Korean: `42元`, `3万`. `42以上` is not read.
//! - Emphasis, headings and pictures around an answer are left out: `**5**`, `### 5`, `✅ 5`.
//! - `\pm` stands for two values, several for all combinations; with `\mp` among them all change together.
//! - Tuples and intervals are the same if written the same. Unions of intervals are joined. Sets and bare lists are compared in any order; a set
//!   has no element twice. `\{5\}` is not `5`.
//! - `f`, `g`, `h`, `F`, `G` and `P` before a parenthesis are functions: `f(x)` and `f(3)` are read before `=` only. `\angle ABC` and `\overline{AB}` are names.
//! - `x = 5` and `f(x) = 5` are 5 against anything but a relation, as are `x > 5` and `x \in (5, \infty)` the interval; `x = 5` is not `y = 5`.
//!   An answer such as `m+n=47`, of several variables and no number, is 47 against anything but a relation; `2x=10` is yet to be solved. Values for several names
//!   keep their names, but `x=3, y=4` is the pair `(3,4)`: where names follow each other in the alphabet. Equations are the same up to a rational factor. Words before an answer are dropped only where they
//!   are `the answer is` or the like.
//! - `\pi/4 \approx 0.785` is its left side; `x \approx 5` is not read.
//! - Roots and powers are principal, but an odd root of a negative number is real: `\sqrt[3]{-8}` is -2, `(-8)^{1/3}` is not. `\log` is to base ten.
//!   A common factor cancels, as in `(x^2-1)/(x-1)`. `0^0`, division by zero and arithmetic with infinity have no value.
//! - Words are compared without case, lists of words in their order. Runs of letters are words, but for up to three different ones of `abcxyz`, which are a product: `2abc` is `2bca`, and so
//!   are `xy` and `yx`. Alone, `abc` and `bca` are words all the same, unless an unknown (x, y, z) is among their letters; and `B C A` is an order.
//!   `\text{(A)}` is `A`.
//! - What could mean two things is not read: `\sqrt12`, `2\frac{5}{2}`, `2\frac12^2`, `\sin\pi/6`, `\sin{x}^2`, `0.333...`, `0.(3)`, `{2}{3}`,
//!   `[2.7]`, `5–7`. In `3:05` the minutes are no number, so that it is not `3:5`.

mod ast;
mod boxed;
mod budget;
mod build;
mod clean;
mod compare;
mod complex;
mod display;
mod doubt;
pub mod emphasis;
mod error;
mod factoring;
mod form;
mod fraction;
mod function;
mod interval;
mod lexer;
mod monomial;
mod names;
mod normal;
mod numeral;
mod parser;
mod polynomial;
mod power;
mod reduction;
mod sampling;
pub mod script;
mod token;
mod unit;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;

use num_rational::BigRational;

pub use boxed::{final_boxed, last_boxed};
pub use compare::{Comparison, Reason, compare, judge};
pub use doubt::doubt;
pub use error::MathError;
pub use form::Form;
pub use unit::{Suffix, suffix};

use ast::Node;
use budget::Budget;
use value::{NormalForm, Number, Quantity, Relation};

/// Bytes of one answer: short answers have less than a hundred.
const MAX_LENGTH: usize = 4096;

/// An answer that has been read.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The text without what surrounds it.
    text: String,
    /// What it means.
    value: NormalForm,
    /// How it was written.
    node: Node,
}

/// One number, as a text has it.
pub struct Numeral {
    /// Its exact value.
    pub value: BigRational,
    /// Whether a percent sign followed; `value` is then a hundredth of what stood before it.
    pub percent: bool,
    /// The unit, by its one name.
    pub unit: Option<String>,
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`MathError`] says what is missing, too large, or has no meaning.
    pub fn parse(latex: &str) -> Result<Self, MathError> {
        if latex.len() > MAX_LENGTH {
            return Err(MathError::TooLong { length: latex.len(), limit: MAX_LENGTH });
        }
        let kept = emphasis::without_struck(latex);
        let ascii = script::ascii_digits(&kept);
        let read = Self::read(clean::clean(&ascii));
        if read.is_err() && ascii.contains(['*', '`', '_']) {
            // Emphasis within, as in `**5** km`.
            return Self::read(clean::clean(&emphasis::without_marks(&ascii))).or(read);
        }
        read
    }

    fn read(text: &str) -> Result<Self, MathError> {
        if text.is_empty() {
            return Err(MathError::Empty);
        }
        let word = clean::is_words(text) || clean::is_list_of_words(text);
        let node = if word { Node::Word(clean::word(text)) } else { parser::parse(&lexer::lex(text)?, text.len())? };
        let value = build::value(&node, &Budget::new())?;
        Ok(Self { text: text.to_owned(), value, node })
    }

    /// The text without what surrounds it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The one number that the answer is, or that an equation says.
    pub fn numeral(&self) -> Option<Numeral> {
        let value = match &self.value {
            NormalForm::Relation(Relation { solved: Some(solved), .. }) => &solved.value,
            NormalForm::Relation(Relation { stated: Some(stated), .. }) => stated,
            value => value,
        };
        let NormalForm::Quantity(Quantity { number: Number::Finite(number), unit, percent }) = value else { return None };
        let value = number.rational().filter(|_| form::is_number(&self.node))?;
        Some(Numeral { value, percent: *percent, unit: unit.clone() })
    }

    /// The text, where it is nothing but letters that were read as a product.
    fn run(&self) -> Option<&str> {
        let letters = self.text.len() > 1 && self.text.bytes().all(|byte| byte.is_ascii_lowercase());
        (letters && clean::is_product(&self.text)).then_some(self.text.as_str())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
