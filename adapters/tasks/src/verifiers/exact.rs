//! The same text.

use super::{Judgement, TextVerifier, read_both};

/// Right when both texts are equal but for the white space around them. Nothing can be judged by an empty reference.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exact {
    /// Whether `Yes` is `yes`.
    pub ignore_case: bool,
}

impl TextVerifier for Exact {
    fn judge(&self, answer: &str, reference: &str) -> Judgement {
        let (found, wanted) = match read_both((answer, Ok), (reference, some), |text| (*text).to_owned()) {
            Ok(both) => both,
            Err(judgement) => return judgement,
        };
        let right = found == wanted || self.ignore_case && found.to_lowercase() == wanted.to_lowercase();
        Judgement::of(right, found, wanted, if right { "the same text" } else { "another text" })
    }
}

/// A text by which an answer can be judged: by an empty one, to say nothing would be right.
fn some(text: &str) -> Result<&str, String> {
    if text.is_empty() { Err("an empty text".into()) } else { Ok(text) }
}
