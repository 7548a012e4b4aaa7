//! One update of a policy: from what was played to the loss, by choices that are made once and fit together.
//!
//! ```text
//!  groups ──rewards──▶ objective.returns ──▶ baseline ──▶ scale ──▶ − K1 penalty ──▶ advantages (f64, on the host)
//!  batch ──score_tokens──▶ log π, KL ───────────────────────────────────────────────▶ loss (a tensor)
//! ```

use alloc::vec::Vec;

use burn_tensor::{DType, Device, Tensor, TensorData};

use crate::{
    advantage::{Baseline, scale_by_deviation},
    batch::TokenBatch,
    error::Error,
    kl::KlEstimator,
    objective::{Objective, loss},
    per_attempt::PerAttempt,
    policy::Policy,
    sampling::Sampling,
    scoring::{Scoring, TokenScores, score_tokens},
    trajectory::Trajectory,
};

/// How an update is computed: what is maximised, what is subtracted from returns, and how the policy is held to its reference.
///
/// The choices that must agree are made here together, so they can't disagree: the temperature of scoring is that of sampling; an estimator of KL works
/// either in the loss or in the rewards, never in both or in neither; what scales advantages leaves the weight of a penalty alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update<O> {
    objective: O,
    baseline: Baseline,
    scaled: bool,
    scoring: Scoring,
}

impl<O: Objective> Update<O> {
    /// An update on episodes that were sampled like this: with a leave-one-out baseline, advantages as they are, and exact KL in the loss.
    pub fn new(objective: O, sampling: Sampling) -> Self {
        let scoring = Scoring::at(sampling.scoring_temperature());
        Self { objective, baseline: Baseline::default(), scaled: false, scoring }
    }

    /// With another estimator of KL.
    pub fn with_kl(self, kl: KlEstimator) -> Self {
        Self { scoring: self.scoring.with_kl(kl), ..self }
    }

    /// With another baseline.
    pub fn with_baseline(self, baseline: Baseline) -> Self {
        Self { baseline, ..self }
    }

    /// With advantages divided by their standard deviation, or not ([`scale_by_deviation`]).
    pub fn scaled(self, scaled: bool) -> Self {
        Self { scaled, ..self }
    }

    /// With so many tokens' logits at once.
    pub fn in_chunks(self, chunk: usize) -> Self {
        Self { scoring: self.scoring.in_chunks(chunk), ..self }
    }

    /// How its tokens are scored.
    pub fn scoring(&self) -> &Scoring {
        &self.scoring
    }

    /// Turns task rewards into advantages: returns minus their baseline, scaled if that was chosen; then the [`KlEstimator::K1`] penalty, β_k Σ_t d_t, minus
    /// its own baseline is taken out.
    ///
    /// Baselines are linear in the returns, so without scaling this is the penalty taken out of the returns. Scaling leaves it alone: β weighs what it
    /// would weigh as a loss. A penalty that is scaled with the returns loses its β wherever it is all there is to scale, as on Stage I's first attempt.
    ///
    /// `divergences` gives Σ_t d_t of each attempt, d = log π − log π_ref ([`sampled_divergences`], of all episodes in order). It is asked only where KL
    /// works in the rewards.
    ///
    /// # Errors
    /// Those of `divergences`; [`Error::Length`] when it gives another number of values.
    ///
    /// # Panics
    /// As [`Baseline::advantages`].
    pub fn advantages<E: From<Error>>(
        &self,
        rewards: &PerAttempt,
        divergences: impl FnOnce() -> Result<Vec<f64>, E>,
    ) -> Result<PerAttempt, E> {
        let advantages = self.baseline.advantages(&self.objective.returns(rewards), rewards);
        let advantages = if self.scaled { scale_by_deviation(&advantages) } else { advantages };
        if self.scoring.kl.is_loss() {
            return Ok(advantages);
        }
        let betas = self.objective.betas(rewards.shape()[2]);
        let divergences = PerAttempt::new(rewards.shape(), divergences()?)?;
        let penalty = divergences.map_episodes(|sums, penalty| {
            penalty.iter_mut().zip(sums).zip(&betas).for_each(|((penalty, sum), beta)| *penalty = beta * sum);
        });
        Ok(advantages.zip(&self.baseline.advantages(&penalty, rewards), |advantage, penalty| advantage - penalty))
    }

    /// What [`loss`] weighs each token of a batch with: its attempt's advantage, and its KL weight, which is 0 where KL works in the rewards.
    ///
    /// # Shapes
    /// `advantages`: B·K numbers, episode after episode; returns `[N]` twice.
    ///
    /// # Errors
    /// [`Error::Length`] when there is not one advantage an attempt, or the objective does not give one weight an attempt.
    pub fn token_weights(&self, batch: &TokenBatch, advantages: &[f64]) -> Result<[Tensor<1>; 2], Error> {
        let mut betas = self.objective.betas(batch.attempts());
        if !self.scoring.kl.is_loss() {
            betas.fill(0.0);
        }
        Ok([batch.spread(advantages)?, batch.spread_weights(&betas)?])
    }

