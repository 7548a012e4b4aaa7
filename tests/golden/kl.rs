use burn_tensor::{DType, Int, Tensor, TensorData, activation::log_softmax};
use palinode_core::kl::KlEstimator;
use palinode_tests::{device, golden::read};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    policy: Vec<f64>,
    reference: Vec<f64>,
    exact: Terms,
    k1: Terms,
    k2: Terms,
    k3: Terms,
}

/// For each token that may have been sampled: the term, and its gradient in the policy's logits.
#[derive(Deserialize)]
struct Terms {
    values: Vec<f64>,
    gradients: Vec<Vec<f64>>,
}

fn row(logits: &[f64]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(logits.to_vec(), [1, logits.len()]), (&device(), DType::F64))
}

fn near(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + b.abs()))
}

fn doubles<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Value and gradient of each estimator as it is offered, token by token, against torch.autograd.
#[test]
fn estimators_are_those_of_pytorch() {
    let cases: Vec<Case> = read(include_str!("kl.json"));
    for case in &cases {
        let reference = log_softmax(row(&case.reference), 1);
        for (estimator, terms) in [
            (KlEstimator::Exact, &case.exact),
            (KlEstimator::K1, &case.k1),
            (KlEstimator::K2, &case.k2),
            (KlEstimator::K3, &case.k3),
        ] {
            for token in 0..case.policy.len() {
                let logits = row(&case.policy).autodiff().require_grad();
                let target = Tensor::<1, Int>::from_data([token as i32], &device());
                let term = estimator.per_token(log_softmax(logits.clone(), 1), reference.clone(), target);
                let value = doubles(term.clone());
                assert!(near(&value, &terms.values[token..=token]), "{estimator:?} {token}: {value:?} {}", terms.values[token]);
                // K1 has no gradient of its own; adding something that has one leaves room to see that.
                let gradients = (term + logits.clone().sum().mul_scalar(0.0)).backward();
                let gradient = doubles(logits.grad(&gradients).expect("tracked"));
                assert!(
                    near(&gradient, &terms.gradients[token]),
                    "{estimator:?} {token}: {gradient:?} {:?}",
                    terms.gradients[token]
                );
            }
        }
    }
    assert_eq!(cases.len(), 3);
}
