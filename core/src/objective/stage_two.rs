//! Stage II: both attempts learn, and progress is paid extra.

use alloc::vec::Vec;

use crate::{
    credit::Credit,
    error::{Error, check_range},
    objective::Objective,
    per_attempt::PerAttempt,
    shaping::{Shaping, Weight},
};

/// Stage II: every attempt is paid its own reward, and progress from one to the next is paid extra.
///
/// max E[ Σ_k ρ_k − β₁ Σ_k KL(π‖π_ref on y_k) ], ρ_k = r(y_k) + α (r(y_k) − r(y_{k−1})), each ρ_k credited to attempt k.
///
/// # Source
/// Kumar et al. 2024, arXiv 2409.12917, Eq. 4 with the bonus of section 5.2; per-turn credit: appendix A.2. Defaults: table 5.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageTwo {
    beta: f64,
    shaping: Shaping,
    credit: Credit,
}

impl StageTwo {
    /// With per-turn credit; `beta` is β₁ on every attempt.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when β₁ is negative or not finite.
    pub fn new(beta: f64, shaping: Shaping) -> Result<Self, Error> {
        Self::with_credit(beta, shaping, Credit::PerTurn, false)
    }

    /// With a chosen credit rule. `allow_sandbagging` names the danger of α·γ > 1 without telescoping, for controls and studies.
    ///
    /// # Errors
    /// As [`StageTwo::new`], and [`Error::Sandbagging`] from [`Credit::check`].
    pub fn with_credit(beta: f64, shaping: Shaping, credit: Credit, allow_sandbagging: bool) -> Result<Self, Error> {
        check_range("beta1", "a finite number of at least 0", beta, 0.0, f64::MAX)?;
        Ok(Self { beta, shaping, credit: credit.check(shaping, allow_sandbagging)? })
    }
}

impl Default for StageTwo {
    fn default() -> Self {
        Self { beta: 0.01, shaping: Shaping::ProgressBonus(Weight::PAPER), credit: Credit::PerTurn }
    }
}

impl Objective for StageTwo {
    fn returns(&self, rewards: &PerAttempt) -> PerAttempt {
        self.credit.returns(&self.shaping.shape(rewards))
    }

    fn betas(&self, attempts: usize) -> Vec<f64> {
        alloc::vec![self.beta; attempts]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bonus_stays_off_attempt_one_under_per_turn_credit_and_reaches_it_under_joint() {
        let rewards = PerAttempt::new([1, 2, 2], alloc::vec![0.0, 1.0, 1.0, 0.0]).unwrap();
        let values = |stage: StageTwo| stage.returns(&rewards).values().to_vec();
        assert_eq!(values(StageTwo::default()), [0.0, 11.0, 1.0, -10.0]);
        let bonus = Shaping::progress_bonus(10.0).unwrap();
        let back = StageTwo::with_credit(0.01, bonus, Credit::discounted(1.0).unwrap(), true).unwrap();
        assert_eq!(values(back), [11.0, 11.0, -9.0, -10.0]);
        let joint = StageTwo::with_credit(0.01, bonus, Credit::Joint, true).unwrap();
        assert_eq!(values(joint), [11.0, 11.0, -9.0, -9.0]);
        assert_eq!(StageTwo::default().betas(2), [0.01, 0.01]);
    }
}
