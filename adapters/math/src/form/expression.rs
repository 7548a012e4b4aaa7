//! How far one expression is worked out.

use std::collections::BTreeSet;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, ToPrimitive, Zero};

use super::{
    Finish,
    arithmetic::{is_arithmetic, is_closed, is_numeral, numbers},
    functions::{Functions, is_inverse_of_inner},
    quotient,
};
use crate::{
    ast::{Expr, Function},
    budget::Budget,
    normal::normal_form,
};

/// Factors that roots are searched for: exact arithmetic on many roots costs time.
const MAX_FACTOR: u32 = 100;
/// Digits of a power, factorial or binomial coefficient that is no simpler when written out.
const MAX_DIGITS: usize = 12;

/// How far an expression is worked out.
pub(super) fn finish(expr: &Expr, budget: &Budget) -> Finish {
    let number = is_numeral(expr);
    let worked = number || is_closed(expr) || is_worked(expr, budget) && !(is_constant(expr) && is_rational(expr, budget));
    Finish {
        number,
        worked,
        reduced: worked && is_reduced(expr, budget),
        expanded: is_expanded(expr),
        factors: factors(expr),
        unexpanded: has_sum_as_factor(expr),
        numbers: numbers(expr),
        names: names(expr),
        functions: Functions::of(expr),
    }
}

fn names(expr: &Expr) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect_names(expr, &mut found);
    found
}

/// Adds the variables in an expression.
pub(super) fn collect_names(expr: &Expr, found: &mut BTreeSet<String>) {
    if let Expr::Variable(name) = expr {
        found.insert(name.to_string());
    }
    parts(expr).into_iter().for_each(|part| collect_names(part, found));
}

/// The parts of an expression, one level down.
pub(super) fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Negative(inner) | Expr::Percent(inner) | Expr::Degrees(inner) | Expr::Root(inner, _) => vec![inner],
        Expr::Quotient(a, b) | Expr::Power(a, b) => vec![a, b],
        Expr::Sum(parts) | Expr::Product(parts) | Expr::Call(_, parts) => parts.iter().collect(),
        _ => Vec::new(),
    }
}

pub(super) fn is_constant(expr: &Expr) -> bool {
    !matches!(expr, Expr::Variable(_)) && parts(expr).into_iter().all(is_constant)
}

/// Whether the value of an expression is a rational number; not where it can't be computed within bounds.
fn is_rational(expr: &Expr, budget: &Budget) -> bool {
    is_arithmetic(expr) || normal_form(expr, &[], budget).is_ok_and(|value| quotient::is_rational(&value, budget))
}

/// Whether nothing that has a rational value is left to compute, and nothing alike to gather.
fn is_worked(expr: &Expr, budget: &Budget) -> bool {
    if is_numeral(expr) || is_closed(expr) {
        return true;
    }
    if is_inverse_of_inner(expr) {
        return false;
    }
    let own = match expr {
        Expr::Root(..) => !(is_constant(expr) && is_rational(expr, budget)),
        Expr::Call(Function::Factorial | Function::Binomial, _) => !is_arithmetic(expr),
        Expr::Call(..) => !(is_constant(expr) && is_rational(expr, budget)),
        Expr::Power(base, _) => is_own_power(base, expr, budget),
        Expr::Quotient(over, under) => {
            let computed = is_arithmetic(expr) || is_constant_sum(over) && is_constant_sum(under);
            !(computed || is_constant(under) && has_unit(under) || quotient::is_reducible(expr, budget))
        }
        Expr::Product(factors) => is_gathered_product(factors) && !quotient::is_reducible(expr, budget),
        Expr::Sum(terms) => is_gathered_sum(expr, terms, budget),
        _ => true,
    };
    own && parts(expr).into_iter().all(|part| is_worked(part, budget))
}

/// Whether a power is no power of a power, of a constant sum, of the imaginary unit or of a product with a number, and has no rational value.
fn is_own_power(base: &Expr, power: &Expr, budget: &Budget) -> bool {
    let constant = is_constant(power);
    let computed = matches!(base, Expr::Power(..)) || constant && is_constant_sum(base);
    let whole =
        matches!(power, Expr::Power(_, exponent) if matches!(exponent.as_ref(), Expr::Number(times) if times.is_integer()));
    let number_to_raise = whole && (matches!(base, Expr::Imaginary) || !is_arithmetic(base) && has_numeric_factor(base));
    !(computed || number_to_raise || constant && is_rational(power, budget))
}

/// Whether a number or a sign is among the factors of an expression, above or below the line.
fn has_numeric_factor(expr: &Expr) -> bool {
    match expr {
        Expr::Negative(_) => true,
        Expr::Product(factors) => factors.iter().any(has_numeric_factor),
        Expr::Quotient(over, under) => has_numeric_factor(over) || has_numeric_factor(under),
        Expr::Number(number) => !number.is_one(),
        _ => false,
    }
}

fn has_unit(expr: &Expr) -> bool {
    matches!(expr, Expr::Imaginary) || parts(expr).into_iter().any(has_unit)
}

