//! Characters as tokens, and three tokens that are no characters.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::TextError;

/// A character vocabulary: the characters in their order, then `answer`, `revise` and `end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Vocabulary {
    characters: Vec<char>,
}

impl Vocabulary {
    /// The distinct characters of some texts.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let distinct: BTreeSet<char> = texts.into_iter().flat_map(str::chars).collect();
        Self { characters: distinct.into_iter().collect() }
    }

    /// Token ids: the characters and the three special tokens.
    #[expect(clippy::len_without_is_empty, reason = "the special tokens are always there")]
    pub fn len(&self) -> usize {
        self.characters.len() + 3
    }

    /// The token between a problem and its first answer; shown as `=`.
    pub fn answer(&self) -> u32 {
        self.characters.len() as u32
    }

    /// The revision instruction, in one token; shown as `⟲`.
    pub fn revise(&self) -> u32 {
        self.answer() + 1
    }

    /// The end of an answer; shown as `∎`.
    pub fn end(&self) -> u32 {
        self.answer() + 2
    }

    /// The characters, in the order of their ids.
    pub fn characters(&self) -> &[char] {
        &self.characters
    }

    /// Ids of a text's characters.
    ///
    /// # Errors
    /// [`TextError::UnknownCharacter`] names the first that is not held, and where it stands.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TextError> {
        let id = |(i, character): (usize, char)| {
            self.characters.binary_search(&character).map(|id| id as u32).map_err(|_| TextError::UnknownCharacter {
                character,
                position: i + 1,
                known: self.characters.iter().take(64).collect(),
            })
        };
        text.chars().enumerate().map(id).collect()
    }

    /// The text of some ids; never fails, whatever the ids are.
    pub fn decode(&self, ids: &[u32]) -> String {
        let character = |&id: &u32| match self.characters.get(id as usize) {
            Some(&character) => character,
            None if id == self.answer() => '=',
            None if id == self.revise() => '⟲',
            None if id == self.end() => '∎',
            None => char::REPLACEMENT_CHARACTER,
        };
        ids.iter().map(character).collect()
    }
}

impl From<String> for Vocabulary {
    fn from(characters: String) -> Self {
        Self::from_texts([characters.as_str()])
    }
}

impl From<Vocabulary> for String {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.characters.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_are_characters_in_order_then_specials() {
        let v = Vocabulary::from_texts(["ca", "ab"]);
        assert_eq!((v.encode("abc").unwrap(), v.answer(), v.revise(), v.end(), v.len()), (vec![0, 1, 2], 3, 4, 5, 6));
        assert_eq!(v.decode(&[2, 0, 3, 4, 5, 99]), "ca=⟲∎\u{FFFD}");
        let error = v.encode("ax").unwrap_err().to_string();
        assert!(error.contains("'x' at position 2"), "{error}");
        assert_eq!(serde_json::to_string(&v).unwrap(), "\"abc\"");
    }

    proptest! {
        #[test]
        fn decoding_takes_encoding_back(text in any::<String>()) {
            let v = Vocabulary::from_texts([text.as_str()]);
            prop_assert_eq!(v.decode(&v.encode(&text).unwrap()), text);
        }
    }
}
