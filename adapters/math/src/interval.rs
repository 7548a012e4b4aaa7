//! Unions and differences of intervals with rational ends, joined and in order.

use num_rational::BigRational;

use super::{
    fraction::Fraction,
    value::{NormalForm, Number, Quantity},
};

/// Intervals that are joined; more stay as they are.
const MAX_PIECES: usize = 64;

/// A place on the line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    NegativeInfinity,
    Finite(BigRational),
    Infinity,
}

/// A cut of the line just before an end, or just after it where the flag is set.
type Cut = (End, bool);

/// What lies between two cuts.
type Piece = (Cut, Cut);

/// The union of intervals and of sets of numbers; None where something else is among them.
pub(super) fn union(items: &[NormalForm]) -> Option<NormalForm> {
    Some(value(joined(pieces(items)?)))
}

/// The one without the other, both as for a union.
pub(super) fn difference(from: &[NormalForm], what: &[NormalForm]) -> Option<NormalForm> {
    let mut left = joined(pieces(from)?);
    for (low, high) in joined(pieces(what)?) {
        let parts = left.into_iter().flat_map(|(start, end)| {
            let before = (start.clone(), end.clone().min(low.clone()));
            let after = (start.max(high.clone()), end);
            [before, after]
        });
        left = parts.filter(|(start, end)| start < end).collect();
    }
    Some(value(left))
}

fn pieces(items: &[NormalForm]) -> Option<Vec<Piece>> {
    let mut pieces = Vec::with_capacity(items.len());
    for item in items {
        match item {
            NormalForm::Group { open, close, items } => pieces.push(interval(*open, *close, items)?),
            NormalForm::Set(points) => {
                for point in points {
                    let end = finite(point)?;
                    pieces.push(((end.clone(), false), (end, true)));
                }
            }
            NormalForm::Union(items) => pieces.extend(self::pieces(items)?),
            _ => return None,
        }
    }
    (pieces.len() <= MAX_PIECES).then_some(pieces)
}

/// An interval that is not empty.
fn interval(open: char, close: char, items: &[NormalForm]) -> Option<Piece> {
    let [low, high] = items else { return None };
    let piece = ((end(low)?, open == '('), (end(high)?, close == ']'));
    (matches!((open, close), ('(' | '[', ')' | ']')) && piece.0 < piece.1).then_some(piece)
}

fn end(value: &NormalForm) -> Option<End> {
    match value {
        NormalForm::Quantity(Quantity { number: Number::NegativeInfinity, .. }) => Some(End::NegativeInfinity),
        NormalForm::Quantity(Quantity { number: Number::Infinity, .. }) => Some(End::Infinity),
        _ => finite(value),
    }
}

fn finite(value: &NormalForm) -> Option<End> {
    value.expression()?.rational().map(End::Finite)
}

/// Pieces in order; those that overlap or touch are one.
fn joined(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort();
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for (low, high) in pieces {
        match joined.last_mut().filter(|(_, end)| *end >= low) {
            Some((_, end)) => *end = high.max(end.clone()),
            None => joined.push((low, high)),
        }
    }
    joined
}

/// Pieces as a value; single points are one set.
fn value(pieces: Vec<Piece>) -> NormalForm {
    let (points, intervals): (Vec<Piece>, Vec<Piece>) = pieces.into_iter().partition(|(low, high)| low.0 == high.0);
    let mut items: Vec<NormalForm> = intervals.into_iter().map(interval_value).collect();
    if !points.is_empty() {
        items.push(NormalForm::Set(points.into_iter().map(|(low, _)| end_value(low.0)).collect()));
    }
    items.sort();
    match items.pop() {
        None => NormalForm::EmptySet,
        Some(only) if items.is_empty() => only,
        last => NormalForm::Union(items.into_iter().chain(last).collect()),
    }
}

fn interval_value(((low, after_low), (high, after_high)): Piece) -> NormalForm {
    let (open, close) = (if after_low { '(' } else { '[' }, if after_high { ']' } else { ')' });
    NormalForm::Group { open, close, items: vec![end_value(low), end_value(high)] }
}

fn end_value(end: End) -> NormalForm {
    NormalForm::number(match end {
        End::NegativeInfinity => Number::NegativeInfinity,
        End::Finite(number) => Number::Finite(Fraction::constant(number)),
        End::Infinity => Number::Infinity,
    })
}
