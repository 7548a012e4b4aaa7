//! Greedy play on held-out problems.

use palinode_core::{
    policy::Decode,
    rng::{RandomKey, Stream},
    sampling::Sampling,
    task::{Problem, Split},
    trajectory::Group,
    transitions::Transitions,
};
use palinode_tasks::TextTask;

use crate::{
    error::TrainError,
    play::{play, rollout_config},
    workers::Workers,
};

/// Seed of the held-out problems: the same for every run, so that runs can be compared.
const HELD_OUT_SEED: u64 = 0;

/// The first `count` held-out problems of a task, or all when it has fewer.
pub fn held_out(task: &dyn TextTask, count: usize) -> Vec<Problem> {
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
pub fn play_greedily<M: Decode + Sync>(
    model: &M,
    task: &dyn TextTask,
    problems: &[Problem],
    attempts: usize,
    workers: &Workers,
) -> Result<Vec<Group>, TrainError> {
    let config = rollout_config(task, attempts, 1, Sampling::Greedy)?;
    play(model, task, problems, &config, RandomKey::new(0, Stream::Evaluation), workers)
}

/// The transitions of [`play_greedily`].
///
/// # Errors
/// As there.
pub fn evaluate<M: Decode + Sync>(
    model: &M,
    task: &dyn TextTask,
    problems: &[Problem],
    attempts: usize,
    workers: &Workers,
) -> Result<Transitions, TrainError> {
    let groups = play_greedily(model, task, problems, attempts, workers)?;
    Ok(Transitions::of(groups.iter().flat_map(Group::trajectories)))
}
