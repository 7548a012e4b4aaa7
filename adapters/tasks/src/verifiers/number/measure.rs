//! Units of measure after the last number of a text, where the words that follow leave no doubt of them.

use palinode_math::{Suffix, suffix};

/// By their one names; counted nouns (`18 apples`) are no units in prose, since a reference may count the same things by another name.
const MEASURES: [&str; 23] = [
    "mm", "cm", "m", "km", "inch", "foot", "yard", "mile", "mg", "g", "kg", "ounce", "pound", "ml", "l", "gallon", "second",
    "minute", "hour", "day", "week", "month", "year",
];
/// Words that are units only sometimes: `10 in all`, `10 second graders`.
const DOUBTFUL: [&str; 3] = ["in", "second", "min"];
/// Words that make another unit of the one before them, as in `10 miles per hour`.
const RATES: [&str; 5] = ["per", "a", "an", "each", "every"];

/// The unit of a number in prose, from what stands after it.
pub(super) fn of(after: &str) -> Option<String> {
    let behind = after.trim_start_matches([' ', '\u{a0}']);
    let (word, rest) = behind.split_at(behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len()));
    let next = rest.trim_start();
    let following = &next[..next.find(|c: char| !c.is_alphabetic()).unwrap_or(next.len())];
    let ended = rest.is_empty() || rest.starts_with(['.', ',', ';', ':', '!', '?', ')', '\n']);
    // A letter alone may begin something else: `5 m x 3 m`.
    let whole = ended || rest.starts_with(' ') && word.chars().count() > 1 && !RATES.contains(&following);
    match suffix(word) {
        Suffix::Unit(Some(unit)) if whole && MEASURES.contains(&unit.as_str()) && !DOUBTFUL.contains(&word) => Some(unit),
        _ => None,
    }
}
