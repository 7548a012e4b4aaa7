//! Greedy play on held-out problems.

use palinode_core::{
    rng::{RandomKey, Stream},
    sampler::Sampler,
    sampling::Sampling,
    task::{Problem, Split},
    trajectory::Group,
    transitions::Transitions,
    turns::MultiTurnTask,
};

use crate::{
    error::TrainError,
    gradient::workers::Workers,
    play::{play, rollout_config},
    verdicts::{Example, merged, some_of_each},
};

/// Seed of the held-out problems: the same for every run, so that runs can be compared.
const HELD_OUT_SEED: u64 = 0;

/// The first `count` held-out problems of a task, or all when it has fewer.
pub fn held_out(task: &dyn MultiTurnTask, count: usize) -> Vec<Problem> {
    let count = task.len(Split::HeldOut).map_or(count as u64, |all| all.min(count as u64));
    (0..count).map(|index| task.problem(HELD_OUT_SEED, Split::HeldOut, index)).collect()
}

/// Plays every problem once, greedily, at all attempts.
///
/// # Errors
/// Those of [`play`].
///
/// # Source
/// Greedy decoding for both attempts: arXiv 2409.12917, section 6.
pub fn play_greedily<S: Sampler + Sync>(
    sampler: &S,
    task: &dyn MultiTurnTask,
    problems: &[Problem],
    attempts: usize,
    workers: &Workers,
) -> Result<Vec<Group>, TrainError> {
    let config = rollout_config(task, attempts, 1, Sampling::Greedy)?;
    play(sampler, task, problems, &config, RandomKey::new(0, Stream::Evaluation), workers)
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// Who was right before and after, and every attempt's verdict.
    pub transitions: Transitions,
    /// An attempt of each verdict but `right`, the first in the order of the problems, and three at least where so many are not right.
    pub examples: Vec<Example>,
}

impl Evaluation {
    /// The evaluation of these problems and of others after them.
    pub fn merge(self, other: Self) -> Self {
        let mut transitions = self.transitions;
        transitions.merge(&other.transitions);
        Self { transitions, examples: merged(self.examples, other.examples) }
    }
}

/// Plays greedily on these problems, and counts what comes of it.
///
/// # Errors
/// As there.
pub fn evaluate<S: Sampler + Sync>(
    sampler: &S,
    task: &dyn MultiTurnTask,
    problems: &[Problem],
    attempts: usize,
    workers: &Workers,
) -> Result<Evaluation, TrainError> {
    let groups = play_greedily(sampler, task, problems, attempts, workers)?;
    let transitions = Transitions::of(groups.iter().flat_map(Group::trajectories));
    Ok(Evaluation { transitions, examples: some_of_each(task, workers.judges(), &groups) })
}
