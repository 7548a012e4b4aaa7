//! Answers in the way of MATH (Hendrycks et al. 2021, arXiv 2103.03874): a solution that ends in `\boxed{\frac{1}{2}}`.

use std::borrow::Cow;

use super::{Judgement, TextVerifier, compare};
use crate::math::{self, Answer, last_boxed};

/// Right when the content of the last `\boxed{}` is equivalent to the reference: that of its own last box, or the whole of a text without one.
/// An answer without a box is unparseable.
#[derive(Debug, Clone, Copy, Default)]
pub struct Boxed;

/// As [`Boxed`], but an answer without a box is read whole.
#[derive(Debug, Clone, Copy, Default)]
pub struct Math;

impl TextVerifier for Boxed {
    fn judge(&self, answer: &str, reference: &str) -> Judgement {
        compare((answer, read_boxed), (reference, read_any), judge)
    }
}

impl TextVerifier for Math {
    fn judge(&self, answer: &str, reference: &str) -> Judgement {
        compare((answer, read_any), (reference, read_any), judge)
    }
}

fn judge(found: &Answer, wanted: &Answer) -> (bool, Cow<'static, str>) {
    let comparison = math::compare(found, wanted);
    (comparison.equal, comparison.because.to_string().into())
}

fn read_boxed(text: &str) -> Result<Answer, String> {
    read(last_boxed(text).ok_or("no \\boxed{...} that ends")?)
}

fn read_any(text: &str) -> Result<Answer, String> {
    read(last_boxed(text).unwrap_or(text))
}

fn read(latex: &str) -> Result<Answer, String> {
    Answer::parse(latex).map_err(|error| error.to_string())
}
