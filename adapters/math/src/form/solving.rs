//! Whether an equation or inequality is solved for a name: it stands alone on one side, and the other sides are free of it.

use std::collections::BTreeSet;

use super::{expression::collect_names, is_name};
use crate::ast::Node;

/// Whether an answer is solved as far as a reference is. One that only says the same, as `2x+1=5` does for `x=2`, repeats the question. Where the
/// reference is no relation, a name that is given a value has to stand there, as it does in `x=2` and not in `\frac{2x}{2}=2`; what is said of an
/// expression, as in `m+n=47`, is no matter of solving (`stated`).
pub(super) fn is_met(answer: &Node, reference: &Node, stated: bool) -> bool {
    let (found, wanted) = (relations(answer), relations(reference));
    if wanted.is_empty() {
        return stated || found.iter().all(|sides| !has_names(sides) || !solved_for(sides).is_empty());
    }
    let names: BTreeSet<BTreeSet<String>> = wanted.iter().flat_map(|sides| solved_for(sides)).collect();
    let known: BTreeSet<&String> = names.iter().flatten().collect();
    // A tuple of names may be given value by value.
    let suits = |sides: &&[Node]| solved_for(sides).iter().any(|own| own.iter().all(|name| known.contains(name)));
    let open = wanted.iter().filter(|sides| solved_for(sides).is_empty()).count();
    found.iter().filter(|sides| !suits(sides)).count() <= open
}

/// The sides of each relation that an answer is or lists.
fn relations(node: &Node) -> Vec<&[Node]> {
    match node {
        Node::Relation { sides, .. } => vec![sides],
        Node::List { items, .. } | Node::Set(items) | Node::Group { items, .. } => items.iter().flat_map(relations).collect(),
        _ => Vec::new(),
    }
}

/// The names that a relation is solved for: several at once where tuples of names stand alone.
fn solved_for(sides: &[Node]) -> Vec<BTreeSet<String>> {
    let own = |at: usize| {
        let names = Some(&sides[at]).filter(|side| is_name(side)).map(names)?;
        let elsewhere = sides.iter().enumerate().any(|(other, side)| other != at && !self::names(side).is_disjoint(&names));
        (!elsewhere && !names.is_empty()).then_some(names)
    };
    (0..sides.len()).filter_map(own).collect()
}

fn has_names(sides: &[Node]) -> bool {
    sides.iter().any(|side| !names(side).is_empty())
}

/// The variables and words in a side.
pub(super) fn names(node: &Node) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(node, &mut found);
    found
}

fn collect(node: &Node, found: &mut BTreeSet<String>) {
    match node {
        Node::Quantity(quantity) => collect_names(&quantity.expr, found),
        Node::Word(word) => {
            found.insert(word.clone());
        }
        Node::Group { items, .. } | Node::Set(items) | Node::List { items, .. } | Node::Union(items) | Node::Ratio(items) => {
            items.iter().for_each(|item| collect(item, found));
        }
        Node::Relation { sides, .. } => sides.iter().for_each(|side| collect(side, found)),
        Node::Difference(from, what) => [from, what].into_iter().for_each(|side| collect(side, found)),
        Node::Matrix(rows) => rows.iter().flatten().for_each(|cell| collect(cell, found)),
        Node::Based { .. } | Node::EmptySet | Node::Reals => {}
    }
}
