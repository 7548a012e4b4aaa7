//! The measures of self-correction: who was right before, and who is right after.

use alloc::vec::Vec;

use crate::{trajectory::Trajectory, verdict_counts::VerdictCounts, verifier::Verdict};

/// Counts over episodes, from the first attempt to the last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transitions {
    episodes: u64,
    verdicts: Vec<VerdictCounts>,
    wrong_to_right: u64,
    right_to_wrong: u64,
    changed: u64,
    edit_ratio: f64,
}

impl Transitions {
    /// Counts the episodes of some trajectories.
    pub fn of<'a>(trajectories: impl IntoIterator<Item = &'a Trajectory>) -> Self {
        let mut counts = Self::default();
        trajectories.into_iter().for_each(|trajectory| counts.observe(trajectory));
        counts
    }

    /// Counts one more episode.
    pub fn observe(&mut self, trajectory: &Trajectory) {
        let attempts = trajectory.attempts();
        let (first, last) = (&attempts[0], &attempts[attempts.len() - 1]);
        self.verdicts.resize(self.verdicts.len().max(attempts.len()), VerdictCounts::default());
        for (counts, attempt) in self.verdicts.iter_mut().zip(attempts) {
            counts.observe(attempt.verdict());
        }
        let right = |verdict: Verdict| verdict.is_right();
        self.episodes += 1;
        self.wrong_to_right += u64::from(!right(first.verdict()) && right(last.verdict()));
        self.right_to_wrong += u64::from(right(first.verdict()) && !right(last.verdict()));
        self.changed += u64::from(first.answer() != last.answer());
        self.edit_ratio += edit_distance_ratio(first.answer(), last.answer());
    }

    /// Adds the counts of other episodes.
    pub fn merge(&mut self, other: &Self) {
        self.episodes += other.episodes;
        self.verdicts.resize(self.verdicts.len().max(other.verdicts.len()), VerdictCounts::default());
        self.verdicts.iter_mut().zip(&other.verdicts).for_each(|(a, b)| a.merge(b));
        self.wrong_to_right += other.wrong_to_right;
        self.right_to_wrong += other.right_to_wrong;
        self.changed += other.changed;
        self.edit_ratio += other.edit_ratio;
    }

    /// Episodes counted.
    pub fn episodes(&self) -> u64 {
        self.episodes
    }

    /// Attempts an episode.
    pub fn attempts(&self) -> usize {
        self.verdicts.len()
    }

    /// How often each verdict was given, at each attempt.
    pub fn verdicts(&self) -> &[VerdictCounts] {
        &self.verdicts
    }

    /// acc@t of attempt `k` (from 0): the fraction of all episodes that are right there.
    pub fn accuracy(&self, k: usize) -> f64 {
        self.fraction(self.right(k))
    }

    /// acc@last − acc@t1 = (i→c) − (c→i), a fraction of all episodes.
    pub fn delta(&self) -> f64 {
        self.wrong_to_right() - self.right_to_wrong()
    }

    /// i→c: wrong at first, right at last; a fraction of all episodes.
    pub fn wrong_to_right(&self) -> f64 {
        self.fraction(self.wrong_to_right)
    }

    /// c→i: right at first, wrong at last; a fraction of all episodes.
    pub fn right_to_wrong(&self) -> f64 {
        self.fraction(self.right_to_wrong)
    }

    /// The fraction of episodes whose last answer differs from the first.
    pub fn changed(&self) -> f64 {
        self.fraction(self.changed)
    }

    /// P(right at last | wrong at first); `None` when no first attempt was wrong.
    pub fn fix_given_wrong(&self) -> Option<f64> {
        let wrong = self.episodes - self.right(0);
        (wrong > 0).then(|| self.wrong_to_right as f64 / wrong as f64)
    }

    /// P(wrong at last | right at first); `None` when no first attempt was right.
    pub fn break_given_right(&self) -> Option<f64> {
        let right = self.right(0);
        (right > 0).then(|| self.right_to_wrong as f64 / right as f64)
    }

    /// Mean [`edit_distance_ratio`] from the first to the last answer.
    pub fn edit_distance_ratio(&self) -> f64 {
        if self.episodes == 0 { 0.0 } else { self.edit_ratio / self.episodes as f64 }
    }

    /// Episodes that are right at attempt `k`, from 0.
    fn right(&self, k: usize) -> u64 {
        self.verdicts.get(k).map_or(0, VerdictCounts::right)
    }

    fn fraction(&self, count: u64) -> f64 {
        if self.episodes == 0 { 0.0 } else { count as f64 / self.episodes as f64 }
    }
}

/// An accuracy as evaluations report it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accuracy {
    percent: f64,
    problems: f64,
}

impl Accuracy {
    /// So many percent of so many problems are right.
    pub fn new(percent: f64, problems: f64) -> Self {
        Self { percent, problems: problems.max(1.0) }
    }

    /// The square of its standard error, in percent points.
    fn variance(self) -> f64 {
        self.percent * (100.0 - self.percent).max(0.0) / self.problems
    }
}

/// How two accuracies are compared: what must be exceeded before one is called worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// For a warning in time: both on the same problems. More than 2 points, and more problems than a paired test takes for chance even if all that
    /// changed became wrong: then z = d/√d for d problems (McNemar 1947), which needs d ≥ 4.
    Paired,
    /// For a statement: as if on different problems, whose accuracies vary more: z = fall / √(p(1−p)/n + q(1−q)/m).
    Unpaired,
}

