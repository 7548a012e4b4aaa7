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
    value::{Meaning, Number, Quantity, Solved},
};

/// The largest base of a numeral: ten digits and the letters.
const MAX_BASE: u32 = 36;

/// The value of a node.
pub(super) fn value(node: &Node, budget: &Budget) -> Bounded<Meaning> {
    let values = |nodes: &[Node]| nodes.iter().map(|node| value(node, budget)).collect::<Bounded<Vec<_>>>();
    Ok(match node {
        Node::Quantity(quantity) => quantity_value(quantity, budget)?,
        Node::Based { digits, base } => based(digits, *base)?,
        Node::Word(word) => word_value(word),
        Node::Group { open, close, items } => Meaning::Group { open: *open, close: *close, items: single(values(items)?)? },
        Node::Set(items) => set(flat(values(items)?)),
        Node::List { items, joint } => list(flat(values(items)?), *joint),
        Node::Union(items) => union(single(values(items)?)?),
        Node::Difference(from, what) => difference(value(from, budget)?, value(what, budget)?),
        Node::Matrix(rows) => Meaning::Matrix(rows.iter().map(|row| single(values(row)?)).collect::<Bounded<_>>()?),
        Node::Ratio(items) => Meaning::Ratio(single(values(items)?)?),
        Node::Relation { sides, operators } => relation::relation(&values(sides)?, operators, budget)?,
        Node::EmptySet => Meaning::EmptySet,
        Node::Reals => Meaning::reals(),
    })
}

/// A quantity; a list of them where signs stand for two values.
fn quantity_value(written: &Written, budget: &Budget) -> Bounded<Meaning> {
    let percent = is_percent(&written.expr);
    let quantity = |number| Meaning::Quantity(Quantity { number, unit: written.unit.clone(), percent });
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
            Meaning::List(distinct(values))
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

fn based(digits: &str, base: u32) -> Bounded<Meaning> {
    let number = if (2..=MAX_BASE).contains(&base) { BigInt::parse_bytes(digits.as_bytes(), base) } else { None };
    number
        .map(|number| Meaning::Based { number, base })
        .ok_or(Halt::Undefined("a numeral with digits that its base does not have"))
}

/// Words with a meaning in mathematics, or a word.
fn word_value(word: &str) -> Meaning {
    match word {
        "all real numbers" | "all reals" | "real numbers" | "the real numbers" | "the set of all real numbers" => {
            Meaning::reals()
        }
        "empty set" | "the empty set" | "no solution" | "no solutions" => Meaning::EmptySet,
        "dne" => Meaning::Word("does not exist".to_owned()),
        _ if word.starts_with("no ") && word.ends_with(" solutions") => Meaning::Word(word.trim_end_matches('s').to_owned()),
        _ => Meaning::Word(word.to_owned()),
    }
}

/// Items each of which is one value: what stands for two has no place in a tuple.
fn single(items: Vec<Meaning>) -> Bounded<Vec<Meaning>> {
    let several = items.iter().any(|item| matches!(item, Meaning::List(_)));
    if several { Err(Halt::Undefined("a sign with two values within a tuple")) } else { Ok(items) }
}

/// Items of which those that are lists are replaced by their own items.
fn flat(items: Vec<Meaning>) -> Vec<Meaning> {
    let parts = items.into_iter().map(|item| match item {
        Meaning::List(inner) => inner,
        other => vec![other],
    });
    parts.flatten().collect()
}

/// Items in order, none twice.
fn distinct(mut items: Vec<Meaning>) -> Vec<Meaning> {
    items.sort();
    items.dedup();
    items
}

fn set(items: Vec<Meaning>) -> Meaning {
    Meaning::Set(distinct(items))
}

/// A union; intervals that touch are joined.
fn union(items: Vec<Meaning>) -> Meaning {
    if let Some(joined) = interval::union(&items) {
        return joined;
    }
    let mut items = distinct(items);
    items.retain(|item| *item != Meaning::EmptySet);
    match items.pop() {
        None => Meaning::EmptySet,
        Some(only) if items.is_empty() => only,
        last => {
            items.extend(last);
            Meaning::Union(items)
        }
    }
}

/// A set without another; intervals are computed.
fn difference(from: Meaning, what: Meaning) -> Meaning {
    match interval::difference(std::slice::from_ref(&from), std::slice::from_ref(&what)) {
        Some(value) => value,
        None => Meaning::Difference(Box::new(from), Box::new(what)),
    }
}

/// A bare list. Where one name is said to be each item, the name is said to be the list; intervals of one name joined by `or` are a union.
fn list(mut items: Vec<Meaning>, joint: Joint) -> Meaning {
    items.sort();
    let Some(name) = relation::common_name(&items) else { return Meaning::List(items) };
    let equations = items.iter().all(relation::is_equation);
    let intervals = joint == Joint::Or && items.iter().all(relation::is_interval);
    if !equations && !intervals {
        return Meaning::List(items);
    }
    let mut values: Vec<Meaning> = flat(items.into_iter().map(relation::solution).collect());
    values.sort();
    relation::named(name, if equations { Meaning::List(values) } else { union(values) })
}

/// The name that a value is, where it is nothing but one: a variable, a word, or a tuple of variables.
fn name(value: &Meaning) -> Option<String> {
    match value {
        Meaning::Word(word) => Some(word.clone()),
        Meaning::Group { open: '(', close: ')', items } => {
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
fn constant(value: &Meaning) -> Option<&Fraction> {
    value.expression().filter(|fraction| is_constant(fraction))
}

/// What a relation says that a name is.
fn solved(name: String, value: Meaning) -> Solved {
    Solved { name, value: Box::new(value) }
}
