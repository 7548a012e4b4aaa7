//! Whether a task and a model fit each other.

use palinode_core::{task::Split, turns::MultiTurnTask};

use crate::{error::TrainError, play};

/// Refuses a task whose episodes do not fit a model.
///
/// # Errors
/// [`TrainError::Context`]; [`TrainError::Core`].
pub fn check_context(task: &dyn MultiTurnTask, attempts: usize, context: usize) -> Result<(), TrainError> {
    let needed = play::context(task, attempts)?;
    if needed > context { Err(TrainError::Context { needed, attempts, context }) } else { Ok(()) }
}

/// Refuses a task whose episodes do not fit a model, or that holds no problem, before anything is trained.
///
/// # Errors
/// [`TrainError::Context`]; [`TrainError::Core`]; [`TrainError::Config`] when a split holds no problem.
pub fn check_fit(task: &dyn MultiTurnTask, attempts: usize, context: usize) -> Result<(), TrainError> {
    check_context(task, attempts, context)?;
    check_problems(task)
}

/// Refuses a task that has nothing to train on, or nothing to judge by.
///
/// # Errors
/// [`TrainError::Config`].
pub fn check_problems(task: &dyn MultiTurnTask) -> Result<(), TrainError> {
    for (split, name) in [(Split::Train, "training problems"), (Split::HeldOut, "held-out problems")] {
        if task.is_empty(split) {
            return Err(TrainError::Config { name, expected: "at least 1".into(), got: "0".into() });
        }
    }
    Ok(())
}
