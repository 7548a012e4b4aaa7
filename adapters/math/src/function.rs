//! Functions of normal forms: exact where the value is known, else kept as they are.

use std::sync::Arc;

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::{
    ast::Function,
    budget::{Bounded, Budget, Halt, bounded},
    factoring,
    fraction::{Fraction, multiple_of},
    monomial::{Call, Exponent, Generator},
    polynomial::Polynomial,
    power, sampling,
};

/// Factorials and binomials up to this are computed: the largest has less bits than the bound.
const MAX_FACTORIAL: u32 = 500;

/// Binomials of expressions over whole numbers up to this are expanded.
const MAX_EXPANDED: u32 = 8;

/// A function applied to its arguments.
pub(super) fn apply(function: Function, arguments: &[Fraction], budget: &Budget) -> Bounded<Fraction> {
    let [argument, rest @ ..] = arguments else { return Err(Halt::Undefined("a function without an argument")) };
    let one = Fraction::integer(1);
    match function {
        Function::Sin => sine(argument, budget),
        Function::Cos => cosine(argument, budget),
        Function::Tan => sine(argument, budget)?.over(&cosine(argument, budget)?, budget),
        Function::Cot => cosine(argument, budget)?.over(&sine(argument, budget)?, budget),
        Function::Sec => one.over(&cosine(argument, budget)?, budget),
        Function::Csc => one.over(&sine(argument, budget)?, budget),
        Function::Sinh | Function::Cosh | Function::Tanh => hyperbolic(function, argument, budget),
        Function::Exp => exponential(argument, budget),
        Function::Ln => logarithm(argument, budget),
        Function::Log => {
            let base = rest.first().ok_or(Halt::Undefined("a logarithm without a base"))?;
            logarithm(argument, budget)?.over(&logarithm(base, budget)?, budget)
        }
        Function::Abs => absolute(argument, budget),
        Function::Floor | Function::Ceil => rounded(function, argument, budget),
        Function::Factorial => factorial(argument, budget),
        Function::Binomial => binomial(argument, rest.first().unwrap_or(&one), budget),
        Function::Gcd | Function::Lcm => divisor(function, arguments, budget),
        Function::Power => power::power(argument, rest.first().unwrap_or(&one), budget),
        Function::Arcsin | Function::Arccos | Function::Arctan if argument.is_zero() && function != Function::Arccos => {
            Ok(argument.clone())
        }
        Function::Arcsin | Function::Arccos | Function::Arctan => kept(function, argument),
    }
}

/// `e` to `i` times a multiple of pi.
pub(super) fn on_unit_circle(turn: &BigRational, budget: &Budget) -> Bounded<Fraction> {
    let angle = Fraction::constant(turn.clone()).times(&Fraction::generator(Generator::Pi)?, budget)?;
    let imaginary = sine(&angle, budget)?.times(&Fraction::generator(Generator::Imaginary)?, budget)?;
    cosine(&angle, budget)?.plus(&imaginary, budget)
}

fn kept(function: Function, argument: &Fraction) -> Bounded<Fraction> {
    Fraction::generator(Generator::Call(Arc::new(Call { function, arguments: vec![argument.clone()] })))
}

fn exponential(argument: &Fraction, budget: &Budget) -> Bounded<Fraction> {
    power::power(&Fraction::generator(Generator::Euler)?, argument, budget)
}

fn hyperbolic(function: Function, argument: &Fraction, budget: &Budget) -> Bounded<Fraction> {
    let (up, down) = (exponential(argument, budget)?, exponential(&argument.negated(), budget)?);
    let (sum, difference) = (up.plus(&down, budget)?, up.minus(&down, budget)?);
    match function {
        Function::Sinh => difference.over(&Fraction::integer(2), budget),
        Function::Cosh => sum.over(&Fraction::integer(2), budget),
        _ => difference.over(&sum, budget),
    }
}

