//! Values as text that people read.

use std::fmt::{Display, Formatter, Result};

use num_rational::BigRational;
use num_traits::{One, Signed};

use super::{
    ast::{Function, Operator},
    fraction::Fraction,
    monomial::{Generator, Monomial},
    polynomial::Polynomial,
    value::{NormalForm, Number, Quantity, Relation},
};

impl Display for NormalForm {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Quantity(quantity) => quantity.fmt(f),
            Self::Based { number, base } => write!(f, "{}_{base}", number.to_str_radix(*base)),
            Self::Word(word) => f.write_str(word),
            Self::Group { open, close, items } => {
                write!(f, "{open}")?;
                joined(f, items, ", ")?;
                write!(f, "{close}")
            }
            Self::Set(items) => {
                f.write_str("{")?;
                joined(f, items, ", ")?;
                f.write_str("}")
            }
            Self::List(items) => joined(f, items, ", "),
            Self::Union(items) => joined(f, items, " ∪ "),
            Self::Difference(from, what) => write!(f, "{from} \\ {what}"),
            Self::Matrix(rows) => {
                f.write_str("[")?;
                for (index, row) in rows.iter().enumerate() {
                    f.write_str(if index > 0 { "; " } else { "" })?;
                    joined(f, row, ", ")?;
                }
                f.write_str("]")
            }
            Self::Ratio(items) => joined(f, items, ":"),
            Self::Relation(relation) => relation.fmt(f),
            Self::EmptySet => f.write_str("∅"),
        }
    }
}

fn joined(f: &mut Formatter<'_>, items: &[impl Display], separator: &str) -> Result {
    for (index, item) in items.iter().enumerate() {
        f.write_str(if index > 0 { separator } else { "" })?;
        item.fmt(f)?;
    }
    Ok(())
}

impl Display for Quantity {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.number {
            Number::NegativeInfinity => f.write_str("-∞")?,
            Number::Infinity => f.write_str("∞")?,
            Number::Finite(fraction) => match fraction.rational().filter(|_| self.percent) {
                Some(number) => write!(f, "{}%", number * BigRational::from_integer(100.into()))?,
                None => fraction.fmt(f)?,
            },
        }
        self.unit.iter().try_for_each(|unit| write!(f, " {unit}"))
    }
}

impl Display for Relation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if let Some(solved) = &self.solved {
            let tuple = solved.name.starts_with('(');
            let interval =
                !tuple && matches!(*solved.value, NormalForm::Group { .. } | NormalForm::Union(_) | NormalForm::Set(_));
            return write!(f, "{} {} {}", solved.name, if interval { "∈" } else { "=" }, solved.value);
        }
        for (index, (operator, difference)) in self.parts.iter().enumerate() {
            f.write_str(if index > 0 { " and " } else { "" })?;
            write!(f, "{difference} {} 0", sign(*operator))?;
        }
        Ok(())
    }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Equal => "=",
        Operator::NotEqual => "≠",
        Operator::Approximate => "≈",
        Operator::Less => "<",
        Operator::LessEqual => "≤",
        Operator::Greater => ">",
        Operator::GreaterEqual => "≥",
        Operator::In => "∈",
    }
}

impl Display for Fraction {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.polynomial() {
            Some(polynomial) => polynomial.fmt(f),
            None => write!(f, "({})/({})", self.numerator(), self.denominator()),
        }
    }
}

impl Display for Polynomial {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.is_zero() {
            return f.write_str("0");
        }
        for (index, (monomial, coefficient)) in self.terms().iter().enumerate() {
            f.write_str(match (index, coefficient.is_negative()) {
                (0, false) => "",
                (0, true) => "-",
                (_, false) => " + ",
                (_, true) => " - ",
            })?;
            let size = coefficient.abs();
            match (size.is_one(), monomial.is_one()) {
                (_, true) => size.fmt(f)?,
                (true, false) => monomial.fmt(f)?,
                (false, false) => write!(f, "{size}*{monomial}")?,
            }
        }
        Ok(())
    }
}

impl Display for Monomial {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (index, (generator, exponent)) in self.powers().iter().enumerate() {
            f.write_str(if index > 0 { "*" } else { "" })?;
            match (exponent.is_one(), (*exponent.numer(), *exponent.denom()) == (1, 2)) {
                (true, _) => generator.fmt(f)?,
                (_, true) => write!(f, "sqrt({generator})")?,
                _ if exponent.is_integer() && !exponent.is_negative() => write!(f, "{generator}^{exponent}")?,
                _ => write!(f, "{generator}^({exponent})")?,
            }
        }
        Ok(())
    }
}

impl Display for Generator {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Pi => f.write_str("pi"),
            Self::Euler => f.write_str("e"),
            Self::LogPrime(prime) => write!(f, "ln({prime})"),
            Self::Prime(prime) => write!(f, "{prime}"),
            Self::Imaginary => f.write_str("i"),
            Self::Base(base) => write!(f, "({base})"),
            Self::Call(call) => {
                f.write_str(function_name(call.function))?;
                f.write_str("(")?;
                joined(f, &call.arguments, ", ")?;
                f.write_str(")")
            }
        }
    }
}

fn function_name(function: Function) -> &'static str {
    match function {
        Function::Sin => "sin",
        Function::Cos => "cos",
        Function::Tan => "tan",
        Function::Cot => "cot",
        Function::Sec => "sec",
        Function::Csc => "csc",
        Function::Arcsin => "arcsin",
        Function::Arccos => "arccos",
        Function::Arctan => "arctan",
        Function::Sinh => "sinh",
        Function::Cosh => "cosh",
        Function::Tanh => "tanh",
        Function::Exp => "exp",
        Function::Ln => "ln",
        Function::Log => "log",
        Function::Abs => "abs",
        Function::Floor => "floor",
        Function::Ceil => "ceil",
        Function::Factorial => "factorial",
        Function::Binomial => "binomial",
        Function::Gcd => "gcd",
        Function::Lcm => "lcm",
        Function::Power => "power",
    }
}
