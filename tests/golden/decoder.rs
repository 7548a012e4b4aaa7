use burn::optim::GradientsParams;
use burn_tensor::FloatDType;
use palinode_tests::{
    close, device,
    golden::{ESTIMATORS, Fixture},
    values,
};
use palinode_train::learner::list_gradients;

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
    let [policy, reference] = fixture.models(&device, FloatDType::F64);
    let mut compared = 0;
    for case in &fixture.cases {
        for recorded in &case.losses {
            let of = format!("{} {} {}", case.name, recorded.objective, recorded.kl);
            let policy = burn::module::Module::train(policy.clone());
            let objective = fixture.objectives[&recorded.objective].objective();
            let (gains, loss) = fixture.loss(&policy, &reference, case, (objective.as_ref(), recorded.estimator()), &device);
            let expected: Vec<f32> = recorded.advantages.iter().flatten().flatten().map(|&x| x as f32).collect();
            assert!(close(&gains, &expected, TOLERANCE), "{of}: {gains:?}\nPyTorch: {expected:?}");
            assert!(close(&values(loss.clone()), &[recorded.loss as f32], TOLERANCE), "{of}: {loss} {}", recorded.loss);

            let found = list_gradients(&policy, GradientsParams::from_grads(loss.backward(), &policy));
            let gap = case.gradient_gap(recorded, &found);
            assert!(gap <= TOLERANCE, "{of}: gradients differ by {gap} of the largest");
            compared += found.iter().flatten().flatten().count();
        }
    }
    assert!(compared > 20_000, "{compared} numbers compared");
}
