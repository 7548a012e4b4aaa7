//! What is learned by supervision: an episode that is given, and which of its attempts are worth learning.

use palinode_core::{
    attempt::{Attempt, StopReason},
    error::Error,
    task::Problem,
    trajectory::Trajectory,
    turns::{AnswerLimit, MultiTurnTask},
    verifier::Verdict,
};

use crate::error::TrainError;

/// An episode, and which of its attempts are learned; the others are there to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    trajectory: Trajectory,
    learned: Vec<bool>,
}

impl Example {
    /// The attempts of an episode that are to be learned: one flag for each.
    ///
    /// # Errors
    /// [`TrainError::Core`] for another number of flags.
    pub fn new(trajectory: Trajectory, learned: Vec<bool>) -> Result<Self, TrainError> {
        let (expected, got) = (trajectory.attempts().len(), learned.len());
        if expected != got {
            return Err(Error::Length { what: "flags of an example, one an attempt", expected, got }.into());
        }
        Ok(Self { trajectory, learned })
    }

    /// A first attempt: the problem's demonstration, ended as the task ends answers.
    ///
    /// # Errors
    /// [`TrainError::Core`] for an answer without a token.
    pub fn answer(task: &dyn MultiTurnTask, problem: &Problem) -> Result<Self, TrainError> {
        let attempt = given(task.turns().limit(), problem.demonstration().to_vec())?;
        Self::new(episode(task, problem, vec![attempt])?, vec![true])
    }

    /// A first attempt as it is, after it the revision instruction, and a second attempt of these ids, ended as the task ends answers, which alone is learned.
    ///
    /// # Errors
    /// [`TrainError::Core`] for an answer without a token.
    pub fn correction(task: &dyn MultiTurnTask, problem: &Problem, first: Attempt, second: &[u32]) -> Result<Self, TrainError> {
        let second = given(task.turns().limit(), second.to_vec())?;
        Self::new(episode(task, problem, vec![first, second])?, vec![false, true])
    }

    /// Whether a problem's demonstration is one that a model could write: not empty, and no longer than an answer may be.
    pub fn can_teach(task: &dyn MultiTurnTask, problem: &Problem) -> bool {
        let (tokens, limit) = (problem.demonstration().len(), task.turns().limit().clone());
        let room = limit.max_tokens().saturating_sub(usize::from(limit.closing().is_some()));
        (1..=room).contains(&tokens)
    }

    /// The episode.
    pub fn trajectory(&self) -> &Trajectory {
        &self.trajectory
    }

    /// Its attempts.
    pub fn attempts(&self) -> usize {
        self.learned.len()
    }

    /// For each attempt, 1 where it is learned, and 0 elsewhere.
    pub(crate) fn weights(&self) -> impl Iterator<Item = f64> + '_ {
        self.learned.iter().map(|&learned| f64::from(u8::from(learned)))
    }

    /// Tokens that are learned.
    pub(crate) fn learned_tokens(&self) -> usize {
        let attempts = self.trajectory.attempts().iter().zip(&self.learned);
        attempts.filter(|(_, learned)| **learned).map(|(attempt, _)| attempt.tokens().len()).sum()
    }
}

/// An attempt of given ids: with the id that ends one where there is such, and no longer than one may be.
pub(crate) fn given(limit: &AnswerLimit, mut tokens: Vec<u32>) -> Result<Attempt, Error> {
    let stop = match limit.closing() {
        None => StopReason::FixedLength,
        Some(end) => {
            tokens.truncate(limit.max_tokens().saturating_sub(1));
            tokens.push(end);
            StopReason::EndToken
        }
    };
    let logprobs = vec![0.0; tokens.len()];
    Attempt::new(tokens, logprobs, stop, Verdict::Wrong)
}

/// An episode of these attempts at a problem.
pub(crate) fn episode(task: &dyn MultiTurnTask, problem: &Problem, attempts: Vec<Attempt>) -> Result<Trajectory, Error> {
    let turns = task.turns();
    let episode = Trajectory::new(problem.prompt().to_vec(), turns.revision().to_vec(), attempts)?;
    Ok(episode.closed_by(turns.closing()))
}

/// Refuses ids that a model with logits of this width does not know.
pub(crate) fn check_tokens(what: &'static str, ids: &[u32], vocabulary: usize) -> Result<(), TrainError> {
    match ids.iter().find(|&&id| id as usize >= vocabulary) {
        None => Ok(()),
        Some(&got) => Err(Error::Token { what, expected: vocabulary, got }.into()),
    }
}

#[cfg(test)]
mod tests {
    use palinode_core::{
        task::{Split, Task},
        turns::Turns,
        verifier::Verifier,
    };

    use super::*;

    /// Answers of at most four tokens, the end 9 included; 8 and 9 close one that was cut off.
    struct Short;

    impl Task for Short {
        fn problem(&self, _: u64, _: Split, index: u64) -> Problem {
            Problem::new(index as u32, vec![1, 2], vec![3]).unwrap()
        }
    }

    impl Verifier for Short {
        fn verify(&self, _: &Problem, _: &[u32]) -> Verdict {
            Verdict::Wrong
        }
    }

    impl MultiTurnTask for Short {
        fn turns(&self) -> Turns {
            Turns::new(AnswerLimit::Ended { ends: vec![9, 7], max: 4 }, vec![5, 6], 2).closed_by(vec![8, 9])
        }
    }

    #[test]
    fn an_answer_stands_where_the_model_would_write_it() {
        let problem = Short.problem(0, Split::Train, 0);
        let example = Example::answer(&Short, &problem).unwrap();
        assert_eq!((example.trajectory().tokens(), example.learned_tokens()), (vec![1, 2, 3, 9], 2));
        let worked = problem.with_demonstration(vec![4, 4, 3]);
        let example = Example::answer(&Short, &worked).unwrap();
        assert_eq!((example.trajectory().tokens(), example.learned_tokens()), (vec![1, 2, 4, 4, 3, 9], 4));
        for (tokens, can) in [(vec![], false), (vec![3; 3], true), (vec![3; 4], false)] {
            assert_eq!(Example::can_teach(&Short, &worked.clone().with_demonstration(tokens)), can);
        }
    }

    #[test]
    fn of_a_correction_only_the_second_attempt_is_learned_and_the_first_is_closed_as_in_play() {
        let problem = Short.problem(0, Split::Train, 0);
        let attempt =
            |tokens: Vec<u32>, stop| Attempt::new(tokens.clone(), vec![-1.0; tokens.len()], stop, Verdict::Wrong).unwrap();
        for (first, tokens) in [
            (attempt(vec![4, 7], StopReason::EndToken), vec![1, 2, 4, 7, 5, 6, 3, 9]),
            (attempt(vec![4, 4, 4, 4], StopReason::Truncated), vec![1, 2, 4, 4, 4, 4, 8, 9, 5, 6, 3, 9]),
        ] {
            let example = Example::correction(&Short, &problem, first, problem.reference()).unwrap();
            assert_eq!((example.trajectory().tokens(), example.learned_tokens()), (tokens, 2));
            assert_eq!(example.weights().collect::<Vec<_>>(), [0.0, 1.0]);
        }
        let one = Example::answer(&Short, &problem).unwrap().trajectory().clone();
        assert!(Example::new(one, vec![true, false]).unwrap_err().to_string().contains("one an attempt"));
    }
}
