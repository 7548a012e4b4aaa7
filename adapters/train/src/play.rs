//! Rollouts of a whole step, in parallel pieces.

use palinode_core::{
    error::Error,
    policy::Decode,
    rng::RandomKey,
    rollout::{RolloutConfig, rollout},
    sampling::Sampling,
    task::Problem,
    trajectory::Group,
};
use palinode_tasks::TextTask;

use crate::workers::Workers;

/// How a task's episodes are played.
///
/// # Errors
/// Those of [`RolloutConfig::new`].
pub fn rollout_config(task: &dyn TextTask, attempts: usize, samples: usize, sampling: Sampling) -> Result<RolloutConfig, Error> {
    RolloutConfig::new(attempts, samples, sampling, task.answer_limit(), task.dialogue().revision())
}

/// Most tokens of an episode with this many attempts.
///
/// # Errors
/// Those of [`RolloutConfig::new`].
pub fn context(task: &dyn TextTask, attempts: usize) -> Result<usize, Error> {
    Ok(rollout_config(task, attempts, 1, Sampling::Greedy)?.capacity(task.max_prompt()))
}

/// Plays all problems, some at a time on each worker; the result does not depend on the number of workers.
///
/// The samples of a problem stay together, since its prompt is read once for all of them.
///
/// # Errors
/// Those of [`rollout`].
pub fn play<M: Decode + Sync>(
    model: &M,
    task: &dyn TextTask,
    problems: &[Problem],
    config: &RolloutConfig,
    key: RandomKey,
    workers: &Workers,
) -> Result<Vec<Group>, Error> {
    let together = (workers.decode_batch() / config.samples()).max(1);
    let pieces: Vec<&[Problem]> = problems.chunks(together).collect();
    let groups = workers.map(&pieces, |piece| rollout(model, &task, piece, config, key));
    groups.into_iter().collect::<Result<Vec<_>, _>>().map(|groups| groups.into_iter().flatten().collect())
}
