//! Why a text can't be put to a model.

/// Why a text can't be put to a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A character that the vocabulary does not hold.
    #[error("character {character:?} at position {position} is not in the vocabulary ({known})")]
    UnknownCharacter {
        /// The character.
        character: char,
        /// From 1.
        position: usize,
        /// Characters that are.
        known: String,
    },
    /// A tokenizer or a chat template can't express a text.
    #[error("{0}")]
    Inexpressible(String),
    /// A problem typed by a person is not one of this task.
    #[error("{expected}, got `{got}`")]
    Malformed {
        /// What a problem looks like.
        expected: String,
        /// What was typed.
        got: String,
    },
}
