//! The progress bonus: extra pay for changing a wrong answer into a right one.

use crate::{
    error::{Error, check_range},
    per_attempt::PerAttempt,
};

/// The weight α of a bonus: a finite number of at least 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weight(f64);

impl Weight {
    /// The weight that the paper uses.
    pub const PAPER: Self = Self(10.0);

    /// A finite weight of at least 0.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for another number.
    pub fn new(alpha: f64) -> Result<Self, Error> {
        check_range("alpha", "a finite number of at least 0", alpha, 0.0, f64::MAX).map(Self)
    }

    /// As a number.
    pub fn value(self) -> f64 {
        self.0
    }
}

/// Which bonus is added to the task rewards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shaping {
    /// None.
    None,
    /// [`progress_bonus`], the paper's.
    ProgressBonus(Weight),
    /// [`telescoped_bonus`], which can't be gamed at any turn discount.
    Telescoped(Weight),
}

impl Shaping {
    /// The progress bonus with weight α; the paper uses 10.
    ///
    /// # Errors
    /// As [`Weight::new`].
    pub fn progress_bonus(alpha: f64) -> Result<Self, Error> {
        Weight::new(alpha).map(Self::ProgressBonus)
    }

    /// The telescoped bonus with weight α.
    ///
    /// # Errors
    /// As [`Weight::new`].
    pub fn telescoped(alpha: f64) -> Result<Self, Error> {
        Weight::new(alpha).map(Self::Telescoped)
    }

    /// The bonus's weight α; 0 without a bonus.
    pub fn alpha(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::ProgressBonus(alpha) | Self::Telescoped(alpha) => alpha.value(),
        }
    }

    /// Task rewards plus bonus, for each attempt.
    pub fn shape(self, rewards: &PerAttempt) -> PerAttempt {
        match self {
            Self::None => rewards.clone(),
            Self::ProgressBonus(_) => rewards.zip(&progress_bonus(rewards, self.alpha()), |reward, bonus| reward + bonus),
            Self::Telescoped(_) => rewards.zip(&telescoped_bonus(rewards, self.alpha()), |reward, bonus| reward + bonus),
        }
    }
}

/// The paper's bonus for progress: b_k = α (r_k − r_{k−1}) for k ≥ 2, and b_1 = 0; `rewards` r lie in `[0, 1]`.
///
/// # Source
/// Kumar et al. 2024, arXiv 2409.12917, section 5.2 (unnumbered); for more than two attempts, the ICLR version's appendix A.1.
pub fn progress_bonus(rewards: &PerAttempt, alpha: f64) -> PerAttempt {
    rewards.map_episodes(|reward, bonus| {
        bonus[0] = 0.0;
        for k in 1..reward.len() {
            bonus[k] = alpha * (reward[k] - reward[k - 1]);
        }
    })
}

/// The progress bonus with b_1 = α r_1 as well: the bonuses of an episode sum to α r_K whatever the path.
///
/// # Source
/// Potential-based shaping with potential α r (Ng, Harada & Russell 1999). A deviation from the SCoRe paper, which pays differences only.
pub fn telescoped_bonus(rewards: &PerAttempt, alpha: f64) -> PerAttempt {
    rewards.map_episodes(|reward, bonus| {
        bonus[0] = alpha * reward[0];
        for k in 1..reward.len() {
            bonus[k] = alpha * (reward[k] - reward[k - 1]);
        }
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    /// The table of the paper at α = 10: i→c 11, c→c 1, i→i 0, c→i −10.
    #[test]
    fn shaped_second_rewards_are_those_of_the_paper() {
        let rewards = PerAttempt::new([1, 4, 2], vec![0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]).unwrap();
        let shaped = Shaping::progress_bonus(10.0).unwrap().shape(&rewards);
        assert_eq!(shaped.values(), [0.0, 11.0, 1.0, 1.0, 0.0, 0.0, 1.0, -10.0]);
        let telescoped = Shaping::telescoped(10.0).unwrap().shape(&rewards);
        assert_eq!(telescoped.values(), [0.0, 11.0, 11.0, 1.0, 0.0, 0.0, 11.0, -10.0]);
        assert_eq!(Shaping::None.shape(&rewards), rewards);
    }

    #[test]
    fn no_bonus_has_a_weight_that_makes_no_sense() {
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            for made in [Shaping::progress_bonus(wrong), Shaping::telescoped(wrong)] {
                assert!(matches!(made, Err(Error::OutOfRange { name: "alpha", .. })), "{wrong}");
            }
        }
        assert_eq!((Shaping::progress_bonus(10.0).unwrap(), Shaping::None.alpha()), (Shaping::ProgressBonus(Weight::PAPER), 0.0));
    }

    #[test]
    fn three_attempts_are_paid_for_consecutive_progress() {
        let rewards = PerAttempt::new([1, 1, 3], vec![0.25, 1.0, 0.5]).unwrap();
        assert_eq!(progress_bonus(&rewards, 2.0).values(), [0.0, 1.5, -1.0]);
        assert_eq!(telescoped_bonus(&rewards, 2.0).values(), [0.5, 1.5, -1.0]);
    }
}
