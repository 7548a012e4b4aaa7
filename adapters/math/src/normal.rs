//! Expressions to their normal form.

use num_rational::BigRational;

use super::{
    ast::Expr,
    budget::{Bounded, Budget, Halt},
    fraction::Fraction,
    function,
    monomial::Generator,
    power,
};

/// The normal form of an expression in which each sign that stands for two values is negative where `negative` has it so.
pub(super) fn normal_form(expr: &Expr, negative: &[bool], budget: &Budget) -> Bounded<Fraction> {
    let form = |expr: &Expr| normal_form(expr, negative, budget);
    match expr {
        Expr::Number(number) => Ok(Fraction::constant(number.clone())),
        Expr::Variable(name) => Fraction::generator(Generator::Variable(name.clone())),
        Expr::Pi => Fraction::generator(Generator::Pi),
        Expr::Euler => Fraction::generator(Generator::Euler),
        Expr::Imaginary => Fraction::generator(Generator::Imaginary),
        Expr::Infinity => Err(Halt::Undefined("arithmetic with infinity")),
        Expr::Sign { index, lower } => {
            let negative = negative.get(*index).copied().unwrap_or(false) != *lower;
            Ok(Fraction::integer(if negative { -1 } else { 1 }))
        }
        Expr::Negative(inner) => Ok(form(inner)?.negated()),
        Expr::Sum(terms) => {
            let (first, rest) = terms.split_first().ok_or(Halt::Undefined("a sum without terms"))?;
            rest.iter().try_fold(form(first)?, |sum, term| sum.plus(&form(term)?, budget))
        }
        Expr::Product(factors) => {
            let (first, rest) = factors.split_first().ok_or(Halt::Undefined("a product without factors"))?;
            rest.iter().try_fold(form(first)?, |product, factor| product.times(&form(factor)?, budget))
        }
        Expr::Quotient(over, under) => form(over)?.over(&form(under)?, budget),
        Expr::Power(base, exponent) => power::power(&form(base)?, &form(exponent)?, budget),
        Expr::Root(radicand, index) => power::root(&form(radicand)?, *index, budget),
        Expr::Percent(inner) => form(inner)?.over(&Fraction::integer(100), budget),
        Expr::Degrees(inner) => {
            let straight = Fraction::constant(BigRational::new(1.into(), 180.into()));
            form(inner)?.times(&straight, budget)?.times(&Fraction::generator(Generator::Pi)?, budget)
        }
        Expr::Call(name, arguments) => {
            let arguments = arguments.iter().map(form).collect::<Bounded<Vec<_>>>()?;
            function::apply(*name, &arguments, budget)
        }
    }
}
