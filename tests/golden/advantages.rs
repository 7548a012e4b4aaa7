use std::collections::BTreeMap;

use palinode_core::{
    advantage::{Baseline, scale_by_deviation},
    per_attempt::PerAttempt,
};
use palinode_tests::golden::{Recipe, read};
use serde::Deserialize;

type Nested = Vec<Vec<Vec<f64>>>;

#[derive(Deserialize)]
struct File {
    objectives: BTreeMap<String, Recipe>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    rewards: Nested,
    objective: String,
    returns: Nested,
    advantages: BTreeMap<String, Nested>,
    scaled: Nested,
}

fn numbers(nested: &Nested) -> PerAttempt {
    let shape = [nested.len(), nested[0].len(), nested[0][0].len()];
    PerAttempt::new(shape, nested.iter().flatten().flatten().copied().collect()).unwrap()
}

fn same(what: &str, found: &PerAttempt, expected: &Nested, tolerance: f64) {
    let (found, expected) = (found.values(), numbers(expected));
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < tolerance * (1.0 + b.abs());
    let fits = found.len() == expected.values().len() && found.iter().zip(expected.values()).all(near);
    assert!(fits, "{what}: {found:?}\nexpected {expected:?}");
}

/// f64, but where G/(G − 1) is a factor, which is rounded to f32.
const EXACT: f64 = 1e-9;
const ROUNDED: f64 = 1e-7;

/// Bonus, credit, each baseline and the scaling, against loops over samples in plain Python.
#[test]
fn returns_and_advantages_are_those_of_plain_loops() {
    let file: File = read(include_str!("advantages.json"));
    assert_eq!(file.cases.len(), 12);
    for case in &file.cases {
        let (name, rewards) = (&case.objective, numbers(&case.rewards));
        let returns = file.objectives[name].objective().returns(&rewards);
        same(name, &returns, &case.returns, EXACT);
        for (label, baseline, tolerance) in [
            ("leave_one_out", Baseline::LeaveOneOut, ROUNDED),
            ("group_mean", Baseline::GroupMean, EXACT),
            ("conditioned_on_first", Baseline::ConditionedOnFirst, ROUNDED),
        ] {
            let advantages = baseline.advantages(&returns, &rewards);
            same(&format!("{name}, {label}"), &advantages, &case.advantages[label], tolerance);
        }
        let scaled = scale_by_deviation(&Baseline::LeaveOneOut.advantages(&returns, &rewards));
        same(&format!("{name}, scaled"), &scaled, &case.scaled, ROUNDED);
    }
}
