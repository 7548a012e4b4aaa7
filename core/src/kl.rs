//! KL(π‖π_ref), reverse, in nats, a token at a time.
//!
//! With d = log π(token) − log π_ref(token) under samples from π:
//!
//! | estimator | value | offered as | gradient |
//! |---|---|---|---|
//! | [`KlEstimator::Exact`] | Σ_v π(v) (log π(v) − log π_ref(v)) | loss | that of reverse KL |
//! | [`KlEstimator::K1`] | d | penalty in the reward | that of reverse KL, through the score function |
//! | [`KlEstimator::K2`] | d²/2 | loss | that of reverse KL, in expectation |
//! | [`KlEstimator::K3`] | e^(−d) − 1 + d | loss, with K2's gradient | that of reverse KL, in expectation |
//!
//! Tokens that both forbid (log π = −∞) count as nothing in each of them.
//!
//! Each estimator has one role, so the wrong combinations can't be written: K1 as a loss has zero expected gradient, and K3's own
//! gradient as a loss is that of forward KL. All of them treat the context as given; the effect of earlier tokens on later contexts is not
//! part of a per-token term.
//!
//! Sources: Schulman 2020, "Approximating KL divergence"; Tang & Munos 2025, arXiv 2506.09477; Liu et al. 2025, arXiv 2510.01555.

use alloc::vec::Vec;

use burn_tensor::{DType, Int, Tensor, TensorData};

use crate::{backend::computes_on_host, numbers};

/// How KL(π‖π_ref) is estimated (see the module's table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum KlEstimator {
    /// The whole distribution; the default where the vocabulary is small.
    #[default]
    Exact,
    /// d, taken out of the reward.
    K1,
    /// d²/2 as a loss.
    K2,
    /// e^(−d) − 1 + d, never negative, with the gradient of K2.
    K3,
}

impl KlEstimator {
    /// Whether the term belongs into the loss (with a gradient) or into the reward (without).
    pub fn is_loss(self) -> bool {
        !matches!(self, Self::K1)
    }

    /// The KL term of each scored token.
    ///
    /// # Shapes
    /// `policy, reference: [N, V]` log-probabilities of the whole vocabulary; `targets: [N]`; returns `[N]` nats.
    pub fn per_token(self, policy: Tensor<2>, reference: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        if self == Self::Exact {
            return exact(policy, reference);
        }
        let targets = targets.unsqueeze_dim::<2>(1);
        let d = policy.gather(1, targets.clone()).squeeze_dim::<1>(1) - reference.gather(1, targets).squeeze_dim::<1>(1);
        match self {
            Self::K1 => k1(d).detach(),
            Self::K2 => k2(d),
            Self::K3 | Self::Exact => k3_with_gradient_of_k2(d),
        }
    }
}

/// Which way a policy π is compared with a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Divergence {
    /// KL(π‖π_ref) = Σ_v π(v) (log π(v) − log π_ref(v)): what a policy that is rewarded is held by. It has estimators ([`KlEstimator`]).
    Reverse,
    /// KL(π_ref‖π) = Σ_v π_ref(v) (log π_ref(v) − log π(v)): what a supervised loss is anchored with, always over the whole vocabulary.
    Forward,
}

impl Divergence {
    /// The divergence of each row, over the whole vocabulary (see [`exact`]).
    ///
    /// # Shapes
    /// `policy, reference: [N, V]` log-probabilities; returns `[N]` nats.
    pub fn exact(self, policy: Tensor<2>, reference: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Reverse => exact(policy, reference),
            Self::Forward => exact(reference, policy),
        }
    }

    /// Whether this divergence is taken over the whole vocabulary, where `estimator` estimates the reverse one.
    pub fn needs_vocabulary(self, estimator: KlEstimator) -> bool {
        self == Self::Forward || estimator == KlEstimator::Exact
    }
}

/// The exact KL(π‖π_ref) of each row, over the whole vocabulary: Σ_v π(v) (log π(v) − log π_ref(v)).
///
/// 0 log 0 = 0: a token that the policy forbids (log π = −∞, or below what its type holds) adds nothing, and
/// nothing to the gradient, whatever the reference thinks of it.
///
/// A token that the reference forbids and the policy does not is a divergence of +∞, as it is by definition; training stops there by name, since no
/// step leads back. Policy and reference of one run forbid the same tokens.
///
/// # Shapes
/// `policy, reference: [N, V]` log-probabilities; returns `[N]`.
pub fn exact(policy: Tensor<2>, reference: Tensor<2>) -> Tensor<1> {
    let probability = policy.clone().exp();
    let forbidden = probability.clone().equal_scalar(0.0);
    let d = (policy - reference).mask_fill(forbidden, 0.0);
    (probability * d).sum_dim(1).squeeze_dim(1)
}

/// The estimator K1, which is d itself: unbiased, of either sign.
pub fn k1(d: Tensor<1>) -> Tensor<1> {
    d
}

/// The estimator K2, d²/2: biased, never negative; its gradient is that of reverse KL in expectation.
pub fn k2(d: Tensor<1>) -> Tensor<1> {
    d.square().mul_scalar(0.5)
}

/// The estimator K3, e^(−d) − 1 + d: unbiased, never negative. The exponent is clamped to 20 nats, so a collapsed policy can't overflow it.
pub fn k3(d: Tensor<1>) -> Tensor<1> {
    d.clone().neg().clamp_max(20.0).exp().sub_scalar(1.0) + d
}

