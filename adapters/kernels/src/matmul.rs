//! Products of matrices.
//!
//! A library would be preferred. Those that can be called without `unsafe` either split a product over threads of their own where another crate asks for it
//! (matrixmultiply), and then wait for each other while every core is busy with work of its own, or read outside of their slices (faer 0.24).
//!
//! The result is cut into tiles of [`ROWS`] rows and two vectors of columns that stay in registers while their sums run along the inner dimension; the right
//! matrix is copied into panels of that width first, in pieces of [`DEPTH`] that fit the first-level cache, and the left one is taken in pieces
//! that fit the second (Goto & van de Geijn 2008, doi 10.1145/1356052.1356053). Each number of the result is one sum in one order of products that are fused with
//! it, also where the processor can't and a function has to: it depends neither on the vectors' width nor on the tiles.

use core::array;

use pulp::{Arch, Simd, WithSimd};

use crate::{
    buffer::Buffer,
    isa::{chosen, dispatch},
};

/// Rows of a tile.
const ROWS: usize = 6;

/// Inner dimension of a piece.
const DEPTH: usize = 256;

/// Places of the inner dimension that are looked up together.
const STEPS: usize = 8;

/// Rows that are multiplied with one piece of the right matrix before the next are looked at.
const BAND: usize = 40 * ROWS;

/// A matrix of rows in a slice: `rows × columns`, each row `stride` numbers after the one before.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    numbers: &'a [f32],
    rows: usize,
    columns: usize,
    stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows that lie one after another.
    pub(crate) fn new(numbers: &'a [f32], columns: usize) -> Self {
        Self { numbers, rows: numbers.len() / columns.max(1), columns, stride: columns }
    }

    /// `rows × columns` out of longer rows, from the first of `numbers`.
    pub(crate) fn within(numbers: &'a [f32], [rows, columns]: [usize; 2], stride: usize) -> Self {
        Self { numbers, rows, columns, stride }
    }
}

/// A matrix that is written to.
pub(crate) struct MatrixMut<'a> {
    numbers: &'a mut [f32],
    rows: usize,
    columns: usize,
    stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// Rows that lie one after another.
    pub(crate) fn new(numbers: &'a mut [f32], columns: usize) -> Self {
        Self { rows: numbers.len() / columns.max(1), numbers, columns, stride: columns }
    }

    /// `rows × columns` out of longer rows, from the first of `numbers`.
    pub(crate) fn within(numbers: &'a mut [f32], [rows, columns]: [usize; 2], stride: usize) -> Self {
        Self { numbers, rows, columns, stride }
    }
}

/// Whether what stood in the result is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Into {
    /// result ← product
    Replace,
    /// result ← result + product
    Add,
}

/// factor · a·b.
pub(crate) fn product(a: Matrix<'_>, b: Matrix<'_>, factor: f32, out: MatrixMut<'_>, into: Into) {
    let right = Right::Loose(Side { matrix: b, transposed: false });
    multiply(Side { matrix: a, transposed: false }, right, factor, out, into);
}

/// a·b, where b was packed before.
pub(crate) fn product_packed(a: Matrix<'_>, b: &Packed, out: MatrixMut<'_>, into: Into) {
    multiply(Side { matrix: a, transposed: false }, Right::Packed(b), 1.0, out, into);
}

/// factor · a·bᵀ.
pub(crate) fn product_transposed(a: Matrix<'_>, b: Matrix<'_>, factor: f32, out: MatrixMut<'_>, into: Into) {
    let right = Right::Loose(Side { matrix: b, transposed: true });
    multiply(Side { matrix: a, transposed: false }, right, factor, out, into);
}

/// factor · aᵀ·b.
pub(crate) fn transposed_product(a: Matrix<'_>, b: Matrix<'_>, factor: f32, out: MatrixMut<'_>, into: Into) {
    let right = Right::Loose(Side { matrix: b, transposed: false });
    multiply(Side { matrix: a, transposed: true }, right, factor, out, into);
}

