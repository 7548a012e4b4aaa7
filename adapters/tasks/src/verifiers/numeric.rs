//! Numbers, exact or within a tolerance.

use num_rational::BigRational;
use num_traits::Signed;

use super::{
    ByReference, TextVerifier, compare,
    number::{Number, Tolerance},
};
use crate::error::TaskError;

/// Right when both numbers are the same amount: `1,250.0`, `$1250` and `1.25e3`; `1/2`, `0.5` and `50%`; `3 km` and `3`, but not `3 m`.
///
/// A number may be written in LaTeX, in a box, in digits of any script, with spaces or apostrophes between thousands, or as the side of an equation that
/// holds (`27 + 12 = 39`, `x = 39`); arithmetic that is left to do is no number. Units are read as in [`palinode_math`]: one that only one side has may be left out, two different ones differ, and words that may change the
/// amount are not read. Currencies are units: `$5` is `5 dollars` and `5 USD`, and neither `€5` nor `5 cents`.
#[derive(Debug, Clone, Default)]
pub struct Numeric {
    tolerance: Tolerance,
    last: bool,
}

impl Numeric {
    /// Numbers that differ by no more than `absolute + relative |reference|`; both 0 for the same number.
    ///
    /// # Errors
    /// [`TaskError::Size`] when one of them is negative or not finite.
    pub fn within(absolute: f64, relative: f64) -> Result<Self, TaskError> {
        // 0.3 means three tenths, not the binary number next to it.
        let exact = |name: &'static str, bound: f64| {
            let wrong = || TaskError::Size { name, expected: "a number that is not negative", got: bound.to_string() };
            let decimal = Number::read(&bound.to_string()).map(Number::into_value).ok();
            decimal.or_else(|| BigRational::from_float(bound)).filter(|bound| !bound.is_negative()).ok_or_else(wrong)
        };
        let (absolute, relative) = (exact("absolute", absolute)?, exact("relative", relative)?);
        Ok(Self { tolerance: Tolerance { absolute, relative }, last: false })
    }

    /// Reads the last number of a text, rather than a text that is one number.
    pub fn last(self) -> Self {
        Self { last: true, ..self }
    }
}

impl TextVerifier for Numeric {
    fn by(&self, reference: &str) -> ByReference {
        let (read, tolerance) = (if self.last { Number::last } else { Number::read }, self.tolerance.clone());
        compare(reference, read, move |found, wanted| {
            let right = found.same_amount(wanted, &tolerance);
            let because = match (right, tolerance.is_exact()) {
                (true, true) => "the same number",
                (true, false) => "within the tolerance",
                (false, _) if !found.same_unit(wanted) => "another unit",
                (false, true) => "another number",
                (false, false) => "outside of the tolerance",
            };
            (right, because.into())
        })
    }
}
