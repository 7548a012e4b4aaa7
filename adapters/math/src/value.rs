//! What an answer is once its expressions are in normal form.

use num_bigint::BigInt;

use super::{ast::Operator, fraction::Fraction};

/// An answer, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NormalForm {
    Quantity(Quantity),
    /// A whole number that was written in a base.
    Based {
        number: BigInt,
        base: u32,
    },
    Word(String),
    /// A tuple or an interval.
    Group {
        open: char,
        close: char,
        items: Vec<NormalForm>,
    },
    /// In braces: no element twice.
    Set(Vec<NormalForm>),
    /// Bare items, in any order.
    List(Vec<NormalForm>),
    Union(Vec<NormalForm>),
    Difference(Box<NormalForm>, Box<NormalForm>),
    Matrix(Vec<Vec<NormalForm>>),
    Ratio(Vec<NormalForm>),
    Relation(Relation),
    EmptySet,
}

/// A number or an expression, and what was written after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Quantity {
    pub(super) number: Number,
    pub(super) unit: Option<String>,
    /// Whether all of it is one number with a percent sign; the number is divided by 100 already.
    pub(super) percent: bool,
}

/// A number or an expression.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Number {
    NegativeInfinity,
    Finite(Fraction),
    Infinity,
}

/// Equations and inequalities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Relation {
    /// How differences of neighbouring sides stand to zero; never with a sign that points to the left. Empty where sides are not numbers.
    pub(super) parts: Vec<(Operator, Fraction)>,
    pub(super) solved: Option<Solved>,
    /// What an equation such as `m+n=47` says that an expression is, which has no name.
    pub(super) stated: Option<Box<NormalForm>>,
}

/// A relation that says what one name is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Solved {
    pub(super) name: String,
    pub(super) value: Box<NormalForm>,
}

impl NormalForm {
    pub(super) fn number(number: Number) -> Self {
        Self::Quantity(Quantity { number, unit: None, percent: false })
    }

    /// All real numbers.
    pub(super) fn reals() -> Self {
        let items = vec![Self::number(Number::NegativeInfinity), Self::number(Number::Infinity)];
        Self::Group { open: '(', close: ')', items }
    }

    /// The expression of a quantity without a unit.
    pub(super) fn expression(&self) -> Option<&Fraction> {
        match self {
            Self::Quantity(Quantity { number: Number::Finite(fraction), unit: None, percent: false }) => Some(fraction),
            _ => None,
        }
    }
}
