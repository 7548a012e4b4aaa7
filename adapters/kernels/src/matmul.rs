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

use half::{bf16, f16};
use pulp::{Arch, Simd, WithSimd};

use crate::{
    buffer::Buffer,
    isa::{chosen, dispatch},
    stored::{Narrow, Stored, widen},
};

/// Rows of a tile.
const ROWS: usize = 6;

/// Inner dimension of a piece.
const DEPTH: usize = 256;

/// Places of the inner dimension, and rows or columns, that are looked up together.
const STEPS: usize = 8;

/// Rows that are multiplied with one piece of the right matrix before the next are looked at.
const BAND: usize = 40 * ROWS;

/// A matrix of rows in a slice: `rows × columns`, each row `stride` numbers after the one before.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, N = f32> {
    numbers: &'a [N],
    rows: usize,
    columns: usize,
    stride: usize,
}

impl<'a, N> Matrix<'a, N> {
    /// Rows that lie one after another.
    pub(crate) fn new(numbers: &'a [N], columns: usize) -> Self {
        Self { numbers, rows: numbers.len() / columns.max(1), columns, stride: columns }
    }

    /// `rows × columns` out of longer rows, from the first of `numbers`.
    pub(crate) fn within(numbers: &'a [N], [rows, columns]: [usize; 2], stride: usize) -> Self {
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

/// a·b, where b is as a model keeps it, rows after rows.
pub(crate) fn product_stored(a: Matrix<'_>, b: Stored<'_>, out: MatrixMut<'_>, into: Into) {
    let right = Right::stored(b, out.columns, false);
    multiply(Side { matrix: a, transposed: false }, right, 1.0, out, into);
}

/// a·bᵀ, where b is as a model keeps it, rows after rows.
pub(crate) fn product_stored_transposed(a: Matrix<'_>, b: Stored<'_>, out: MatrixMut<'_>, into: Into) {
    let right = Right::stored(b, a.columns, true);
    multiply(Side { matrix: a, transposed: false }, right, 1.0, out, into);
}

/// factor · a·b, where b was packed before.
pub(crate) fn product_packed(a: Matrix<'_>, b: &Packed, factor: f32, out: MatrixMut<'_>, into: Into) {
    multiply(Side { matrix: a, transposed: false }, Right::Packed(b), factor, out, into);
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
        Right::Packed(packed) => packed.arch.dispatch(product),
        _ => dispatch(product),
    }
}

/// One factor, perhaps transposed.
#[derive(Clone, Copy)]
struct Side<'a, N = f32> {
    matrix: Matrix<'a, N>,
    transposed: bool,
}

impl<N> Side<'_, N> {
    fn dims(&self) -> [usize; 2] {
        let Matrix { rows, columns, .. } = self.matrix;
        if self.transposed { [columns, rows] } else { [rows, columns] }
    }
}

/// The right factor.
#[derive(Clone, Copy)]
enum Right<'a> {
    Loose(Side<'a>),
    LooseBf16(Side<'a, bf16>),
    LooseF16(Side<'a, f16>),
    Packed(&'a Packed),
}

impl<'a> Right<'a> {
    /// Stored numbers in rows of so many columns.
    fn stored(numbers: Stored<'a>, columns: usize, transposed: bool) -> Self {
        match numbers {
            Stored::F32(numbers) => Self::Loose(Side { matrix: Matrix::new(numbers, columns), transposed }),
            Stored::Bf16(numbers) => Self::LooseBf16(Side { matrix: Matrix::new(numbers, columns), transposed }),
            Stored::F16(numbers) => Self::LooseF16(Side { matrix: Matrix::new(numbers, columns), transposed }),
        }
    }

    /// The `p`-th panel of a piece that begins at `piece` among all packed ones; or among those of `room`, where the piece was packed just now.
    #[inline(always)]
    fn panel<'r>(&self, room: &'r mut [f32], piece: usize, p: usize, numbers: usize) -> &'r [f32]
    where
        'a: 'r,
    {
        let Self::Packed(packed) = *self else { return &room[p * numbers..(p + 1) * numbers] };
        let own = piece + p * numbers..piece + (p + 1) * numbers;
        match &packed.panels {
            Panels::F32(panels) => return &panels[own],
            Panels::Bf16(panels) => widen(&panels[own], room),
            Panels::F16(panels) => widen(&panels[own], room),
        }
        &room[..numbers]
    }

    fn dims(&self) -> [usize; 2] {
        match self {
            Self::Loose(side) => side.dims(),
            Self::LooseBf16(side) => side.dims(),
            Self::LooseF16(side) => side.dims(),
            Self::Packed(packed) => [packed.depth, packed.columns],
        }
    }
}

/// A right factor whose panels are kept, for one that is multiplied with few rows many times.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    /// Piece after piece of the inner dimension.
    panels: Panels,
    depth: usize,
    columns: usize,
    /// The instruction set whose vectors the panels are as wide as.
    arch: Arch,
}

/// In the type that the matrix is kept in.
#[derive(Debug, Clone)]
enum Panels {
    F32(Vec<f32>),
    Bf16(Vec<bf16>),
    F16(Vec<f16>),
}

impl Packed {
    /// Of `[depth, columns]` or, transposed, of `[columns, depth]`.
    pub(crate) fn new(matrix: Matrix<'_>, transposed: bool) -> Self {
        Self::of(Side { matrix, transposed }, Panels::F32)
    }

    /// The same of numbers as a model keeps them, in rows of so many columns: those of half the size take half the memory.
    pub(crate) fn stored(numbers: Stored<'_>, columns: usize, transposed: bool) -> Self {
        match numbers {
            Stored::F32(numbers) => Self::new(Matrix::new(numbers, columns), transposed),
            Stored::Bf16(numbers) => Self::of(Side { matrix: Matrix::new(numbers, columns), transposed }, Panels::Bf16),
            Stored::F16(numbers) => Self::of(Side { matrix: Matrix::new(numbers, columns), transposed }, Panels::F16),
        }
    }

    fn of<N: Narrow>(side: Side<'_, N>, panels: impl Fn(Vec<N>) -> Panels) -> Self {
        let ([depth, columns], arch) = (side.dims(), chosen());
        Self { panels: panels(arch.dispatch(Pack { side })), depth, columns, arch }
    }
}

struct Pack<'a, N> {
    side: Side<'a, N>,
}

