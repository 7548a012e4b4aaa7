//! Why a text can't be read as an answer.

use super::budget::Halt;

/// Why a text can't be read as an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MathError {
    /// Nothing is left once white space, delimiters and punctuation are gone.
    #[error("the answer is empty")]
    Empty,
    /// The text is longer than any short answer.
    #[error("the answer has {length} bytes, at most {limit} are read")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Brackets, roots, fractions or powers are nested too deeply.
    #[error("the answer is nested more than {limit} levels deep")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },
    /// Something that the grammar has no place for.
    #[error("unexpected {what} at byte {at}")]
    Unexpected {
        /// What stands there, in words.
        what: String,
        /// Its offset in the text, in bytes from 0.
        at: usize,
    },
    /// A number or an expression grows beyond what is computed exactly.
    #[error("the answer is too large to compute with: {what}")]
    TooLarge {
        /// What is.
        what: &'static str,
    },
    /// The expression has no value, such as a division by zero.
    #[error("the answer has no value: {what}")]
    Undefined {
        /// Why.
        what: &'static str,
    },
}

impl From<Halt> for MathError {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::TooLarge(what) => Self::TooLarge { what },
            Halt::Undefined(what) => Self::Undefined { what },
        }
    }
}
