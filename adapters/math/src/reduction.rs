//! Whole powers taken out of roots and absolute values, so that exact arithmetic decides more: `\sqrt{x+1}^2` is `x+1`, `|x|^2` is `x^2`.

use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive};

use super::{
    ast::Function,
    budget::{Bounded, Budget},
    fraction::Fraction,
    monomial::{Exponent, Generator, Monomial},
    polynomial::Polynomial,
    power,
};

/// Whole powers up to this are taken out; higher ones stay.
const MAX_WHOLE: i64 = 8;

/// First letters of names that usually stand for complex numbers, for which `|z|^2` is not `z^2`.
const COMPLEX_NAMES: [char; 4] = ['z', 'Z', 'w', 'W'];

/// A polynomial that is zero where `polynomial` is: each root to a power between 0 and 1, and all absolute values of one term as one root.
pub(super) fn reduced(polynomial: &Polynomial, budget: &Budget) -> Bounded<Polynomial> {
    let lowest = lowest_powers(polynomial);
    let mut sum = Fraction::integer(0);
    for (monomial, coefficient) in polynomial.terms() {
        sum = sum.plus(&term(monomial, coefficient, &lowest, budget)?, budget)?;
    }
    Ok(sum.numerator().clone())
}

/// Whether a variable stands for a real number, as far as its name shows.
pub(super) fn is_real_name(name: &str) -> bool {
    !name.starts_with(COMPLEX_NAMES)
}

/// Roots and absolute values with negative whole powers in some term, and the lowest: all terms are multiplied by their inverses.
fn lowest_powers(polynomial: &Polynomial) -> Vec<(Generator, i64)> {
    let mut lowest: Vec<(Generator, i64)> = Vec::new();
    for (generator, exponent) in polynomial.terms().iter().flat_map(|(monomial, _)| monomial.powers()) {
        let whole = exponent.floor().to_integer();
        if whole >= 0 || !is_reducible(generator) {
            continue;
        }
        match lowest.iter_mut().find(|(known, _)| known == generator) {
            Some((_, least)) => *least = whole.min(*least),
            None => lowest.push((generator.clone(), whole)),
        }
    }
    lowest
}

fn is_reducible(generator: &Generator) -> bool {
    matches!(generator, Generator::Base(_)) || real_argument(generator).is_some()
}

/// One term, times the inverses of the lowest powers, in reduced form.
fn term(monomial: &Monomial, coefficient: &BigRational, lowest: &[(Generator, i64)], budget: &Budget) -> Bounded<Fraction> {
    let mut powers: Vec<(Generator, Exponent)> = monomial.powers().to_vec();
    for (generator, least) in lowest {
        match powers.iter_mut().find(|(own, _)| own == generator) {
            Some((_, exponent)) => *exponent -= *least,
            None => powers.push((generator.clone(), Exponent::from_integer(-least))),
        }
    }
    let mut product = merged_powers(&mut powers, budget)?.times(&Fraction::constant(coefficient.clone()), budget)?;
    let mut absolute = Fraction::integer(1);
    for (generator, exponent) in powers {
        let whole = exponent.floor().to_integer();
        let taken = match (&generator, real_argument(&generator)) {
            (_, Some(argument)) if exponent.is_integer() && (0..=MAX_WHOLE).contains(&whole) => {
                absolute = if whole % 2 == 1 { absolute.times(argument, budget)? } else { absolute };
                whole_power(argument, whole - whole % 2, budget)?
            }
            (Generator::Base(base), _) if (0..=MAX_WHOLE).contains(&whole) => {
                let rest = Polynomial::generator(generator.clone(), exponent - whole)?;
                whole_power(base, whole, budget)?.times(&Fraction::whole(rest), budget)?
            }
            _ => Fraction::whole(Polynomial::generator(generator, exponent)?),
        };
        product = product.times(&taken, budget)?;
    }
    if absolute.rational().is_some_and(|one| one.is_one()) {
        return Ok(product);
    }
    product.times(&power::root(&whole_power(&absolute, 2, budget)?, 2, budget)?, budget)
}

