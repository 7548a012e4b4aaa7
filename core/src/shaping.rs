//! The progress bonus: extra pay for changing a wrong answer into a right one.

use burn_tensor::Tensor;

use crate::error::{Error, check_range};

/// Which bonus is added to the task rewards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shaping {
    /// None.
    None,
    /// [`progress_bonus`], the paper's.
    ProgressBonus {
        /// Weight α ≥ 0; the paper uses 10.
        alpha: f64,
    },
    /// [`telescoped_bonus`], which can't be gamed at any turn discount.
    Telescoped {
        /// Weight α ≥ 0.
        alpha: f64,
    },
}

impl Shaping {
    /// The bonus's weight α; 0 without a bonus.
    pub fn alpha(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::ProgressBonus { alpha } | Self::Telescoped { alpha } => alpha,
        }
    }

    /// Task rewards plus bonus.
    ///
    /// # Shapes
    /// `rewards: [P, G, K]`; returns the same.
    pub fn shape(self, rewards: Tensor<3>) -> Tensor<3> {
        match self {
            Self::None => rewards,
            Self::ProgressBonus { alpha } => rewards.clone() + progress_bonus(rewards, alpha),
            Self::Telescoped { alpha } => rewards.clone() + telescoped_bonus(rewards, alpha),
        }
    }

    /// # Errors
    /// [`Error::OutOfRange`] when α is negative or not finite.
    pub(crate) fn check(self) -> Result<Self, Error> {
        check_range("alpha", "a finite number of at least 0", self.alpha(), 0.0, f64::MAX).map(|_| self)
    }
}

/// b_k = α (r_k − r_{k−1}) for k ≥ 2, and b_1 = 0.
///
/// # Shapes
/// `rewards: [P, G, K]` in `[0, 1]`; returns `[P, G, K]`.
///
/// # Source
/// Kumar et al. 2024, arXiv 2409.12917, section 5.2 (unnumbered); for more than two attempts, the ICLR version's appendix A.1.
pub fn progress_bonus(rewards: Tensor<3>, alpha: f64) -> Tensor<3> {
    let [problems, samples, attempts] = rewards.dims();
    let none = Tensor::<3>::zeros([problems, samples, 1], (&rewards.device(), rewards.dtype()));
    if attempts < 2 {
        return none;
    }
    let later = rewards.clone().narrow(2, 1, attempts - 1);
    let earlier = rewards.narrow(2, 0, attempts - 1);
    Tensor::cat(alloc::vec![none, (later - earlier).mul_scalar(alpha)], 2)
}

/// The progress bonus with b_1 = α r_1 as well: the bonuses of an episode sum to α r_K whatever the path.
///
/// # Shapes
/// `rewards: [P, G, K]`; returns `[P, G, K]`.
///
/// # Source
/// Potential-based shaping with potential α r (Ng, Harada & Russell 1999). A deviation from the SCoRe paper, which pays differences only.
pub fn telescoped_bonus(rewards: Tensor<3>, alpha: f64) -> Tensor<3> {
    let [problems, samples, attempts] = rewards.dims();
    let first = rewards.clone().narrow(2, 0, 1).mul_scalar(alpha);
    if attempts < 2 {
        return first;
    }
    let later = progress_bonus(rewards, alpha).slice([0..problems, 0..samples, 1..attempts]);
    Tensor::cat(alloc::vec![first, later], 2)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use burn_tensor::Device;

    use super::*;

    fn values(tensor: Tensor<3>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    /// The table of the paper at α = 10: i→c 11, c→c 1, i→i 0, c→i −10.
    #[test]
    fn shaped_second_rewards_are_those_of_the_paper() {
        let rewards = Tensor::<3>::from_data([[[0.0f32, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]]], &Device::flex());
        let shaped = Shaping::ProgressBonus { alpha: 10.0 }.shape(rewards.clone());
        assert_eq!(values(shaped), [0.0, 11.0, 1.0, 1.0, 0.0, 0.0, 1.0, -10.0]);
        let telescoped = Shaping::Telescoped { alpha: 10.0 }.shape(rewards.clone());
        assert_eq!(values(telescoped), [0.0, 11.0, 11.0, 1.0, 0.0, 0.0, 11.0, -10.0]);
        assert_eq!(values(Shaping::None.shape(rewards.clone())), values(rewards));
    }

    #[test]
    fn three_attempts_are_paid_for_consecutive_progress() {
        let rewards = Tensor::<3>::from_data([[[0.25f32, 1.0, 0.5]]], &Device::flex());
        assert_eq!(values(progress_bonus(rewards.clone(), 2.0)), [0.0, 1.5, -1.0]);
        assert_eq!(values(telescoped_bonus(rewards, 2.0)), [0.5, 1.5, -1.0]);
    }
}