fn sine(argument: &Fraction, budget: &Budget) -> Bounded<Fraction> {
    match multiple_of(argument, &Generator::Pi) {
        Some(turn) => cosine_of_turn(&(BigRational::new(1.into(), 2.into()) - turn), budget),
        None => kept(Function::Sin, argument),
    }
}

fn cosine(argument: &Fraction, budget: &Budget) -> Bounded<Fraction> {
    match multiple_of(argument, &Generator::Pi) {
        Some(turn) => cosine_of_turn(&turn, budget),
        None => kept(Function::Cos, argument),
    }
}

/// The cosine of a multiple of pi, exact for multiples of 15 and 36 degrees.
fn cosine_of_turn(turn: &BigRational, budget: &Budget) -> Bounded<Fraction> {
    budget.spend_on(turn, turn)?;
    let two = BigRational::from_integer(2.into());
    let full = turn - (turn / &two).floor() * &two;
    let half = if full > BigRational::one() { &two - full } else { full };
    let negative = &half + &half > BigRational::one();
    let quarter = if negative { BigRational::one() - half } else { half };
    let key = quarter.numer().to_i64().zip(quarter.denom().to_i64());
    // Roots of the radicands, each with its sign, over a divisor.
    let (radicands, divisor): (&[i64], i64) = match key {
        Some((0, 1)) => (&[1], 1),
        Some((1, 12)) => (&[6, 2], 4),
        Some((1, 6)) => (&[3], 2),
        Some((1, 5)) => (&[5, 1], 4),
        Some((1, 4)) => (&[2], 2),
        Some((1, 3)) => (&[1], 2),
        Some((2, 5)) => (&[5, -1], 4),
        Some((5, 12)) => (&[6, -2], 4),
        Some((1, 2)) => (&[], 1),
        _ => {
            let angle = Fraction::constant(quarter).times(&Fraction::generator(Generator::Pi)?, budget)?;
            let value = kept(Function::Cos, &angle)?;
            return Ok(if negative { value.negated() } else { value });
        }
    };
    let mut sum = Fraction::integer(0);
    for radicand in radicands {
        let root = power::root(&Fraction::integer(radicand.abs()), 2, budget)?;
        sum = if *radicand < 0 { sum.minus(&root, budget)? } else { sum.plus(&root, budget)? };
    }
    let value = sum.over(&Fraction::integer(divisor), budget)?;
    Ok(if negative { value.negated() } else { value })
}

/// The principal natural logarithm; of rational numbers in those of primes.
fn logarithm(argument: &Fraction, budget: &Budget) -> Bounded<Fraction> {
    if argument.is_zero() {
        return Err(Halt::Undefined("the logarithm of zero"));
    }
    let Some((monomial, coefficient)) = argument.polynomial().and_then(Polynomial::single) else {
        return logarithm_of_sum(argument, budget);
    };
    let mut sum = Fraction::integer(0);
    for (generator, exponent) in monomial.powers() {
        let log = match generator {
            Generator::Euler => Fraction::integer(1),
            Generator::Prime(prime) => Fraction::generator(Generator::LogPrime(*prime))?,
            Generator::Call(call) if call.function == Function::Abs => {
                kept(Function::Ln, &Fraction::generator(generator.clone())?)?
            }
            _ => return kept(Function::Ln, argument),
        };
        let exponent = BigRational::new((*exponent.numer()).into(), (*exponent.denom()).into());
        sum = sum.plus(&log.times(&Fraction::constant(exponent), budget)?, budget)?;
    }
    if coefficient.is_negative() {
        let turn = Fraction::generator(Generator::Pi)?.times(&Fraction::generator(Generator::Imaginary)?, budget)?;
        sum = sum.plus(&turn, budget)?;
    }
    match number_logarithm(&coefficient.abs(), budget)? {
        Some(log) => sum.plus(&log, budget),
        None => kept(Function::Ln, argument),
    }
}

