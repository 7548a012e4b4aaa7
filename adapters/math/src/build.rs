//! The parsed shape of an answer to its value.

mod relation;

use num_bigint::BigInt;

use super::{
    ast::{Expr, Joint, Node, Quantity as Written},
    budget::{Bounded, Budget, Halt},
    fraction::{Fraction, is_constant},
    interval,
    monomial::Generator,
    normal::normal_form,
    value::{NormalForm, Number, Quantity, Solved},
};

/// The largest base of a numeral: ten digits and the letters.
const MAX_BASE: u32 = 36;

/// The value of a node.
pub(super) fn value(node: &Node, budget: &Budget) -> Bounded<NormalForm> {
    let values = |nodes: &[Node]| nodes.iter().map(|node| value(node, budget)).collect::<Bounded<Vec<_>>>();
    Ok(match node {
        Node::Quantity(quantity) => quantity_value(quantity, budget)?,
        Node::Based { digits, base } => based(digits, *base)?,
        Node::Word(word) => word_value(word),
        Node::Group { open, close, items } => NormalForm::Group { open: *open, close: *close, items: single(values(items)?)? },
        Node::Set(items) => set(flat(values(items)?)),
        Node::List { items, joint } => list(flat(values(items)?), *joint),
        Node::Union(items) => union(single(values(items)?)?),
        Node::Difference(from, what) => difference(value(from, budget)?, value(what, budget)?),
        Node::Matrix(rows) => NormalForm::Matrix(rows.iter().map(|row| single(values(row)?)).collect::<Bounded<_>>()?),
        Node::Ratio(items) => NormalForm::Ratio(single(values(items)?)?),
        Node::Relation { sides, operators } => relation::relation(&values(sides)?, operators, budget)?,
        Node::EmptySet => NormalForm::EmptySet,
        Node::Reals => NormalForm::reals(),
    })
}

/// A quantity; a list of them where signs stand for two values.
fn quantity_value(written: &Written, budget: &Budget) -> Bounded<NormalForm> {
    let percent = is_percent(&written.expr);
    let quantity = |number| NormalForm::Quantity(Quantity { number, unit: written.unit.clone(), percent });
    if let Some(infinite) = infinity(&written.expr) {
        return Ok(quantity(infinite));
    }
    let combinations = if written.tied { 2 } else { 1 << written.signs };
    let mut values = Vec::new();
    for combination in 0..combinations {
        let negative: Vec<bool> =
            (0..written.signs).map(|sign| combination >> if written.tied { 0 } else { sign } & 1 == 1).collect();
        values.push(quantity(Number::Finite(normal_form(&written.expr, &negative, budget)?)));
    }
    Ok(match values.pop() {
        Some(only) if values.is_empty() => only,
        last => {
            values.extend(last);
            NormalForm::List(distinct(values))
        }
    })
}

/// Whether an expression is one number and a percent sign.
fn is_percent(expr: &Expr) -> bool {
    match expr {
        Expr::Percent(_) => true,
        Expr::Negative(inner) => is_percent(inner),
        _ => false,
    }
}

/// Infinity, where that is all there is.
fn infinity(expr: &Expr) -> Option<Number> {
    match expr {
        Expr::Infinity => Some(Number::Infinity),
        Expr::Negative(inner) => match infinity(inner)? {
            Number::Infinity => Some(Number::NegativeInfinity),
            _ => Some(Number::Infinity),
        },
        _ => None,
    }
}

fn based(digits: &str, base: u32) -> Bounded<NormalForm> {
    let number = if (2..=MAX_BASE).contains(&base) { BigInt::parse_bytes(digits.as_bytes(), base) } else { None };
    number
        .map(|number| NormalForm::Based { number, base })
        .ok_or(Halt::Undefined("a numeral with digits that its base does not have"))
}

