//! Every way in which the core refuses, with what was expected and what it got.

use alloc::string::String;

/// Why the core refused a value or a combination.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number lies outside the range in which the method is defined.
    #[error("{name} must be {expected}, got {got}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// The range, in words.
        expected: &'static str,
        /// The value, as text.
        got: String,
    },
    /// Two lengths that belong together differ.
    #[error("{what}: expected length {expected}, got {got}")]
    Length {
        /// What was measured.
        what: &'static str,
        /// The length it had to have.
        expected: usize,
        /// The length it had.
        got: usize,
    },
    /// A token id that the vocabulary does not hold.
    #[error("{what}: token id {got} is not below the vocabulary size {expected}")]
    Token {
        /// Where the id stood.
        what: &'static str,
        /// Vocabulary size.
        expected: usize,
        /// The id.
        got: u32,
    },
    /// A token id below the vocabulary size that no token has: a row of a vocabulary that was padded.
    #[error("{what}: token id {got} is one that no token has")]
    NoToken {
        /// Where the id stood.
        what: &'static str,
        /// The id.
        got: u32,
    },
    /// Something that must not be empty is.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// The credit rule pays attempt 1 for being wrong (see [`crate::sandbagging`]).
    #[error(
        "alpha {alpha} times turn discount {gamma} exceeds 1 without telescoping: attempt 1 is paid for being wrong as soon as \
         P(attempt 2 right | attempt 1 wrong) exceeds {threshold:.3}. Use per-turn credit (the default), telescoped shaping, \
         a smaller alpha, or name the danger with `allow_sandbagging`"
    )]
    Sandbagging {
        /// Bonus weight.
        alpha: f64,
        /// Turn discount.
        gamma: f64,
        /// The probability above which attempt 1 prefers to be wrong, when right answers are always kept.
        threshold: f64,
    },
    /// A value became NaN or infinite.
    #[error("{0} is not finite")]
    NotFinite(&'static str),
    /// A context has grown past what the decoder holds.
    #[error("context of {got} tokens exceeds the decoder's capacity of {expected}")]
    Context {
        /// Capacity in tokens.
        expected: usize,
        /// Tokens needed.
        got: usize,
    },
}

impl Error {
    pub(crate) fn out_of_range(name: &'static str, expected: &'static str, got: impl core::fmt::Display) -> Self {
        Self::OutOfRange { name, expected, got: alloc::format!("{got}") }
    }
}

/// Refuses a number that is not finite or lies outside `[low, high]`.
pub(crate) fn check_range(name: &'static str, expected: &'static str, value: f64, low: f64, high: f64) -> Result<f64, Error> {
    if value.is_finite() && (low..=high).contains(&value) { Ok(value) } else { Err(Error::out_of_range(name, expected, value)) }
}
