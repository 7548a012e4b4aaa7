//! The same text.

use super::{ByReference, Judgement, TextVerifier, by_read};

/// Right when both texts are equal but for the white space around them. Nothing can be judged by an empty reference.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Exact {
    /// Whether `Yes` is `yes`.
    pub ignore_case: bool,
}

impl Exact {
    /// The same text, where `Yes` is `yes`.
    pub fn ignoring_case() -> Self {
        Self { ignore_case: true }
    }
}

impl TextVerifier for Exact {
    fn by(&self, reference: &str) -> ByReference {
        let Self { ignore_case } = *self;
        by_read(reference, some, String::clone, move |found, wanted| {
            let right = found == wanted || ignore_case && found.to_lowercase() == wanted.to_lowercase();
            Ok(Judgement::of(right, found, wanted, if right { "the same text" } else { "another text" }))
        })
    }
}

/// A text by which an answer can be judged: by an empty one, to say nothing would be right.
fn some(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("an empty text".into()) } else { Ok(text.to_owned()) }
}
