//! Baselines: how much better an attempt did than its siblings.

use alloc::vec::Vec;

use crate::per_attempt::PerAttempt;

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
    /// Advantages under this baseline, per attempt and within each group, never over the joined trajectory; `rewards` are the unshaped ones.
    ///
    /// # Panics
    /// With fewer than two samples a group, which every baseline needs; when returns and rewards are not of the same attempts.
    pub fn advantages(self, returns: &PerAttempt, rewards: &PerAttempt) -> PerAttempt {
        match self {
            Self::LeaveOneOut => leave_one_out(returns),
            Self::GroupMean => group_mean(returns),
            Self::ConditionedOnFirst => conditioned_on_first(returns, rewards),
        }
    }
}

/// A_i = R_i − mean of the other samples' R, for each attempt: G/(G − 1) of [`group_mean`].
///
/// The factor is rounded to f32, the type in which advantages are used: so runs come out as those that were recorded when all of this was taken in f32.
///
/// # Panics
/// When G < 2.
///
/// # Source
/// RLOO: Ahmadian et al. 2024, arXiv 2402.14740, which SCoRe builds on.
pub fn leave_one_out(returns: &PerAttempt) -> PerAttempt {
    let samples = returns.shape()[1];
    assert!(samples >= 2, "a leave-one-out baseline needs at least two samples a problem");
    let factor = f64::from((samples as f64 / (samples as f64 - 1.0)) as f32);
    group_mean(returns).map(|advantage| advantage * factor)
}

/// A_i = R_i − mean of all samples' R, for each attempt.
pub fn group_mean(returns: &PerAttempt) -> PerAttempt {
    let [_, samples, attempts] = returns.shape();
    returns.map_groups(|returns, advantages| {
        for k in 0..attempts {
            let mean = returns.iter().skip(k).step_by(attempts).sum::<f64>() / samples as f64;
            for i in (k..returns.len()).step_by(attempts) {
                advantages[i] = returns[i] - mean;
            }
        }
    })
}

/// Leave-one-out among the samples of the group whose first attempt earned the same reward; over the whole group when there is none,
/// and for attempt 1 itself.
///
/// Given x2, −α r(y1) is a constant, so it belongs into the baseline of attempt 2: this removes most of the variance that the bonus brings.
/// The baseline of a sample never depends on its own attempt k ≥ 2, so the gradient stays unbiased.
///
/// # Panics
/// When G < 2; when returns and rewards are not of the same attempts.
///
/// # Source
/// A deviation of this project; the paper names no baseline.
pub fn conditioned_on_first(returns: &PerAttempt, rewards: &PerAttempt) -> PerAttempt {
    let plain = leave_one_out(returns);
    let samples = returns.shape()[1];
    let first = |p, s| rewards.at([p, s, 0]);
    plain.map_places(|[p, s, k], plain| {
        let siblings = (0..samples).filter(|&other| k > 0 && other != s && first(p, other) == first(p, s));
        let (count, sum) = siblings.fold((0u32, 0.0), |(count, sum), other| (count + 1, sum + returns.at([p, other, k])));
        if count == 0 { plain } else { returns.at([p, s, k]) - sum / f64::from(count) }
    })
}

/// Divides each attempt's advantages by their standard deviation over all P·G episodes; all-zero advantages stay zero.
///
/// It cancels any common factor of an attempt's returns, the 1 + α of the bonus among them.
pub fn scale_by_deviation(advantages: &PerAttempt) -> PerAttempt {
    let deviations: Vec<f64> = (0..advantages.shape()[2]).map(|k| deviation(advantages, k)).collect();
    advantages.map_episodes(|advantages, scaled| {
        for ((scaled, advantage), deviation) in scaled.iter_mut().zip(advantages).zip(&deviations) {
            *scaled = advantage / (deviation + 1e-6);
        }
    })
}

/// The standard deviation of attempt `k`'s numbers over all episodes.
fn deviation(numbers: &PerAttempt, k: usize) -> f64 {
    let n = numbers.episodes().count() as f64;
    let mean = numbers.episodes().map(|episode| episode[k]).sum::<f64>() / n;
    let variance = numbers.episodes().map(|episode| (episode[k] - mean) * (episode[k] - mean)).sum::<f64>() / n;
    libm::sqrt(variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: &PerAttempt, expected: &[f64]) {
        let actual = actual.values();
        assert!(
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-4),
            "{actual:?} against {expected:?}"
        );
    }

    /// One problem, three samples, two attempts.
    fn numbers(values: [[f64; 2]; 3]) -> PerAttempt {
        PerAttempt::new([1, 3, 2], values.concat()).unwrap()
    }

    #[test]
    fn leave_one_out_and_group_mean_by_hand() {
        let returns = numbers([[1.0, 0.0], [0.0, 11.0], [0.0, 1.0]]);
        close(&leave_one_out(&returns), &[1.0, -6.0, -0.5, 10.5, -0.5, -4.5]);
        close(&group_mean(&returns), &[2.0 / 3.0, -4.0, -1.0 / 3.0, 7.0, -1.0 / 3.0, -3.0]);
    }

    /// Twelve sevenths of 1/8 … as f32 arithmetic has them, whose last bit is not that of the quotient.
    #[test]
    fn advantages_round_to_those_of_f32_arithmetic() {
        let returns: Vec<f64> = [1.0, 11.0, 0.0, -10.0, 1.0, 1.0, 0.0, 11.0].to_vec();
        let found = leave_one_out(&PerAttempt::new([1, 8, 1], returns.clone()).unwrap());
        let mean = returns.iter().map(|&x| x as f32).sum::<f32>() / 8.0;
        let expected: Vec<f32> = returns.iter().map(|&x| (x as f32 - mean) * (8.0 / 7.0) as f32).collect();
        assert_eq!(found.values().iter().map(|&x| x as f32).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn conditioning_compares_only_episodes_with_an_equal_start() {
        // Samples 2 and 3 both began wrong; sample 1, the only right start, falls back to plain leave-one-out.
        let rewards = numbers([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]);
        let returns = numbers([[1.0, 1.0], [0.0, 11.0], [0.0, 0.0]]);
        close(&conditioned_on_first(&returns, &rewards), &[1.0, -4.5, -0.5, 11.0, -0.5, -11.0]);
    }

    #[test]
    fn scaling_gives_unit_deviation_and_keeps_zeros() {
        // About a mean of 10, which stays: only the size is scaled.
        let scaled = scale_by_deviation(&numbers([[13.0, 0.0], [7.0, 0.0], [10.0, 0.0]]));
        let unit = 1.5f64.sqrt();
        close(&scaled, &[13.0 * unit / 3.0, 0.0, 7.0 * unit / 3.0, 0.0, 10.0 * unit / 3.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "at least two samples")]
    fn one_sample_has_no_leave_one_out() {
        leave_one_out(&PerAttempt::new([1, 1, 2], alloc::vec![0.0; 2]).unwrap());
    }
}
