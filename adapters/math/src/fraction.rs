//! Rational functions: the normal form of all expressions.

use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::{
    budget::{Bounded, Budget, Halt, bounded},
    monomial::{Exponent, Generator},
    polynomial::Polynomial,
    sampling,
};

/// A numerator over a denominator that is not zero, and that is one where it has a single term.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fraction {
    numerator: Polynomial,
    denominator: Polynomial,
}

impl Fraction {
    /// The quotient of two polynomials.
    pub(super) fn new(numerator: Polynomial, denominator: Polynomial, budget: &Budget) -> Bounded<Self> {
        if denominator.is_zero() {
            return Err(Halt::Undefined("it divides by zero"));
        }
        if numerator.is_zero() {
            return Ok(Self::whole(numerator));
        }
        let Some((monomial, coefficient)) = denominator.single() else {
            return Self::with_unit_content(&numerator, &denominator, budget);
        };
        let (inverse, factor) = monomial.power(-Exponent::one())?;
        budget.spend_on(coefficient, &factor)?;
        let inverse = Polynomial::term(inverse, factor / coefficient);
        Ok(Self::whole(numerator.times(&inverse, budget)?))
    }

    /// Scales both so that the denominator has whole coefficients without a common divisor, its first positive.
    fn with_unit_content(numerator: &Polynomial, denominator: &Polynomial, budget: &Budget) -> Bounded<Self> {
        let content = denominator.content(budget)?;
        let negative = denominator.terms().first().is_some_and(|(_, coefficient)| coefficient.is_negative());
        let scale = if negative { -content.recip() } else { content.recip() };
        Ok(Self { numerator: numerator.scaled(&scale, budget)?, denominator: denominator.scaled(&scale, budget)? })
    }

    pub(super) fn whole(numerator: Polynomial) -> Self {
        Self { numerator, denominator: Polynomial::one() }
    }

    pub(super) fn constant(number: BigRational) -> Self {
        Self::whole(Polynomial::constant(number))
    }

    pub(super) fn integer(number: i64) -> Self {
        Self::constant(BigRational::from_integer(number.into()))
    }

    pub(super) fn generator(generator: Generator) -> Bounded<Self> {
        Polynomial::generator(generator, Exponent::one()).map(Self::whole)
    }

    pub(super) fn numerator(&self) -> &Polynomial {
        &self.numerator
    }

    pub(super) fn denominator(&self) -> &Polynomial {
        &self.denominator
    }

    /// The numerator, where there is no other denominator than one.
    pub(super) fn polynomial(&self) -> Option<&Polynomial> {
        self.denominator.is_constant().then_some(&self.numerator)
    }

    /// The value, where it is a rational number.
    pub(super) fn rational(&self) -> Option<BigRational> {
        self.polynomial()?.rational()
    }

    pub(super) fn is_zero(&self) -> bool {
        self.numerator.is_zero()
    }

    /// All generators of numerator and denominator.
    pub(super) fn generators(&self) -> impl Iterator<Item = &Generator> {
        self.numerator.generators().chain(self.denominator.generators())
    }

    pub(super) fn negated(&self) -> Self {
        Self { numerator: self.numerator.negated(), denominator: self.denominator.clone() }
    }

    pub(super) fn plus(&self, other: &Self, budget: &Budget) -> Bounded<Self> {
        if self.polynomial().is_some() && other.polynomial().is_some() {
            return Ok(Self::whole(self.numerator.plus(&other.numerator, budget)?));
        }
        if self.denominator == other.denominator {
            return Self::new(self.numerator.plus(&other.numerator, budget)?, self.denominator.clone(), budget);
        }
        let left = self.numerator.times(&other.denominator, budget)?;
        let right = other.numerator.times(&self.denominator, budget)?;
        Self::new(left.plus(&right, budget)?, self.denominator.times(&other.denominator, budget)?, budget)
    }

    pub(super) fn minus(&self, other: &Self, budget: &Budget) -> Bounded<Self> {
        self.plus(&other.negated(), budget)
    }

    pub(super) fn times(&self, other: &Self, budget: &Budget) -> Bounded<Self> {
        if self.polynomial().is_some() && other.polynomial().is_some() {
            return Ok(Self::whole(self.numerator.times(&other.numerator, budget)?));
        }
        let numerator = self.numerator.times(&other.numerator, budget)?;
        Self::new(numerator, self.denominator.times(&other.denominator, budget)?, budget)
    }

    /// The quotient. A divisor that is zero without looking so, as `\sqrt{3+2\sqrt2}-1-\sqrt2`, is refused too.
    pub(super) fn over(&self, other: &Self, budget: &Budget) -> Bounded<Self> {
        if !other.is_zero() && !is_independent(other) && !sampling::is_nonzero(&other.numerator, budget) {
            return Err(Halt::Undefined("it may divide by zero"));
        }
        if let (Some(over), Some(under)) = (self.constant_term(), other.constant_term()) {
            budget.spend_on(over, under)?;
            return bounded(small_quotient(over, under).unwrap_or_else(|| over / under)).map(Self::constant);
        }
        let numerator = self.numerator.times(&other.denominator, budget)?;
        Self::new(numerator, self.denominator.times(&other.numerator, budget)?, budget)
    }

    /// The value, where it is a rational number other than zero.
    fn constant_term(&self) -> Option<&BigRational> {
        self.polynomial()?.single().filter(|(monomial, _)| monomial.is_one()).map(|(_, number)| number)
    }
}

/// The quotient of small whole numbers, which most fractions are: far faster than with numbers of any size.
fn small_quotient(over: &BigRational, under: &BigRational) -> Option<BigRational> {
    let small = |number: &BigRational| if number.is_integer() { number.numer().to_i32().map(i64::from) } else { None };
    let (over, under) = (small(over)?, small(under).filter(|under| *under != 0)?);
    let divisor = over.gcd(&under) * under.signum();
    Some(BigRational::new_raw((over / divisor).into(), (under / divisor).into()))
}

/// Whether a normal form is zero only where its numerator has no terms.
pub(super) fn is_independent(fraction: &Fraction) -> bool {
    !fraction.generators().any(|generator| matches!(generator, Generator::Base(_) | Generator::Call(_)))
}

/// Whether no variable is in a normal form, however deep.
pub(super) fn is_constant(fraction: &Fraction) -> bool {
    fraction.generators().all(|generator| match generator {
        Generator::Variable(_) => false,
        Generator::Base(base) => is_constant(base),
        Generator::Call(call) => call.arguments.iter().all(is_constant),
        _ => true,
    })
}

/// The rational factor and the one generator, to the power one, of a normal form such as `3\pi`; the factor is zero for zero.
pub(super) fn multiple_of(fraction: &Fraction, generator: &Generator) -> Option<BigRational> {
    if fraction.is_zero() {
        return Some(BigRational::zero());
    }
    let (monomial, coefficient) = fraction.polynomial()?.single()?;
    let is_it = matches!(monomial.powers(), [(own, exponent)] if own == generator && exponent.is_one());
    is_it.then(|| coefficient.clone())
}
