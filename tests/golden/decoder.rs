use burn_tensor::FloatDType;
use palinode_tests::{
    close, device,
    golden::{ESTIMATORS, Fixture},
    values,
};

/// Rotations, rewards and advantages are held in f32.
const TOLERANCE: f32 = 2e-6;

/// Log-probabilities of the transformer at a temperature other than 1, and every estimator's terms, token by token.
#[test]
fn scores_are_those_of_pytorch() {
    let (fixture, device) = (Fixture::load(), device());
    let [policy, reference] = fixture.models(&device, FloatDType::F64);
    for case in &fixture.cases {
        for (name, kl) in ESTIMATORS {
            let scores = fixture.score(&policy, &reference, case, kl, &device);
            let pairs = [("logprob", scores.logprob), (name, scores.kl.expect("scored against a reference"))];
            for (name, found) in pairs {
                let expected: Vec<f32> = case.scores[name].iter().map(|&x| x as f32).collect();
                let found = values(found);
                assert!(close(&found, &expected, TOLERANCE), "{} {name}: {found:?}\nPyTorch: {expected:?}", case.name);
            }
        }
    }
}

/// Advantages, losses and the gradient of every parameter: both stages, the controls, two and four attempts, every estimator in its role.
#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    let (fixture, device) = (Fixture::load(), device());
    let models = fixture.models(&device, FloatDType::F64);
    let mut compared = 0;
    for case in &fixture.cases {
        for recorded in &case.losses {
            compared += fixture.compare(&models, case, recorded, TOLERANCE, &device);
        }
    }
    assert!(compared > 20_000, "{compared} numbers compared");
}