/// The logarithm of a sum; its positive rational factor is taken out.
fn logarithm_of_sum(argument: &Fraction, budget: &Budget) -> Bounded<Fraction> {
    let content = argument.polynomial().map_or_else(|| Ok(BigRational::one()), |sum| sum.content(budget))?;
    match number_logarithm(&content, budget)? {
        Some(log) if !content.is_one() => {
            let rest = argument.times(&Fraction::constant(content.recip()), budget)?;
            log.plus(&kept(Function::Ln, &rest)?, budget)
        }
        _ => kept(Function::Ln, argument),
    }
}

/// The logarithm of a positive rational number whose primes are found.
fn number_logarithm(number: &BigRational, budget: &Budget) -> Bounded<Option<Fraction>> {
    budget.spend(2 * factoring::STEPS)?;
    let primes = |number: &BigInt| number.to_u64().and_then(factoring::factors);
    let (Some(over), Some(under)) = (primes(number.numer()), primes(number.denom())) else { return Ok(None) };
    let mut sum = Polynomial::zero();
    for (prime, count) in over.into_iter().chain(under.into_iter().map(|(prime, count)| (prime, -count))) {
        let log = Polynomial::generator(Generator::LogPrime(prime), Exponent::one())?;
        sum = sum.plus(&log.scaled(&BigRational::from_integer(count.into()), budget)?, budget)?;
    }
    Ok(Some(Fraction::whole(sum)))
}

/// The absolute value: of rational numbers, real constants whose sign is clear, and sums with `i`.
fn absolute(argument: &Fraction, budget: &Budget) -> Bounded<Fraction> {
    if let Some(number) = argument.rational() {
        return Ok(Fraction::constant(number.abs()));
    }
    if power::is_real_constant(argument)
        && let Some((value, error)) = sampling::real_value(argument, budget)
        && value.abs() > error
    {
        return Ok(if value < 0.0 { argument.negated() } else { argument.clone() });
    }
    if let Some(parts) = argument.polynomial().and_then(real_and_imaginary) {
        let [real, imaginary] = parts;
        let square = real.times(&real, budget)?.plus(&imaginary.times(&imaginary, budget)?, budget)?;
        return power::root(&Fraction::whole(square), 2, budget);
    }
    if argument.polynomial().is_none() {
        let [over, under] =
            [argument.numerator(), argument.denominator()].map(|part| absolute(&Fraction::whole(part.clone()), budget));
        return over?.over(&under?, budget);
    }
    let first_negative = argument.numerator().terms().first().is_some_and(|(_, coefficient)| coefficient.is_negative());
    let content = Fraction::constant(argument.numerator().content(budget)?);
    let rest = if first_negative { argument.negated() } else { argument.clone() }.over(&content, budget)?;
    kept(Function::Abs, &rest)?.times(&content, budget)
}

/// The two parts of a constant with `i` in it.
fn real_and_imaginary(sum: &Polynomial) -> Option<[Polynomial; 2]> {
    let known = |generator: &Generator| {
        matches!(generator, Generator::Pi | Generator::Euler | Generator::Prime(_) | Generator::Imaginary)
    };
    if !sum.generators().all(known) || !sum.generators().any(|generator| *generator == Generator::Imaginary) {
        return None;
    }
    let mut parts = [Polynomial::zero(), Polynomial::zero()];
    let budget = Budget::new();
    for (monomial, coefficient) in sum.terms() {
        let imaginary = monomial.powers().iter().any(|(generator, _)| *generator == Generator::Imaginary);
        let kept = monomial.powers().iter().filter(|(generator, _)| *generator != Generator::Imaginary).cloned();
        let mut term = Polynomial::constant(coefficient.clone());
        for (generator, exponent) in kept {
            term = term.times(&Polynomial::generator(generator, exponent).ok()?, &budget).ok()?;
        }
        let part = &mut parts[usize::from(imaginary)];
        *part = part.plus(&term, &budget).ok()?;
    }
    Some(parts)
}

