//! Text to token ids and back.

use crate::{error::TextError, vocabulary::Vocabulary};

/// Text to token ids and back: the characters of a built-in task, or the tokenizer of a language model.
///
/// # Contract
/// - Pure: the same text gives the same ids.
/// - `decode` and `decode_all` are total: whatever the ids are, they give text and do not panic.
/// - Ids of `encode` are below `len`.
#[expect(clippy::len_without_is_empty, reason = "a tokenizer without tokens is none")]
pub trait Tokenizer: Send + Sync {
    /// Ids of a text, with nothing added before or after it.
    ///
    /// # Errors
    /// [`TextError`] when the text can't be expressed.
    fn encode(&self, text: &str) -> Result<Vec<u32>, TextError>;

    /// Text of some ids; control tokens are left out where there are such.
    fn decode(&self, ids: &[u32]) -> String;

    /// Text of some ids, control tokens included.
    fn decode_all(&self, ids: &[u32]) -> String {
        self.decode(ids)
    }

    /// Token ids that there are.
    fn len(&self) -> usize;

    /// The characters, where tokens are characters.
    fn vocabulary(&self) -> Option<&Vocabulary> {
        None
    }
}

impl Tokenizer for Vocabulary {
    fn encode(&self, text: &str) -> Result<Vec<u32>, TextError> {
        Self::encode(self, text)
    }

    fn decode(&self, ids: &[u32]) -> String {
        Self::decode(self, ids)
    }

    fn len(&self) -> usize {
        Self::len(self)
    }

    fn vocabulary(&self) -> Option<&Vocabulary> {
        Some(self)
    }
}
