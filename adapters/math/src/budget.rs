//! A bound on the work that one text or one comparison may cost.

use std::cell::Cell;

use num_rational::BigRational;

/// Steps for one text or one comparison. A step is about a product of two small terms, so this ends within some milliseconds.
const STEPS: u64 = 16_000;

/// Bits of a numerator or a denominator: enough for `500!`, and a greatest common divisor still takes far less than a millisecond.
pub(super) const MAX_BITS: u64 = 4096;

/// Why a computation stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// A bound is reached.
    TooLarge(&'static str),
    /// There is no value.
    Undefined(&'static str),
}

/// The result of a computation that may stop.
pub(super) type Bounded<T> = Result<T, Halt>;

/// Steps that are left.
pub(super) struct Budget {
    left: Cell<u64>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { left: Cell::new(STEPS) }
    }

    /// Takes `steps`, or stops the computation.
    pub(super) fn spend(&self, steps: u64) -> Bounded<()> {
        let left = self.left.get().checked_sub(steps).ok_or(Halt::TooLarge("it takes too many steps"))?;
        self.left.set(left);
        Ok(())
    }

    /// Takes what an operation on two rational numbers costs, which is quadratic in their size.
    pub(super) fn spend_on(&self, a: &BigRational, b: &BigRational) -> Bounded<()> {
        let words = (bits(a) + bits(b)) / 64;
        self.spend(1 + words * words / 3)
    }
}

/// `number`, where its size is within bounds.
pub(super) fn bounded(number: BigRational) -> Bounded<BigRational> {
    if bits(&number) > MAX_BITS { Err(Halt::TooLarge("a number has too many digits")) } else { Ok(number) }
}

/// The larger size of numerator and denominator.
pub(super) fn bits(number: &BigRational) -> u64 {
    number.numer().bits().max(number.denom().bits())
}
