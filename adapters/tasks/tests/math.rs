//! The verifier of mathematical answers against a table of pairs labelled by hand: no wrong answer is accepted, and right ones are.

use std::collections::HashSet;

use palinode_tasks::math::{Answer, compare};
use serde::Deserialize;

/// The pairs; made from a table beside it.
const CASES: &str = include_str!("math/cases.json");

/// Fewer would say that the table was cut off.
const MIN_CASES: usize = 300;

#[derive(Deserialize)]
struct Table {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    answer: String,
    reference: String,
    equal: bool,
    #[serde(default)]
    known_miss: bool,
}

impl Case {
    /// Whether the answer is accepted, and whether the reference would be as the answer.
    fn accepted(&self) -> [bool; 2] {
        let (Ok(answer), Ok(reference)) = (Answer::parse(&self.answer), Answer::parse(&self.reference)) else {
            return [false; 2];
        };
        [compare(&answer, &reference).equal, compare(&reference, &answer).equal]
    }

    /// The pair and how each of the two was understood, on one line.
    fn describe(&self) -> String {
        let read = |text: &str| match Answer::parse(text) {
            Ok(answer) => format!("`{text}` read as `{answer}`"),
            Err(error) => format!("`{text}` not read: {error}"),
        };
        format!("{}: {} | {}", self.id, read(&self.answer), read(&self.reference))
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str::<Table>(CASES).expect("cases.json is written by a program").cases
}

/// Asserts that no case is among `wrong`, and shows those that are.
fn assert_none<'a>(wrong: impl Iterator<Item = &'a Case>) {
    let lines: Vec<String> = wrong.map(Case::describe).collect();
    assert!(lines.is_empty(), "{} cases:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn the_table_is_whole() {
    let cases = cases();
    assert!(cases.len() >= MIN_CASES, "{}", cases.len());
    assert_eq!(cases.iter().map(|case| &case.id).collect::<HashSet<_>>().len(), cases.len(), "an id is used twice");
    assert!(cases.iter().any(|case| case.equal) && cases.iter().any(|case| !case.equal));
}

#[test]
fn wrong_answers_are_rejected() {
    assert_none(cases().iter().filter(|case| !case.equal && case.accepted() != [false; 2]));
}

#[test]
fn right_answers_are_accepted() {
    assert_none(cases().iter().filter(|case| case.equal && !case.known_miss && case.accepted() != [true; 2]));
}

#[test]
fn known_misses_are_missed() {
    assert_none(cases().iter().filter(|case| case.known_miss && case.accepted() == [true; 2]));
}
