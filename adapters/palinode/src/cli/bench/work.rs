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
        task::{Problem, Split, Task},
        trajectory::{Group, Trajectory},
        turns::{AnswerLimit, MultiTurnTask, Turns},
        update::Update,
        verifier::{Verdict, Verifier},
    },
    device::Opened,
    lm::{Decoder, DecoderConfig},
    setup::SetupError,
    tasks::Ledger,
    text::{Dialogue, TextTask, Vocabulary},
    train::{
        TrainError,
        config::TrainConfig,
        gradient::{
            chunked::{chunk_of, differentiate},
            learner::Learner,
            optimizer::AdamW,
            workers::Workers,
        },
        play::{context, play, rollout_config},
        reinforce::Reinforce,
    },
};
use serde::Serialize;

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

/// Work of a known size: a task and a model for it.
pub(super) struct Work {
    name: &'static str,
    task: Box<dyn MultiTurnTask>,
    sizes: DecoderConfig,
    train: TrainConfig,
}

/// What was timed, several times each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Measured {
    /// The preset.
    pub(super) preset: &'static str,
    /// Numbers in the model.
    pub(super) parameters: usize,
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
    /// Names of the presets.
    pub(super) const NAMES: [&str; 3] = ["ledger", "small", "qwen2-0.5b"];

    /// `ledger`: the embedded default, 0.2 M parameters and 26 tokens an episode. `small`: 6 layers of width 256, 8 heads, a vocabulary of 4096, 256
    /// tokens an episode. `qwen2-0.5b`: the sizes of Qwen2 0.5B, for a GPU, 256 tokens an episode. `episodes` are played in groups of 8.
    ///
    /// # Errors
    /// [`SetupError::Settings`] for another name, or for episodes that make no groups.
    pub(super) fn preset(name: &str, episodes: usize) -> Result<Self, SetupError> {
        let mut train = TrainConfig::default();
        let samples = train.reinforce.samples;
        if episodes == 0 || !episodes.is_multiple_of(samples) {
            return Err(SetupError::Settings(format!(
                "--episodes must be a multiple of {samples}, the episodes of a group; got {episodes}"
            )));
        }
        train.reinforce.problems = episodes / samples;
        let (name, task, sizes): (_, Box<dyn MultiTurnTask>, _) = match name {
            "ledger" => {
                let task = Ledger::new(8, 0.6)?;
                let context = context(&task, train.attempts).map_err(TrainError::from)?;
                let sizes = DecoderConfig::small(task.dialogue().tokenizer().len(), 96, 2, 4, context);
                ("ledger", Box::new(task), sizes)
            }
            "small" => {
                train.reinforce.micro_batch = 8;
                ("small", Box::new(Recital::new(4096, 66, 94)), DecoderConfig::small(4096, 256, 6, 8, 256))
            }
            "qwen2-0.5b" => {
                train.reinforce.micro_batch = 8;
                let sizes = DecoderConfig {
                    kv_heads: 2,
                    feed_forward: 4864,
                    rope_base: 1e6,
                    tied: true,
                    qkv_bias: true,
                    ..DecoderConfig::small(151_936, 896, 24, 14, 256)
                };
                ("qwen2-0.5b", Box::new(Recital::new(sizes.vocabulary, 66, 94)), sizes)
            }
            other => {
                return Err(SetupError::Settings(format!("no preset is called `{other}`; there are {}", Self::NAMES.join(", "))));
            }
        };
        Ok(Self { name, task, sizes, train })
    }

    /// The same work, so many episodes scored together: what is fast depends on the device.
    pub(super) fn with_micro_batch(mut self, episodes: usize) -> Self {
        self.train.reinforce.micro_batch = episodes.max(1);
        self
    }

    /// Times everything `repeat` times, after one repetition that does not count.
    ///
    /// # Errors
    /// [`SetupError::Train`] when a step fails.
    pub(super) fn measure(&self, machine: &Machine, repeat: usize) -> Result<Measured, SetupError> {
        let (rl, Machine { opened, workers, kernels, dtype }) = (&self.train.reinforce, *machine);
        let model = Decoder::new(&self.sizes, 0, &opened.device)?.cast(dtype).with_kernels(kernels);
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
            parameters: model.num_params(),
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

/// A task without meaning: random characters, answered by a fixed number of them. An answer is right when its first id is even.
#[derive(Debug)]
struct Recital {
    vocabulary: Vocabulary,
    prompt: usize,
    answer: usize,
}

impl Recital {
    /// Ids in all, characters of a prompt, tokens of an answer.
    fn new(ids: usize, prompt: usize, answer: usize) -> Self {
        let characters: String = ('\u{4e00}'..).take(ids - 3).collect();
        Self { vocabulary: Vocabulary::from_texts([characters.as_str()]), prompt, answer }
    }
}

impl Task for Recital {
    fn problem(&self, seed: u64, split: Split, index: u64) -> Problem {
        let key = RandomKey {
            problem: index as u32,
            attempt: u8::from(split == Split::HeldOut),
            ..RandomKey::new(seed, Stream::Problems)
        };
        let draw = |token| RandomKey { token, ..key }.below(self.vocabulary.answer());
        let ids = (0..self.prompt as u32).map(draw).chain([self.vocabulary.answer()]).collect();
        Problem::new(index as u32, ids, vec![0; self.answer]).expect("a prompt ends with the answer token, so it is not empty")
    }
}

impl Verifier for Recital {
    fn verify(&self, _: &Problem, answer: &[u32]) -> Verdict {
        if answer.first().is_some_and(|id| id.is_multiple_of(2)) { Verdict::Right } else { Verdict::Wrong }
    }
}

impl MultiTurnTask for Recital {
    fn turns(&self) -> Turns {
        Turns::new(AnswerLimit::Fixed(self.answer), self.vocabulary.revision(), self.prompt + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_the_sizes_that_they_name() {
        let device = palinode::device::open("flex").unwrap().device;
        let numbers = Work::NAMES.map(|name| {
            let sizes = Work::preset(name, 8).unwrap().sizes;
            Decoder::parameters(&sizes, &device).unwrap().iter().map(|found| found.shape.iter().product::<usize>()).sum::<usize>()
        });
        // The last is what Qwen2-0.5B's own model card counts.
        assert_eq!(numbers, [224_160, 6_843_648, 494_032_768]);
    }
}
