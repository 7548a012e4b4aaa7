//! The verifier of mathematical answers against a table of pairs labelled by hand: no wrong answer is accepted, and right ones are.

use std::collections::HashSet;

use palinode_math::{Answer, Form, compare, judge};
use serde::Deserialize;

/// The pairs; made from a table beside it.
const CASES: &str = include_str!("math/cases.json");

/// Right values that are not in the reference's form, by their ids, each with a reason.
const UNFINISHED: &str = include_str!("math/unfinished.txt");

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
    fn read(&self) -> Option<(Answer, Answer)> {
        Some((Answer::parse(&self.answer).ok()?, Answer::parse(&self.reference).ok()?))
    }

    /// Whether the answer has the reference's value.
    fn is_accepted(&self) -> bool {
        self.read().is_some_and(|(answer, reference)| judge(&answer, &reference, Some(Form::Any)).equal)
    }

    /// Whether the two are the same, in both orders.
    fn are_same(&self) -> [bool; 2] {
        let Some((answer, reference)) = self.read() else { return [false; 2] };
        [compare(&answer, &reference).equal, compare(&reference, &answer).equal]
    }

    /// Whether the answer is accepted where no form is set, so that the reference's counts.
    fn is_in_form(&self) -> bool {
        self.read().is_some_and(|(answer, reference)| judge(&answer, &reference, None).equal)
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
    assert_none(
        cases().iter().filter(|case| !case.equal && (case.is_accepted() || case.is_in_form() || case.are_same() != [false; 2])),
    );
}

#[test]
fn right_answers_are_accepted() {
    assert_none(cases().iter().filter(|case| case.equal && !case.known_miss && !case.is_accepted()));
}

#[test]
fn the_order_of_the_two_does_not_matter_but_for_the_form() {
    assert_none(cases().iter().filter(|case| case.are_same()[0] != case.are_same()[1]));
}

#[test]
fn known_misses_are_missed() {
    assert_none(cases().iter().filter(|case| case.known_miss && case.is_accepted()));
}

#[test]
fn right_values_in_another_form_are_listed() {
    let ids = UNFINISHED.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').next());
    let listed: HashSet<&str> = ids.collect();
    let cases = cases();
    let found: HashSet<&str> =
        cases.iter().filter(|case| case.is_accepted() && !case.is_in_form()).map(|case| case.id.as_str()).collect();
    let mut differing: Vec<_> = listed.symmetric_difference(&found).collect();
    differing.sort();
    assert!(differing.is_empty(), "{differing:?}");
}
