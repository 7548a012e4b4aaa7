//! Values in double precision, as the last resort where exact arithmetic does not decide.
//!
//! Rounding makes two numbers look equal, so this says "zero" only where all numerals are small, no sum loses digits, and no function's argument is
//! extreme: then numbers that differ, differ by more than the tolerance.

use std::collections::BTreeSet;

use num_rational::BigRational;
use num_traits::{One, ToPrimitive, Zero};

use super::{
    ast::Function,
    budget::{Budget, bits},
    complex::Complex,
    fraction::{Fraction, is_constant},
    monomial::{Call, Generator, Monomial},
    polynomial::Polynomial,
    reduction,
};

/// Variables whose signs are tried in all combinations.
const MAX_SIGNED: usize = 4;

/// Points at which expressions with variables are compared: real ones, and as many complex ones between them.
const POINTS: u64 = 2 * (COMBINATIONS + SIZED);

/// Combinations of signs, each tried at the smallest size.
const COMBINATIONS: u64 = 1 << MAX_SIGNED;

/// Further points, at all sizes.
const SIZED: u64 = 16;

/// Sizes of the variables. The large ones show where a root or an absolute value changes its sign: `|x-10|` is `10-x` for small numbers only.
const SCALES: [f64; 6] = [1.0, 3.0, 30.0, 1e3, 3e4, 1e6];

/// Points that must have a value before all of them count as equal.
const MIN_POINTS: usize = 4;

/// A sum below this fraction of its terms is zero: rounding leaves some 1e-15.
const ZERO: f64 = 1e-12;

/// A sum above this fraction of its terms is not zero.
const NONZERO: f64 = 1e-9;

/// Terms further apart than this lose digits.
const MIN_RATIO: f64 = 1e-7;

/// Terms further apart than this could hide a difference in the smallest of them.
const MIN_ZERO_RATIO: f64 = 1e-2;

/// Arguments of functions whose size is between these keep their digits.
const ARGUMENTS: std::ops::Range<f64> = 1e-4..1e4;

/// Bits of one coefficient.
const COEFFICIENT_BITS: u64 = 16;

/// Bits of all coefficients of a constant together. More could approximate any number within the tolerance.
const CONSTANT_BITS: u64 = 36;

/// The largest exponent.
const MAX_POWER: f64 = 12.0;

/// Whether a polynomial is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zeroness {
    Zero,
    Nonzero,
    Unclear,
}

/// Whether `difference` is zero wherever `denominators` are not.
pub(super) fn zeroness(difference: &Polynomial, denominators: [&Polynomial; 2], budget: &Budget) -> Zeroness {
    let names = names([difference, denominators[0], denominators[1]]);
    let constant = names.is_empty();
    let mut seen = 0;
    let mut clear = true;
    for point in if constant { 0..1 } else { 0..POINTS } {
        let sample = Sample { point, names: &names, budget };
        let poles = denominators
            .into_iter()
            .any(|denominator| sample.sum(denominator).is_none_or(|sum| sum.value.norm() <= NONZERO * sum.largest));
        let Some(sum) = sample.sum(difference).filter(|_| !poles) else { continue };
        if sum.value.norm() > NONZERO * sum.largest {
            return Zeroness::Nonzero;
        }
        clear &= sum.value.norm() <= ZERO * sum.largest;
        seen += usize::from(sum.smallest >= MIN_ZERO_RATIO * sum.largest);
    }
    let enough = seen >= if constant { 1 } else { MIN_POINTS };
    if clear && enough && is_simple(difference) && is_shown(difference, names.len()) { Zeroness::Zero } else { Zeroness::Unclear }
}

/// Whether coefficients are too few and too small to approximate a number by chance.
fn is_simple(difference: &Polynomial) -> bool {
    let approximates = difference.generators().any(|generator| match generator {
        Generator::Base(base) => is_constant(base) || has_irrational_sum(base),
        Generator::Call(call) => call.arguments.iter().all(is_constant) || call.arguments.iter().any(has_irrational_sum),
        _ => false,
    });
    coefficient_bits(difference).is_some_and(|bits| !approximates || bits <= CONSTANT_BITS)
}

/// Whether there is a sum with irrational constants, which could be chosen to be near to another.
fn has_irrational_sum(fraction: &Fraction) -> bool {
    [fraction.numerator(), fraction.denominator()].into_iter().any(|polynomial| {
        let several = polynomial.terms().len() > 1;
        polynomial.generators().any(|generator| match generator {
            Generator::Variable(_) | Generator::Imaginary => false,
            Generator::Base(base) => (several && is_constant(base)) || has_irrational_sum(base),
            Generator::Call(call) => {
                (several && call.arguments.iter().all(is_constant)) || call.arguments.iter().any(has_irrational_sum)
            }
            _ => several,
        })
    })
}

