//! The same text.

use super::{Judgement, TextVerifier, bounded};

/// Right when both texts are equal but for the white space around them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exact {
    /// Whether `Yes` is `yes`.
    pub ignore_case: bool,
}

impl TextVerifier for Exact {
    fn judge(&self, answer: &str, reference: &str) -> Judgement {
        let wanted = match bounded(reference) {
            Ok(wanted) => wanted,
            Err(reason) => return Judgement::failed(format!("the reference: {reason}")),
        };
        let found = match bounded(answer) {
            Ok(found) => found,
            Err(reason) => return Judgement::unparseable(reason, wanted),
        };
        let right = found == wanted || self.ignore_case && found.to_lowercase() == wanted.to_lowercase();
        Judgement::of(right, found, wanted, if right { "the same text" } else { "another text" })
    }
}
