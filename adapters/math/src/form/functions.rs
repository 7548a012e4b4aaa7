//! Functions in an expression, and those that undo each other.

use super::expression::{is_constant, parts};
use crate::ast::{Expr, Function};

/// What functions are in an expression.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Functions {
    /// Functions but for those below.
    calls: bool,
    /// Powers whose exponents are no numbers.
    powers: bool,
    /// Roots, powers with fractions above, and absolute values, which are roots of squares.
    roots: bool,
    /// How many factorials and binomial coefficients.
    factorials: usize,
}

impl Functions {
    pub(super) fn of(expr: &Expr) -> Self {
        let none = Self::default();
        let own = match expr {
            Expr::Call(Function::Factorial | Function::Binomial, _) => Self { factorials: 1, ..none },
            Expr::Call(Function::Exp, exponents) => Self { powers: !exponents.iter().all(is_rational), ..none },
            Expr::Root(..) | Expr::Call(Function::Abs, _) => Self { roots: true, ..none },
            Expr::Call(..) => Self { calls: true, ..none },
            Expr::Power(_, exponent) => Self { roots: is_fraction(exponent), powers: !is_rational(exponent), ..none },
            _ => none,
        };
        parts(expr).into_iter().map(Self::of).fold(own, Self::with)
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self {
            calls: self.calls || other.calls,
            powers: self.powers || other.powers,
            roots: self.roots || other.roots,
            factorials: self.factorials + other.factorials,
        }
    }

    /// Whether there are functions here that are to be computed, as the same value goes without: `\sin^2x+\cos^2x` for 1.
    pub(super) fn are_left(self, wanted: Self) -> bool {
        let transcendental = wanted.calls || wanted.powers;
        (self.calls || self.powers) && !transcendental
            || self.roots && !(transcendental || wanted.roots)
            || self.factorials > 1 && wanted.factorials == 0
    }
}

fn is_rational(exponent: &Expr) -> bool {
    match exponent {
        Expr::Number(_) => true,
        Expr::Negative(inner) => is_rational(inner),
        Expr::Quotient(over, under) => is_rational(over) && is_rational(under),
        _ => false,
    }
}

fn is_fraction(exponent: &Expr) -> bool {
    match exponent {
        Expr::Number(number) => !number.is_integer(),
        Expr::Negative(inner) => is_fraction(inner),
        other => is_rational(other),
    }
}

/// Whether a function undoes the one within it, as in `\ln e^x`, `e^{2\ln x}` and `\sin(\arcsin x)`.
pub(super) fn is_inverse_of_inner(expr: &Expr) -> bool {
    use Function::{Arccos, Arcsin, Arctan, Cos, Exp, Ln, Log, Sin, Tan};
    match expr {
        Expr::Call(Ln, arguments) => matches!(arguments.as_slice(), [inner] if is_exponential(inner)),
        Expr::Call(Log, arguments) => match arguments.as_slice() {
            [Expr::Power(base, _), own] => same(base, own),
            _ => false,
        },
        Expr::Call(Exp, arguments) => arguments.iter().any(|exponent| has_logarithm(exponent, &Expr::Euler)),
        Expr::Call(outer @ (Sin | Cos | Tan), arguments) => match arguments.as_slice() {
            [Expr::Call(inner, _)] => matches!((outer, inner), (Sin, Arcsin) | (Cos, Arccos) | (Tan, Arctan)),
            _ => false,
        },
        Expr::Power(base, exponent) => has_logarithm(exponent, base),
        _ => false,
    }
}

fn is_exponential(expr: &Expr) -> bool {
    matches!(expr, Expr::Call(Function::Exp, _)) || matches!(expr, Expr::Power(base, _) if matches!(base.as_ref(), Expr::Euler))
}

/// Whether an exponent has a logarithm to the base of its power as a term or a factor.
fn has_logarithm(exponent: &Expr, base: &Expr) -> bool {
    match exponent {
        Expr::Call(Function::Ln, _) => matches!(base, Expr::Euler),
        Expr::Call(Function::Log, arguments) => matches!(arguments.as_slice(), [_, own] if same(base, own)),
        Expr::Negative(inner) => has_logarithm(inner, base),
        Expr::Product(parts) | Expr::Sum(parts) => parts.iter().any(|part| has_logarithm(part, base)),
        Expr::Quotient(over, under) => is_constant(under) && has_logarithm(over, base),
        _ => false,
    }
}

/// Whether two bases are the same number or name.
fn same(a: &Expr, b: &Expr) -> bool {
    match (a, b) {
        (Expr::Number(a), Expr::Number(b)) => a == b,
        (Expr::Variable(a), Expr::Variable(b)) => a == b,
        (Expr::Euler, Expr::Euler) | (Expr::Pi, Expr::Pi) => true,
        _ => false,
    }
}
