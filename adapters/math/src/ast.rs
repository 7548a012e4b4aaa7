//! What the parser makes of a text: the shape of an answer, and the expressions in it.

use std::sync::Arc;

use num_rational::BigRational;

/// An expression as written, before any arithmetic.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    Number(BigRational),
    Variable(Arc<str>),
    Pi,
    Euler,
    Imaginary,
    Infinity,
    /// One of two signs, by its number in the text; the lower one of `\mp` begins with minus.
    Sign {
        index: usize,
        lower: bool,
    },
    Negative(Box<Expr>),
    Sum(Vec<Expr>),
    Product(Vec<Expr>),
    Quotient(Box<Expr>, Box<Expr>),
    Power(Box<Expr>, Box<Expr>),
    /// The principal root; of a negative number and an odd index, the real one.
    Root(Box<Expr>, u32),
    Percent(Box<Expr>),
    /// An angle in degrees, as the argument of a function.
    Degrees(Box<Expr>),
    Call(Function, Vec<Expr>),
}

/// A function by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Function {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Arcsin,
    Arccos,
    Arctan,
    Sinh,
    Cosh,
    Tanh,
    Exp,
    Ln,
    /// To the base of its second argument.
    Log,
    Abs,
    Floor,
    Ceil,
    Factorial,
    Binomial,
    Gcd,
    Lcm,
    /// A power whose exponent is not a rational number.
    Power,
}

/// How two sides of a relation stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Approximate,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}

/// What joins the items of a bare list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    Comma,
    And,
    Or,
}

/// The shape of an answer, or of a part of one.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Quantity(Quantity),
    /// Digits with a base as their subscript.
    Based {
        digits: String,
        base: u32,
    },
    Word(String),
    /// A tuple or an interval.
    Group {
        open: char,
        close: char,
        items: Vec<Node>,
    },
    Set(Vec<Node>),
    List {
        items: Vec<Node>,
        joint: Joint,
    },
    Union(Vec<Node>),
    Difference(Box<Node>, Box<Node>),
    Matrix(Vec<Vec<Node>>),
    Ratio(Vec<Node>),
    Relation {
        sides: Vec<Node>,
        operators: Vec<Operator>,
    },
    EmptySet,
    Reals,
}

/// An expression, its unit, and the signs in it that stand for two values.
#[derive(Debug, Clone)]
pub(super) struct Quantity {
    pub(super) expr: Expr,
    pub(super) unit: Option<String>,
    /// How many `\pm` and `\mp` there are, each numbered.
    pub(super) signs: usize,
    /// Whether all signs change together, as they do where `\mp` is among them.
    pub(super) tied: bool,
}
