//! Powers and roots of normal forms, on the principal branch.

use std::sync::Arc;

use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::{
    ast::Function,
    budget::{Bounded, Budget, Halt, MAX_BITS, bits},
    factoring,
    fraction::{Fraction, is_constant, is_independent, multiple_of},
    function,
    monomial::{Call, Exponent, Generator, MAX_EXPONENT},
    polynomial::{MAX_TERMS, Polynomial},
    sampling,
};

/// Powers of sums up to this are expanded.
const MAX_EXPANDED: i64 = 32;

/// Roots of numbers up to this index are reduced.
const MAX_INDEX: i64 = 64;

/// Multiplications that one expansion may take; more, and the power is kept as it is.
const MAX_PRODUCTS: u64 = 5_000;

/// `base` to `exponent`.
pub(super) fn power(base: &Fraction, exponent: &Fraction, budget: &Budget) -> Bounded<Fraction> {
    if let Some(exponent) = exponent.rational() {
        return match (exponent.numer().to_i64(), exponent.denom().to_i64()) {
            (Some(over), Some(1)) if over.abs() > MAX_EXPONENT && !base.is_zero() && !is_unit(base) => {
                call_power(base, Fraction::constant(exponent))
            }
            (Some(over), Some(under)) => rational_exponent(base, Exponent::new_raw(over, under), budget),
            _ if base.is_zero() || is_unit(base) => Err(Halt::TooLarge("an exponent is too high")),
            _ => call_power(base, Fraction::constant(exponent)),
        };
    }
    if base.is_zero() {
        return Err(Halt::Undefined("zero to a power that is not a number"));
    }
    if multiple_of(base, &Generator::Euler).is_some_and(|factor| factor.is_one())
        && let Some(turn) = half_turns(exponent)
    {
        return function::on_unit_circle(&turn, budget);
    }
    if base.rational().is_some_and(|base| base.is_one()) { Ok(base.clone()) } else { call_power(base, exponent.clone()) }
}

/// The principal root; of a negative real number and an odd index, the real one.
pub(super) fn root(base: &Fraction, index: u32, budget: &Budget) -> Bounded<Fraction> {
    let exponent = Exponent::new(1, i64::from(index));
    let single = base.polynomial().and_then(Polynomial::single);
    let negative = match single {
        Some((monomial, coefficient)) => {
            coefficient.is_negative() && !monomial.powers().iter().any(|(own, _)| *own == Generator::Imaginary)
        }
        None => sampling::real_value(base, budget).is_some_and(|(value, error)| value < -error),
    };
    if negative && index % 2 == 1 {
        return Ok(rational_exponent(&base.negated(), exponent, budget)?.negated());
    }
    rational_exponent(base, exponent, budget)
}

fn is_unit(base: &Fraction) -> bool {
    base.rational().is_some_and(|base| base.abs().is_one())
}

fn call_power(base: &Fraction, exponent: Fraction) -> Bounded<Fraction> {
    Fraction::generator(Generator::Call(Arc::new(Call { function: Function::Power, arguments: vec![base.clone(), exponent] })))
}

/// The rational factor of `i\pi`.
fn half_turns(exponent: &Fraction) -> Option<BigRational> {
    let (monomial, coefficient) = exponent.polynomial()?.single()?;
    match monomial.powers() {
        [(Generator::Pi, one), (Generator::Imaginary, _)] if one.is_one() => Some(coefficient.clone()),
        _ => None,
    }
}

fn rational_exponent(base: &Fraction, exponent: Exponent, budget: &Budget) -> Bounded<Fraction> {
    match (base.is_zero(), exponent.is_zero(), exponent.is_positive()) {
        (true, _, true) => return Ok(base.clone()),
        (true, ..) => return Err(Halt::Undefined("zero to a power that is not positive")),
        (_, true, _) => return Ok(Fraction::integer(1)),
        _ if exponent.is_one() => return Ok(base.clone()),
        _ => {}
    }
    if exponent.is_integer() {
        whole_exponent(base, exponent.to_integer(), budget)
    } else {
        root_exponent(base, exponent, budget)
    }
}

/// A power that is kept as it is.
fn kept(base: &Fraction, exponent: Exponent, budget: &Budget) -> Bounded<Fraction> {
    if !is_independent(base) && !sampling::is_nonzero(base.numerator(), budget) {
        return Err(Halt::Undefined("a power of what may be zero"));
    }
    Polynomial::generator(Generator::Base(Arc::new(base.clone())), exponent).map(Fraction::whole)
}

fn whole_exponent(base: &Fraction, exponent: i64, budget: &Budget) -> Bounded<Fraction> {
    let size = exponent.unsigned_abs();
    if let Some((monomial, coefficient)) = base.polynomial().and_then(Polynomial::single) {
        if !coefficient.abs().is_one() && bits(coefficient).saturating_mul(size) > MAX_BITS {
            return kept(base, exponent.into(), budget);
        }
        let (monomial, factor) = monomial.power(exponent.into())?;
        let coefficient = number_power(coefficient, exponent, budget)?;
        budget.spend_on(&coefficient, &factor)?;
        return Ok(Fraction::whole(Polynomial::term(monomial, coefficient * factor)));
    }
    if exponent.abs() > MAX_EXPANDED || !is_expandable(base, size) {
        return kept(base, exponent.into(), budget);
    }
    let positive = if exponent < 0 { Fraction::integer(1).over(base, budget)? } else { base.clone() };
    (1..size).try_fold(positive.clone(), |power, _| power.times(&positive, budget))
}

