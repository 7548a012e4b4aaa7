//! The immutable record of one episode, and the group of episodes of one problem.

use alloc::vec::Vec;
use core::ops::Range;

use crate::{attempt::Attempt, error::Error, task::Problem};

/// One problem played to the end: prompt, attempt 1, revision instruction, attempt 2, and so on.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    prompt: Vec<u32>,
    revision: Vec<u32>,
    attempts: Vec<Attempt>,
}

impl Trajectory {
    /// A trajectory of at least one attempt.
    ///
    /// # Errors
    /// [`Error::Empty`] without a prompt or attempts.
    pub fn new(prompt: Vec<u32>, revision: Vec<u32>, attempts: Vec<Attempt>) -> Result<Self, Error> {
        if prompt.is_empty() {
            return Err(Error::Empty("a trajectory's prompt"));
        }
        if attempts.is_empty() {
            return Err(Error::Empty("a trajectory's attempts"));
        }
        Ok(Self { prompt, revision, attempts })
    }

    /// The prompt's ids.
    pub fn prompt(&self) -> &[u32] {
        &self.prompt
    }

    /// The ids put between two attempts.
    pub fn revision(&self) -> &[u32] {
        &self.revision
    }

    /// The attempts in order.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// All ids in the order in which the policy saw and wrote them.
    pub fn tokens(&self) -> Vec<u32> {
        let mut tokens = self.prompt.clone();
        for (k, attempt) in self.attempts.iter().enumerate() {
            if k > 0 {
                tokens.extend_from_slice(&self.revision);
            }
            tokens.extend_from_slice(attempt.tokens());
        }
        tokens
    }

    /// Where each attempt stands within [`Trajectory::tokens`].
    pub fn spans(&self) -> Vec<Range<usize>> {
        let mut start = self.prompt.len();
        let mut spans = Vec::with_capacity(self.attempts.len());
        for (k, attempt) in self.attempts.iter().enumerate() {
            if k > 0 {
                start += self.revision.len();
            }
            let end = start + attempt.tokens().len();
            spans.push(start..end);
            start = end;
        }
        spans
    }

    /// For each token: the attempt whose policy wrote it, or `None` for prompt and revision instruction.
    pub fn action_mask(&self) -> Vec<Option<usize>> {
        let spans = self.spans();
        let mut mask = alloc::vec![None; spans.last().map_or(0, |span| span.end)];
        for (k, span) in spans.into_iter().enumerate() {
            mask[span].fill(Some(k));
        }
        mask
    }
}

/// The trajectories of one problem, all with the same number of attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    problem: Problem,
    trajectories: Vec<Trajectory>,
}

impl Group {
    /// A group of at least one trajectory.
    ///
    /// # Errors
    /// [`Error::Empty`] without trajectories, [`Error::Length`] when their numbers of attempts differ.
    pub fn new(problem: Problem, trajectories: Vec<Trajectory>) -> Result<Self, Error> {
        let Some(first) = trajectories.first() else { return Err(Error::Empty("a group")) };
        let expected = first.attempts().len();
        if let Some(odd) = trajectories.iter().find(|t| t.attempts().len() != expected) {
            return Err(Error::Length { what: "attempts of a trajectory in a group", expected, got: odd.attempts().len() });
        }
        Ok(Self { problem, trajectories })
    }

    /// The problem.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Its episodes.
    pub fn trajectories(&self) -> &[Trajectory] {
        &self.trajectories
    }

    /// Whether every episode earned the same at attempt `k`: such a group carries no signal for it.
    pub fn has_zero_spread(&self, k: usize) -> bool {
        let mut rewards = self.trajectories.iter().map(|t| t.attempts()[k].reward());
        let first = rewards.next();
        rewards.all(|reward| Some(reward) == first)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{attempt::StopReason, verifier::Verdict};

    fn attempt(tokens: &[u32]) -> Attempt {
        Attempt::new(tokens.to_vec(), vec![-0.5; tokens.len()], StopReason::FixedLength, Verdict::Wrong).unwrap()
    }

    #[test]
    fn spans_and_mask_name_exactly_the_written_tokens() {
        let t = Trajectory::new(vec![1, 2], vec![9], vec![attempt(&[3, 4]), attempt(&[5])]).unwrap();
        assert_eq!(t.tokens(), [1, 2, 3, 4, 9, 5]);
        assert_eq!(t.spans(), [2..4, 5..6]);
        assert_eq!(t.action_mask(), [None, None, Some(0), Some(0), None, Some(1)]);
    }

    #[test]
    fn groups_refuse_ragged_attempts() {
        let problem = Problem::new(0, vec![1], vec![]).unwrap();
        let one = Trajectory::new(vec![1], vec![], vec![attempt(&[3])]).unwrap();
        let two = Trajectory::new(vec![1], vec![], vec![attempt(&[3]), attempt(&[4])]).unwrap();
        assert_eq!(
            Group::new(problem, vec![one, two]).unwrap_err(),
            Error::Length { what: "attempts of a trajectory in a group", expected: 1, got: 2 }
        );
    }
}
