//! What an adapter makes of a matrix of the base, in rows as `torch.nn.Linear` and `torch.nn.Embedding` have it.

use super::start::RowMajor;

/// W + scale · L·R for `left: [rows, rank]` and `right: [rank, columns]`, in place.
pub(crate) fn add_product(values: &mut [f32], columns: usize, [left, right]: [&[f32]; 2], scale: f64) {
    let rank = right.len() / columns;
    for (row, factors) in values.chunks_exact_mut(columns).zip(left.chunks_exact(rank)) {
        for (factor, right) in factors.iter().zip(right.chunks_exact(columns)) {
            let factor = factor * scale as f32;
            row.iter_mut().zip(right).for_each(|(value, right)| *value += factor * right);
        }
    }
}

/// W - share · P, in place.
pub(crate) fn take_out(values: &mut [f32], part: &[f32], share: f64) {
    values.iter_mut().zip(part).for_each(|(value, part)| *value -= share as f32 * part);
}

/// Each row of W with the length that `magnitudes` has for it: DoRA on a projection.
///
/// # Source
/// Liu et al. 2024, arXiv 2402.09353, equation 5.
pub(crate) fn scale_rows(values: &mut [f32], columns: usize, magnitudes: &[f32]) {
    for (row, magnitude) in values.chunks_exact_mut(columns).zip(magnitudes) {
        let factor = f64::from(*magnitude) / length(row.iter());
        row.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
    }
}

/// As [`scale_rows`], of columns: DoRA on embeddings.
pub(crate) fn scale_columns(values: &mut [f32], columns: usize, magnitudes: &[f32]) {
    let mut squares = vec![0.0; columns];
    for row in values.chunks_exact(columns) {
        squares.iter_mut().zip(row).for_each(|(square, &value)| *square += f64::from(value) * f64::from(value));
    }
    let factors: Vec<f64> = magnitudes.iter().zip(&squares).map(|(&length, square)| f64::from(length) / square.sqrt()).collect();
    for row in values.chunks_exact_mut(columns) {
        row.iter_mut().zip(&factors).for_each(|(value, factor)| *value = (f64::from(*value) * factor) as f32);
    }
}

fn length<'a>(values: impl Iterator<Item = &'a f32>) -> f64 {
    values.map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}

/// A matrix's values as [`RowMajor`].
pub(crate) fn rows(values: &[f32], [rows, columns]: [usize; 2]) -> RowMajor<'_> {
    RowMajor { values, rows, columns }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_added_and_lengths_are_set() {
        let mut values = vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        add_product(&mut values, 3, [&[1.0, 2.0], &[1.0, 0.0, -1.0]], 0.5);
        assert_eq!(values, [1.5, 0.0, -0.5, 2.0, 1.0, 0.0]);
        let mut values = vec![3.0, 4.0, 0.0, 2.0];
        scale_rows(&mut values, 2, &[10.0, -1.0]);
        assert_eq!(values, [6.0, 8.0, 0.0, -1.0]);
        scale_columns(&mut values, 2, &[3.0, 1.0]);
        assert_eq!(values[0], 3.0);
        assert!((values[1].hypot(values[3]) - 1.0).abs() < 1e-6);
    }
}
