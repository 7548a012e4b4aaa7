//! What a loop over several attempts asks of a task, and what people see of one.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use crate::{
    attempt::StopReason,
    task::{Problem, Task},
    verifier::Verifier,
};

/// When an attempt is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerLimit {
    /// After exactly this many tokens; the task has no end token.
    Fixed(usize),
    /// After an end token, or cut off (and never rewarded) after `max` tokens, the end token included.
    Ended {
        /// Ids that end an attempt; what closes one that was cut off is a matter of [`Turns`].
        ends: Vec<u32>,
        /// Most tokens of one attempt.
        max: usize,
    },
}

impl AnswerLimit {
    /// Most tokens of one attempt.
    pub fn max_tokens(&self) -> usize {
        match self {
            Self::Fixed(max) | Self::Ended { max, .. } => *max,
        }
    }

    /// The id that closes an attempt which was cut off, where a task says nothing else ([`Turns::closed_by`]).
    pub fn closing(&self) -> Option<u32> {
        match self {
            Self::Fixed(_) => None,
            Self::Ended { ends, .. } => ends.first().copied(),
        }
    }

    /// Why an attempt of these tokens is over, unless it goes on.
    pub fn stop(&self, tokens: &[u32]) -> Option<StopReason> {
        match self {
            Self::Fixed(max) => (tokens.len() >= *max).then_some(StopReason::FixedLength),
            Self::Ended { ends, .. } if tokens.last().is_some_and(|last| ends.contains(last)) => Some(StopReason::EndToken),
            Self::Ended { max, .. } => (tokens.len() >= *max).then_some(StopReason::Truncated),
        }
    }
}

/// How a task's episodes go on: when an attempt is over, and what stands between two. Copies share the ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turns {
    limit: AnswerLimit,
    revision: Arc<[u32]>,
    closing: Arc<[u32]>,
    max_prompt: usize,
}

impl Turns {
    /// Attempts that end as `limit` says, the ids of the fixed revision instruction between two of them, and most tokens of a prompt.
    ///
    /// An attempt that was cut off is closed by the first of the ids that end one, before the revision instruction: the next attempt sees a closed one.
    pub fn new(limit: AnswerLimit, revision: Vec<u32>, max_prompt: usize) -> Self {
        let closing = limit.closing().into_iter().collect();
        Self { limit, revision: revision.into(), closing, max_prompt }
    }

    /// The same, with these ids after an attempt that was cut off, where attempts end by themselves.
    pub fn closed_by(self, closing: Vec<u32>) -> Self {
        if self.limit.closing().is_none() { self } else { Self { closing: closing.into(), ..self } }
    }

    /// When an attempt is over.
    pub fn limit(&self) -> &AnswerLimit {
        &self.limit
    }

    /// Ids between two attempts: the revision instruction, and what surrounds it.
    pub fn revision(&self) -> &[u32] {
        &self.revision
    }

    /// Ids put after an attempt that was cut off and is followed by another, before the revision instruction: by nobody's choice.
    pub fn closing(&self) -> &[u32] {
        &self.closing
    }

    /// The ids that [`Turns::revision`] and [`Turns::closing`] give, to be shared with episodes.
    pub(crate) fn shared(&self) -> [Arc<[u32]>; 2] {
        [self.revision.clone(), self.closing.clone()]
    }

    /// Most tokens of a prompt.
    pub fn max_prompt(&self) -> usize {
        self.max_prompt
    }
}

/// A task that can be trained on: problems, verdicts, and how its episodes go on.
///
/// # Contract
/// - `turns` is the same at every call.
/// - The verifier finds a problem's reference right, where there is one.
pub trait MultiTurnTask: Task + Verifier + Send + Sync {
    /// How its episodes go on.
    fn turns(&self) -> Turns;

    /// What people see of it: by default its token ids as numbers.
    fn shown(&self) -> &dyn Shown {
        &Ids
    }

    /// Ids that an answer may hold, for a warm start that corrupts answers; a task that gives none can't be warmed up.
    fn answer_alphabet(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Its verifier, to be asked on a thread of its own, where it may be left behind: only so can a verdict have a time limit. The verdicts are those
    /// of the task itself.
    ///
    /// `None` where the verifier is known to return; then it is asked on the thread that plays.
    fn detached(&self) -> Option<Arc<dyn Verifier + Send + Sync>> {
        None
    }
}

/// What people see of a task.
///
/// # Contract
/// Pure and total: any ids give text.
pub trait Shown {
    /// The task's name.
    fn name(&self) -> &str;

    /// A problem as a person would write it.
    fn show_prompt(&self, problem: &Problem) -> String;

    /// An answer as text, with all its tokens: those that verifiers don't see are still there.
    fn show_answer(&self, answer: &[u32]) -> String;

    /// Why an answer gets its verdict, in words; nothing where the verdict's name says it.
    fn explain(&self, problem: &Problem, answer: &[u32]) -> Option<String> {
        let _ = (problem, answer);
        None
    }
}

/// Token ids as numbers: what people see of a task that has no text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ids;

impl Shown for Ids {
    fn name(&self) -> &str {
        "ids"
    }

    fn show_prompt(&self, problem: &Problem) -> String {
        listed(problem.prompt())
    }

    fn show_answer(&self, answer: &[u32]) -> String {
        listed(answer)
    }
}

fn listed(ids: &[u32]) -> String {
    ids.iter().map(|id| format!("{id}")).collect::<Vec<_>>().join(" ")
}

const _: fn(&dyn MultiTurnTask) = |_object_safe| {};

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn ids_are_shown_as_numbers() {
        let problem = Problem::new(0, vec![3, 14], vec![15]).unwrap();
        assert_eq!((Ids.show_prompt(&problem).as_str(), Ids.show_answer(&[]).as_str()), ("3 14", ""));
        assert_eq!(Ids.explain(&problem, &[15]), None);
    }

    #[test]
    fn only_what_ends_is_closed() {
        let fixed = Turns::new(AnswerLimit::Fixed(3), vec![7], 5).closed_by(vec![1, 2]);
        assert!(fixed.closing().is_empty());
        let ended = Turns::new(AnswerLimit::Ended { ends: vec![9, 8], max: 3 }, vec![7], 5);
        assert_eq!(ended.closing(), &[9]);
        assert_eq!(ended.closed_by(vec![1, 2]).closing(), &[1, 2]);
    }
}
