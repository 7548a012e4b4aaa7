//! What is maximised: the two stages of SCoRe, and the loss they share.

mod stage_one;
mod stage_two;

use alloc::vec::Vec;

use burn_tensor::Tensor;

pub use stage_one::StageOne;
pub use stage_two::StageTwo;

use crate::{per_attempt::PerAttempt, precision::ordered_sum, scoring::TokenScores};

/// What each attempt's tokens are credited with, and how firmly each is held to the reference.
///
/// # Contract
/// - `returns` is pure and acts on each episode by itself.
/// - `betas` gives one weight ≥ 0 an attempt.
/// - A better reward never lowers the return of the attempt that earned it, all else equal; an objective that breaks this pays for being wrong
///   (see [`crate::sandbagging`]).
///
/// `laws::Laws::objective` (feature `laws`) tries it; [`crate::update::Update`] makes advantages and a loss of it.
pub trait Objective {
    /// The return R_k that multiplies the score function of attempt k's tokens, before a baseline.
    /// `rewards` are task rewards in `[0, 1]`.
    fn returns(&self, rewards: &PerAttempt) -> PerAttempt;

    /// The weight β of KL(π‖π_ref) on each of `attempts` attempts.
    fn betas(&self, attempts: usize) -> Vec<f64>;
}

impl<O: Objective + ?Sized> Objective for &O {
    fn returns(&self, rewards: &PerAttempt) -> PerAttempt {
        (**self).returns(rewards)
    }

    fn betas(&self, attempts: usize) -> Vec<f64> {
        (**self).betas(attempts)
    }
}

/// The loss of B episodes, to be minimised: L = (1/B) Σ_t ( β_t KL_t − A_t log π(token_t) ), over the policy-written tokens of B episodes.
///
/// KL is summed over an attempt's tokens, so β does not depend on lengths. Dividing by the episodes of the whole step, also when `scores` holds
/// a part of them, makes the sum over micro-batches independent of the split.
///
/// # Shapes
/// `scores` of `[N]` tokens; `advantages, betas: [N]` without gradient; returns `[1]`.
///
/// # Source
/// REINFORCE with a KL penalty, arXiv 2409.12917 Eq. 2; the per-token form of arXiv 2402.14740.
pub fn loss(scores: &TokenScores, advantages: Tensor<1>, betas: Tensor<1>, episodes: usize) -> Tensor<1> {
    let dtype = scores.logprob.dtype();
    let gain = ordered_sum(advantages.cast(dtype) * scores.logprob.clone());
    let cost = match &scores.kl {
        Some(kl) => ordered_sum(betas.cast(dtype) * kl.clone()) - gain,
        None => gain.neg(),
    };
    cost.div_scalar(episodes as f64)
}

#[cfg(test)]
mod tests {
    use burn_tensor::Device;

    use super::*;

    #[test]
    fn loss_by_hand() {
        let device = Device::flex();
        let t = |values: [f32; 3]| Tensor::<1>::from_data(values, &device);
        let scores = TokenScores { logprob: t([-1.0, -2.0, -0.5]), kl: Some(t([0.1, 0.2, 0.3])) };
        // (0.5·0.1 + 0.5·0.2 + 1·0.3 − (2·−1 + 2·−2 − 1·−0.5)) / 2 = (0.45 + 5.5) / 2
        let value: f32 = loss(&scores, t([2.0, 2.0, -1.0]), t([0.5, 0.5, 1.0]), 2).into_scalar();
        assert!((value - 2.975).abs() < 1e-6, "{value}");
        let free = TokenScores { kl: None, ..scores };
        let value: f32 = loss(&free, t([2.0, 2.0, -1.0]), t([0.5, 0.5, 1.0]), 2).into_scalar();
        assert!((value - 2.75).abs() < 1e-6, "{value}");
    }
}