/// Words with a meaning in mathematics, or a word.
fn word_value(word: &str) -> NormalForm {
    match word {
        "all real numbers" | "all reals" | "real numbers" | "the real numbers" | "the set of all real numbers" => {
            NormalForm::reals()
        }
        "empty set" | "the empty set" | "no solution" | "no solutions" => NormalForm::EmptySet,
        "dne" => NormalForm::Word("does not exist".to_owned()),
        _ if word.starts_with("no ") && word.ends_with(" solutions") => NormalForm::Word(word.trim_end_matches('s').to_owned()),
        _ => NormalForm::Word(word.to_owned()),
    }
}

/// Items each of which is one value: what stands for two has no place in a tuple.
fn single(items: Vec<NormalForm>) -> Bounded<Vec<NormalForm>> {
    let several = items.iter().any(|item| matches!(item, NormalForm::List(_)));
    if several { Err(Halt::Undefined("a sign with two values within a tuple")) } else { Ok(items) }
}

/// Items of which those that are lists are replaced by their own items.
fn flat(items: Vec<NormalForm>) -> Vec<NormalForm> {
    let parts = items.into_iter().map(|item| match item {
        NormalForm::List(inner) => inner,
        other => vec![other],
    });
    parts.flatten().collect()
}

/// Items in order, none twice.
fn distinct(mut items: Vec<NormalForm>) -> Vec<NormalForm> {
    items.sort();
    items.dedup();
    items
}

fn set(items: Vec<NormalForm>) -> NormalForm {
    NormalForm::Set(distinct(items))
}

/// A union; intervals that touch are joined.
fn union(items: Vec<NormalForm>) -> NormalForm {
    if let Some(joined) = interval::union(&items) {
        return joined;
    }
    let mut items = distinct(items);
    items.retain(|item| *item != NormalForm::EmptySet);
    match items.pop() {
        None => NormalForm::EmptySet,
        Some(only) if items.is_empty() => only,
        last => {
            items.extend(last);
            NormalForm::Union(items)
        }
    }
}

/// A set without another; intervals are computed.
fn difference(from: NormalForm, what: NormalForm) -> NormalForm {
    match interval::difference(std::slice::from_ref(&from), std::slice::from_ref(&what)) {
        Some(value) => value,
        None => NormalForm::Difference(Box::new(from), Box::new(what)),
    }
}

/// A bare list. Where one name is said to be each item, the name is said to be the list; intervals of one name joined by `or` are a union.
fn list(mut items: Vec<NormalForm>, joint: Joint) -> NormalForm {
    items.sort();
    let Some(name) = relation::common_name(&items) else { return NormalForm::List(items) };
    let equations = items.iter().all(relation::is_equation);
    let intervals = joint == Joint::Or && items.iter().all(relation::is_interval);
    if !equations && !intervals {
        return NormalForm::List(items);
    }
    let mut values: Vec<NormalForm> = flat(items.into_iter().map(relation::solution).collect());
    values.sort();
    relation::named(name, if equations { NormalForm::List(values) } else { union(values) })
}

/// The name that a value is, where it is nothing but one: a variable, a word, or a tuple of variables.
fn name(value: &NormalForm) -> Option<String> {
    match value {
        NormalForm::Word(word) => Some(word.clone()),
        NormalForm::Group { open: '(', close: ')', items } => {
            let names = items.iter().map(name).collect::<Option<Vec<_>>>()?;
            Some(format!("({})", names.join(", ")))
        }
        _ => {
            let (monomial, coefficient) = value.expression()?.polynomial()?.single()?;
            match monomial.powers() {
                [(Generator::Variable(name), exponent)]
                    if num_traits::One::is_one(exponent) && num_traits::One::is_one(coefficient) =>
                {
                    Some(name.to_string())
                }
                _ => None,
            }
        }
    }
}

/// The expression of a value that has no variables.
fn constant(value: &NormalForm) -> Option<&Fraction> {
    value.expression().filter(|fraction| is_constant(fraction))
}

/// What a relation says that a name is.
fn solved(name: String, value: NormalForm) -> Solved {
    Solved { name, value: Box::new(value) }
}