fn multiply(left: Side<'_>, right: Right<'_>, factor: f32, out: MatrixMut<'_>, into: Into) {
    let ([rows, depth], [inner, columns]) = (left.dims(), right.dims());
    assert!(depth == inner && rows == out.rows && columns == out.columns, "{rows}×{depth} by {inner}×{columns}");
    let product = Product { left, right, factor, out, into };
    match right {
        Right::Loose(_) => dispatch(product),
        Right::Packed(packed) => packed.arch.dispatch(product),
    }
}

/// One factor, perhaps transposed.
#[derive(Clone, Copy)]
struct Side<'a> {
    matrix: Matrix<'a>,
    transposed: bool,
}

impl Side<'_> {
    fn dims(&self) -> [usize; 2] {
        let Matrix { rows, columns, .. } = self.matrix;
        if self.transposed { [columns, rows] } else { [rows, columns] }
    }
}

/// The right factor.
#[derive(Clone, Copy)]
enum Right<'a> {
    Loose(Side<'a>),
    Packed(&'a Packed),
}

impl Right<'_> {
    fn dims(&self) -> [usize; 2] {
        match self {
            Self::Loose(side) => side.dims(),
            Self::Packed(packed) => [packed.depth, packed.columns],
        }
    }
}

/// A right factor whose panels are kept, for one that is multiplied with few rows many times.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    /// Piece after piece of the inner dimension.
    panels: Vec<f32>,
    depth: usize,
    columns: usize,
    /// The instruction set whose vectors the panels are as wide as.
    arch: Arch,
}

impl Packed {
    /// Of `[depth, columns]` or, transposed, of `[columns, depth]`.
    pub(crate) fn new(matrix: Matrix<'_>, transposed: bool) -> Self {
        let side = Side { matrix, transposed };
        let [depth, columns] = side.dims();
        let arch = chosen();
        Self { panels: arch.dispatch(Pack { side }), depth, columns, arch }
    }
}

struct Pack<'a> {
    side: Side<'a>,
}

impl WithSimd for Pack<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<f32> {
        let ([depth, columns], panel) = (self.side.dims(), 2 * S::F32_LANES);
        let padded = columns.next_multiple_of(panel);
        let mut panels = vec![0.0; padded * depth];
        for from in (0..depth).step_by(DEPTH) {
            let to = depth.min(from + DEPTH);
            pack::<S>(self.side, [from, to], &mut panels[from * padded..to * padded]);
        }
        panels
    }
}

struct Product<'a> {
    left: Side<'a>,
    right: Right<'a>,
    factor: f32,
    out: MatrixMut<'a>,
    into: Into,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let [rows, depth] = self.left.dims();
        let (columns, panel) = (self.out.columns, 2 * S::F32_LANES);
        let padded = columns.next_multiple_of(panel);
        if depth == 0 && self.into == Into::Replace {
            (0..rows).for_each(|row| self.out.numbers[row * self.out.stride..][..columns].fill(0.0));
        }
        let mut room = match self.right {
            Right::Loose(_) => Buffer::any(padded * depth.min(DEPTH)),
            Right::Packed(_) => Buffer::default(),
        };
        let mut band_room = Buffer::any(rows.min(BAND).next_multiple_of(ROWS) * depth.min(DEPTH));
        for from in (0..depth).step_by(DEPTH) {
            let to = depth.min(from + DEPTH);
            let panels = match self.right {
                Right::Loose(side) => {
                    pack::<S>(side, [from, to], &mut room);
                    &room[..]
                }
                Right::Packed(packed) => &packed.panels[from * padded..to * padded],
            };
            let keep = from > 0 || self.into == Into::Add;
            for band in (0..rows).step_by(BAND) {
                let band_end = rows.min(band + BAND);
                pack_left(self.left, [band, band_end], [from, to], &mut band_room);
                for (p, right) in panels.chunks_exact((to - from) * panel).take(columns.div_ceil(panel)).enumerate() {
                    let (right, _) = S::as_simd_f32s(right);
                    for (row, left) in (band..band_end).step_by(ROWS).zip(band_room.chunks_exact((to - from) * ROWS)) {
                        let place = TilePlace { row, column: p * panel, keep };
                        match band_end - row {
                            1 => self.tile::<S, 1>(simd, left, right, place),
                            2 => self.tile::<S, 2>(simd, left, right, place),
                            3 => self.tile::<S, 3>(simd, left, right, place),
                            4 => self.tile::<S, 4>(simd, left, right, place),
                            5 => self.tile::<S, 5>(simd, left, right, place),
                            _ => self.tile::<S, ROWS>(simd, left, right, place),
                        }
                    }
                }
            }
        }
    }
}

