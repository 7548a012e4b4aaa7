//! Arithmetic on rational numbers, before it is done.

use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use crate::ast::{Expr, Function};

/// Numbers of one expression that are compared; more are no puzzle.
const MAX_NUMBERS: usize = 256;

/// Whether an expression is one number: a literal, a fraction in lowest terms, a power of ten times a literal, with signs.
pub(super) fn is_numeral(expr: &Expr) -> bool {
    match expr {
        Expr::Number(_) => true,
        Expr::Negative(inner) | Expr::Percent(inner) => is_numeral(inner),
        Expr::Quotient(over, under) => is_lowest(over, under),
        Expr::Product(factors) => match factors.as_slice() {
            // A sign that stands for two values is one.
            [Expr::Sign { .. }, number] => is_numeral(number),
            [literal, power] => is_literal(literal) && is_power_of_ten(power),
            _ => false,
        },
        power => is_power_of_ten(power),
    }
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Number(_) => true,
        Expr::Negative(inner) => is_literal(inner),
        _ => false,
    }
}

/// The integer that a literal with its signs is.
fn integer(expr: &Expr) -> Option<num_bigint::BigInt> {
    match expr {
        Expr::Number(number) if number.is_integer() => Some(number.numer().clone()),
        Expr::Negative(inner) => integer(inner).map(|number| -number),
        _ => None,
    }
}

/// Whether a quotient of integers is a fraction in lowest terms.
fn is_lowest(over: &Expr, under: &Expr) -> bool {
    let (Some(over), Some(under)) = (integer(over), integer(under)) else { return false };
    !under.is_zero() && !under.abs().is_one() && over.gcd(&under).is_one()
}

fn is_power_of_ten(expr: &Expr) -> bool {
    match expr {
        Expr::Power(base, exponent) => integer(base).is_some_and(|base| base == 10.into()) && integer(exponent).is_some(),
        _ => false,
    }
}

/// Whether an expression is a single power of a literal, a factorial or a binomial coefficient, which people leave as they are.
pub(super) fn is_closed(expr: &Expr) -> bool {
    match expr {
        Expr::Power(base, exponent) => {
            is_numeral(base) && integer(exponent).is_some_and(|times| !times.is_zero() && !times.is_one())
        }
        Expr::Call(Function::Factorial | Function::Binomial, arguments) => arguments.iter().all(is_literal),
        Expr::Negative(inner) => is_closed(inner),
        Expr::Quotient(over, under) => is_closed(over) && integer(under).is_some() || integer(over).is_some() && is_closed(under),
        _ => false,
    }
}

/// Whether an expression has nothing in it but rational numbers and operations whose values are rational.
pub(super) fn is_arithmetic(expr: &Expr) -> bool {
    match expr {
        Expr::Number(_) => true,
        Expr::Negative(inner) | Expr::Percent(inner) => is_arithmetic(inner),
        Expr::Sum(parts) | Expr::Product(parts) => parts.iter().all(is_arithmetic),
        Expr::Quotient(over, under) => is_arithmetic(over) && is_arithmetic(under),
        Expr::Power(base, exponent) => is_arithmetic(base) && integer(exponent).is_some(),
        Expr::Call(Function::Factorial | Function::Binomial, arguments) => arguments.iter().all(is_arithmetic),
        _ => false,
    }
}

/// The numbers of arithmetic that is left to do, in order and without ones; None where none is, or where it is no puzzle with given numbers.
pub(super) fn numbers(expr: &Expr) -> Option<Vec<BigRational>> {
    let fraction = matches!(expr, Expr::Quotient(over, under) if integer(over).is_some() && integer(under).is_some());
    if !is_arithmetic(expr) || is_numeral(expr) || is_closed(expr) || fraction {
        return None;
    }
    let mut numbers = Vec::new();
    collect(expr, &mut numbers)?;
    numbers.sort();
    Some(numbers)
}

fn collect(expr: &Expr, numbers: &mut Vec<BigRational>) -> Option<()> {
    let mut push = |number: &BigRational, times: usize| {
        let counted = if number.is_one() { 0 } else { times };
        numbers.extend(std::iter::repeat_n(number, counted).cloned());
        (numbers.len() <= MAX_NUMBERS).then_some(())
    };
    match expr {
        Expr::Number(number) => push(number, 1),
        Expr::Negative(inner) => collect(inner, numbers),
        Expr::Sum(parts) | Expr::Product(parts) => parts.iter().try_for_each(|part| collect(part, numbers)),
        Expr::Quotient(over, under) => [over, under].into_iter().try_for_each(|part| collect(part, numbers)),
        Expr::Power(base, exponent) => match base.as_ref() {
            Expr::Number(base) => push(base, integer(exponent)?.to_usize().filter(|&times| times <= MAX_NUMBERS)?),
            _ => None,
        },
        _ => None,
    }
}