fn rounded(function: Function, argument: &Fraction, budget: &Budget) -> Bounded<Fraction> {
    let down = function == Function::Floor;
    if let Some(number) = argument.rational() {
        return Ok(Fraction::constant(if down { number.floor() } else { number.ceil() }));
    }
    match sampling::real_value(argument, budget).filter(|_| power::is_real_constant(argument)) {
        Some((value, error)) if (value - error).floor() == (value + error).floor() && value.abs() < 1e9 => {
            Ok(Fraction::integer(if down { value.floor() } else { value.ceil() } as i64))
        }
        _ => kept(function, argument),
    }
}

fn factorial(argument: &Fraction, budget: &Budget) -> Bounded<Fraction> {
    let Some(number) = argument.rational() else { return kept(Function::Factorial, argument) };
    if !number.is_integer() || number.is_negative() {
        return Err(Halt::Undefined("the factorial of what is not a natural number"));
    }
    let Some(size) = number.to_u32().filter(|&size| size <= MAX_FACTORIAL) else { return kept(Function::Factorial, argument) };
    budget.spend(u64::from(size) / 4)?;
    Ok(Fraction::constant(BigRational::from_integer((2..=size).map(BigInt::from).product())))
}

fn binomial(over: &Fraction, under: &Fraction, budget: &Budget) -> Bounded<Fraction> {
    let small = |number: &BigRational| number.is_integer().then(|| number.to_integer());
    match (over.rational().as_ref().and_then(small), under.rational().as_ref().and_then(small)) {
        (Some(n), Some(k)) if !n.is_negative() => {
            if k.is_negative() || k > n {
                return Ok(Fraction::integer(0));
            }
            let Some(k) = (&n - &k).min(k).to_u32().filter(|&k| k <= MAX_FACTORIAL) else { return kept_binomial(over, under) };
            falling(over, k, budget)?.over(&factorial(&Fraction::integer(k.into()), budget)?, budget)
        }
        (None, Some(k)) if !k.is_negative() && k <= MAX_EXPANDED.into() => {
            let k = k.to_u32().unwrap_or(0);
            falling(over, k, budget)?.over(&factorial(&Fraction::integer(k.into()), budget)?, budget)
        }
        (None, _) if over.rational().is_none() => {
            let rest = factorial(&over.minus(under, budget)?, budget)?.times(&factorial(under, budget)?, budget)?;
            factorial(over, budget)?.over(&rest, budget)
        }
        _ => kept_binomial(over, under),
    }
}

fn kept_binomial(over: &Fraction, under: &Fraction) -> Bounded<Fraction> {
    let call = Call { function: Function::Binomial, arguments: vec![over.clone(), under.clone()] };
    Fraction::generator(Generator::Call(Arc::new(call)))
}

/// The product of `count` factors from `start` down.
fn falling(start: &Fraction, count: u32, budget: &Budget) -> Bounded<Fraction> {
    (0..i64::from(count))
        .try_fold(Fraction::integer(1), |product, step| product.times(&start.minus(&Fraction::integer(step), budget)?, budget))
}

/// The greatest common divisor or the least common multiple of whole numbers.
fn divisor(function: Function, arguments: &[Fraction], budget: &Budget) -> Bounded<Fraction> {
    let mut result: Option<BigInt> = None;
    for argument in arguments {
        let number = argument
            .rational()
            .filter(BigRational::is_integer)
            .ok_or(Halt::Undefined("a divisor of what is not a whole number"))?;
        let number = number.to_integer();
        result = Some(match result {
            None => number,
            Some(known) if function == Function::Gcd => known.gcd(&number),
            Some(known) if known.is_zero() && number.is_zero() => known,
            Some(known) => known.lcm(&number),
        });
        let size = BigRational::from_integer(result.clone().unwrap_or_default());
        budget.spend_on(&size, &size)?;
        bounded(size)?;
    }
    Ok(Fraction::constant(BigRational::from_integer(result.unwrap_or_default().abs())))
}
