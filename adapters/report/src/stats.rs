//! Intervals and smoothing.

/// Returns the 95 % Wilson interval of a proportion, in percent.
///
/// # Source
/// Wilson 1927, "Probable inference, the law of succession, and statistical inference".
pub(super) fn wilson(percent: Option<f64>, n: Option<f64>) -> Option<(f64, f64)> {
    let (p, n) = (percent? / 100.0, n?);
    if n < 1.0 || !(0.0..=1.0).contains(&p) {
        return None;
    }
    let z2 = Z * Z;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    Some((100.0 * (centre - half).max(0.0), 100.0 * (centre + half).min(1.0)))
}

/// Returns the 95 % interval of the difference of two accuracies measured on the same problems, in points.
///
/// `(i - c) ± 1.96 √((i + c - (i - c)²) / (n + 2))` with i and c the shares that became right and wrong, each counted with one problem
/// more among n + 2. Without those two the interval is too narrow where few problems change, and has no width where none does.
///
/// # Source
/// Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired data".
pub(super) fn paired(i_to_c: Option<f64>, c_to_i: Option<f64>, n: Option<f64>) -> Option<(f64, f64)> {
    let (gained, lost, n) = (i_to_c? / 100.0, c_to_i? / 100.0, n?);
    if n < 1.0 || !(0.0..=1.0).contains(&gained) || !(0.0..=1.0).contains(&lost) {
        return None;
    }
    let (gained, lost) = ((gained * n + 1.0) / (n + 2.0), (lost * n + 1.0) / (n + 2.0));
    let delta = gained - lost;
    let half = Z * ((gained + lost - delta * delta).max(0.0) / (n + 2.0)).sqrt();
    Some((100.0 * (delta - half).max(-1.0), 100.0 * (delta + half).min(1.0)))
}

/// Returns mean and standard deviation of a sample; no deviation for a single value, which says nothing of it.
pub(super) fn mean_and_deviation(values: &[f64]) -> Option<(f64, Option<f64>)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (n > 0.0).then(|| (mean, (n > 1.0).then(|| (squares / (n - 1.0)).sqrt())))
}

/// Returns the centred moving mean over `window` values, fewer at the ends; gaps stay gaps and do not count.
pub(super) fn smooth(values: &[Option<f64>], window: usize) -> Vec<Option<f64>> {
    let half = window / 2;
    let mean = |index: usize| {
        values[index]?;
        let (start, end) = (index.saturating_sub(half), (index + half + 1).min(values.len()));
        let near: Vec<f64> = values[start..end].iter().flatten().copied().collect();
        Some(near.iter().sum::<f64>() / near.len() as f64)
    };
    (0..values.len()).map(mean).collect()
}

/// Returns the smoothing window for a series of `length` values: about a thirtieth of it, odd, at most 31.
pub(super) fn window(length: usize) -> usize {
    (length / 30).clamp(1, 31) | 1
}

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_964;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_matches_a_hand_computed_interval() {
        let (low, high) = wilson(Some(50.0), Some(100.0)).unwrap();
        assert!((low - 40.383).abs() < 0.01 && (high - 59.617).abs() < 0.01, "{low} {high}");
        assert_eq!(wilson(Some(50.0), None), None);
        assert_eq!(wilson(Some(0.0), Some(0.0)), None);
    }

    #[test]
    fn paired_interval_matches_a_hand_computed_one() {
        let (low, high) = paired(Some(24.2), Some(1.1), Some(2000.0)).unwrap();
        assert!((low - 21.1155).abs() < 1e-3 && (high - 25.0383).abs() < 1e-3, "{low} {high}");
        assert_eq!(paired(Some(120.0), Some(0.0), Some(10.0)), None);
    }

    /// Five problems of 2000 that all change in one direction: an exact McNemar test gives p = 1/16.
    #[test]
    fn few_changes_are_within_noise_and_none_are_not_certainty() {
        let (low, high) = paired(Some(0.25), Some(0.0), Some(2000.0)).unwrap();
        assert!(low < 0.0 && (high - 0.509).abs() < 1e-3, "{low} {high}");
        let (low, high) = paired(Some(0.0), Some(0.0), Some(40.0)).unwrap();
        assert!(low < -4.0 && high > 4.0, "{low} {high}");
        let (low, high) = paired(Some(100.0), Some(0.0), Some(10.0)).unwrap();
        assert!((0.0..60.0).contains(&low) && high == 100.0, "{low} {high}");
    }

    #[test]
    fn deviation_divides_by_one_less_than_the_number() {
        assert_eq!(mean_and_deviation(&[2.0, 4.0, 6.0]), Some((4.0, Some(2.0))));
        assert_eq!(mean_and_deviation(&[5.0]), Some((5.0, None)));
        assert_eq!(mean_and_deviation(&[]), None);
    }

    #[test]
    fn smoothing_keeps_gaps_and_ends() {
        let values = [Some(0.0), Some(3.0), Some(6.0), None, Some(9.0)];
        assert_eq!(smooth(&values, 3), [Some(1.5), Some(3.0), Some(4.5), None, Some(9.0)]);
        assert_eq!(smooth(&[], 3), []);
    }
}