/// A rational number to a whole power.
fn number_power(number: &BigRational, exponent: i64, budget: &Budget) -> Bounded<BigRational> {
    if number.abs().is_one() {
        return Ok(if exponent % 2 == 0 { BigRational::one() } else { number.clone() });
    }
    budget.spend(10)?;
    let exponent = i32::try_from(exponent).map_err(|_| Halt::TooLarge("an exponent is too high"))?;
    Ok(num_traits::Pow::pow(number, exponent))
}

/// Whether a power of a sum stays within the bounds on terms, digits and work.
fn is_expandable(base: &Fraction, exponent: u64) -> bool {
    [base.numerator(), base.denominator()].into_iter().all(|polynomial| {
        let terms = polynomial.terms().len() as u64;
        let mut count = 1_u64;
        for step in 1..terms {
            count = count.saturating_mul(exponent + step) / step;
            if count > MAX_TERMS as u64 {
                return false;
            }
        }
        let size = polynomial.terms().iter().map(|(_, coefficient)| bits(coefficient)).max().unwrap_or(0);
        count * exponent * terms <= MAX_PRODUCTS && size * exponent <= MAX_BITS / 4
    })
}

/// A power whose exponent is not whole.
fn root_exponent(base: &Fraction, exponent: Exponent, budget: &Budget) -> Bounded<Fraction> {
    let Some(polynomial) = base.polynomial() else { return kept(base, exponent, budget) };
    let Some((monomial, coefficient)) = polynomial.single().filter(|(monomial, _)| monomial.powers().iter().all(is_plain)) else {
        return without_content(polynomial, exponent, budget);
    };
    if monomial.powers().iter().filter(|(generator, _)| !is_positive(generator)).count() > 1 {
        return without_content(polynomial, exponent, budget);
    }
    let rooted = || {
        let (monomial, factor) = monomial.power(exponent)?;
        number_root(&coefficient.abs(), exponent, budget)?.times(&Fraction::whole(Polynomial::term(monomial, factor)), budget)
    };
    if coefficient.is_positive() {
        return rooted();
    }
    if *exponent.denom() == 2 && monomial.powers().iter().all(|(generator, _)| is_positive(generator)) {
        let turn = Polynomial::generator(Generator::Imaginary, Exponent::from_integer(*exponent.numer()))?;
        return rooted()?.times(&Fraction::whole(turn), budget);
    }
    without_content(polynomial, exponent, budget)
}

/// A generator whose power can be raised again: one that is positive, or a variable to a power of at most one.
fn is_plain((generator, exponent): &(Generator, Exponent)) -> bool {
    let variable = matches!(generator, Generator::Variable(_)) && exponent.is_positive() && *exponent <= Exponent::one();
    is_positive(generator) || variable
}

fn is_positive(generator: &Generator) -> bool {
    matches!(generator, Generator::Pi | Generator::Euler | Generator::Prime(_) | Generator::LogPrime(_))
}

/// A root from which the positive rational factor is taken out.
fn without_content(polynomial: &Polynomial, exponent: Exponent, budget: &Budget) -> Bounded<Fraction> {
    let content = polynomial.content(budget)?;
    let rest = Fraction::whole(polynomial.scaled(&content.recip(), budget)?);
    let kept = kept(&rest, exponent, budget)?;
    number_root(&content, exponent, budget)?.times(&kept, budget)
}

/// A power of a positive rational number whose exponent is not whole, in primes.
fn number_root(number: &BigRational, exponent: Exponent, budget: &Budget) -> Bounded<Fraction> {
    if number.is_one() {
        return Ok(Fraction::integer(1));
    }
    let constant = Fraction::constant(number.clone());
    if *exponent.denom() > MAX_INDEX || bits(number).saturating_mul(exponent.numer().unsigned_abs()) > MAX_BITS {
        return kept(&constant, exponent, budget);
    }
    budget.spend(2 * factoring::STEPS)?;
    let primes = |number: &num_bigint::BigInt| number.to_u64().and_then(factoring::factors);
    let (Some(over), Some(under)) = (primes(number.numer()), primes(number.denom())) else {
        return exact_root(number, exponent, budget)
            .map_or_else(|| kept(&constant, exponent, budget), |root| Ok(Fraction::constant(root)));
    };
    let powers = over.into_iter().chain(under.into_iter().map(|(prime, count)| (prime, -count)));
    powers.into_iter().try_fold(Fraction::integer(1), |product, (prime, count)| {
        let power = Polynomial::generator(Generator::Prime(prime), exponent * count)?;
        product.times(&Fraction::whole(power), budget)
    })
}

/// The power of a number too large to factor, where its root is rational.
fn exact_root(number: &BigRational, exponent: Exponent, budget: &Budget) -> Option<BigRational> {
    let index = u32::try_from(*exponent.denom()).ok()?;
    budget.spend(bits(number) / 2).ok()?;
    let root = BigRational::new_raw(number.numer().nth_root(index), number.denom().nth_root(index));
    let is_exact = num_traits::Pow::pow(&root, index) == *number;
    if is_exact { number_power(&root, *exponent.numer(), budget).ok() } else { None }
}

/// Whether a normal form is a real constant without `i`, as far as its generators show.
pub(super) fn is_real_constant(fraction: &Fraction) -> bool {
    is_constant(fraction) && !fraction.generators().any(|generator| *generator == Generator::Imaginary)
}
