//! What is maximised: the two stages of SCoRe, and the loss they share.

mod stage_one;
mod stage_two;

use alloc::vec::Vec;

use burn_tensor::Tensor;

pub use stage_one::StageOne;
pub use stage_two::StageTwo;

use crate::{
    advantage::{Baseline, scale_by_deviation},
    batch::TokenBatch,
    error::Error,
    kl::KlEstimator,
    scoring::TokenScores,
};

/// What each attempt's tokens are credited with, and how firmly each is held to the reference.
///
/// # Contract
/// - `returns` is pure and acts on each episode by itself.
/// - `betas` gives one weight ≥ 0 an attempt.
/// - A better reward never lowers the return of the attempt that earned it, all else equal; an objective that breaks this pays for being wrong
///   (see [`crate::sandbagging`]).
///
/// `laws::Laws::objective` (feature `laws`) tries it.
pub trait Objective {
    /// The return R_k that multiplies the score function of attempt k's tokens, before a baseline.
    ///
    /// # Shapes
    /// `rewards: [P, G, K]` task rewards in `[0, 1]`; returns `[P, G, K]`.
    fn returns(&self, rewards: Tensor<3>) -> Tensor<3>;

    /// The weight β of KL(π‖π_ref) on each of `attempts` attempts.
    fn betas(&self, attempts: usize) -> Vec<f64>;
}

impl<O: Objective + ?Sized> Objective for &O {
    fn returns(&self, rewards: Tensor<3>) -> Tensor<3> {
        (**self).returns(rewards)
    }

    fn betas(&self, attempts: usize) -> Vec<f64> {
        (**self).betas(attempts)
    }
}

/// From task rewards to advantages: returns minus their baseline, scaled if asked; then the K1 penalty, if there is one, minus its own baseline is taken
/// out.
///
/// Baselines are linear in the returns, so without scaling this is the penalty taken out of the returns. Scaling leaves it alone: β weighs what it
/// would weigh as a loss. A penalty that is scaled with the returns loses its β wherever it is all there is to scale, as on Stage I's first attempt.
///
/// # Shapes
/// `rewards: [P, G, K]`; `penalty: [P, G, K]` is that of [`kl_penalty`], for [`KlEstimator::K1`] only;
/// returns `[P, G, K]`.
///
/// # Panics
/// As [`Baseline::advantages`].
pub fn advantages<O: Objective + ?Sized>(
    objective: &O,
    rewards: Tensor<3>,
    penalty: Option<Tensor<3>>,
    baseline: Baseline,
    scale: bool,
) -> Tensor<3> {
    let advantages = baseline.advantages(objective.returns(rewards.clone()), rewards.clone());
    let advantages = if scale { scale_by_deviation(advantages) } else { advantages };
    match penalty {
        Some(penalty) => advantages - baseline.advantages(penalty, rewards),
        None => advantages,
    }
}

/// β_k Σ_t d_t of each attempt: the [`KlEstimator::K1`] penalty, which [`advantages`] takes out of the returns; reads from the device.
///
/// # Shapes
/// `d: [N]`, log π − log π_ref of the batch's tokens; returns B·K numbers.
pub fn kl_penalty<O: Objective + ?Sized>(objective: &O, batch: &TokenBatch, d: Tensor<1>) -> Vec<f32> {
    let betas = objective.betas(batch.attempts());
    batch.sum_by_attempt(d).iter().zip(betas.iter().cycle()).map(|(sum, &beta)| sum * beta as f32).collect()
}

/// L = (1/B) Σ_t ( β_t KL_t − A_t log π(token_t) ), over the policy-written tokens of B episodes.
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
    let gain = (advantages.cast(dtype) * scores.logprob.clone()).sum();
    let cost = match &scores.kl {
        Some(kl) => (betas.cast(dtype) * kl.clone()).sum() - gain,
        None => gain.neg(),
    };
    cost.div_scalar(episodes as f64)
}

/// [`loss`] of a batch whose attempts have these advantages, with the objective's KL weights.
///
/// A [`KlEstimator::K1`] penalty has done its work in the advantages, so it is left out here.
///
/// # Shapes
/// `scores` of the batch's `[N]` tokens; `advantages`: B·K numbers, episode after episode; returns `[1]`.
///
/// # Errors
/// [`Error::Length`] when there is not one advantage an attempt, or the objective does not give one weight an attempt.
pub fn batch_loss<O: Objective + ?Sized>(
    objective: &O,
    estimator: KlEstimator,
    batch: &TokenBatch,
    scores: &TokenScores,
    advantages: &[f32],
    episodes: usize,
) -> Result<Tensor<1>, Error> {
    let [advantages, betas] = token_weights(objective, estimator, batch, advantages)?;
    Ok(loss(scores, advantages, betas, episodes))
}

/// What [`loss`] weighs each token of a batch with: its attempt's advantage, and its KL weight.
///
/// # Shapes
/// `advantages`: B·K numbers, episode after episode; returns `[N]` twice.
///
/// # Errors
/// As [`batch_loss`].
pub fn token_weights<O: Objective + ?Sized>(
    objective: &O,
    estimator: KlEstimator,
    batch: &TokenBatch,
    advantages: &[f32],
) -> Result<[Tensor<1>; 2], Error> {
    let share = if estimator.is_loss() { 1.0 } else { 0.0 };
    let betas: Vec<f64> = objective.betas(batch.attempts()).iter().map(|beta| share * beta).collect();
    Ok([batch.spread(advantages)?, batch.spread_weights(&betas)?])
}

#[cfg(test)]
mod tests {
    use burn_tensor::Device;

    use super::*;

    /// Scaled with the returns, a penalty of any β would come out the same where nothing is paid.
    #[test]
    fn scaling_leaves_the_weight_of_a_penalty() {
        let device = Device::flex();
        let rewards = || Tensor::<3>::from_data([[[1.0f32, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]], &device);
        let d = [0.3f32, -0.1, 0.2, 0.0];
        let first_attempts = |beta: f32| -> Vec<f32> {
            let penalty = Tensor::<3>::from_data([d.map(|d| [beta * d, 0.0])], &device);
            let stage = StageOne::default();
            let gains = advantages(&stage, rewards(), Some(penalty), Baseline::GroupMean, true);
            gains.narrow(2, 0, 1).into_data().iter::<f32>().collect()
        };
        for beta in [1e-4, 10.0] {
            for (found, d) in first_attempts(beta).into_iter().zip(d) {
                assert!((found + beta * (d - 0.1)).abs() <= 1e-6 * beta, "{beta}: {found}");
            }
        }
    }

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
