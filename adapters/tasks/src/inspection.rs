//! What a file of problems holds, before anything is trained on it.

use palinode_core::task::{Problem, Split};
use palinode_core::turns::Shown;
use serde::Serialize;

use crate::file_task::{Doubtful, FileTask};

/// Counts and lengths of a file's problems.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// Problems to train on.
    pub train: usize,
    /// Problems held out.
    pub held_out: usize,
    /// Rows that repeat an earlier one, and were dropped.
    pub duplicates: usize,
    /// Rows that were left out, because they hold no problem, or no answer can be judged by their reference.
    pub unjudged: usize,
    /// References that are not right as answers.
    pub not_answers: usize,
    /// Lengths of the prompts, in tokens.
    pub prompt: Lengths,
    /// Lengths of the reference answers, in tokens.
    pub answer: Lengths,
    /// Problems whose prompt leaves no room, where it was asked for: the longest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub too_long: Option<Vec<TooLong>>,
}

/// The spread of lengths, in tokens.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Lengths {
    /// The shortest.
    pub min: usize,
    /// Half are no longer.
    pub median: usize,
    /// 95 % are no longer.
    pub p95: usize,
    /// The longest.
    pub max: usize,
    /// How many fall into each of ten equal parts from `min` to `max`.
    pub histogram: [usize; 10],
}

/// A problem that does not fit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TooLong {
    /// Its prompt's length, in tokens.
    pub tokens: usize,
    /// Its text.
    pub prompt: String,
}

impl Inspection {
    /// Looks at all problems; `room` is the longest prompt that fits.
    pub fn of(task: &FileTask, room: Option<usize>) -> Self {
        let (train, held_out) = (task.problems(Split::Train), task.problems(Split::HeldOut));
        let all = || train.iter().chain(held_out);
        let too_long = |room: usize| {
            let mut problems: Vec<&Problem> = all().filter(|problem| problem.prompt().len() > room).collect();
            problems.sort_by_key(|problem| std::cmp::Reverse(problem.prompt().len()));
            let show = |problem: &Problem| TooLong { tokens: problem.prompt().len(), prompt: task.show_prompt(problem) };
            problems.into_iter().map(show).collect()
        };
        Self {
            train: train.len(),
            held_out: held_out.len(),
            duplicates: task.duplicates(),
            unjudged: task.unjudged().len(),
            not_answers: task.not_answers().len(),
            prompt: Lengths::of(all().map(|problem| problem.prompt().len())),
            answer: Lengths::of(all().map(|problem| problem.reference().len())),
            too_long: room.map(too_long),
        }
    }

    /// The share of all different rows by which answers can be judged.
    pub fn judged(&self) -> f64 {
        let judged = self.train + self.held_out;
        judged as f64 / (judged + self.unjudged).max(1) as f64
    }
}

impl Lengths {
    /// Of lengths in any order; all zero for none.
    pub fn of(lengths: impl Iterator<Item = usize>) -> Self {
        let mut sorted: Vec<usize> = lengths.collect();
        sorted.sort_unstable();
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else { return Self::default() };
        // The smallest length that at least this share does not exceed.
        let quantile = |share: f64| sorted[((share * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len()) - 1];
        let mut histogram = [0; 10];
        for length in &sorted {
            histogram[(length - min) * 10 / (max - min + 1)] += 1;
        }
        Self { min, median: quantile(0.5), p95: quantile(0.95), max, histogram }
    }
}

/// `line 7: 5 or so (not one number)`.
impl std::fmt::Display for Doubtful {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, reference, because } = self;
        match reference.as_str() {
            "" => write!(f, "{place}: {because}"),
            text => write!(f, "{place}: {} ({because})", crate::verifiers::short(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_lengths_that_are_there() {
        let lengths = Lengths::of([5, 1, 2, 3, 4].into_iter());
        assert_eq!((lengths.min, lengths.median, lengths.p95, lengths.max), (1, 3, 5, 5));
        let hundred = Lengths::of(1..=100);
        assert_eq!((hundred.median, hundred.p95, hundred.histogram), (50, 95, [10; 10]));
        assert_eq!(Lengths::of(std::iter::empty()), Lengths::default());
        assert_eq!(Lengths::of([7; 3].into_iter()).histogram[0], 3);
    }
}
