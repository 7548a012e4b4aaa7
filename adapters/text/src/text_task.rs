//! A task whose problems and answers are text.

use palinode_core::{task::Problem, turns::MultiTurnTask};

use crate::{dialogue::Dialogue, error::TextError};

/// A task whose problems and answers are text.
///
/// # Contract
/// - A prompt is what the dialogue makes of the problem's text; a reference is the answer's ids.
/// - Revision and ends of its turns are the dialogue's.
pub trait TextTask: MultiTurnTask {
    /// How its problems are put to a model.
    fn dialogue(&self) -> &dyn Dialogue;

    /// A problem typed by a person; its reference is empty where the task can't compute one.
    ///
    /// # Errors
    /// [`TextError`] says what a problem looks like.
    fn parse(&self, text: &str) -> Result<Problem, TextError>;
}

const _: fn(&dyn TextTask) = |_object_safe| {};