/// Whether at most one factor is a number and at most one a constant sum, and no variable is there twice.
fn is_gathered_product(factors: &[Expr]) -> bool {
    let count = |is: &dyn Fn(&Expr) -> bool| factors.iter().filter(|factor| is(factor)).count();
    let mut names: Vec<&str> = factors.iter().filter_map(variable).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    count(&is_arithmetic) <= 1 && count(&is_constant_sum) <= 1 && names.len() == all
}

fn is_constant_sum(expr: &Expr) -> bool {
    matches!(expr, Expr::Sum(_)) && is_constant(expr)
}

/// The variable that an expression is a power of.
fn variable(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Variable(name) => Some(name),
        Expr::Power(base, _) => variable(base),
        _ => None,
    }
}

/// Whether at most one term is a number, and no terms are alike.
fn is_gathered_sum(sum: &Expr, terms: &[Expr], budget: &Budget) -> bool {
    if terms.iter().filter(|term| is_arithmetic(term)).count() > 1 {
        return false;
    }
    let Some(leaves) = terms.iter().map(leaves).sum::<Option<usize>>() else { return true };
    let value = normal_form(sum, &[], budget).ok();
    value.as_ref().and_then(|value| value.polynomial()).is_none_or(|polynomial| polynomial.terms().len() == leaves)
}

/// The terms of a term, sums within sums counted out; None where a sum is a factor.
fn leaves(term: &Expr) -> Option<usize> {
    match term {
        Expr::Negative(inner) => leaves(inner),
        Expr::Sum(terms) => terms.iter().map(leaves).sum(),
        other => (!has_sum(other)).then_some(1),
    }
}

fn has_sum(expr: &Expr) -> bool {
    matches!(expr, Expr::Sum(_)) || parts(expr).into_iter().any(has_sum)
}

/// Whether an expression with variables is a sum of terms without sums.
fn is_expanded(expr: &Expr) -> bool {
    matches!(expr, Expr::Sum(terms) if terms.len() > 1 && !terms.iter().any(has_sum)) && !is_constant(expr)
}

/// Factors with variables, of a product or power in which a sum is one; else none.
fn factors(expr: &Expr) -> usize {
    match expr {
        Expr::Negative(inner) => factors(inner),
        Expr::Product(_) | Expr::Power(..) if is_product_of_sums(expr) => count(expr),
        _ => 0,
    }
}

/// Factors with variables, each as often as its power says.
fn count(expr: &Expr) -> usize {
    match expr {
        _ if is_constant(expr) => 0,
        Expr::Negative(inner) => count(inner),
        Expr::Product(factors) => factors.iter().map(count).sum(),
        Expr::Power(base, exponent) => match exponent.as_ref() {
            Expr::Number(times) => count(base).saturating_mul(times.to_usize().unwrap_or(1)),
            _ => count(base),
        },
        _ => 1,
    }
}

/// Whether a sum with variables is a factor, or is raised to a power, at the top of an expression.
fn is_product_of_sums(expr: &Expr) -> bool {
    let sum = |expr: &Expr| matches!(expr, Expr::Sum(_)) && !is_constant(expr);
    match expr {
        Expr::Product(factors) => factors.iter().any(|factor| sum(factor) || is_product_of_sums(factor)),
        Expr::Power(base, exponent) => sum(base) && matches!(exponent.as_ref(), Expr::Number(times) if times.is_integer()),
        Expr::Negative(inner) => is_product_of_sums(inner),
        _ => false,
    }
}

/// Whether a product of sums is among the terms and factors of an expression.
fn has_sum_as_factor(expr: &Expr) -> bool {
    let within = match expr {
        Expr::Sum(_) | Expr::Product(_) | Expr::Negative(_) | Expr::Quotient(..) => parts(expr),
        _ => Vec::new(),
    };
    is_product_of_sums(expr) || within.into_iter().any(has_sum_as_factor)
}

/// Whether roots are of whole numbers without whole powers in them, none is in a denominator, and powers and factorials are written out where that
/// takes few digits.
fn is_reduced(expr: &Expr, budget: &Budget) -> bool {
    if is_numeral(expr) {
        return true;
    }
    if is_closed(expr) && is_short(expr, budget) {
        return false;
    }
    let own = match expr {
        Expr::Root(radicand, index) => match radicand.as_ref() {
            Expr::Number(number) => is_power_free(number, *index),
            radicand => !is_arithmetic(radicand),
        },
        Expr::Quotient(_, under) => !(is_constant(under) && has_root(under)),
        _ => true,
    };
    own && parts(expr).into_iter().all(|part| is_reduced(part, budget))
}

/// Whether the value of an expression is a rational number of few digits.
fn is_short(expr: &Expr, budget: &Budget) -> bool {
    let value = normal_form(expr, &[], budget).ok().and_then(|value| value.rational());
    value.is_some_and(|value| value.numer().to_string().len() + value.denom().to_string().len() <= MAX_DIGITS + 1)
}

fn has_root(expr: &Expr) -> bool {
    matches!(expr, Expr::Root(..)) || parts(expr).into_iter().any(has_root)
}

/// Whether no power of a small number divides a whole one.
fn is_power_free(number: &BigRational, index: u32) -> bool {
    let divides = |factor: u32| (number.numer() % num_traits::pow(BigInt::from(factor), index as usize)).is_zero();
    number.is_integer() && !(2..=MAX_FACTOR).any(divides) && !number.is_one()
}
