//! The form of an answer: how far it is worked out, as its text has it. `10(8-5)-6` and `24` are the same value and not the same answer.

mod arithmetic;
mod expression;
mod functions;
mod quotient;
mod solving;

use std::collections::BTreeSet;

use num_rational::BigRational;

use self::{expression::finish, functions::Functions};
use super::{
    Answer,
    ast::{Expr, Node, Operator},
    budget::Budget,
    compare::Reason,
    value::{NormalForm, Relation},
};

/// The form that an answer must have besides the reference's value.
///
/// Where none is set, the reference's own form decides, so that a question is not solved by repeating it:
///
/// - A solved equation or inequality (a variable alone on one side, and the other sides free of it) wants one that is solved for it, or the value alone:
///   `2x+1=5` does not answer `x=2`. One that is not solved takes any equivalent one.
/// - A reference that is worked out wants an answer that is: no sum, difference, product or quotient of numbers left (`20-2`, `\frac{6}{3}`,
///   `\frac{10!}{8!}`, `(2x)^2`), no function with a rational value (`\log 100`, `\sqrt{16}`, `|-3|`), no like terms or factors (`2\pi+\pi`, `x^2x^3`),
///   nothing to cancel (`\frac{2x+4}{2}`, `\frac{x^2-1}{x-1}`), no `i` in a denominator, no function that undoes another (`\ln e^x`), and neither a
///   variable nor functions where the reference has none (`\sin^2x+\cos^2x` for 1). Exceptions: single powers, factorials and binomial
///   coefficients may stay (`2^{10}`, `10!`), and so may roots as they are (`\sqrt{8}`, `\frac{1}{\sqrt2}`), sums of fractions (`\frac1x+\frac1y`)
///   and, where the reference has functions, others (`\sin 2x` for `2\sin x\cos x`): what identities would change is not decided.
/// - A reference that is arithmetic on numbers (`10*(8-5)-6`, `2^3\cdot 5`) wants the same numbers, put together to the same value; a power counts its
///   base as often as it says, and ones do not count.
/// - A sum of monomials in variables wants no products of sums (`x(x+2)` for `x^2+2x`), and a product with sums as factors no sum, and as many factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Form {
    /// One number: an integer, a decimal, a fraction in lowest terms, a mixed number, a power of ten times one; with a sign, a percent sign or a unit.
    Number,
    /// As a worked-out reference wants it, and roots are free of whole powers, no root is in a denominator, and powers, factorials and binomial
    /// coefficients are written out where that takes up to 12 digits.
    Simplified,
    /// Any form: the value alone counts.
    Any,
}

impl Form {
    /// Whether a reference has the form itself, which its answers must have.
    ///
    /// # Errors
    /// Why it has not.
    pub fn suits(self, reference: &Answer) -> Result<(), &'static str> {
        let finish = asked(&reference.node);
        match self {
            Self::Number if !finish.number => Err("it is no number, which form = \"number\" asks for"),
            Self::Simplified if !finish.reduced => Err("it is not simplified, which form = \"simplified\" asks for"),
            _ => Ok(()),
        }
    }
}

/// Whether an answer that has the reference's value has the form too; else what it lacks.
pub(super) fn is_met(form: Option<Form>, answer: &Answer, reference: &Answer) -> Result<(), Reason> {
    if form == Some(Form::Any) || answer.text == reference.text {
        return Ok(());
    }
    let stated = matches!(&answer.value, NormalForm::Relation(Relation { stated: Some(_), .. }));
    if !solving::is_met(&answer.node, &reference.node, stated) {
        return Err(Reason::NotSolved);
    }
    let wanted = asked(&reference.node);
    let sides = offered(&answer.node);
    let mut missing = Ok(());
    for found in &sides {
        missing = wanted.is_met_by(found, form);
        if missing.is_ok() {
            return Ok(());
        }
    }
    missing
}

/// How far an expression is worked out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finish {
    /// One number.
    number: bool,
    /// No arithmetic on rational numbers, and no like terms or factors, are left.
    worked: bool,
    /// Worked out, roots included.
    reduced: bool,
    /// A sum of monomials in variables.
    expanded: bool,
    /// Factors with variables, counted as often as their powers say, of an expression in which a sum is a factor.
    factors: usize,
    /// Whether a sum is a factor somewhere.
    unexpanded: bool,
    /// The numbers of arithmetic that is left to do, in order.
    numbers: Option<Vec<BigRational>>,
    /// The variables.
    names: BTreeSet<String>,
    functions: Functions,
}

impl Finish {
    /// That of a word, or of what has no form.
    fn whole(number: bool) -> Self {
        Self {
            number,
            worked: true,
            reduced: true,
            expanded: false,
            factors: 0,
            unexpanded: false,
            numbers: None,
            names: BTreeSet::new(),
            functions: Functions::default(),
        }
    }

