//! One RL step: play, verify, score, update.

use burn::tensor::Device;
use palinode_core::{
    batch::TokenBatch,
    kl::Divergence,
    objective::{Objective, loss},
    policy::Policy,
    rng::{RandomKey, Stream},
    rollout::RolloutConfig,
    sampling::Sampling,
    scoring::Scoring,
    task::{Problem, Split},
    trajectory::{Group, Trajectory, rewards},
    transitions::Transitions,
    turns::MultiTurnTask,
    update::{Update, sampled_divergences},
};

use crate::{
    arm::Stage,
    config::TrainConfig,
    episodes::{episodes_of, sampled},
    error::TrainError,
    event::StepMetrics,
    gradient::{
        chunked::{chunk_of, differentiate},
        learner::{Learner, Slope},
        workers::Workers,
    },
    play::{play, rollout_config},
    trainable::{Trainable, vocabulary},
    verdicts::VerdictTable,
    watch::checks::{Check, logprob_gap, parity_bound, worse},
};

/// Everything that stays the same over the steps of a stage.
pub struct Reinforce<'a, M> {
    pub(crate) task: &'a dyn MultiTurnTask,
    stage: &'a Stage,
    pub(crate) config: &'a TrainConfig,
    reference: &'a M,
    pub(crate) workers: &'a Workers,
    device: Device,
    pub(crate) rollout: RolloutConfig,
    update: Update<&'a (dyn Objective + Send + Sync)>,
    parity_bound: f32,
}

/// Episodes that are scored together, and their advantages.
pub(crate) struct MicroBatch<'a> {
    /// Its place among those of the step.
    pub(crate) place: usize,
    pub(crate) episodes: &'a [&'a Trajectory],
    pub(crate) advantages: &'a [f64],
}

/// What the scoring of one micro-batch found besides its loss.
pub(crate) struct Scored {
    place: usize,
    kl: Vec<f32>,
    gap: f32,
}

impl<'a, M: Trainable> Reinforce<'a, M> {
    /// Prepares a stage. `reference` is frozen and carries no gradient.
    ///
    /// # Errors
    /// [`TrainError::Core`] when the settings make no rollout.
    pub fn new(
        task: &'a dyn MultiTurnTask,
        stage: &'a Stage,
        config: &'a TrainConfig,
        reference: &'a M,
        workers: &'a Workers,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let rl = &config.reinforce;
        let sampling = Sampling::temperature(rl.temperature)?;
        Ok(Self {
            rollout: rollout_config(task, stage.attempts, rl.samples, sampling)?,
            update: Update::new(stage.objective.as_ref(), sampling)
                .with_kl(rl.kl)
                .with_baseline(rl.baseline)
                .scaled(rl.scale_advantages)
                .in_chunks(chunk_of(vocabulary(reference)?)),
            parity_bound: parity_bound(reference),
            task,
            stage,
            config,
            reference,
            workers,
            device: device.clone(),
        })
    }

    /// Takes step `step` (from 0) of the stage, the `rl_step`-th (from 0) of the run, and returns its measures and its episodes.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when loss or gradient are not finite (the model is unchanged), [`TrainError::Check`] when sampling and
    /// training disagree about log-probabilities.
    pub fn step(&self, learner: &mut Learner<M>, step: usize, rl_step: usize) -> Result<(StepMetrics, Vec<Group>), TrainError> {
        let rl = &self.config.reinforce;
        let first = (rl_step * rl.problems) as u64;
        let problems: Vec<Problem> =
            (0..rl.problems as u64).map(|i| self.task.problem(self.config.seed, Split::Train, first + i)).collect();
        let key = RandomKey { step: rl_step as u32, ..RandomKey::new(self.config.seed, self.stage.name.stream()) };
        let groups = play(learner.model(), self.task, &problems, &self.rollout, key, self.workers)?;

        let episodes: Vec<&Trajectory> = episodes_of(&groups).collect();
        let advantages = self.update.advantages(&rewards(&groups)?, || self.divergences(&episodes))?;
        let micro_batches = split(&episodes, advantages.values(), rl.micro_batch);
        let rate = rl.rates()?.rate(step, self.stage.steps);
        let mut report = learner.step_along(&micro_batches, rate, self.workers, |model, part| {
            let noisy = model.with_dropout(RandomKey { stream: Stream::Dropout, sample: part.place as u16, ..key });
            self.micro_batch(noisy.as_ref().unwrap_or(model), part, episodes.len())
        });
        report.extras.sort_by_key(|scored| scored.place);
        report.require_finite(self.stage.name.name(), step + 1)?;
        let gap = report.extras.iter().map(|scored| scored.gap).fold(0.0, worse);
        // With dropout the trainer's log-probabilities are not the sampler's, by intention.
        if learner.model().with_dropout(key).is_none() {
            Check { name: "sampler = trainer", measured: gap, bound: self.parity_bound }.require()?;
        }
        let kl: Vec<f32> = report.extras.into_iter().flat_map(|scored| scored.kl).collect();
        let mut metrics = self.measure(&groups, &kl, [step + 1, rl_step + 1]);
        (metrics.loss, metrics.grad_norm, metrics.logprob_gap) = (report.loss, report.grad_norm, gap);
        Ok((metrics, groups))
    }

