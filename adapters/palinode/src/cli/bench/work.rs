//! How fast this machine plays and learns, on work whose size is known: what `tests/bench` compares with PyTorch.
//!
//! Three things are timed, on episodes of two attempts: sampling them, one update on them (forward, backward, AdamW; no reference), and a whole RL step
//! (sample, verify, score with the reference, update). Models have random weights: time does not depend on what they know.

use std::time::Instant;

use palinode::{
    burn::{module::Module, tensor::FloatDType},
    core::{
        batch::TokenBatch,
        objective::{Objective, loss},
        rng::{RandomKey, Stream},
        sampling::Sampling,
        task::{Problem, Split},
        trajectory::{Group, Trajectory},
        update::Update,
    },
    device::Opened,
    lm::Decoder,
    setup::SetupError,
    train::{
        TrainError,
        gradient::{
            chunked::{chunk_of, differentiate},
            learner::Learner,
            optimizer::AdamW,
            workers::Workers,
        },
        play::{play, rollout_config},
        reinforce::Reinforce,
    },
};
use serde::Serialize;

use super::presets::Work;

/// What work is done on.
#[derive(Clone, Copy)]
pub(super) struct Machine<'a> {
    /// The device.
    pub(super) opened: &'a Opened,
    /// Its threads.
    pub(super) workers: &'a Workers,
    /// As in [`crate::config::MachineConfig`].
    pub(super) kernels: bool,
    /// The type that weights are held in.
    pub(super) dtype: FloatDType,
}

/// What was timed, several times each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Measured {
    /// The preset.
    pub(super) preset: &'static str,
    /// Numbers in the model, without adapters.
    pub(super) parameters: usize,
    /// Numbers in its adapters.
    pub(super) adapters: usize,
    /// Episodes of a step.
    pub(super) episodes: usize,
    /// Tokens of an episode that the policy writes, and all of them.
    pub(super) tokens: [usize; 2],
    /// Sampling; its tokens are those that the policy wrote.
    pub(super) rollout: Timed,
    /// An update; its tokens are all of the episodes'.
    pub(super) update: Timed,
    /// A whole RL step; its tokens are all of the episodes'.
    pub(super) step: Timed,
}

/// Seconds of each repetition, of the same number of tokens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Timed {
    /// Tokens of one repetition.
    pub(super) tokens: usize,
    /// Wall-clock seconds.
    pub(super) seconds: Vec<f64>,
}

impl Timed {
    /// The median of the seconds.
    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
    }

    /// Tokens a second, at the median.
    pub(super) fn rate(&self) -> f64 {
        self.tokens as f64 / self.median()
    }
}

impl Work {
    /// Times everything `repeat` times, after one repetition that does not count.
    ///
    /// # Errors
    /// [`SetupError::Train`] when a step fails.
    pub(super) fn measure(&self, machine: &Machine, repeat: usize) -> Result<Measured, SetupError> {
        let (rl, Machine { opened, workers, kernels, dtype }) = (&self.train.reinforce, *machine);
        let model = Decoder::new(&self.sizes, 0, &opened.device)?.cast(dtype).with_kernels(kernels);
        let parameters = model.num_params();
        let model = match &self.lora {
            Some(lora) => model.with_adapters(lora, 0)?,
            None => model,
        };
        let problems: Vec<Problem> = (0..rl.problems as u64).map(|i| self.task.problem(0, Split::Train, i)).collect();
        let sampling = Sampling::temperature(rl.temperature).map_err(TrainError::from)?;
        let config = rollout_config(self.task.as_ref(), self.train.attempts, rl.samples, sampling).map_err(TrainError::from)?;
        let sample = |step: usize| -> Result<Vec<Group>, TrainError> {
            let key = RandomKey { step: step as u32, ..RandomKey::new(0, Stream::User) };
            play(&model, self.task.as_ref(), &problems, &config, key, workers)
        };
        let groups = sample(0)?;
        let episodes: Vec<&Trajectory> = groups.iter().flat_map(Group::trajectories).collect();
        let written = |episode: &Trajectory| episode.attempts().iter().map(|attempt| attempt.tokens().len()).sum::<usize>();
        let tokens = [episodes.iter().map(|e| written(e)).sum(), episodes.iter().map(|e| e.tokens().len()).sum()];

        let stage = self.train.stages()?.pop();
        let none = || TrainError::Config { name: "stages", expected: "at least 1".into(), got: "0".into() };
        let stage = stage.ok_or_else(none)?;
        let steps = Reinforce::new(self.task.as_ref(), &stage, &self.train, &model, workers, &opened.device)?;
        let rollout = timed(opened, tokens[0], repeat, |i| sample(i).map(drop))?;
        // One optimiser at a time: each holds several times what the model does.
        let learner = || Learner::new(model.clone(), AdamW::REINFORCE);
        let chosen = Update::new(stage.objective.as_ref(), sampling).in_chunks(chunk_of(self.sizes.vocabulary));
        let update = {
            let mut learner = learner();
            timed(opened, tokens[1], repeat, |_| {
                self.update(&mut learner, &chosen, &episodes, machine);
                Ok(())
            })?
        };
        let mut learner = learner();
        let step = timed(opened, tokens[1], repeat, |i| steps.step(&mut learner, i, i).map(drop))?;
        Ok(Measured {
            preset: self.name,
            parameters,
            adapters: self.lora.as_ref().map_or(0, |lora| lora.parameters(&self.sizes)),
            episodes: episodes.len(),
            tokens: tokens.map(|all: usize| all / episodes.len()),
            rollout,
            update,
            step,
        })
    }

    /// One policy-gradient step on given episodes.
    fn update<O: Objective + Sync>(
        &self,
        learner: &mut Learner<Decoder>,
        update: &Update<O>,
        episodes: &[&Trajectory],
        machine: &Machine,
    ) {
        let (rl, Machine { opened, workers, .. }) = (&self.train.reinforce, *machine);
        let micro_batches: Vec<&[&Trajectory]> = episodes.chunks(rl.micro_batch).collect();
        learner.step_along(&micro_batches, rl.learning_rate, workers, |model, part| {
            let batch = TokenBatch::new(part, &opened.device).expect("episodes of one rollout share their number of attempts");
            let advantages: Vec<f64> = (0..part.len() * batch.attempts()).map(|i| if i % 3 == 0 { 1.0 } else { -0.5 }).collect();
            let [advantages, betas] = update.token_weights(&batch, &advantages).expect("one advantage an attempt");
            let (slope, _) = differentiate(model, None, &batch, update.scoring(), |scores, tokens| {
                loss(scores, advantages.clone().slice([tokens.clone()]), betas.clone().slice([tokens]), episodes.len())
            });
            (slope, ())
        });
    }
}

/// A GPU goes on after its work was handed to it: clocks are read when it has nothing left to do.
fn timed(
    opened: &Opened,
    tokens: usize,
    repeat: usize,
    mut work: impl FnMut(usize) -> Result<(), TrainError>,
) -> Result<Timed, SetupError> {
    let mut done = |i| -> Result<(), SetupError> {
        work(i)?;
        opened.device.sync().map_err(|error| SetupError::Device(format!("the device failed at its work: {error}")))
    };
    done(0)?;
    let mut seconds = Vec::new();
    for i in 1..=repeat {
        let begun = Instant::now();
        done(i)?;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    Ok(Timed { tokens, seconds })
}