/// The value of K3, the gradient of K2.
fn k3_with_gradient_of_k2(d: Tensor<1>) -> Tensor<1> {
    let gradient = k2(d.clone());
    gradient.clone() + (k3_value(d) - gradient).detach()
}

/// K3 without a gradient: where the host computes in f32, with the same bits on every machine.
fn k3_value(d: Tensor<1>) -> Tensor<1> {
    let (device, dtype) = (d.device(), d.dtype());
    if dtype != DType::F32 || !computes_on_host(&device) {
        return k3(d).detach();
    }
    let k3 = |d: f32| numbers::exp((-d).min(20.0)) - 1.0 + d;
    let values: Vec<f32> = d.detach().into_data().iter::<f32>().map(k3).collect();
    let length = [values.len()];
    Tensor::from_data(TensorData::new(values, length), (&device, dtype))
}

#[cfg(test)]
mod tests {
    use burn_tensor::{Device, activation::log_softmax};

    use super::*;

    fn close(actual: Tensor<1>, expected: &[f32]) {
        let actual: Vec<f32> = actual.into_data().iter::<f32>().collect();
        assert_eq!(actual.len(), expected.len());
        for (a, e) in actual.iter().zip(expected) {
            assert!((a - e).abs() < 1e-5, "{actual:?} against {expected:?}");
        }
    }

    #[test]
    fn exact_kl_of_two_coins() {
        // π = (3/4, 1/4), π_ref = (1/2, 1/2): 3/4 ln 3/2 + 1/4 ln 1/2 = 0.1308.
        let device = Device::flex();
        let policy = Tensor::<2>::from_data([[0.75f32.ln(), 0.25f32.ln()]], &device);
        let reference = Tensor::<2>::from_data([[0.5f32.ln(), 0.5f32.ln()]], &device);
        close(exact(policy.clone(), reference.clone()), &[0.130_812]);
        close(Divergence::Reverse.exact(policy.clone(), reference.clone()), &[0.130_812]);
        // The other way: 1/2 ln 2/3 + 1/2 ln 2 = 0.1438.
        close(Divergence::Forward.exact(policy, reference), &[0.143_841]);
    }

    #[test]
    fn a_forbidden_token_adds_nothing_and_one_that_only_the_reference_forbids_adds_everything() {
        let device = Device::flex();
        let row = |values: [f32; 3]| Tensor::<2>::from_data([values], &device);
        let never = f32::NEG_INFINITY;
        let (coin, other) = ([0.75f32.ln(), never, 0.25f32.ln()], [0.5f32.ln(), never, 0.5f32.ln()]);
        close(exact(row(coin), row(other)), &[0.130_812]);
        close(exact(row(coin), row([0.25f32.ln(), 0.5f32.ln(), 0.25f32.ln()])), &[0.823_959_2]);
        let infinite: Vec<f32> = exact(row(other), row([0.5f32.ln(), 0.5f32.ln(), never])).into_data().iter::<f32>().collect();
        assert_eq!(infinite, [f32::INFINITY]);
    }

    #[test]
    fn estimators_by_hand() {
        let d = || Tensor::<1>::from_data([0.5f32, -1.0, 0.0, -100.0], &Device::flex());
        close(k1(d()), &[0.5, -1.0, 0.0, -100.0]);
        close(k2(d()), &[0.125, 0.5, 0.0, 5000.0]);
        let capped = 20f32.exp() - 1.0 - 100.0;
        close(k3(d().narrow(0, 0, 3)), &[0.106_531, 0.718_282, 0.0]);
        let k3: Vec<f32> = k3(d()).into_data().iter::<f32>().collect();
        assert!((k3[3] / capped - 1.0).abs() < 1e-5);
    }

    /// By enumeration over the vocabulary: the expected gradient of each loss equals the gradient of exact KL, and that of the
    /// combinations which the API does not offer does not.
    #[test]
    fn offered_gradients_are_those_of_reverse_kl() {
        let device = Device::flex().autodiff();
        let reference = log_softmax(Tensor::<2>::from_data([[0.3f32, -0.4, 0.9, 0.1]], &device), 1);
        let gradient = |loss: &dyn Fn(Tensor<2>, Tensor<2>) -> Tensor<1>| {
            let logits = Tensor::<2>::from_data([[1.2f32, 0.1, -0.7, 0.4]], &device).require_grad();
            let policy = log_softmax(logits.clone(), 1);
            let grads = loss(policy, reference.clone()).sum().backward();
            logits.grad(&grads).unwrap().into_data().iter::<f32>().collect::<Vec<_>>()
        };
        // E_{v ~ π}[f(d_v)] with the sampling probabilities held fixed, as a sampled loss does.
        let expected = |f: fn(Tensor<1>) -> Tensor<1>| {
            move |policy: Tensor<2>, reference: Tensor<2>| {
                let d = (policy.clone() - reference).squeeze_dim::<1>(0);
                f(d) * policy.exp().detach().squeeze_dim::<1>(0)
            }
        };
        let target = gradient(&exact);
        let near = |a: &[f32]| a.iter().zip(&target).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(&gradient(&expected(k2))));
        assert!(near(&gradient(&expected(k3_with_gradient_of_k2))));
        assert!(!near(&gradient(&expected(k3))), "K3's own gradient is forward KL's");
        assert!(gradient(&expected(k1)).iter().all(|g| g.abs() < 1e-6), "K1 as a loss teaches nothing");
    }
}
