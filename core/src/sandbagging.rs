//! Could attempt 1 learn to be wrong on purpose, so that the flip pays?
//!
//! With per-turn credit it can't: the bonus never reaches attempt-1 tokens. With the return of both attempts credited to attempt 1,
//! it is paid 1 + γ(p_cc (1 + α) − α) for being right and γ p_ic (1 + α) for being wrong, where p_cc = P(y2 right | y1 right) and
//! p_ic = P(y2 right | y1 wrong). The second exceeds the first from [`sandbagging_threshold`] on.

use num_traits::Float;

/// The P(y2 right | y1 wrong) above which attempt 1 prefers to be wrong: p_cc + (1/γ − α)/(1 + α).
///
/// `alpha` is the bonus weight, `gamma` the turn discount, `p_stay_right` is p_cc. A value above 1 means never; γ = 0 gives
/// infinity. For the progress bonus; the telescoped bonus has no such threshold.
///
/// At p_cc = 1 and γ = 1 it is 2/(1 + α): 18 % at the paper's α = 10.
///
/// # Source
/// Algebra of this project from arXiv 2409.12917, section 5.2 and appendix A.2.
pub fn sandbagging_threshold<F: Float>(alpha: F, gamma: F, p_stay_right: F) -> F {
    p_stay_right + (gamma.recip() - alpha) / (F::one() + alpha)
}

#[cfg(test)]
mod tests {
    use super::sandbagging_threshold;

    #[test]
    fn thresholds_by_hand() {
        for (alpha, expected) in [(1.0f64, 1.0f64), (2.0, 2.0 / 3.0), (5.0, 1.0 / 3.0), (10.0, 2.0 / 11.0)] {
            assert!((sandbagging_threshold(alpha, 1.0, 1.0) - expected).abs() < 1e-12, "alpha {alpha}");
        }
        // The paper's own test, γ = 0.8 with α = 1, is out of reach of the danger.
        assert!((sandbagging_threshold(1.0f64, 0.8, 1.0) - 1.125).abs() < 1e-12);
        assert_eq!(sandbagging_threshold(10.0f32, 0.0, 1.0), f32::INFINITY);
    }
}