/// Whether samples show all branches of what is in a polynomial.
fn is_shown(polynomial: &Polynomial, names: usize) -> bool {
    let covered = |argument: &Fraction| is_constant(argument) || (names <= MAX_SIGNED && reduction::is_covered(argument));
    let inside = |fraction: &Fraction| is_shown(fraction.numerator(), names) && is_shown(fraction.denominator(), names);
    polynomial.terms().iter().flat_map(|(monomial, _)| monomial.powers()).all(|(generator, exponent)| match generator {
        Generator::Base(base) => (exponent.is_integer() || covered(base)) && inside(base),
        Generator::Call(call) => {
            let branches = !matches!(call.function, Function::Sin | Function::Cos);
            let real = call.function != Function::Abs || call.arguments.iter().all(has_real_names);
            exponent.is_integer()
                && real
                && (!branches || call.arguments.first().is_some_and(covered))
                && call.arguments.iter().all(inside)
        }
        _ => true,
    })
}

/// Whether all variables stand for real numbers, as far as their names show.
fn has_real_names(fraction: &Fraction) -> bool {
    names([fraction.numerator(), fraction.denominator()]).iter().all(|name| reduction::is_real_name(name))
}

/// The names of all variables, however deep, in order.
fn names<'a>(polynomials: impl IntoIterator<Item = &'a Polynomial>) -> Vec<&'a str> {
    let mut names = BTreeSet::new();
    polynomials.into_iter().for_each(|polynomial| add_names(polynomial, &mut names));
    names.into_iter().collect()
}

fn add_names<'a>(polynomial: &'a Polynomial, names: &mut BTreeSet<&'a str>) {
    let mut inside = |fraction: &'a Fraction| {
        add_names(fraction.numerator(), names);
        add_names(fraction.denominator(), names);
    };
    for generator in polynomial.generators() {
        match generator {
            Generator::Base(base) => inside(base),
            Generator::Call(call) => call.arguments.iter().for_each(&mut inside),
            _ => {}
        }
    }
    names.extend(polynomial.generators().filter_map(|generator| match generator {
        Generator::Variable(name) => Some(&**name),
        _ => None,
    }));
}

/// Whether a polynomial is surely not zero everywhere.
pub(super) fn is_nonzero(polynomial: &Polynomial, budget: &Budget) -> bool {
    polynomial.single().is_some_and(|(monomial, _)| monomial.powers().iter().all(|(generator, _)| never_zero(generator))) || {
        let names = names([polynomial]);
        let clear = |sum: Sum| sum.value.norm() > NONZERO * sum.largest;
        (0..POINTS).any(|point| Sample { point, names: &names, budget }.sum(polynomial).is_some_and(clear))
    }
}

/// The value of a real constant, and the error it may have.
pub(super) fn real_value(constant: &Fraction, budget: &Budget) -> Option<(f64, f64)> {
    if !is_constant(constant) {
        return None;
    }
    let sample = Sample { point: 0, names: &[], budget };
    let over = sample.sum(constant.numerator())?;
    let under = sample.sum(constant.denominator())?.value;
    let value = over.value * under.inverse();
    (value.is_finite() && value.im == 0.0).then(|| (value.re, NONZERO * over.largest * under.inverse().norm()))
}

/// A power of what is not zero, or a function without zeros.
fn never_zero(generator: &Generator) -> bool {
    match generator {
        Generator::Call(call) => matches!(call.function, Function::Factorial | Function::Power),
        _ => true,
    }
}

/// Bits of all coefficients where each is small, with one for each term that has a root or a function; also those within these, and of exponents.
fn coefficient_bits(polynomial: &Polynomial) -> Option<u64> {
    let mut sum = 0;
    for (monomial, coefficient) in polynomial.terms() {
        let own = coefficient.numer().bits() + coefficient.denom().bits();
        if bits(coefficient) > COEFFICIENT_BITS {
            return None;
        }
        sum += own - 2;
        sum += u64::from(monomial.powers().iter().any(|(own, _)| matches!(own, Generator::Base(_) | Generator::Call(_))));
        for (generator, exponent) in monomial.powers() {
            sum += u64::from(64 - exponent.numer().unsigned_abs().leading_zeros()) - 1;
            sum += match generator {
                Generator::Base(base) => fraction_bits(base)?,
                Generator::Call(call) => call.arguments.iter().map(fraction_bits).sum::<Option<u64>>()?,
                Generator::Prime(prime) | Generator::LogPrime(prime) => u64::from(64 - prime.leading_zeros()) / 2,
                _ => 0,
            };
        }
    }
    Some(sum)
}

fn fraction_bits(fraction: &Fraction) -> Option<u64> {
    Some(coefficient_bits(fraction.numerator())? + coefficient_bits(fraction.denominator())?)
}

/// One point: a value for each variable.
struct Sample<'a> {
    point: u64,
    /// All variables, in order.
    names: &'a [&'a str],
    budget: &'a Budget,
}

/// A polynomial's value, and the sizes of its smallest and its largest term.
struct Sum {
    value: Complex,
    smallest: f64,
    largest: f64,
}