impl<N: Narrow> WithSimd for Pack<'_, N> {
    type Output = Vec<N>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<N> {
        let ([depth, columns], panel) = (self.side.dims(), 2 * S::F32_LANES);
        let padded = columns.next_multiple_of(panel);
        let mut panels = vec![N::default(); padded * depth];
        for from in (0..depth).step_by(DEPTH) {
            let to = depth.min(from + DEPTH);
            pack::<S, N, N>(self.side, [from, to], &mut panels[from * padded..to * padded], |number| number);
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
        // For all panels of a piece, or for one at a time where they are packed in half precision.
        let mut room = match self.right {
            Right::Packed(Packed { panels: Panels::F32(_), .. }) => Buffer::default(),
            Right::Packed(_) => Buffer::any(panel * depth.min(DEPTH)),
            _ => Buffer::any(padded * depth.min(DEPTH)),
        };
        let mut band_room = Buffer::any(rows.min(BAND).next_multiple_of(ROWS) * depth.min(DEPTH));
        for from in (0..depth).step_by(DEPTH) {
            let to = depth.min(from + DEPTH);
            match self.right {
                Right::Loose(side) => pack::<S, _, _>(side, [from, to], &mut room, Narrow::wide),
                Right::LooseBf16(side) => pack::<S, _, _>(side, [from, to], &mut room, Narrow::wide),
                Right::LooseF16(side) => pack::<S, _, _>(side, [from, to], &mut room, Narrow::wide),
                Right::Packed(_) => {}
            }
            let keep = from > 0 || self.into == Into::Add;
            for band in (0..rows).step_by(BAND) {
                let band_end = rows.min(band + BAND);
                pack_left(self.left, [band, band_end], [from, to], &mut band_room);
                for p in 0..columns.div_ceil(panel) {
                    let numbers = (to - from) * panel;
                    let right = self.right.panel(&mut room, from * padded, p, numbers);
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
fn pack<S: Simd, N: Narrow, P: Narrow>(right: Side<'_, N>, [from, to]: [usize; 2], packed: &mut [P], into: impl Fn(N) -> P) {
    let Matrix { numbers, stride, .. } = right.matrix;
    let (columns, panel) = (right.dims()[1], 2 * S::F32_LANES);
    for (p, packed) in packed.chunks_exact_mut((to - from) * panel).take(columns.div_ceil(panel)).enumerate() {
        let first = p * panel;
        let width = (columns - first).min(panel);
        if width < panel {
            packed.fill(P::default());
        }
        if right.transposed {
            let whole = width - width % STEPS;
            for column in (0..whole).step_by(STEPS) {
                turn::<N, P>(right.matrix, [first + column, from, to], &mut packed[column..], panel, &into);
            }
            for column in whole..width {
                let source = &numbers[(first + column) * stride + from..][..to - from];
                packed[column..].iter_mut().step_by(panel).zip(source).for_each(|(packed, &number)| *packed = into(number));
            }
        } else if width == panel {
            // The compiler knows how many they are.
            for (packed, row) in packed.chunks_exact_mut(panel).zip(from..to) {
                let source = &numbers[row * stride + first..][..panel];
                packed.iter_mut().zip(source).for_each(|(packed, &number)| *packed = into(number));
            }
        } else {
            for (packed, row) in packed.chunks_exact_mut(panel).zip(from..to) {
                let source = &numbers[row * stride + first..][..width];
                packed.iter_mut().zip(source).for_each(|(packed, &number)| *packed = into(number));
            }
        }
    }
}

/// Copies [`STEPS`] rows of a matrix from `row` on, between two columns, into as many columns of a panel: block by block, so that both sides are read and
/// written in order.
#[inline(always)]
fn turn<N: Narrow, P: Narrow>(
    matrix: Matrix<'_, N>,
    [row, from, to]: [usize; 3],
    packed: &mut [P],
    panel: usize,
    into: &impl Fn(N) -> P,
) {
    let row = |r: usize| matrix.numbers[(row + r) * matrix.stride + from..][..to - from].as_chunks::<STEPS>();
    let rows: [(&[[N; STEPS]], &[N]); STEPS] = array::from_fn(row);
    let mut places = packed.chunks_mut(panel).filter_map(|place| place.first_chunk_mut::<STEPS>());
    for s in 0..rows[0].0.len() {
        let block: [&[N; STEPS]; STEPS] = array::from_fn(|r| &rows[r].0[s]);
        for (k, place) in (0..STEPS).zip(&mut places) {
            *place = array::from_fn(|r| into(block[r][k]));
        }
    }
    for (k, place) in (0..rows[0].1.len()).zip(&mut places) {
        *place = array::from_fn(|r| into(rows[r].1[k]));
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
mod tests;
