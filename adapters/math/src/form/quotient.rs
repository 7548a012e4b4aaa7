//! Whether something is left to cancel in a quotient.

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::arithmetic::is_numeral;
use crate::{
    ast::Expr,
    budget::Budget,
    fraction::Fraction,
    monomial::{Exponent, Generator},
    normal::normal_form,
    polynomial::Polynomial,
};

/// Largest exponent for which common factors are searched.
const MAX_DEGREE: usize = 24;
/// Largest exponent of a whole number that counts as a factor.
const MAX_POWER: u32 = 64;
/// Common factors are searched modulo this prime, 2⁶¹ - 1: what is none there is none, and what is one there is one but for chance.
const PRIME: u64 = (1 << 61) - 1;
/// What other variables are set to, for each of two tries.
const POINTS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0x2545_f491_4f6c_dd1d];

/// Whether a quotient, or a product with quotients among its factors, has a whole number or an expression above and below the line, as
/// `\frac{2x+4}{2}`, `2\cdot\frac{x}{2}` and `\frac{x^2-1}{x-1}` have.
pub(super) fn is_reducible(expr: &Expr, budget: &Budget) -> bool {
    let (mut over, mut under) = (Vec::new(), Vec::new());
    split(expr, &mut over, &mut under);
    if under.is_empty() || is_numeral(expr) {
        return false;
    }
    let content_of = |factors: &[&Expr]| factors.iter().map(|factor| content(factor)).product::<BigInt>();
    if !content_of(&over).gcd(&content_of(&under)).is_one() {
        return true;
    }
    let product = |factors: Vec<&Expr>| Expr::Product(factors.into_iter().cloned().chain([one()]).collect());
    let value = |factors| normal_form(&product(factors), &[], budget).ok();
    let (Some(over), Some(under)) = (value(over), value(under)) else { return false };
    matches!((over.polynomial(), under.polynomial()), (Some(over), Some(under)) if have_common_factor(over, under))
}

/// Whether the value of a normal form is a rational number, where it is a quotient of multiples too, as that of `\log 100` is.
pub(super) fn is_rational(value: &Fraction, budget: &Budget) -> bool {
    let multiple = || {
        let (_, over) = value.numerator().terms().first()?;
        let (_, under) = value.denominator().terms().first()?;
        budget.spend_on(over, under).ok()?;
        let scaled = value.denominator().scaled(&(over / under), budget).ok()?;
        Some(scaled == *value.numerator())
    };
    value.rational().is_some() || multiple() == Some(true)
}

fn one() -> Expr {
    Expr::Number(BigRational::one())
}

/// The factors above and below the line.
fn split<'a>(expr: &'a Expr, over: &mut Vec<&'a Expr>, under: &mut Vec<&'a Expr>) {
    match expr {
        Expr::Negative(inner) => split(inner, over, under),
        Expr::Product(factors) => factors.iter().for_each(|factor| split(factor, over, under)),
        Expr::Quotient(above, below) => {
            split(above, over, under);
            split(below, under, over);
        }
        other => over.push(other),
    }
}

/// The whole number that divides all terms of an expression as it is written.
fn content(expr: &Expr) -> BigInt {
    match expr {
        Expr::Number(number) if number.is_integer() && !number.is_zero() => number.numer().abs(),
        Expr::Negative(inner) => content(inner),
        Expr::Product(factors) => factors.iter().map(content).product(),
        Expr::Sum(terms) => terms.iter().map(content).fold(BigInt::zero(), |all, term| all.gcd(&term)),
        Expr::Power(base, exponent) => match exponent.as_ref() {
            Expr::Number(times) if times.is_integer() => match times.to_u32() {
                Some(times) if (1..=MAX_POWER).contains(&times) => content(base).pow(times),
                _ => BigInt::one(),
            },
            _ => BigInt::one(),
        },
        _ => BigInt::one(),
    }
}

/// Whether two polynomials have a factor in common that is no number. Roots of numbers are taken for numbers.
fn have_common_factor(a: &Polynomial, b: &Polynomial) -> bool {
    let mut generators: Vec<&Generator> =
        b.generators().filter(|generator| !matches!(generator, Generator::Prime(_) | Generator::Imaginary)).collect();
    generators.sort();
    generators.dedup();
    generators.into_iter().any(|main| {
        POINTS.iter().all(|&point| match (univariate(a, main, point), univariate(b, main, point)) {
            (Some(a), Some(b)) => common_degree(a, b) > 0,
            _ => false,
        })
    })
}

/// The coefficients of a polynomial in one generator, with numbers for the other ones; none where exponents are large, broken or negative.
fn univariate(polynomial: &Polynomial, main: &Generator, point: u64) -> Option<Vec<u64>> {
    let mut coefficients = vec![0_u64; MAX_DEGREE + 1];
    for (monomial, coefficient) in polynomial.terms() {
        let (mut degree, mut value) = (0, residue(coefficient)?);
        for (generator, exponent) in monomial.powers() {
            let power = whole(exponent)?;
            if generator == main {
                degree = power;
                continue;
            }
            let number = spread(generator, point);
            value = (0..power).fold(value, |value, _| times(value, number));
        }
        let place = coefficients.get_mut(degree)?;
        *place = (*place + value) % PRIME;
    }
    trim(&mut coefficients);
    Some(coefficients)
}

fn whole(exponent: &Exponent) -> Option<usize> {
    let power = exponent.is_integer().then(|| exponent.numer().to_usize()).flatten()?;
    (power <= MAX_DEGREE).then_some(power)
}

/// The number that a generator is set to: its own, the same in both polynomials.
fn spread(generator: &Generator, point: u64) -> u64 {
    format!("{generator:?}").bytes().fold(point % PRIME, |value, byte| (times(value, 0x100_0000_01b3) + u64::from(byte)) % PRIME)
}

fn residue(number: &BigRational) -> Option<u64> {
    let prime = BigInt::from(PRIME);
    let of = |number: &BigInt| number.mod_floor(&prime).to_u64();
    let under = of(number.denom()).filter(|&under| under != 0)?;
    Some(times(of(number.numer())?, inverse(under)))
}

/// The degree of the greatest common divisor, by Euclid's algorithm.
fn common_degree(mut a: Vec<u64>, mut b: Vec<u64>) -> usize {
    while let Some(&lead) = b.last() {
        let scale = inverse(lead);
        while a.len() >= b.len() {
            let Some(&top) = a.last() else { break };
            let (factor, shift) = (times(top, scale), a.len() - b.len());
            for (place, &value) in b.iter().enumerate() {
                a[place + shift] = (a[place + shift] + PRIME - times(factor, value)) % PRIME;
            }
            trim(&mut a);
        }
        std::mem::swap(&mut a, &mut b);
    }
    a.len().saturating_sub(1)
}

fn trim(coefficients: &mut Vec<u64>) {
    while coefficients.last() == Some(&0) {
        coefficients.pop();
    }
}

fn times(a: u64, b: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(PRIME)) as u64
}

/// By Fermat's little theorem.
fn inverse(number: u64) -> u64 {
    let (mut power, mut base, mut exponent) = (1, number, PRIME - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = times(power, base);
        }
        base = times(base, base);
        exponent >>= 1;
    }
    power
}