    /// Σ_t d_t of each attempt against the reference, from what was sampled: what a K1 penalty weighs.
    fn divergences(&self, episodes: &[&Trajectory]) -> Result<Vec<f64>, TrainError> {
        let pieces: Vec<&[&Trajectory]> = episodes.chunks(self.config.reinforce.micro_batch).collect();
        let of = |episodes: &&[&Trajectory]| divergences(self.reference, episodes, self.update.scoring(), &self.device);
        Ok(self.workers.map(&pieces, of).into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }

    pub(crate) fn micro_batch(&self, model: &M, part: &MicroBatch<'_>, episodes: usize) -> (Slope, Scored) {
        let batch = TokenBatch::new(part.episodes, &self.device).expect("episodes of one rollout share their number of attempts");
        let [advantages, betas] =
            self.update.token_weights(&batch, part.advantages).expect("one advantage and one weight an attempt");
        let (slope, scores) =
            differentiate(model, Some((self.reference, Divergence::Reverse)), &batch, self.update.scoring(), |scores, tokens| {
                loss(scores, advantages.clone().slice([tokens.clone()]), betas.clone().slice([tokens]), episodes)
            });
        let kl = scores.kl.map_or_else(Vec::new, |kl| batch.sum_by_attempt(kl));
        let gap = logprob_gap(part.episodes, scores.logprob.into_data().iter::<f32>());
        (slope, Scored { place: part.place, kl, gap })
    }

    /// What the episodes of a step say; loss, gradient and times are not theirs to tell.
    fn measure(&self, groups: &[Group], kl: &[f32], [step, rl_step]: [usize; 2]) -> StepMetrics {
        let attempts = self.stage.attempts;
        let episodes: Vec<&Trajectory> = episodes_of(groups).collect();
        let n = episodes.len() as f64;
        let mean = |of: &dyn Fn(&Trajectory, usize) -> f64| -> Vec<f64> {
            (0..attempts).map(|k| episodes.iter().map(|e| of(e, k)).sum::<f64>() / n).collect()
        };
        let transitions = Transitions::of(episodes.iter().copied());
        StepMetrics {
            reward: mean(&|e, k| f64::from(e.attempts()[k].reward())),
            kl: (0..attempts).map(|k| kl.iter().skip(k).step_by(attempts).map(|&x| f64::from(x)).sum::<f64>() / n).collect(),
            length: mean(&|e, k| e.attempts()[k].tokens().len() as f64),
            changed: transitions.changed(),
            zero_spread: (0..attempts)
                .map(|k| groups.iter().filter(|g| g.has_zero_spread(k)).count() as f64 / groups.len() as f64)
                .collect(),
            i_to_c: transitions.wrong_to_right(),
            c_to_i: transitions.right_to_wrong(),
            verdicts: VerdictTable::from(&transitions),
            ..StepMetrics::new(self.stage.name, step, rl_step)
        }
    }
}

/// As [`sampled_divergences`], by the reference's own passes where it has some.
fn divergences<M: Trainable>(
    reference: &M,
    episodes: &[&Trajectory],
    scoring: &Scoring,
    device: &Device,
) -> Result<Vec<f64>, palinode_core::Error> {
    let batch = TokenBatch::new(episodes, device)?;
    let Some(scored) = reference.own_logprobs(&batch, scoring) else {
        return sampled_divergences(reference, episodes, scoring, device);
    };
    let mut sums = vec![0.0; batch.episodes() * batch.attempts()];
    for ((&slot, sampled), scored) in batch.slots().iter().zip(sampled(episodes)).zip(scored) {
        sums[slot] += f64::from(sampled - scored);
    }
    Ok(sums)
}

/// Micro-batches of at most `size` episodes. The one with the longest episode comes first, so that memory trouble shows at once.
fn split<'a>(episodes: &'a [&'a Trajectory], advantages: &'a [f64], size: usize) -> Vec<MicroBatch<'a>> {
    let attempts = advantages.len() / episodes.len().max(1);
    let parts = episodes.chunks(size).zip(advantages.chunks((size * attempts).max(1))).enumerate();
    let mut parts: Vec<MicroBatch<'_>> =
        parts.map(|(place, (episodes, advantages))| MicroBatch { place, episodes, advantages }).collect();
    let longest = |part: &MicroBatch<'_>| part.episodes.iter().map(|episode| episode.tokens().len()).max();
    parts.sort_by_cached_key(|part| std::cmp::Reverse(longest(part)));
    parts
}

const _: fn() = || {
    fn policies_are_shared_between_workers<M: Policy + Sync>() {}
    policies_are_shared_between_workers::<palinode_lm::Decoder>();
};

#[cfg(test)]
mod tests {
    use palinode_core::{
        attempt::{Attempt, StopReason},
        verifier::Verdict,
    };

    use super::*;

    #[test]
    fn the_longest_micro_batch_comes_first_and_every_episode_keeps_its_advantages() {
        let episode = |length: usize| {
            let attempt = |n| Attempt::new(vec![1; n], vec![0.0; n], StopReason::FixedLength, Verdict::Wrong).unwrap();
            Trajectory::new(vec![0], vec![], vec![attempt(length), attempt(1)]).unwrap()
        };
        let episodes: Vec<Trajectory> = [1, 2, 2, 5, 1].map(episode).into();
        let episodes: Vec<&Trajectory> = episodes.iter().collect();
        let advantages: Vec<f64> = (0..10).map(f64::from).collect();
        let parts = split(&episodes, &advantages, 2);
        let found: Vec<_> = parts.iter().map(|part| (part.place, part.episodes.len(), part.advantages.to_vec())).collect();
        assert_eq!(found, [(1, 2, vec![4.0, 5.0, 6.0, 7.0]), (0, 2, vec![0.0, 1.0, 2.0, 3.0]), (2, 1, vec![8.0, 9.0])]);
        // Equally long ones stay in order.
        assert!(split(&episodes[1..3], &advantages[..4], 1).iter().map(|part| part.place).is_sorted());
    }
}
