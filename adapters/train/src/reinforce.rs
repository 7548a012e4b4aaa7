//! One RL step: play, verify, score, update.

use burn::tensor::{Device, Tensor, TensorData};
use palinode_core::{
    attempt::Attempt,
    batch::TokenBatch,
    kl::{Divergence, k1},
    objective::{Objective, loss},
    policy::Policy,
    rng::{RandomKey, Stream},
    rollout::RolloutConfig,
    sampling::Sampling,
    scoring::score_tokens,
    task::{Problem, Split},
    trajectory::{Group, Trajectory, rewards},
    transitions::Transitions,
    turns::MultiTurnTask,
    update::Update,
};

use crate::{
    arm::Stage,
    config::TrainConfig,
    episodes::episodes_of,
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
    /// Ids that the model knows.
    pub(crate) vocabulary: usize,
}

/// Episodes that are scored together, and their advantages.
pub(crate) struct MicroBatch<'a> {
    /// Its place among those of the step.
    pub(crate) place: usize,
    pub(crate) episodes: &'a [&'a Trajectory],
    pub(crate) advantages: &'a [f64],
    /// The reference's log-probabilities of their tokens, where those were found before and are all that is asked of it.
    pub(crate) frozen: Option<&'a [f32]>,
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
        let (sampling, vocabulary) = (Sampling::temperature(rl.temperature)?, vocabulary(reference)?);
        Ok(Self {
            rollout: rollout_config(task, stage.attempts, rl.samples, sampling)?,
            update: Update::new(stage.objective.as_ref(), sampling)
                .with_kl(rl.kl)
                .with_baseline(rl.baseline)
                .scaled(rl.scale_advantages)
                .in_chunks(chunk_of(vocabulary)),
            parity_bound: parity_bound(reference),
            task,
            stage,
            config,
            reference,
            workers,
            device: device.clone(),
            vocabulary,
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
        let mut frozen = None;
        let advantages = self.update.advantages(&rewards(&groups)?, || {
            let scored = frozen.insert(self.frozen_logprobs(&episodes)?);
            Ok::<_, TrainError>(divergences(&episodes, scored))
        })?;
        let micro_batches = split(&episodes, advantages.values(), frozen.as_deref(), rl.micro_batch);
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

    /// The reference's log-probabilities of every policy-written token, micro-batch by micro-batch.
    fn frozen_logprobs(&self, episodes: &[&Trajectory]) -> Result<Vec<Vec<f32>>, TrainError> {
        let pieces: Vec<&[&Trajectory]> = episodes.chunks(self.config.reinforce.micro_batch).collect();
        let scoring = self.update.scoring();
        let of = |episodes: &&[&Trajectory]| -> Result<Vec<f32>, TrainError> {
            let batch = TokenBatch::new(episodes, &self.device)?;
            let own = self.reference.own_logprobs(&batch, scoring);
            let tensor = || score_tokens(self.reference, None::<&M>, &batch, scoring).logprob.into_data();
            Ok(own.unwrap_or_else(|| tensor().iter::<f32>().collect()))
        };
        self.workers.map(&pieces, of).into_iter().collect()
    }

    pub(crate) fn micro_batch(&self, model: &M, part: &MicroBatch<'_>, episodes: usize) -> (Slope, Scored) {
        let batch = TokenBatch::new(part.episodes, &self.device).expect("episodes of one rollout share their number of attempts");
        let [advantages, betas] =
            self.update.token_weights(&batch, part.advantages).expect("one advantage and one weight an attempt");
        let reference = part.frozen.is_none().then_some((self.reference, Divergence::Reverse));
        let (slope, scores) = differentiate(model, reference, &batch, self.update.scoring(), |scores, tokens| {
            loss(scores, advantages.clone().slice([tokens.clone()]), betas.clone().slice([tokens]), episodes)
        });
        let logprob = scores.logprob;
        let estimated = part.frozen.map(|frozen| {
            let of = (&self.device, logprob.dtype());
            let frozen = Tensor::from_data(TensorData::new(frozen.to_vec(), [frozen.len()]), of);
            k1(logprob.clone() - frozen)
        });
        let kl = estimated.or(scores.kl).map_or_else(Vec::new, |kl| batch.sum_by_attempt(kl));
        let gap = logprob_gap(part.episodes, logprob.into_data().iter::<f32>());
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

/// How far each sampled attempt lies from the reference, as [`palinode_core::update::sampled_divergences`] finds it, from the reference's
/// log-probabilities of its tokens.
fn divergences(episodes: &[&Trajectory], frozen: &[Vec<f32>]) -> Vec<f64> {
    let mut frozen = frozen.iter().flatten();
    let attempts = episodes.iter().flat_map(|episode| episode.attempts());
    let of = |attempt: &Attempt| {
        attempt.sampling_logprobs().iter().zip(&mut frozen).map(|(sampled, frozen)| f64::from(sampled - frozen)).sum()
    };
    attempts.map(of).collect()
}

/// Micro-batches of at most `size` episodes. The one with the longest episode comes first, so that memory trouble shows at once.
fn split<'a>(
    episodes: &'a [&'a Trajectory],
    advantages: &'a [f64],
    frozen: Option<&'a [Vec<f32>]>,
    size: usize,
) -> Vec<MicroBatch<'a>> {
    let attempts = advantages.len() / episodes.len().max(1);
    let parts = episodes.chunks(size).zip(advantages.chunks((size * attempts).max(1))).enumerate();
    let frozen = |place: usize| frozen.map(|frozen| frozen[place].as_slice());
    let mut parts: Vec<MicroBatch<'_>> =
        parts.map(|(place, (episodes, advantages))| MicroBatch { place, episodes, advantages, frozen: frozen(place) }).collect();
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
    use palinode_core::{attempt::StopReason, verifier::Verdict};

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
        let frozen = [[0.0], [1.0], [2.0]].map(Vec::from);
        let parts = split(&episodes, &advantages, Some(&frozen), 2);
        assert!(parts.iter().all(|part| part.frozen == Some(&[part.place as f32])));
        let found: Vec<_> = parts.iter().map(|part| (part.place, part.episodes.len(), part.advantages.to_vec())).collect();
        assert_eq!(found, [(1, 2, vec![4.0, 5.0, 6.0, 7.0]), (0, 2, vec![0.0, 1.0, 2.0, 3.0]), (2, 1, vec![8.0, 9.0])]);
        // Equally long ones stay in order.
        assert!(split(&episodes[1..3], &advantages[..4], None, 1).iter().map(|part| part.place).is_sorted());
    }
}
