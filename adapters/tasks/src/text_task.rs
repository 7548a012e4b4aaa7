//! What a task needs beyond problems and verdicts, to be trained from scratch and shown to people.

use palinode_core::{
    task::{Problem, Task},
    verifier::Verifier,
};

use crate::{error::TaskError, vocabulary::Vocabulary};

/// How long a task's answers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerShape {
    /// Exactly this many tokens, and no end token.
    Fixed(usize),
    /// Followed by the end token; `max` tokens at most, the end token included.
    Ended {
        /// Most tokens of one answer.
        max: usize,
    },
}

impl AnswerShape {
    /// Most tokens of one answer.
    pub fn max_tokens(self) -> usize {
        match self {
            Self::Fixed(max) | Self::Ended { max } => max,
        }
    }
}

/// A task over a character vocabulary.
///
/// # Contract
/// - A prompt is the problem's characters and the `answer` token; a reference is the answer's characters.
/// - The verifier finds the reference right.
pub trait TextTask: Task + Verifier + Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// Its tokens.
    fn vocabulary(&self) -> &Vocabulary;

    /// How long answers are.
    fn answer_shape(&self) -> AnswerShape;

    /// Most tokens of a prompt.
    fn max_prompt(&self) -> usize;

    /// Ids that an answer may hold.
    fn answer_alphabet(&self) -> Vec<u32>;

    /// A problem typed by a person; its reference is empty where the task can't compute one.
    ///
    /// # Errors
    /// [`TaskError`] says what a problem looks like.
    fn parse(&self, text: &str) -> Result<Problem, TaskError>;

    /// Ids of the fixed revision instruction that stands between two attempts.
    fn revision(&self) -> Vec<u32> {
        vec![self.vocabulary().revise()]
    }

    /// The problem as a person would write it.
    fn show_prompt(&self, problem: &Problem) -> String {
        let prompt = problem.prompt();
        let end = prompt.len() - usize::from(prompt.last() == Some(&self.vocabulary().answer()));
        self.vocabulary().decode(&prompt[..end])
    }

    /// An answer as text.
    fn show_answer(&self, answer: &[u32]) -> String {
        self.vocabulary().decode(answer)
    }

    /// Most tokens of an episode with this many attempts.
    fn context(&self, attempts: usize) -> usize {
        let shape = self.answer_shape();
        // An answer that is cut off is closed by one more token.
        let between = self.revision().len() + usize::from(matches!(shape, AnswerShape::Ended { .. }));
        self.max_prompt() + attempts * shape.max_tokens() + attempts.saturating_sub(1) * between
    }
}

const _: fn(&dyn TextTask) = |_object_safe| {};