/// Whether attempt 1 got worse: its accuracy fell by more than sampling noise, z > 1.96 (95 %), as `compared` counts it.
///
/// A run asks it as a warning, which must not come too late; a report as a statement, which must not be wrong.
pub fn first_got_worse(before: Accuracy, after: Accuracy, compared: Compared) -> bool {
    let fall = before.percent - after.percent;
    let (least, variance) = match compared {
        // √(100 % · fall / n): the least error that a fall of this size can have.
        Compared::Paired => (WARNED_POINTS, 100.0 * fall.max(0.0) / after.problems),
        Compared::Unpaired => (0.0, before.variance() + after.variance()),
    };
    fall > least && fall * fall > Z * Z * variance.max(0.0)
}

/// Points of acc@t1 from which a warning is due.
const WARNED_POINTS: f64 = 2.0;

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_964;

/// Edit distance over the sum of both lengths: 0 for a copy, at most 1.
///
/// # Source
/// arXiv 2409.12917, figure 4.
pub fn edit_distance_ratio(a: &[u32], b: &[u32]) -> f64 {
    let length = a.len() + b.len();
    if length == 0 { 0.0 } else { edit_distance(a, b) as f64 / length as f64 }
}

/// Levenshtein distance: insertions, deletions and substitutions, each of cost 1.
pub fn edit_distance(a: &[u32], b: &[u32]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = core::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::attempt::{Attempt, StopReason};

    fn episode(first: (u32, bool), second: (u32, bool)) -> Trajectory {
        let attempt = |(token, right): (u32, bool)| {
            let verdict = if right { Verdict::Right } else { Verdict::Wrong };
            Attempt::new(vec![token, 7], vec![0.0; 2], StopReason::FixedLength, verdict).unwrap()
        };
        Trajectory::new(vec![1], vec![], vec![attempt(first), attempt(second)]).unwrap()
    }

    #[test]
    fn transitions_by_hand() {
        // Fixed, kept right twice, broken, wrong and changed.
        let episodes = [
            episode((1, false), (2, true)),
            episode((1, true), (1, true)),
            episode((1, true), (1, true)),
            episode((1, true), (3, false)),
            episode((1, false), (4, false)),
        ];
        let t = Transitions::of(&episodes);
        assert_eq!((t.accuracy(0), t.accuracy(1), t.episodes()), (0.6, 0.6, 5));
        assert_eq!((t.wrong_to_right(), t.right_to_wrong(), t.delta(), t.changed()), (0.2, 0.2, 0.0, 0.6));
        assert_eq!((t.fix_given_wrong(), t.break_given_right()), (Some(0.5), Some(1.0 / 3.0)));
        assert!((t.edit_distance_ratio() - 3.0 * 0.25 / 5.0).abs() < 1e-12);
        let mut merged = Transitions::of(&episodes[..2]);
        merged.merge(&Transitions::of(&episodes[2..]));
        assert_eq!(merged, t);
        assert_eq!(Transitions::default().fix_given_wrong(), None);
        assert_eq!((merged.attempts(), Transitions::default().attempts()), (2, 0));
        let counts = |k: usize| t.verdicts()[k].iter().filter(|(_, n)| *n > 0).collect::<Vec<_>>();
        assert_eq!((counts(0), counts(1)), (vec![("right", 3), ("wrong", 2)], vec![("right", 3), ("wrong", 2)]));
    }

    #[test]
    fn rates_that_have_nothing_to_count_are_absent() {
        let wrong = Transitions::of(&[episode((1, false), (2, true)), episode((1, false), (1, false))]);
        assert_eq!((wrong.fix_given_wrong(), wrong.break_given_right()), (Some(0.5), None));
        assert_eq!((wrong.delta(), wrong.changed()), (0.5, 0.5));
        let right = Transitions::of(&[episode((1, true), (2, false))]);
        assert_eq!((right.fix_given_wrong(), right.break_given_right(), right.delta()), (None, Some(1.0), -1.0));
    }

    #[test]
    fn a_fall_is_a_warning_before_it_is_a_statement() {
        let worse = |before: f64, after: f64, n: f64, compared| {
            first_got_worse(Accuracy::new(before, n), Accuracy::new(after, n), compared)
        };
        assert!(worse(45.0, 42.9, 500.0, Compared::Paired) && !worse(45.0, 43.0, 500.0, Compared::Paired));
        // At 45 % two measurements of 500 problems differ by 6.1 points before that is more than noise.
        assert!(worse(45.0, 38.7, 500.0, Compared::Unpaired) && !worse(45.0, 39.0, 500.0, Compared::Unpaired));
        assert!(worse(43.2, 2.1, 2000.0, Compared::Unpaired) && !worse(43.2, 42.7, 2000.0, Compared::Unpaired));
        // Three of 50 problems may be chance, four may not.
        assert!(worse(50.0, 42.0, 50.0, Compared::Paired) && !worse(50.0, 44.0, 50.0, Compared::Paired));
        for compared in [Compared::Paired, Compared::Unpaired] {
            assert!(!worse(40.0, 60.0, 500.0, compared) && !worse(40.0, 40.0, 500.0, compared));
            assert!(!worse(f64::NAN, 40.0, 500.0, compared));
        }
    }

    #[test]
    fn edit_distances_by_hand() {
        assert_eq!(edit_distance(&[1, 2, 3], &[1, 3]), 1);
        assert_eq!(edit_distance(&[], &[1, 3]), 2);
        assert_eq!(edit_distance(&[1, 2, 3, 4], &[4, 3, 2, 1]), 4);
        assert_eq!(edit_distance_ratio(&[1, 2], &[1, 2]), 0.0);
        assert_eq!(edit_distance_ratio(&[1, 2], &[3, 4]), 0.5);
        assert_eq!(edit_distance_ratio(&[1, 2], &[3, 4, 5, 1, 2, 6]), 0.5);
    }
}
