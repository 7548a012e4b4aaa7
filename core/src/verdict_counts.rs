//! How often each verdict was given.

use crate::verifier::Verdict;

/// Attempts by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerdictCounts([u64; Verdict::NAMES.len()]);

impl VerdictCounts {
    /// Counts one more attempt.
    pub fn observe(&mut self, verdict: Verdict) {
        self.0[verdict.place()] += 1;
    }

    /// Adds the counts of other attempts.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
    }

    /// Attempts with full reward.
    pub fn right(&self) -> u64 {
        self.0[Verdict::Right.place()]
    }

    /// Attempts counted.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Every verdict's name, in the order of [`Verdict::NAMES`], and how often it was given.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Verdict::NAMES.into_iter().zip(self.0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn every_verdict_is_counted_under_its_own_name() {
        let all = [
            Verdict::Right,
            Verdict::partial(0.5).unwrap(),
            Verdict::Wrong,
            Verdict::Unparseable,
            Verdict::Truncated,
            Verdict::Failed,
        ];
        let mut counts = VerdictCounts::default();
        for (n, verdict) in (1..).zip(all) {
            (0..n).for_each(|_| counts.observe(verdict));
            assert_eq!(counts.iter().nth(n as usize - 1), Some((verdict.name(), n)));
        }
        assert_eq!((counts.right(), counts.total()), (1, 21));
        let (half, mut twice) = (counts, counts);
        twice.merge(&half);
        assert!(twice.iter().zip(half.iter()).all(|((a, n), (b, m))| a == b && n == 2 * m));
        let names: Vec<&str> = twice.iter().map(|(name, _)| name).collect();
        assert_eq!(names, Verdict::NAMES);
    }

    #[test]
    fn full_credit_in_parts_is_right() {
        let mut counts = VerdictCounts::default();
        counts.observe(Verdict::partial(1.0).unwrap());
        assert_eq!((counts.right(), counts.total()), (1, 1));
    }
}
