use std::collections::BTreeMap;

use burn_tensor::{DType, Tensor, TensorData};
use palinode_core::advantage::{Baseline, scale_by_deviation};
use palinode_tests::{
    device,
    golden::{Recipe, read},
};
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

fn tensor(nested: &Nested) -> Tensor<3> {
    let shape = [nested.len(), nested[0].len(), nested[0][0].len()];
    let flat: Vec<f64> = nested.iter().flatten().flatten().copied().collect();
    Tensor::from_data(TensorData::new(flat, shape), (&device(), DType::F64))
}

fn same(what: &str, found: Tensor<3>, expected: &Nested) {
    let found: Vec<f64> = found.into_data().iter::<f64>().collect();
    let expected: Vec<f64> = expected.iter().flatten().flatten().copied().collect();
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9 * (1.0 + b.abs());
    assert!(found.len() == expected.len() && found.iter().zip(&expected).all(near), "{what}: {found:?}\nexpected {expected:?}");
}

/// Bonus, credit, each baseline and the scaling, against loops over samples in plain Python.
#[test]
fn returns_and_advantages_are_those_of_plain_loops() {
    let file: File = read(include_str!("advantages.json"));
    assert_eq!(file.cases.len(), 12);
    for case in &file.cases {
        let (name, rewards) = (&case.objective, tensor(&case.rewards));
        let returns = file.objectives[name].objective().returns(rewards.clone());
        same(name, returns.clone(), &case.returns);
        for (label, baseline) in [
            ("leave_one_out", Baseline::LeaveOneOut),
            ("group_mean", Baseline::GroupMean),
            ("conditioned_on_first", Baseline::ConditionedOnFirst),
        ] {
            let advantages = baseline.advantages(returns.clone(), rewards.clone());
            same(&format!("{name}, {label}"), advantages, &case.advantages[label]);
        }
        same(&format!("{name}, scaled"), scale_by_deviation(Baseline::LeaveOneOut.advantages(returns, rewards)), &case.scaled);
    }
}
