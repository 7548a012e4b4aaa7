//! Polynomials with rational coefficients in any generators; exponents may be negative or fractions.

use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

use super::{
    budget::{Bounded, Budget, Halt, bounded},
    monomial::{Exponent, Generator, Monomial},
};

/// Terms of one polynomial: products of two stay within the budget for a comparison.
pub(super) const MAX_TERMS: usize = 150;

/// Terms in the order of their monomials, none with the coefficient zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Polynomial(Vec<(Monomial, BigRational)>);

impl Polynomial {
    pub(super) fn zero() -> Self {
        Self::default()
    }

    pub(super) fn one() -> Self {
        Self::constant(BigRational::one())
    }

    pub(super) fn constant(number: BigRational) -> Self {
        Self::term(Monomial::default(), number)
    }

    pub(super) fn term(monomial: Monomial, coefficient: BigRational) -> Self {
        if coefficient.is_zero() { Self::zero() } else { Self(vec![(monomial, coefficient)]) }
    }

    pub(super) fn generator(generator: Generator, exponent: Exponent) -> Bounded<Self> {
        Monomial::new(generator, exponent).map(|(monomial, factor)| Self::term(monomial, factor))
    }

    pub(super) fn terms(&self) -> &[(Monomial, BigRational)] {
        &self.0
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    fn is_one(&self) -> bool {
        self.is_constant() && self.0.iter().all(|(_, coefficient)| coefficient.is_one())
    }

    /// The only term, where there is one.
    pub(super) fn single(&self) -> Option<(&Monomial, &BigRational)> {
        match self.0.as_slice() {
            [(monomial, coefficient)] => Some((monomial, coefficient)),
            _ => None,
        }
    }

    /// The value, where it is a rational number.
    pub(super) fn rational(&self) -> Option<BigRational> {
        match self.0.as_slice() {
            [] => Some(BigRational::zero()),
            [(monomial, coefficient)] if monomial.is_one() => Some(coefficient.clone()),
            _ => None,
        }
    }

    /// Whether it is a rational number other than zero.
    pub(super) fn is_constant(&self) -> bool {
        self.single().is_some_and(|(monomial, _)| monomial.is_one())
    }

    /// All generators, in all terms.
    pub(super) fn generators(&self) -> impl Iterator<Item = &Generator> {
        self.0.iter().flat_map(|(monomial, _)| monomial.powers()).map(|(generator, _)| generator)
    }

    pub(super) fn negated(&self) -> Self {
        Self(self.0.iter().map(|(monomial, coefficient)| (monomial.clone(), -coefficient)).collect())
    }

    pub(super) fn plus(&self, other: &Self, budget: &Budget) -> Bounded<Self> {
        collected(self.0.iter().chain(&other.0).cloned().collect(), budget)
    }

    pub(super) fn minus(&self, other: &Self, budget: &Budget) -> Bounded<Self> {
        self.plus(&other.negated(), budget)
    }

    pub(super) fn times(&self, other: &Self, budget: &Budget) -> Bounded<Self> {
        if self.is_one() {
            return Ok(other.clone());
        }
        if other.is_one() {
            return Ok(self.clone());
        }
        let mut products = Vec::with_capacity((self.0.len() * other.0.len()).min(MAX_TERMS * MAX_TERMS));
        for (monomial, coefficient) in &self.0 {
            for (other_monomial, other_coefficient) in &other.0 {
                budget.spend_on(coefficient, other_coefficient)?;
                let (product, factor) = monomial.times(other_monomial)?;
                let mut scaled = product_of(coefficient, other_coefficient);
                if !factor.is_one() {
                    budget.spend_on(&scaled, &factor)?;
                    scaled *= factor;
                }
                products.push((product, bounded(scaled)?));
            }
        }
        collected(products, budget)
    }

    /// The product with a number.
    pub(super) fn scaled(&self, number: &BigRational, budget: &Budget) -> Bounded<Self> {
        self.times(&Self::constant(number.clone()), budget)
    }

    /// The positive number that divides all coefficients and leaves whole ones without a common divisor.
    pub(super) fn content(&self, budget: &Budget) -> Bounded<BigRational> {
        let mut content = BigRational::zero();
        for (_, coefficient) in &self.0 {
            budget.spend_on(&content, coefficient)?;
            let over = num_integer::gcd(content.numer().clone(), coefficient.numer().clone());
            let under = num_integer::lcm(content.denom().clone(), coefficient.denom().clone());
            content = bounded(BigRational::new(over, under))?;
        }
        Ok(if content.is_zero() { BigRational::one() } else { content.abs() })
    }
}

/// The product of two numbers; of whole ones without a search for common divisors.
fn product_of(a: &BigRational, b: &BigRational) -> BigRational {
    if a.is_integer() && b.is_integer() { BigRational::from_integer(a.numer() * b.numer()) } else { a * b }
}

/// The sum of two numbers; of whole ones without a search for common divisors.
fn sum_of(a: &BigRational, b: &BigRational) -> BigRational {
    if a.is_integer() && b.is_integer() { BigRational::from_integer(a.numer() + b.numer()) } else { a + b }
}

/// Terms put in order, equal monomials joined.
fn collected(mut terms: Vec<(Monomial, BigRational)>, budget: &Budget) -> Bounded<Polynomial> {
    budget.spend(1 + terms.len() as u64)?;
    if terms.len() < 2 {
        return Ok(Polynomial(terms));
    }
    terms.sort_by(|a, b| a.0.cmp(&b.0));
    let mut joined: Vec<(Monomial, BigRational)> = Vec::with_capacity(terms.len());
    for (monomial, coefficient) in terms {
        match joined.last_mut().filter(|(last, _)| *last == monomial) {
            Some((_, sum)) => {
                budget.spend_on(sum, &coefficient)?;
                *sum = sum_of(sum, &coefficient);
            }
            None => joined.push((monomial, coefficient)),
        }
    }
    joined.retain(|(_, coefficient)| !coefficient.is_zero());
    for (_, coefficient) in &mut joined {
        *coefficient = bounded(std::mem::take(coefficient))?;
    }
    if joined.len() > MAX_TERMS { Err(Halt::TooLarge("there are too many terms")) } else { Ok(Polynomial(joined)) }
}
