//! Products of powers of generators: what is left of a term without its coefficient.

use std::sync::Arc;

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::{BigRational, Ratio};
use num_traits::{CheckedAdd, CheckedMul, One, Signed, ToPrimitive, Zero};

use super::{
    ast::Function,
    budget::{Bounded, Halt, MAX_BITS},
    fraction::Fraction,
};

/// Size of an exponent's numerator and denominator: products of two never overflow.
pub(super) const MAX_EXPONENT: i64 = 1_000_000;

/// An exponent.
pub(super) type Exponent = Ratio<i64>;

/// What polynomials are made of. All but the last two are taken to be independent: no polynomial in them is zero unless all its coefficients are,
/// once powers of `i` and whole powers of primes are reduced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Generator {
    Variable(Arc<str>),
    Pi,
    Euler,
    /// The natural logarithm of a prime.
    LogPrime(u64),
    /// A prime, to a power between 0 and 1: roots of rational numbers.
    Prime(u64),
    Imaginary,
    /// An expression that is raised to a power but not expanded.
    Base(Arc<Fraction>),
    /// A function that is not computed.
    Call(Arc<Call>),
}

/// A function and what it is applied to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) function: Function,
    pub(super) arguments: Vec<Fraction>,
}

/// Generators in order, with exponents that are not zero; `i` has 1 only, primes have one below 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Monomial(Vec<(Generator, Exponent)>);

impl Monomial {
    /// A generator to a power, and the rational factor that leaves it when it is reduced.
    pub(super) fn new(generator: Generator, exponent: Exponent) -> Bounded<(Self, BigRational)> {
        Self::reduced(vec![(generator, exponent)])
    }

    pub(super) fn powers(&self) -> &[(Generator, Exponent)] {
        &self.0
    }

    pub(super) fn is_one(&self) -> bool {
        self.0.is_empty()
    }

    /// The product, and the rational factor that leaves it.
    pub(super) fn times(&self, other: &Self) -> Bounded<(Self, BigRational)> {
        let mut powers = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(left), Some(right)) = (a.peek(), b.peek()) {
            match left.0.cmp(&right.0) {
                std::cmp::Ordering::Less => powers.extend(a.next().cloned()),
                std::cmp::Ordering::Greater => powers.extend(b.next().cloned()),
                std::cmp::Ordering::Equal => {
                    powers.push((left.0.clone(), left.1.checked_add(&right.1).ok_or(TOO_HIGH)?));
                    a.next();
                    b.next();
                }
            }
        }
        powers.extend(a.chain(b).cloned());
        Self::reduced(powers)
    }

    /// The power, and the rational factor that leaves it. For an exponent that is not whole, all generators must be positive.
    pub(super) fn power(&self, exponent: Exponent) -> Bounded<(Self, BigRational)> {
        let raised = self.0.iter().map(|(generator, own)| Some((generator.clone(), own.checked_mul(&exponent)?)));
        Self::reduced(raised.collect::<Option<_>>().ok_or(TOO_HIGH)?)
    }

    /// Takes whole powers of primes and pairs of `i` out.
    fn reduced(mut powers: Vec<(Generator, Exponent)>) -> Bounded<(Self, BigRational)> {
        let mut factor = BigRational::one();
        for (generator, exponent) in &mut powers {
            if exponent.numer().abs() > MAX_EXPONENT || *exponent.denom() > MAX_EXPONENT {
                return Err(TOO_HIGH);
            }
            match generator {
                Generator::Imaginary if exponent.is_integer() => {
                    let turns = exponent.numer().mod_floor(&4);
                    *exponent = Exponent::from_integer(turns % 2);
                    factor = if turns >= 2 { -factor } else { factor };
                }
                Generator::Prime(prime) => {
                    let whole = exponent.floor();
                    *exponent -= whole;
                    if !whole.is_zero() {
                        factor *= prime_power(*prime, whole.to_integer())?;
                    }
                }
                _ => {}
            }
        }
        powers.retain(|(_, exponent)| !exponent.is_zero());
        Ok((Self(powers), factor))
    }
}

/// A prime to a whole power.
fn prime_power(prime: u64, exponent: i64) -> Bounded<BigRational> {
    let size = exponent.unsigned_abs();
    if size * u64::from(64 - prime.leading_zeros()) > MAX_BITS {
        return Err(TOO_HIGH);
    }
    let power = BigRational::from_integer(num_traits::pow(BigInt::from(prime), size.to_usize().ok_or(TOO_HIGH)?));
    Ok(if exponent < 0 { power.recip() } else { power })
}

const TOO_HIGH: Halt = Halt::TooLarge("an exponent is too high");
