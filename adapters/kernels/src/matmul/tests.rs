//! Products against sums by the definition.

use super::*;

/// All three products against sums by the definition, for sizes around the tiles' and pieces' edges.
#[test]
fn products_are_sums() {
    let value = |i: usize| ((i * 7919 + 13) % 101) as f32 / 50.0 - 1.0;
    for (rows, depth, columns) in
        [(1, 1, 1), (6, 8, 16), (7, 3, 17), (5, 256, 33), (13, 257, 8), (241, 20, 31), (12, 513, 40), (3, 0, 2)]
    {
        let a: Vec<f32> = (0..rows * depth).map(value).collect();
        let b: Vec<f32> = (0..depth * columns).map(|i| value(i + 5)).collect();
        let a_transposed: Vec<f32> = (0..depth * rows).map(|i| a[i % rows * depth + i / rows]).collect();
        let b_transposed: Vec<f32> = (0..columns * depth).map(|i| b[i % depth * columns + i / depth]).collect();
        // The result stands within longer rows, and what is around it stays.
        let stride = columns + 3;
        let start: Vec<f32> = (0..rows * stride).map(|i| value(i + 9)).collect();
        for into in [Into::Replace, Into::Add] {
            let expected: Vec<f64> = (0..rows * stride)
                .map(|i| {
                    let (row, column) = (i / stride, i % stride);
                    let sum: f64 = (0..depth)
                        .map(|k| f64::from(a[row * depth + k]) * f64::from(b.get(k * columns + column).copied().unwrap_or(0.0)))
                        .sum();
                    let before = f64::from(start[i]);
                    if column >= columns { before } else { 0.5 * sum + if into == Into::Add { before } else { 0.0 } }
                })
                .collect();
            for way in 0..5 {
                let mut out = start.clone();
                let into_out = MatrixMut::within(&mut out, [rows, columns], stride);
                let a = Matrix::within(&a, [rows, depth], depth);
                let b = Matrix::within(&b, [depth, columns], columns);
                match way {
                    0 => product(a, b, 0.5, into_out, into),
                    1 => product_transposed(a, Matrix::within(&b_transposed, [columns, depth], depth), 0.5, into_out, into),
                    2 => product_packed(a, &Packed::new(b, false), 0.5, into_out, into),
                    3 => {
                        let b = Matrix::within(&b_transposed, [columns, depth], depth);
                        product_packed(a, &Packed::new(b, true), 0.5, into_out, into);
                    }
                    _ => transposed_product(Matrix::within(&a_transposed, [depth, rows], rows), b, 0.5, into_out, into),
                }
                let close = out.iter().zip(&expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4);
                assert!(close, "{rows}×{depth}×{columns}, way {way}: {out:?} {expected:?}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "2×3 by 4×1")]
fn shapes_must_fit() {
    product(Matrix::new(&[0.0; 6], 3), Matrix::new(&[0.0; 4], 1), 1.0, MatrixMut::new(&mut [0.0; 2], 1), Into::Replace);
}
