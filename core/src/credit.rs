//! Which attempt's tokens are paid by which reward.

use crate::{
    error::{Error, check_range},
    per_attempt::PerAttempt,
    sandbagging::sandbagging_threshold,
    shaping::Shaping,
};

/// A turn discount γ within `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discount(f64);

impl Discount {
    /// A discount within `[0, 1]`.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for another number.
    pub fn new(gamma: f64) -> Result<Self, Error> {
        check_range("turn discount gamma", "within [0, 1]", gamma, 0.0, 1.0).map(Self)
    }

    /// As a number.
    pub fn value(self) -> f64 {
        self.0
    }
}

/// How the rewards of an episode's attempts are credited to their tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Credit {
    /// Each attempt is paid by its own (shaped) reward alone: turn discount γ = 0, as in all of the paper's results.
    #[default]
    PerTurn,
    /// Later rewards flow back: attempt k is paid Σ_{j ≥ k} γ^(j−k) ρ_j.
    Discounted(Discount),
    /// One number an episode, Σ_j ρ_j, for the tokens of every attempt: what systems do that know no turns. Attempt 2 is paid for attempt 1 too,
    /// so a fix earns no more than what it is compared with on average, and the bonus reaches attempt 1.
    Joint,
}

impl Credit {
    /// Later rewards flow back at turn discount γ.
    ///
    /// # Errors
    /// As [`Discount::new`].
    pub fn discounted(gamma: f64) -> Result<Self, Error> {
        Discount::new(gamma).map(Self::Discounted)
    }

    /// The turn discount γ at which later rewards reach an attempt.
    pub fn gamma(self) -> f64 {
        match self {
            Self::PerTurn => 0.0,
            Self::Discounted(gamma) => gamma.value(),
            Self::Joint => 1.0,
        }
    }

    /// Refuses the corner in which attempt 1 is paid for being wrong, unless `allow_sandbagging` names it.
    ///
    /// # Errors
    /// [`Error::Sandbagging`] when α·γ > 1 and the bonus does not telescope.
    pub fn check(self, shaping: Shaping, allow_sandbagging: bool) -> Result<Self, Error> {
        let (gamma, alpha) = (self.gamma(), shaping.alpha());
        let telescopes = matches!(shaping, Shaping::Telescoped(_));
        if alpha * gamma > 1.0 && !telescopes && !allow_sandbagging {
            return Err(Error::Sandbagging { alpha, gamma, threshold: sandbagging_threshold(alpha, gamma, 1.0) });
        }
        Ok(self)
    }

    /// What each attempt is credited with, from shaped rewards ρ: R_k = Σ_{j ≥ k} γ^(j−k) ρ_j, or Σ_j ρ_j for all k alike.
    ///
    /// # Source
    /// arXiv 2409.12917, appendix A.2 (γ = 0; γ = 0.8 was tried with α = 1).
    pub fn returns(self, shaped: &PerAttempt) -> PerAttempt {
        match self {
            Self::PerTurn => shaped.clone(),
            Self::Discounted(gamma) => shaped.map_episodes(|paid, returns| {
                let mut later = 0.0;
                for (paid, credited) in paid.iter().zip(returns).rev() {
                    later = paid + gamma.value() * later;
                    *credited = later;
                }
            }),
            Self::Joint => shaped.map_episodes(|paid, returns| returns.fill(paid.iter().sum())),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn returns_by_hand() {
        let shaped = PerAttempt::new([1, 1, 3], vec![1.0, -10.0, 2.0]).unwrap();
        let values = |credit: Credit| credit.returns(&shaped).values().to_vec();
        assert_eq!(values(Credit::PerTurn), [1.0, -10.0, 2.0]);
        assert_eq!(values(Credit::discounted(0.5).unwrap()), [-3.5, -9.0, 2.0]);
        assert_eq!(values(Credit::discounted(1.0).unwrap()), [-7.0, -8.0, 2.0]);
        assert_eq!(values(Credit::Joint), [-7.0, -7.0, -7.0]);
    }

    #[test]
    fn the_dangerous_corner_is_refused_unless_named() {
        let bonus = Shaping::progress_bonus(10.0).unwrap();
        for joint in [Credit::discounted(1.0).unwrap(), Credit::Joint] {
            assert!(matches!(joint.check(bonus, false), Err(Error::Sandbagging { .. })));
            assert!(joint.check(bonus, true).is_ok());
            assert!(joint.check(Shaping::telescoped(10.0).unwrap(), false).is_ok());
            assert!(joint.check(Shaping::progress_bonus(1.0).unwrap(), false).is_ok());
        }
        assert!(Credit::PerTurn.check(bonus, false).is_ok());
        assert!(Credit::discounted(0.1).unwrap().check(bonus, false).is_ok());
        assert!(Credit::discounted(0.2).unwrap().check(bonus, false).is_err());
        for wrong in [-0.1, 1.5, f64::NAN] {
            assert!(matches!(Credit::discounted(wrong), Err(Error::OutOfRange { .. })), "{wrong}");
        }
    }
}
