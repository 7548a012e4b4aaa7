//! Stage I: learn to correct, while the first attempt stays where it is.

use alloc::vec::Vec;

use crate::{
    error::{Error, check_range},
    objective::Objective,
    per_attempt::PerAttempt,
};

/// Stage I: the last attempt is paid its reward, and earlier attempts are held where they were.
///
/// max E[ r(y_K) − β₂ Σ_{k<K} KL(π‖π_ref on y_k) − β₁ KL(π‖π_ref on y_K) ].
///
/// Only the last attempt's tokens are credited, with the last reward; r(y₁) is not used. Earlier attempts feel the anchor β₂ alone.
/// With more than two attempts Stage I is repeated a turn at a time, with one attempt more each time.
///
/// # Source
/// Kumar et al. 2024, arXiv 2409.12917, Eq. 3; β₁ is the default penalty of Eq. 2, which Eq. 3 omits for clarity (section 5.1). Defaults: table 5,
/// MATH. More attempts: ICLR version, appendix A.1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageOne {
    beta: f64,
    anchor: f64,
}

impl StageOne {
    /// `beta` is β₁ (last attempt), `anchor` is β₂ (all earlier attempts).
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when one is negative or not finite.
    pub fn new(beta: f64, anchor: f64) -> Result<Self, Error> {
        check_range("beta1", "a finite number of at least 0", beta, 0.0, f64::MAX)?;
        check_range("beta2", "a finite number of at least 0", anchor, 0.0, f64::MAX)?;
        Ok(Self { beta, anchor })
    }
}

impl Default for StageOne {
    fn default() -> Self {
        Self { beta: 0.01, anchor: 0.1 }
    }
}

impl Objective for StageOne {
    fn returns(&self, rewards: &PerAttempt) -> PerAttempt {
        rewards.map_episodes(|rewards, returns| {
            let last = rewards.len() - 1;
            returns.fill(0.0);
            returns[last] = rewards[last];
        })
    }

    fn betas(&self, attempts: usize) -> Vec<f64> {
        (1..=attempts).map(|k| if k == attempts { self.beta } else { self.anchor }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_attempt_is_paid_and_only_earlier_ones_are_anchored() {
        let rewards = PerAttempt::new([1, 1, 3], alloc::vec![1.0, 0.5, 0.25]).unwrap();
        let stage = StageOne::new(0.01, 0.1).unwrap();
        assert_eq!(stage.returns(&rewards).values(), [0.0, 0.0, 0.25]);
        assert_eq!(stage.betas(3), [0.1, 0.1, 0.01]);
        assert!(StageOne::new(-0.1, 0.1).is_err() && StageOne::new(0.1, f64::INFINITY).is_err());
    }
}