    /// The [`loss`] of a batch whose attempts have these advantages, and the scores it is made of.
    ///
    /// # Shapes
    /// `advantages`: B·K numbers, episode after episode; `episodes`: those of the whole step; returns `[1]`.
    ///
    /// # Errors
    /// As [`Update::token_weights`].
    pub fn loss<P: Policy, R: Policy>(
        &self,
        policy: &P,
        reference: &R,
        batch: &TokenBatch,
        advantages: &[f64],
        episodes: usize,
    ) -> Result<(Tensor<1>, TokenScores), Error> {
        let [advantages, betas] = self.token_weights(batch, advantages)?;
        let scores = score_tokens(policy, Some(reference), batch, &self.scoring);
        Ok((loss(&scores, advantages, betas, episodes), scores))
    }
}

/// How far each sampled attempt lies from the reference: Σ_t d_t, d = log π − log π_ref, with log π as it was when the token was sampled.
///
/// # Shapes
/// Returns B·K numbers, nats, episode after episode.
///
/// # Errors
/// Those of [`TokenBatch::new`].
pub fn sampled_divergences<R: Policy>(
    reference: &R,
    episodes: &[&Trajectory],
    scoring: &Scoring,
    device: &Device,
) -> Result<Vec<f64>, Error> {
    let batch = TokenBatch::new(episodes, device)?;
    let scores = score_tokens(reference, None::<&R>, &batch, scoring);
    let sampled: Vec<f32> =
        episodes.iter().flat_map(|e| e.attempts()).flat_map(|attempt| attempt.sampling_logprobs()).copied().collect();
    let sampled = Tensor::<1>::from_data(TensorData::new(sampled, [batch.scored()]), (device, DType::F32));
    Ok(batch.sum_by_attempt(sampled - scores.logprob).into_iter().map(f64::from).collect())
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::objective::StageOne;

    fn advantages(update: &Update<StageOne>, rewards: &PerAttempt, divergences: Vec<f64>) -> Result<PerAttempt, Error> {
        update.advantages(rewards, || Ok(divergences))
    }

    /// Scaled with the returns, a penalty of any β would come out the same where nothing is paid.
    #[test]
    fn scaling_leaves_the_weight_of_a_penalty() {
        let rewards = PerAttempt::new([1, 4, 2], vec![1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]).unwrap();
        let d = [0.3, -0.1, 0.2, 0.0];
        for beta in [1e-4, 10.0] {
            let stage = StageOne::new(0.0, beta).unwrap();
            let update =
                Update::new(stage, Sampling::Greedy).with_kl(KlEstimator::K1).with_baseline(Baseline::GroupMean).scaled(true);
            let found = advantages(&update, &rewards, d.iter().flat_map(|&d| [d, 0.0]).collect()).unwrap();
            for (s, d) in d.into_iter().enumerate() {
                let found = found.at([0, s, 0]);
                assert!((found + beta * (d - 0.1)).abs() <= 1e-6 * beta, "{beta}: {found}");
            }
        }
    }

    #[test]
    fn an_estimator_works_in_one_place() {
        let rewards = PerAttempt::new([1, 2, 2], vec![0.0, 1.0, 1.0, 0.0]).unwrap();
        let update = Update::new(StageOne::default(), Sampling::Greedy);
        for kl in [KlEstimator::Exact, KlEstimator::K2, KlEstimator::K3] {
            let asked = || -> Result<Vec<f64>, Error> { Err(Error::Empty("nobody asks")) };
            assert_eq!(update.with_kl(kl).advantages(&rewards, asked).unwrap().values(), [0.0, 1.0, 0.0, -1.0]);
        }
        let k1 = update.with_kl(KlEstimator::K1);
        assert!(matches!(advantages(&k1, &rewards, vec![0.0; 3]).unwrap_err(), Error::Length { expected: 4, got: 3, .. }));
        let attempt = |tokens: Vec<u32>| {
            let logprobs = vec![0.0; tokens.len()];
            crate::attempt::Attempt::new(
                tokens,
                logprobs,
                crate::attempt::StopReason::FixedLength,
                crate::verifier::Verdict::Wrong,
            )
            .unwrap()
        };
        let episode = Trajectory::new(vec![1], vec![2], vec![attempt(vec![3, 4]), attempt(vec![5])]).unwrap();
        let batch = TokenBatch::new(&[&episode], &Device::flex()).unwrap();
        let betas = |update: Update<StageOne>| {
            let [_, betas] = update.token_weights(&batch, &[0.5, -0.5]).unwrap();
            betas.into_data().iter::<f32>().collect::<Vec<_>>()
        };
        assert_eq!((betas(update), betas(k1)), (vec![0.1, 0.1, 0.01], vec![0.0; 3]));
    }
}