/// Where a tile stands in the result.
#[derive(Clone, Copy)]
struct TilePlace {
    row: usize,
    column: usize,
    /// Whether the result is added to.
    keep: bool,
}

impl Product<'_> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize>(&mut self, simd: S, left: &[f32], right: &[S::f32s], place: TilePlace) {
        let mut sums = [[simd.splat_f32s(0.0); 2]; R];
        let ((left, _), (right, _)) = (left.as_chunks::<ROWS>(), right.as_chunks::<2>());
        for (left, right) in left.iter().zip(right) {
            for (sums, &left) in sums.iter_mut().zip(left) {
                let left = simd.splat_f32s(left);
                sums[0] = simd.mul_add_f32s(left, right[0], sums[0]);
                sums[1] = simd.mul_add_f32s(left, right[1], sums[1]);
            }
        }
        let (panel, factor) = (2 * S::F32_LANES, self.factor);
        let width = (self.out.columns - place.column).min(panel);
        if width == panel {
            let factor = simd.splat_f32s(factor);
            for (r, sums) in sums.into_iter().enumerate() {
                let out = &mut self.out.numbers[(place.row + r) * self.out.stride + place.column..][..panel];
                let ([first, second], _) = S::as_mut_simd_f32s(out) else { unreachable!("two vectors are two vectors") };
                let [mut one, mut other] = sums.map(|sum| simd.mul_f32s(factor, sum));
                if place.keep {
                    (one, other) = (simd.add_f32s(*first, one), simd.add_f32s(*second, other));
                }
                (*first, *second) = (one, other);
            }
            return;
        }
        for (r, sums) in sums.iter().enumerate() {
            let out = &mut self.out.numbers[(place.row + r) * self.out.stride + place.column..][..width];
            for (out, &sum) in out.iter_mut().zip(numbers_of::<S>(sums)) {
                let product = factor * sum;
                // Not 0 + product: that would make +0 of −0, and only in columns that do not fill a panel.
                *out = if place.keep { *out + product } else { product };
            }
        }
    }
}

/// Two vectors as single numbers.
#[inline(always)]
fn numbers_of<S: Simd>(vectors: &[S::f32s; 2]) -> &[f32] {
    pulp::bytemuck::cast_slice(vectors)
}

/// Copies rows `from..to` of the right factor into panels of two vectors, `[columns / panel, to − from, panel]`, the last filled up with zeros.
#[inline(always)]
fn pack<S: Simd>(right: Side<'_>, [from, to]: [usize; 2], packed: &mut [f32]) {
    let Matrix { numbers, stride, .. } = right.matrix;
    let (columns, panel) = (right.dims()[1], 2 * S::F32_LANES);
    for (p, packed) in packed.chunks_exact_mut((to - from) * panel).take(columns.div_ceil(panel)).enumerate() {
        let first = p * panel;
        let width = (columns - first).min(panel);
        if width < panel {
            packed.fill(0.0);
        }
        if right.transposed {
            for column in 0..width {
                let source = &numbers[(first + column) * stride + from..][..to - from];
                packed[column..].iter_mut().step_by(panel).zip(source).for_each(|(packed, &number)| *packed = number);
            }
        } else if width == panel {
            let (packed, _) = S::as_mut_simd_f32s(packed);
            for (packed, row) in packed.as_chunks_mut::<2>().0.iter_mut().zip(from..to) {
                let (source, _) = S::as_simd_f32s(&numbers[row * stride + first..][..panel]);
                packed.copy_from_slice(source);
            }
        } else {
            for (packed, row) in packed.chunks_exact_mut(panel).zip(from..to) {
                packed[..width].copy_from_slice(&numbers[row * stride + first..][..width]);
            }
        }
    }
}

