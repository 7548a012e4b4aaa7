//! How long a run's steps take, from its pace.

use palinode_core::{task::Split, turns::AnswerLimit};
use palinode_train::gradient::workers::Workers;
use serde::Serialize;

use super::{
    memory::Work,
    pace::{Pace, Scored},
};
use crate::{
    config::RunConfig,
    setup::{Setup, SetupError},
};

/// Training problems that are looked at for how long problems and references are.
const LOOKED_AT: u64 = 64;
/// Seconds to take a number through the optimiser's step, and into the sum of gradients: memory is what it waits for.
const OF_NUMBER: f64 = 1e-9;
const NUMBERS_OF_STEP: f64 = 4.0;

/// How long a run's steps take, in seconds, if nothing else runs. Without saying more, answers are as long as the references.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Times {
    /// Mean tokens of a prompt and of a reference with its end, over some training problems.
    pub tokens: [f64; 2],
    /// An RL step.
    pub step: f64,
    /// An RL step whose answers are as long as they may.
    pub longest_step: f64,
    /// A step of the warm start on references, with its part of the checks between steps, where there is such a start.
    pub warm_step: Option<f64>,
    /// An evaluation at the end of a stage.
    pub evaluation: f64,
    /// All steps and evaluations, with as many warm steps as there may be; without the phases of a new model's warm start.
    pub all: f64,
}

/// Tokens of a prompt, of what stands between two attempts, and of an answer.
#[derive(Clone, Copy)]
struct Lengths {
    prompt: f64,
    between: f64,
    answer: f64,
}

/// What times depend on.
struct Run<'a> {
    config: &'a RunConfig,
    workers: &'a Workers,
    work: &'a Work,
    pace: &'a Pace,
    trained: f64,
}

impl Times {
    pub(super) fn of(
        config: &RunConfig,
        setup: &Setup,
        workers: &Workers,
        work: &Work,
        pace: &Pace,
        trained: u64,
    ) -> Result<Self, SetupError> {
        let run = Run { config, workers, work, pace, trained: trained as f64 };
        let (usual, longest) = lengths(setup, work);
        let (train, warm) = (&config.train, &config.train.supervised);
        let held_out = |wanted: usize| setup.task.len(Split::HeldOut).map_or(wanted, |all| wanted.min(all as usize));
        let evaluation = run.play(held_out(train.evaluation.problems), 1, train.attempts, usual);
        let between = run.play(held_out(train.evaluation.problems_between), 1, train.attempts, usual);
        let step = run.step(usual);
        let warm_step = pace.teach.map(|teach| run.warm_step(teach, usual));
        let stages = train.stages()?;
        let steps: usize = stages.iter().map(|stage| stage.steps).sum();
        let all = warm_step.unwrap_or(0.0) * warm.steps as f64
            + step * steps as f64
            + evaluation * (1 + stages.len()) as f64
            + between * (steps / train.evaluation.every) as f64;
        Ok(Self { tokens: [usual.prompt, usual.answer], step, longest_step: run.step(longest), warm_step, evaluation, all })
    }
}

/// As problems and references are, and as long as they may.
fn lengths(setup: &Setup, work: &Work) -> (Lengths, Lengths) {
    let (task, turns) = (setup.task.as_ref(), setup.task.turns());
    let between = (turns.revision().len() + turns.closing().len()) as f64;
    let looked_at = task.len(Split::Train).map_or(LOOKED_AT, |all| all.min(LOOKED_AT));
    let problems: Vec<_> = (0..looked_at).map(|i| task.problem(0, Split::Train, i)).collect();
    let mean = |of: &dyn Fn(&palinode_core::task::Problem) -> usize| {
        problems.iter().map(|problem| of(problem) as f64).sum::<f64>() / problems.len().max(1) as f64
    };
    let end = if matches!(turns.limit(), AnswerLimit::Fixed(_)) { 0 } else { 1 };
    let usual = Lengths {
        prompt: mean(&|problem| problem.prompt().len()),
        between,
        answer: mean(&|problem| (problem.demonstration().len() + end).min(work.answer)),
    };
    (usual, Lengths { prompt: work.prompt as f64, between, answer: work.answer as f64 })
}

impl Run<'_> {
    /// An RL step.
    fn step(&self, lengths: Lengths) -> f64 {
        let rl = &self.config.train.reinforce;
        let attempts = self.config.train.attempts;
        self.play(rl.problems, rl.samples, attempts, lengths)
            + self.differentiate(self.pace.learn, (self.work.episodes, rl.samples), attempts as f64, lengths)
            + self.optimise()
    }

    /// A step of the warm start: attempts to correct are sampled, examples learned, and now and then it is looked how far the model is.
    fn warm_step(&self, teach: Scored, lengths: Lengths) -> f64 {
        let warm = &self.config.train.supervised;
        let corrected = (warm.corrections * warm.sequences as f64).round() as usize;
        let looks = if warm.corrections > 0.0 { self.config.train.attempts } else { 1 };
        let answers = self.differentiate(teach, (warm.sequences - corrected, 1), 1.0, lengths);
        // A correction learns from its last attempt, and scores both.
        let corrections = self.differentiate(teach, (corrected, 1), 2.0, lengths);
        self.play(corrected, 1, 1, lengths)
            + answers
            + corrections
            + self.play(warm.check_problems, 1, looks, lengths) / warm.check_every as f64
            + self.optimise()
    }

    /// Playing so many problems, so many times each.
    fn play(&self, problems: usize, samples: usize, attempts: usize, lengths: Lengths) -> f64 {
        if problems == 0 {
            return 0.0;
        }
        let together = (self.workers.decode_batch() / samples).max(1).min(problems.div_ceil(self.workers.threads()));
        let (rows, turns) = ((together * samples) as f64, attempts as f64);
        let Pace { read, write, .. } = *self.pace;
        let of_piece = read * (together as f64 * lengths.prompt + (turns - 1.0) * rows * lengths.between)
            + turns * lengths.answer * write * rows / self.pace.rows as f64;
        // The last pieces may be few, and smaller.
        let pieces = problems as f64 / together as f64 / self.workers.threads() as f64;
        pieces.max(1.0) * of_piece
    }

    /// Scoring so many episodes, so many of which have a prompt in common, and summing the gradients of their micro-batches.
    fn differentiate(&self, pace: Scored, (episodes, samples): (usize, usize), attempts: f64, lengths: Lengths) -> f64 {
        if episodes == 0 {
            return 0.0;
        }
        let written = attempts * lengths.answer;
        let tokens = lengths.prompt + written + (attempts - 1.0) * lengths.between;
        let micro_batch = self.config.train.reinforce.micro_batch.min(episodes);
        let micro_batches = episodes.div_ceil(micro_batch);
        let threads = self.workers.threads().min(micro_batches) as f64;
        let computed = self.work.tokens(micro_batch as f64, samples, [lengths.prompt, tokens]) / micro_batch as f64;
        episodes as f64 * (computed * pace.token + written * pace.scored) / threads
            + micro_batches as f64 * self.trained * OF_NUMBER
    }

    /// The optimiser's step.
    fn optimise(&self) -> f64 {
        NUMBERS_OF_STEP * self.trained * OF_NUMBER
    }
}
