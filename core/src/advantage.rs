//! Baselines: how much better an attempt did than its siblings.

use burn_tensor::{Bool, FloatDType, Tensor};

/// What is subtracted from an attempt's return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Baseline {
    /// [`leave_one_out`].
    #[default]
    LeaveOneOut,
    /// [`group_mean`].
    GroupMean,
    /// [`conditioned_on_first`].
    ConditionedOnFirst,
}

impl Baseline {
    /// Advantages under this baseline, per attempt and within each group, never over the joined trajectory.
    ///
    /// # Shapes
    /// `returns, rewards: [P, G, K]` (`rewards` are the unshaped ones); returns `[P, G, K]`.
    ///
    /// # Panics
    /// With fewer than two samples a group, which every baseline needs.
    pub fn advantages(self, returns: Tensor<3>, rewards: Tensor<3>) -> Tensor<3> {
        match self {
            Self::LeaveOneOut => leave_one_out(returns),
            Self::GroupMean => group_mean(returns),
            Self::ConditionedOnFirst => conditioned_on_first(returns, rewards),
        }
    }
}

/// A_i = R_i − mean of the other samples' R, for each attempt.
///
/// # Shapes
/// `returns: [P, G, K]`; returns `[P, G, K]`.
///
/// # Panics
/// When G < 2.
///
/// # Source
/// RLOO: Ahmadian et al. 2024, arXiv 2402.14740, which SCoRe builds on.
pub fn leave_one_out(returns: Tensor<3>) -> Tensor<3> {
    let samples = returns.dims()[1];
    assert!(samples >= 2, "a leave-one-out baseline needs at least two samples a problem");
    group_mean(returns).mul_scalar(samples as f64 / (samples as f64 - 1.0))
}

/// A_i = R_i − mean of all samples' R, for each attempt.
///
/// # Shapes
/// `returns: [P, G, K]`; returns `[P, G, K]`.
pub fn group_mean(returns: Tensor<3>) -> Tensor<3> {
    let mean = returns.clone().mean_dim(1);
    returns - mean
}

/// Leave-one-out among the samples of the group whose first attempt earned the same reward; over the whole group when there is none,
/// and for attempt 1 itself.
///
/// Given x2, −α r(y1) is a constant, so it belongs into the baseline of attempt 2: this removes most of the variance that the bonus brings.
/// The baseline of a sample never depends on its own attempt k ≥ 2, so the gradient stays unbiased.
///
/// # Shapes
/// `returns, rewards: [P, G, K]`; returns `[P, G, K]`.
///
/// # Panics
/// When G < 2.
///
/// # Source
/// A deviation of this project; the paper names no baseline.
pub fn conditioned_on_first(returns: Tensor<3>, rewards: Tensor<3>) -> Tensor<3> {
    let [problems, samples, attempts] = returns.dims();
    let plain = leave_one_out(returns.clone());
    if attempts < 2 {
        return plain;
    }
    let device = returns.device();
    let first = rewards.narrow(2, 0, 1); // [P, G, 1]
    let same: Tensor<3, Bool> =
        first.clone().expand([problems, samples, samples]).equal(first.swap_dims(1, 2).expand([problems, samples, samples]));
    let others = Tensor::<2>::eye(samples, &device).cast(returns.dtype()).neg().add_scalar(1.0).unsqueeze_dim::<3>(0);
    let siblings = same.cast(FloatDType::from(returns.dtype())) * others; // [P, G, G]
    let count = siblings.clone().sum_dim(2); // [P, G, 1]
    let mean = siblings.matmul(returns.clone()) / count.clone().clamp_min(1.0);
    let alone = count.equal_scalar(0.0).expand([problems, samples, attempts]);
    let conditioned = (returns - mean).mask_where(alone, plain.clone());
    Tensor::cat(alloc::vec![plain.narrow(2, 0, 1), conditioned.narrow(2, 1, attempts - 1)], 2)
}

/// Divides each attempt's advantages by their standard deviation over all P·G episodes; all-zero advantages stay zero.
///
/// It cancels any common factor of an attempt's returns, the 1 + α of the bonus among them.
///
/// # Shapes
/// `advantages: [P, G, K]`; returns the same.
pub fn scale_by_deviation(advantages: Tensor<3>) -> Tensor<3> {
    let [problems, samples, attempts] = advantages.dims();
    let flat = advantages.reshape([problems * samples, attempts]);
    let mean = flat.clone().mean_dim(0);
    let deviation = (flat.clone() - mean).square().mean_dim(0).sqrt().add_scalar(1e-6);
    (flat / deviation).reshape([problems, samples, attempts])
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use burn_tensor::Device;

    use super::*;

    fn close(actual: Tensor<3>, expected: &[f32]) {
        let actual: Vec<f32> = actual.into_data().iter::<f32>().collect();
        assert!(
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-4),
            "{actual:?} against {expected:?}"
        );
    }

    /// One problem, three samples, two attempts.
    fn tensor(values: [[f32; 2]; 3]) -> Tensor<3> {
        Tensor::from_data([values], &Device::flex())
    }

    #[test]
    fn leave_one_out_and_group_mean_by_hand() {
        let returns = || tensor([[1.0, 0.0], [0.0, 11.0], [0.0, 1.0]]);
        close(leave_one_out(returns()), &[1.0, -6.0, -0.5, 10.5, -0.5, -4.5]);
        close(group_mean(returns()), &[2.0 / 3.0, -4.0, -1.0 / 3.0, 7.0, -1.0 / 3.0, -3.0]);
    }

    #[test]
    fn conditioning_compares_only_episodes_with_an_equal_start() {
        // Samples 2 and 3 both began wrong; sample 1, the only right start, falls back to plain leave-one-out.
        let rewards = tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]);
        let returns = tensor([[1.0, 1.0], [0.0, 11.0], [0.0, 0.0]]);
        close(conditioned_on_first(returns, rewards), &[1.0, -4.5, -0.5, 11.0, -0.5, -11.0]);
    }

    #[test]
    fn scaling_gives_unit_deviation_and_keeps_zeros() {
        // About a mean of 10, which stays: only the size is scaled.
        let scaled = scale_by_deviation(tensor([[13.0, 0.0], [7.0, 0.0], [10.0, 0.0]]));
        let unit = 1.5f32.sqrt();
        close(scaled, &[13.0 * unit / 3.0, 0.0, 7.0 * unit / 3.0, 0.0, 10.0 * unit / 3.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "at least two samples")]
    fn one_sample_has_no_leave_one_out() {
        leave_one_out(Tensor::zeros([1, 1, 2], &Device::flex()));
    }
}