/// Copies rows `first..end` of the left factor, between `from` and `to` of the inner dimension, into blocks `[rows / ROWS, to − from, ROWS]`. What
/// stands after the last row is not looked at.
#[inline(always)]
fn pack_left(left: Side<'_>, [first, end]: [usize; 2], [from, to]: [usize; 2], packed: &mut [f32]) {
    let (Matrix { numbers, stride, .. }, depth) = (left.matrix, to - from);
    if left.transposed {
        for (k, row) in (from..to).enumerate() {
            let (blocks, rest) = numbers[row * stride + first..][..end - first].as_chunks::<ROWS>();
            for (block, source) in blocks.iter().enumerate() {
                packed[(block * depth + k) * ROWS..][..ROWS].copy_from_slice(source);
            }
            if !rest.is_empty() {
                packed[(blocks.len() * depth + k) * ROWS..][..rest.len()].copy_from_slice(rest);
            }
        }
        return;
    }
    for (block, packed) in (first..end).step_by(ROWS).zip(packed.chunks_exact_mut(depth * ROWS)) {
        let (packed, _) = packed.as_chunks_mut::<ROWS>();
        // Rows that are not there repeat the last one.
        let row = |r: usize| numbers[(block + r).min(end - 1) * stride + from..][..depth].as_chunks::<STEPS>();
        let rows: [(&[[f32; STEPS]], &[f32]); ROWS] = array::from_fn(row);
        let (steps, rest) = packed.as_chunks_mut::<STEPS>();
        for (s, packed) in steps.iter_mut().enumerate() {
            let rows: [&[f32; STEPS]; ROWS] = array::from_fn(|r| &rows[r].0[s]);
            for (k, packed) in packed.iter_mut().enumerate() {
                *packed = array::from_fn(|r| rows[r][k]);
            }
        }
        for (k, packed) in rest.iter_mut().enumerate() {
            *packed = array::from_fn(|r| rows[r].1[k]);
        }
    }
}

#[cfg(test)]
mod tests {
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
                            .map(|k| {
                                f64::from(a[row * depth + k]) * f64::from(b.get(k * columns + column).copied().unwrap_or(0.0))
                            })
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
                        2 => product_packed_by_half(a, &Packed::new(b, false), into_out, into),
                        3 => {
                            let b = Matrix::within(&b_transposed, [columns, depth], depth);
                            product_packed_by_half(a, &Packed::new(b, true), into_out, into);
                        }
                        _ => transposed_product(Matrix::within(&a_transposed, [depth, rows], rows), b, 0.5, into_out, into),
                    }
                    let close = out.iter().zip(&expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-4);
                    assert!(close, "{rows}×{depth}×{columns}, way {way}: {out:?} {expected:?}");
                }
            }
        }
    }

    fn product_packed_by_half(a: Matrix<'_>, b: &Packed, out: MatrixMut<'_>, into: Into) {
        let half: Vec<f32> = a.numbers.iter().map(|x| 0.5 * x).collect();
        product_packed(Matrix { numbers: &half, ..a }, b, out, into);
    }

    #[test]
    #[should_panic(expected = "2×3 by 4×1")]
    fn shapes_must_fit() {
        product(Matrix::new(&[0.0; 6], 3), Matrix::new(&[0.0; 4], 1), 1.0, MatrixMut::new(&mut [0.0; 2], 1), Into::Replace);
    }
}
