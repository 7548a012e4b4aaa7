//! Answers in the way of MATH (Hendrycks et al. 2021, arXiv 2103.03874): a solution that ends in `\boxed{\frac{1}{2}}`.

use palinode_math::{self as math, Answer, Form, emphasis, final_boxed};

use super::{ByReference, Judgement, TextVerifier, by_read};

/// Right when the content of the last `\boxed{}` is equivalent to the reference: that of its own last box, or the whole of a text without one.
/// An answer without a box is unparseable, and so is one whose last boxes are joined by `or` or `and`, or whose last box is denied (`not \boxed{6}`).
///
/// Besides the value, the [`Form`] counts: the one that is set, or else the reference's own, so that a question is not solved by repeating it. A reference
/// that does not have the form that is set is a failure.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Boxed {
    /// The form that answers must have; where none is set, that of the reference.
    pub form: Option<Form>,
}

/// As [`Boxed`], but an answer without a box is read whole.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Math {
    /// As there.
    pub form: Option<Form>,
}

impl Boxed {
    /// Answers must have this form, whatever that of the reference.
    pub fn in_form(form: Form) -> Self {
        Self { form: Some(form) }
    }
}

impl TextVerifier for Boxed {
    fn by(&self, reference: &str) -> ByReference {
        by_form(read_boxed, reference, self.form)
    }
}

impl Math {
    /// Answers must have this form, whatever that of the reference.
    pub fn in_form(form: Form) -> Self {
        Self { form: Some(form) }
    }
}

impl TextVerifier for Math {
    fn by(&self, reference: &str) -> ByReference {
        by_form(read_any, reference, self.form)
    }
}

fn by_form(read_answer: fn(&str) -> Result<Answer, String>, reference: &str, form: Option<Form>) -> ByReference {
    let in_form = |text: &str| {
        let reference = read_any(text)?;
        form.map_or(Ok(()), |form| form.suits(&reference)).map_err(str::to_owned)?;
        Ok(reference)
    };
    by_read(reference, in_form, Answer::to_string, move |answer, wanted| {
        let found = read_answer(answer)?;
        let comparison = math::judge(&found, wanted, form);
        // What was read shows the value, which is not what is wrong with the form.
        let shown = |answer: &Answer| if comparison.because.is_of_form() { answer.text().to_owned() } else { answer.to_string() };
        Ok(Judgement::of(comparison.equal, shown(&found), shown(wanted), comparison.because.to_string()))
    })
}

fn read_boxed(text: &str) -> Result<Answer, String> {
    let text = &emphasis::without_struck(text);
    read(final_boxed(text)?.ok_or("no \\boxed{...} that ends")?)
}

fn read_any(text: &str) -> Result<Answer, String> {
    let text = &emphasis::without_struck(text);
    read(final_boxed(text)?.unwrap_or(text))
}

fn read(latex: &str) -> Result<Answer, String> {
    Answer::parse(latex).map_err(|error| error.to_string())
}
