//! Rollouts of a whole step, in parallel pieces.

use palinode_core::{
    error::Error,
    rng::RandomKey,
    rollout::{Draw, RolloutConfig, rollout_draws},
    sampler::Sampler,
    sampling::Sampling,
    task::Problem,
    trajectory::Group,
    turns::MultiTurnTask,
};

use crate::{error::TrainError, gradient::workers::Workers};

/// How a task's episodes are played.
///
/// # Errors
/// Those of [`RolloutConfig::new`].
pub fn rollout_config(
    task: &dyn MultiTurnTask,
    attempts: usize,
    samples: usize,
    sampling: Sampling,
) -> Result<RolloutConfig, Error> {
    RolloutConfig::new(task.turns(), attempts, samples, sampling)
}

/// Most tokens of an episode with this many attempts.
///
/// # Errors
/// Those of [`RolloutConfig::new`].
pub fn context(task: &dyn MultiTurnTask, attempts: usize) -> Result<usize, Error> {
    let config = rollout_config(task, attempts, 1, Sampling::Greedy)?;
    Ok(config.capacity(config.turns().max_prompt()))
}

/// Plays all problems, some at a time on each worker; the result does not depend on the number of workers.
///
/// The samples of a problem stay together, since its prompt is read once for all of them. A problem that comes more than once is another draw each time.
/// Verdicts that do not come are [`Verdict::Failed`](palinode_core::verifier::Verdict::Failed) (see [`crate::judges`]).
///
/// # Errors
/// Those of [`rollout_draws`]; [`TrainError::Stuck`] when too many verdicts have not come.
pub fn play<S: Sampler + Sync>(
    sampler: &S,
    task: &dyn MultiTurnTask,
    problems: &[Problem],
    config: &RolloutConfig,
    key: RandomKey,
    workers: &Workers,
) -> Result<Vec<Group>, TrainError> {
    let together = together(config, workers);
    play_draws(sampler, task, &Draw::all(problems), together, config, key, workers)
}

/// As [`play`], for a part of a step's problems, of which each worker plays so many at a time, or fewer where others had none: the episodes are the same however a step is cut into parts.
///
/// # Errors
/// Those of [`play`].
pub(crate) fn play_draws<S: Sampler + Sync>(
    sampler: &S,
    task: &dyn MultiTurnTask,
    draws: &[Draw<'_>],
    together: usize,
    config: &RolloutConfig,
    key: RandomKey,
    workers: &Workers,
) -> Result<Vec<Group>, TrainError> {
    // Fewer at a time rather than threads without work.
    let share = draws.len().div_ceil(workers.threads());
    let pieces: Vec<&[Draw<'_>]> = draws.chunks(together.min(share).max(1)).collect();
    let judge = workers.judges().of(task);
    let groups = workers.map(&pieces, |piece| rollout_draws(sampler, &judge, piece, config, key));
    workers.judges().require_progress(task)?;
    Ok(groups.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Problems that a thread plays at a time.
pub(crate) fn together(config: &RolloutConfig, workers: &Workers) -> usize {
    (workers.decode_batch() / config.samples()).max(1)
}
