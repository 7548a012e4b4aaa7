//! What a task needs beyond problems and verdicts, to be trained on and shown to people.

use std::sync::Arc;

use palinode_core::{
    rollout::AnswerLimit,
    task::{Problem, Task},
    verifier::Verifier,
};

use crate::{dialogue::Dialogue, error::TaskError};

/// A task whose problems and answers are text.
///
/// # Contract
/// - A prompt is what the dialogue makes of the problem's text; a reference is the answer's ids.
/// - The verifier finds the reference right.
pub trait TextTask: Task + Verifier + Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// How its problems are put to a model.
    fn dialogue(&self) -> &dyn Dialogue;

    /// When an answer is over.
    fn answer_limit(&self) -> AnswerLimit;

    /// Most tokens of a prompt.
    fn max_prompt(&self) -> usize;

    /// Ids that an answer may hold.
    fn answer_alphabet(&self) -> Vec<u32>;

    /// A problem typed by a person; its reference is empty where the task can't compute one.
    ///
    /// # Errors
    /// [`TaskError`] says what a problem looks like.
    fn parse(&self, text: &str) -> Result<Problem, TaskError>;

    /// The problem as a person would write it.
    fn show_prompt(&self, problem: &Problem) -> String;

    /// Why an answer gets its verdict, in words.
    fn explain(&self, problem: &Problem, answer: &[u32]) -> String {
        self.verify(problem, answer).name().to_owned()
    }

    /// Its verifier, to be asked on a thread of its own, where it may be left behind: only so can a verdict have a time limit. The verdicts are those
    /// of the task itself.
    ///
    /// `None` where the verifier is known to return; then it is asked on the thread that plays.
    fn detached(&self) -> Option<Arc<dyn Verifier + Send + Sync>> {
        None
    }

    /// An answer as text, with all its tokens: those that verifiers don't see are still there.
    fn show_answer(&self, answer: &[u32]) -> String {
        self.dialogue().tokenizer().decode_all(answer)
    }
}

const _: fn(&dyn TextTask) = |_object_safe| {};
