//! Judging an answer.

use alloc::vec::Vec;

use crate::{error::Error, task::Problem};

/// What a verifier found. A verifier that could not judge says so; it never hides behind a wrong answer.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// The answer is right: reward 1.
    Right,
    /// The answer is wrong: reward 0.
    Wrong,
    /// The answer deserves part of the reward; made by [`Verdict::partial`].
    Partial(Part),
    /// No answer could be read out of the attempt: reward 0, counted apart.
    Unparseable,
    /// The attempt hit its length limit before it ended: reward 0, counted apart.
    Truncated,
    /// The verifier itself failed: reward 0, counted apart; a run with many of these should stop.
    Failed,
}

/// A part of the reward, in `[0, 1]`, as [`Verdict::partial`] makes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part(f32);

impl Verdict {
    /// Partial credit in `[0, 1]`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] outside of it.
    pub fn partial(credit: f32) -> Result<Self, Error> {
        crate::error::check_range("partial credit", "within [0, 1]", f64::from(credit), 0.0, 1.0)?;
        Ok(Self::Partial(Part(credit)))
    }

    /// The reward r in `[0, 1]`.
    pub fn reward(self) -> f32 {
        match self {
            Self::Right => 1.0,
            Self::Partial(Part(credit)) => credit,
            Self::Wrong | Self::Unparseable | Self::Truncated | Self::Failed => 0.0,
        }
    }

    /// Whether the attempt counts as right: full reward.
    pub fn is_right(self) -> bool {
        self.reward() >= 1.0
    }

    /// All names, from the best verdict to the worst.
    pub const NAMES: [&'static str; 6] = ["right", "partial", "wrong", "unparseable", "truncated", "failed"];

    /// One lower-case word for logs, of [`Verdict::NAMES`]. Full credit in parts is right, as [`Verdict::is_right`] has it.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.place()]
    }

    /// Its place in [`Verdict::NAMES`].
    pub(crate) fn place(self) -> usize {
        match self {
            Self::Right => 0,
            Self::Partial(Part(credit)) if credit >= 1.0 => 0,
            Self::Partial(_) => 1,
            Self::Wrong => 2,
            Self::Unparseable => 3,
            Self::Truncated => 4,
            Self::Failed => 5,
        }
    }
}

/// Maps a problem and the tokens of one attempt to a verdict.
///
/// # Contract
/// - Pure and deterministic: the same arguments give the same verdict.
/// - Bounded: it ends, in time and memory proportional to the attempt.
/// - Total: it never panics, whatever the tokens are.
/// - `answer` holds the attempt's tokens without its end token.
/// - Indifferent to the problem's id, which keys random numbers and says nothing about the answer.
///
/// `laws::Laws::verifier` (feature `laws`) tries all of this but the time it takes. A rollout here trusts it; training does not (`palinode_train::judges`).
pub trait Verifier {
    /// The verdict on one attempt.
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict;

    /// The verdicts on all attempts of a turn, in order: those that [`Verifier::verify`] gives, and by default from it.
    ///
    /// For verifiers to whom asking costs more than judging, such as a judge on another machine: a rollout asks once a turn. Missing verdicts count as
    /// [`Verdict::Failed`].
    fn verify_all(&self, asked: &[(&Problem, &[u32])]) -> Vec<Verdict> {
        asked.iter().map(|(problem, answer)| self.verify(problem, answer)).collect()
    }
}

impl<V: Verifier + ?Sized> Verifier for &V {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        (**self).verify(problem, answer)
    }

    fn verify_all(&self, asked: &[(&Problem, &[u32])]) -> Vec<Verdict> {
        (**self).verify_all(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn rewards_are_as_documented() {
        assert_eq!(Verdict::Right.reward(), 1.0);
        assert_eq!(Verdict::partial(0.25).unwrap().reward(), 0.25);
        for zero in [Verdict::Wrong, Verdict::Unparseable, Verdict::Truncated, Verdict::Failed] {
            assert_eq!(zero.reward(), 0.0, "{}", zero.name());
        }
        let part = |credit| Verdict::partial(credit).unwrap();
        let names = [Verdict::Right, part(0.5), Verdict::Wrong, Verdict::Unparseable, Verdict::Truncated, Verdict::Failed];
        assert_eq!(names.map(Verdict::name), Verdict::NAMES);
        assert_eq!((part(1.0).name(), part(1.0).is_right()), ("right", true));
        assert!(Verdict::partial(1.5).is_err() && Verdict::partial(f32::NAN).is_err());
    }
}