impl Sample<'_> {
    /// The value of a polynomial. None where digits would be lost.
    fn sum(&self, polynomial: &Polynomial) -> Option<Sum> {
        let mut value = Complex::ZERO;
        let (mut smallest, mut largest) = (f64::INFINITY, 0.0_f64);
        for (monomial, coefficient) in polynomial.terms() {
            let term = self.monomial(monomial)?.scaled(number(coefficient)?);
            value = value + term;
            smallest = smallest.min(term.norm());
            largest = largest.max(term.norm());
        }
        let kept = polynomial.is_zero() || (smallest >= MIN_RATIO * largest && largest > 0.0);
        (kept && value.is_finite() && largest.is_finite()).then_some(Sum { value, smallest, largest })
    }

    fn monomial(&self, monomial: &Monomial) -> Option<Complex> {
        let mut product = Complex::ONE;
        for (generator, exponent) in monomial.powers() {
            self.budget.spend(1).ok()?;
            let exponent = *exponent.numer() as f64 / *exponent.denom() as f64;
            let base = self.generator(generator)?;
            if exponent.abs() > MAX_POWER {
                return None;
            }
            product = product * base.power(Complex::real(exponent));
        }
        product.is_finite().then_some(product)
    }

    /// The value of a fraction of which no digits may be lost.
    fn precise(&self, fraction: &Fraction) -> Option<Complex> {
        let precise = |polynomial| {
            let Sum { value, largest, .. } = self.sum(polynomial)?;
            (polynomial.is_zero() || value.norm() >= largest * ARGUMENTS.start).then_some(value)
        };
        Some(precise(fraction.numerator())? * precise(fraction.denominator())?.inverse())
    }

    /// The value of a fraction that a function is applied to.
    fn fraction(&self, fraction: &Fraction) -> Option<Complex> {
        let value = self.precise(fraction)?;
        (value == Complex::ZERO || ARGUMENTS.contains(&value.norm())).then_some(value)
    }

    fn generator(&self, generator: &Generator) -> Option<Complex> {
        Some(match generator {
            Generator::Variable(name) => self.variable(name),
            Generator::Pi => Complex::real(std::f64::consts::PI),
            Generator::Euler => Complex::real(std::f64::consts::E),
            Generator::LogPrime(prime) => Complex::real((*prime as f64).ln()),
            Generator::Prime(prime) => Complex::real(*prime as f64),
            Generator::Imaginary => Complex::I,
            Generator::Base(base) => self.precise(base)?,
            Generator::Call(call) => self.call(call)?,
        })
    }

    fn call(&self, call: &Call) -> Option<Complex> {
        let first = call.arguments.first()?;
        let argument = if call.function == Function::Abs { self.precise(first)? } else { self.fraction(first)? };
        let real = Some(argument.re).filter(|_| argument.im == 0.0);
        Some(match call.function {
            Function::Sin => argument.sin(),
            Function::Cos => argument.cos(),
            Function::Ln if argument != Complex::ZERO => argument.ln(),
            Function::Power if argument != Complex::ZERO => argument.power(self.fraction(call.arguments.get(1)?)?),
            Function::Arcsin => Complex::real(real?.asin()),
            Function::Arccos => Complex::real(real?.acos()),
            Function::Arctan => Complex::real(real?.atan()),
            Function::Abs => Complex::real(real?.abs()),
            // Of steps, as of a floor, samples show too little.
            _ => return None,
        })
    }

    /// Whether a variable is negative at a real point: over all points, the signs of the first variables take all combinations.
    fn is_negative(&self, name: &str) -> bool {
        let index = self.names.iter().position(|own| *own == name).unwrap_or(0) % MAX_SIGNED;
        (self.point >> (1 + index)) & 1 == 1
    }

    /// A value that depends on the name and the point alone.
    fn variable(&self, name: &str) -> Complex {
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ self.point, |hash, byte| mixed(hash ^ u64::from(byte)));
        let unit = |hash: u64| (hash >> 11) as f64 / (1_u64 << 53) as f64;
        let small = self.point / 2 < COMBINATIONS;
        let scale = if small { SCALES[0] } else { SCALES[(self.point / 4) as usize % SCALES.len()] };
        let size = scale * (0.6 + 1.2 * unit(mixed(seed)));
        let turn = mixed(seed ^ 0x9e37_79b9_7f4a_7c15);
        if self.point.is_multiple_of(2) {
            return Complex::real(if self.is_negative(name) { -size } else { size });
        }
        let angle = std::f64::consts::TAU * unit(turn);
        Complex { re: size * angle.cos(), im: size * angle.sin() }
    }
}

/// Spreads the bits of a number over all of it.
fn mixed(number: u64) -> u64 {
    let spread = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (spread ^ (spread >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) ^ (spread >> 31)
}

/// A coefficient in double precision.
fn number(coefficient: &BigRational) -> Option<f64> {
    if coefficient.is_one() {
        return Some(1.0);
    }
    let (over, under) = (coefficient.numer().to_f64()?, coefficient.denom().to_f64()?);
    (over.is_finite() && under.is_finite() && !over.is_zero()).then_some(over / under)
}
