//! What PiSSA and OLoRA take out of a matrix when an adapter is put on. Computed anew from the base, as PEFT does on loading; in f64, so that the
//! result is theirs within what f32 holds.

use nalgebra::{DMatrix, SymmetricEigen};

/// A matrix in rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowMajor<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// Σᵢ σᵢ uᵢ vᵢᵀ over the `rank` largest singular values: the best approximation of that rank.
///
/// Taken as W·V·Vᵀ, or U·Uᵀ·W on the smaller side, with V (U) of the eigenvectors of WᵀW (W·Wᵀ).
///
/// # Errors
/// Where the last of these singular values equals the next one: which of the two directions PEFT took is then a matter of rounding.
///
/// # Source
/// Meng, Wang and Zhang 2024, arXiv 2404.02948, equations 2 to 4.
pub(crate) fn principal(matrix: RowMajor<'_>, rank: usize) -> Result<Vec<f32>, String> {
    let RowMajor { values, rows, columns } = matrix;
    let smaller = rows.min(columns);
    if rank >= smaller {
        return Ok(values.to_vec());
    }
    let w = DMatrix::from_row_iterator(rows, columns, values.iter().map(|&value| f64::from(value)));
    let gram = if columns <= rows { w.tr_mul(&w) } else { &w * w.transpose() };
    let eigen = SymmetricEigen::try_new(gram, f64::EPSILON, 100 * smaller)
        .ok_or("the singular values of a matrix were not found, as for pissa they must be")?;
    let mut order: Vec<usize> = (0..smaller).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let singular = |i: usize| eigen.eigenvalues[order[i]].max(0.0).sqrt();
    let (last, next) = (singular(rank - 1), singular(rank));
    if last - next <= CLOSEST * singular(0) && last > CLOSEST * singular(0) {
        return Err(format!(
            "singular values {rank} and {} of a matrix are equal, so what pissa took out of it is not determined",
            rank + 1
        ));
    }
    let basis = DMatrix::from_fn(smaller, rank, |row, column| eigen.eigenvectors[(row, order[column])]);
    let part = if columns <= rows { (&w * &basis) * basis.transpose() } else { &basis * basis.tr_mul(&w) };
    Ok(part.transpose().iter().map(|&value| value as f32).collect())
}

/// Singular values that are this share of the largest one apart count as equal.
const CLOSEST: f64 = 1e-6;

/// Q·Qᵀ·W with Q an orthonormal basis of the first `rank` columns: the first `rank` columns of Q times the first `rank` rows of R in W = Q·R.
///
/// # Errors
/// Where a column depends on those before it: Q then holds a direction that is a matter of rounding.
///
/// # Source
/// Büyükakyüz 2024, arXiv 2406.01775, algorithm 1.
pub(crate) fn leading(matrix: RowMajor<'_>, rank: usize) -> Result<Vec<f32>, String> {
    let RowMajor { values, rows, columns } = matrix;
    if rank >= rows.min(columns) {
        return Ok(values.to_vec());
    }
    let mut basis = DMatrix::from_fn(rows, rank, |row, column| f64::from(values[row * columns + column]));
    for column in 0..rank {
        let length = basis.column(column).norm();
        let (done, mut rest) = basis.columns_range_pair_mut(0..column, column..column + 1);
        // Twice is enough (Giraud et al. 2005).
        for _ in 0..2 {
            let along = done.tr_mul(&rest);
            rest.gemm(-1.0, &done, &along, 1.0);
        }
        let left = rest.norm();
        if left <= CLOSEST * length {
            return Err(format!(
                "column {column} of a matrix depends on those before it, so what olora took out of it is not determined"
            ));
        }
        rest /= left;
    }
    let w = DMatrix::from_row_iterator(rows, columns, values.iter().map(|&value| f64::from(value)));
    let part = &basis * basis.tr_mul(&w);
    Ok(part.transpose().iter().map(|&value| value as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: RowMajor<'_> = RowMajor { values: &[3.0, 0.0, 0.0, 0.0, -2.0, 0.0], rows: 2, columns: 3 };

    #[test]
    fn the_largest_singular_value_comes_first() {
        let close = |a: Vec<f32>, b: &[f32]| assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6), "{a:?}");
        close(principal(WIDE, 1).unwrap(), &[3.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        close(principal(WIDE, 2).unwrap(), WIDE.values);
        let tall = RowMajor { values: &[1.0, 1.0, 1.0, 1.0, 0.0, 0.5], rows: 3, columns: 2 };
        // numpy.linalg.svd, float64.
        close(principal(tall, 1).unwrap(), &[0.967_837_2, 1.030_215_4, 0.967_837_2, 1.030_215_4, 0.249_513_1, 0.265_594_6]);
        let equal = RowMajor { values: &[1.0, 0.0, 0.0, 1.0], rows: 2, columns: 2 };
        assert!(principal(equal, 1).unwrap_err().contains("are equal"));
        let zero = RowMajor { values: &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], rows: 3, columns: 3 };
        close(principal(zero, 2).unwrap(), zero.values);
    }

    #[test]
    fn the_first_columns_lead() {
        let square = RowMajor { values: &[3.0, 1.0, 4.0, 2.0], rows: 2, columns: 2 };
        // Q's first column is (3, 4)/5, R's first row (5, 11/5).
        let found = leading(square, 1).unwrap();
        assert!(found.iter().zip([3.0, 1.32, 4.0, 1.76]).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
        let dependent = RowMajor { values: &[1.0, 2.0, 0.0, 2.0, 4.0, 1.0, 0.0, 0.0, 1.0], rows: 3, columns: 3 };
        assert!(leading(dependent, 2).unwrap_err().contains("column 1"));
    }
}