/// Takes the powers of each base with exponents that are no numbers, and joins them: `x^n` and `x^2` are left of `x^{n+1} x`.
fn merged_powers(powers: &mut Vec<(Generator, Exponent)>, budget: &Budget) -> Bounded<Fraction> {
    let mut joined: Vec<(Fraction, Fraction)> = Vec::new();
    for (generator, times) in std::mem::take(powers) {
        let Some((base, exponent)) = power_of(&generator).filter(|_| times.is_integer()) else {
            powers.push((generator, times));
            continue;
        };
        let own = exponent.times(&Fraction::integer(times.to_integer()), budget)?;
        match joined.iter_mut().find(|(known, _)| known == base) {
            Some((_, sum)) => *sum = sum.plus(&own, budget)?,
            None => joined.push((base.clone(), own)),
        }
    }
    let mut product = Fraction::integer(1);
    for (base, exponent) in joined {
        let terms = exponent.polynomial().map_or(&[][..], Polynomial::terms);
        let constant = terms.iter().find(|(monomial, _)| monomial.is_one()).map(|(_, constant)| constant.to_integer().to_i64());
        let whole = Fraction::integer(constant.flatten().filter(|whole| whole.abs() <= MAX_WHOLE).unwrap_or(0));
        let rest = power::power(&base, &exponent.minus(&whole, budget)?, budget)?;
        product = product.times(&power::power(&base, &whole, budget)?, budget)?.times(&rest, budget)?;
    }
    Ok(product)
}

/// Base and exponent of a power whose exponent is no number.
fn power_of(generator: &Generator) -> Option<(&Fraction, &Fraction)> {
    match generator {
        Generator::Call(call) if call.function == Function::Power => Some((call.arguments.first()?, call.arguments.get(1)?)),
        _ => None,
    }
}

fn whole_power(base: &Fraction, exponent: i64, budget: &Budget) -> Bounded<Fraction> {
    (0..exponent.to_u32().unwrap_or(0)).try_fold(Fraction::integer(1), |power, _| power.times(base, budget))
}

/// What an absolute value is of, where that is surely real.
fn real_argument(generator: &Generator) -> Option<&Fraction> {
    let Generator::Call(call) = generator else { return None };
    let argument = call.arguments.first().filter(|_| call.function == Function::Abs)?;
    let real = |polynomial: &Polynomial| {
        polynomial.terms().iter().flat_map(|(monomial, _)| monomial.powers()).all(|(generator, exponent)| match generator {
            Generator::Variable(name) => is_real_name(name) && exponent.is_integer(),
            Generator::Pi | Generator::Euler | Generator::LogPrime(_) | Generator::Prime(_) => true,
            _ => false,
        })
    };
    (real(argument.numerator()) && real(argument.denominator())).then_some(argument)
}

/// Whether samples show all of a function that has branches, such as a root or an absolute value, where it is applied to `argument`: a constant, a
/// single term in variables, whose signs the samples run through, or a sum that is positive for all real numbers. Of `|x-2|` they may miss a part.
pub(super) fn is_covered(argument: &Fraction) -> bool {
    super::fraction::is_constant(argument)
        || [argument.numerator(), argument.denominator()].into_iter().all(|part| is_monomial(part) || is_positive(part))
}

/// A single term in variables and constants.
fn is_monomial(polynomial: &Polynomial) -> bool {
    polynomial.single().is_some() && !polynomial.generators().any(|own| matches!(own, Generator::Base(_) | Generator::Call(_)))
}

/// Whether all terms are positive for real variables: even powers with positive coefficients.
fn is_positive(polynomial: &Polynomial) -> bool {
    let positive = |(generator, exponent): &(Generator, Exponent)| match generator {
        Generator::Variable(name) => is_real_name(name) && exponent.is_integer() && exponent.numer() % 2 == 0,
        Generator::Pi | Generator::Euler | Generator::LogPrime(_) | Generator::Prime(_) => true,
        Generator::Call(call) if call.function == Function::Power => is_real_power(&call.arguments),
        _ => false,
    };
    let has_constant = polynomial
        .terms()
        .iter()
        .any(|(monomial, _)| !monomial.powers().iter().any(|(generator, _)| matches!(generator, Generator::Variable(_))));
    has_constant
        && polynomial
            .terms()
            .iter()
            .all(|(monomial, coefficient)| coefficient.is_positive() && monomial.powers().iter().all(positive))
}

/// Whether a power has a positive number below and real variables above, as `2^x` has.
fn is_real_power(arguments: &[Fraction]) -> bool {
    let [base, exponent] = arguments else { return false };
    let positive = |own: &Generator| matches!(own, Generator::Pi | Generator::Euler | Generator::Prime(_));
    let base_is_positive = base.polynomial().and_then(Polynomial::single).is_some_and(|(_, factor)| factor.is_positive())
        && base.generators().all(positive);
    base_is_positive
        && exponent.generators().all(|own| positive(own) || matches!(own, Generator::Variable(name) if is_real_name(name)))
}
