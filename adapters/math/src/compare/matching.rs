//! Elements without an order.

use super::{Comparison, Reason, compare_values, different, same};
use crate::{budget::Budget, value::NormalForm};

/// Elements that are left once equal normal forms are paired, and are compared each with each.
const MAX_LEFT: usize = 24;

/// Whether elements can be paired so that the two of each pair are the same. Both slices are in order.
pub(super) fn in_any_order(a: &[NormalForm], b: &[NormalForm], budget: &Budget) -> Comparison {
    if a.len() != b.len() {
        return different(Reason::DifferentCounts);
    }
    let (a, b) = without_common(a, b);
    if a.is_empty() {
        return same(Reason::SameValue);
    }
    if a.len() > MAX_LEFT {
        return different(Reason::Undecided);
    }
    let comparisons: Vec<Vec<Comparison>> = a.iter().map(|a| b.iter().map(|b| compare_values(a, b, budget)).collect()).collect();
    let mut partner = vec![None; b.len()];
    for row in 0..a.len() {
        if !augment(row, &comparisons, &mut partner, &mut vec![false; b.len()]) {
            return unmatched(&comparisons);
        }
    }
    let sampled = partner
        .iter()
        .enumerate()
        .any(|(column, row)| row.is_some_and(|row: usize| comparisons[row][column].because == Reason::SameAtSamples));
    same(if sampled { Reason::SameAtSamples } else { Reason::SameValue })
}

/// What neither has in common with the other, as both are in order.
fn without_common<'a>(a: &'a [NormalForm], b: &'a [NormalForm]) -> (Vec<&'a NormalForm>, Vec<&'a NormalForm>) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(first), Some(second)) = (a.peek(), b.peek()) {
        match first.cmp(second) {
            std::cmp::Ordering::Less => left.extend(a.next()),
            std::cmp::Ordering::Greater => right.extend(b.next()),
            std::cmp::Ordering::Equal => {
                a.next();
                b.next();
            }
        }
    }
    left.extend(a);
    right.extend(b);
    (left, right)
}

/// Finds a partner for a row, where need be by giving others new ones: Kuhn's algorithm for a matching.
fn augment(row: usize, comparisons: &[Vec<Comparison>], partner: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for column in 0..partner.len() {
        if !comparisons[row][column].equal || std::mem::replace(&mut tried[column], true) {
            continue;
        }
        let free = match partner[column] {
            None => true,
            Some(other) => augment(other, comparisons, partner, tried),
        };
        if free {
            partner[column] = Some(row);
            return true;
        }
    }
    false
}

/// Why there is no matching: undecided where any pair was, and else different.
fn unmatched(comparisons: &[Vec<Comparison>]) -> Comparison {
    let undecided = comparisons.iter().flatten().any(|comparison| comparison.because == Reason::Undecided);
    different(if undecided { Reason::Undecided } else { Reason::DifferentValues })
}