    /// That of something of which no form can be asked.
    fn open() -> Self {
        Self { worked: false, reduced: false, ..Self::whole(false) }
    }

    /// That of parts taken together.
    fn of_parts(parts: impl Iterator<Item = Self>) -> Self {
        parts.fold(Self::whole(true), |all, part| Self {
            number: all.number && part.number,
            worked: all.worked && part.worked,
            reduced: all.reduced && part.reduced,
            names: all.names.into_iter().chain(part.names).collect(),
            functions: all.functions.with(part.functions),
            ..Self::whole(false)
        })
    }

    fn is_met_by(&self, answer: &Self, form: Option<Form>) -> Result<(), Reason> {
        let lacks = |missing: bool, reason: Reason| if missing { Err(reason) } else { Ok(()) };
        lacks(form == Some(Form::Number) && !answer.number, Reason::NoNumber)?;
        lacks(form == Some(Form::Simplified) && !answer.reduced, Reason::NotSimplified)?;
        lacks(self.numbers.is_some() && self.numbers != answer.numbers, Reason::OtherNumbers)?;
        // What the reference goes without is to be computed: a variable that cancels, a function that has no share in the value.
        let left = !answer.names.is_subset(&self.names) || answer.functions.are_left(self.functions);
        lacks(self.worked && (left || !answer.worked), Reason::NotWorkedOut)?;
        lacks(self.expanded && answer.unexpanded, Reason::NotExpanded)?;
        lacks(self.factors > 0 && (answer.expanded || answer.factors > 0 && answer.factors < self.factors), Reason::NotFactored)
    }
}

/// What a reference asks for: its form; of an equation that of the constant that it gives, where it gives one.
fn asked(node: &Node) -> Finish {
    let mut sides = offered(node);
    let is_equation = matches!(node, Node::Relation { .. });
    // Terms may change sides, where they may be.
    let names = sides.iter().flat_map(|side| side.names.clone()).chain(solving::names(node)).collect();
    let functions = sides.iter().map(|side| side.functions).fold(Functions::default(), Functions::with);
    let finish = match sides.pop() {
        Some(only) if sides.is_empty() && !(is_equation && (only.expanded || only.unexpanded)) => only,
        last => sides.into_iter().chain(last).find(|side| side.number).unwrap_or(Finish::open()),
    };
    Finish { names, functions, ..finish }
}

/// The forms that an answer offers: one, or those of the sides of an equation, but for names.
fn offered(node: &Node) -> Vec<Finish> {
    let budget = Budget::new();
    let Node::Relation { sides, operators } = node else { return vec![of_node(node, &budget)] };
    if !operators.iter().all(|operator| matches!(operator, Operator::Equal | Operator::Approximate)) {
        return vec![of_node(node, &budget)];
    }
    let exact = operators.iter().position(|operator| *operator == Operator::Approximate).unwrap_or(operators.len());
    let values: Vec<Finish> = sides[..=exact].iter().filter(|side| !is_name(side)).map(|side| of_node(side, &budget)).collect();
    if values.is_empty() { vec![Finish::whole(false)] } else { values }
}

fn of_node(node: &Node, budget: &Budget) -> Finish {
    let parts = |nodes: &[Node]| Finish::of_parts(nodes.iter().map(|node| of_node(node, budget)));
    match node {
        Node::Quantity(quantity) => finish(&quantity.expr, budget),
        Node::Based { .. } => Finish::whole(true),
        // A run of letters is a word here and a product of them there.
        Node::Word(word) => Finish { names: word.chars().map(String::from).collect(), ..Finish::whole(false) },
        Node::EmptySet | Node::Reals => Finish::whole(false),
        Node::Group { items, .. } | Node::Set(items) | Node::List { items, .. } | Node::Union(items) | Node::Ratio(items) => {
            parts(items)
        }
        Node::Difference(from, what) => Finish::of_parts([from, what].into_iter().map(|node| of_node(node, budget))),
        Node::Matrix(rows) => Finish::of_parts(rows.iter().flatten().map(|node| of_node(node, budget))),
        Node::Relation { sides, .. } => {
            let said = sides.iter().filter(|side| !is_name(side)).map(|side| of_node(side, budget));
            Finish { number: false, ..Finish::of_parts(said) }
        }
    }
}

/// Whether a side of an equation only names what the others say.
fn is_name(node: &Node) -> bool {
    match node {
        Node::Word(_) => true,
        Node::Quantity(quantity) => matches!(quantity.expr, Expr::Variable(_)),
        Node::Group { items, .. } => items.iter().all(is_name),
        _ => false,
    }
}

/// The one number that an answer is, or that an equation says; none for arithmetic that is left to do.
pub(super) fn is_number(node: &Node) -> bool {
    offered(node).iter().any(|side| side.number)
}
