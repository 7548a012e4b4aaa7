//! Rows of numbers: chosen, put back, cut in columns, added.

use std::ops::Range;

use crate::{buffer::Buffer, simd::wide};

/// The chosen rows, one after another.
pub(crate) fn gather(x: &[f32], width: usize, chosen: &[usize]) -> Buffer {
    let mut out = Buffer::any(chosen.len() * width);
    let rows = out.chunks_exact_mut(width).zip(chosen);
    rows.for_each(|(out, &row)| out.copy_from_slice(&x[row * width..(row + 1) * width]));
    out
}

/// The chosen rows back at their places among `rows`; zeros elsewhere. A row that was chosen twice gets the sum.
pub(crate) fn scatter(x: &[f32], width: usize, chosen: &[usize], rows: usize) -> Buffer {
    let mut out = Buffer::zeros(rows * width);
    for (x, &row) in x.chunks_exact(width).zip(chosen) {
        add(&mut out[row * width..(row + 1) * width], x);
    }
    out
}

/// Some columns of every row.
pub(crate) fn cut(x: &[f32], stride: usize, columns: Range<usize>) -> Buffer {
    let mut out = Buffer::any(x.len() / stride * columns.len());
    let rows = out.chunks_exact_mut(columns.len()).zip(x.chunks_exact(stride));
    rows.for_each(|(out, row)| out.copy_from_slice(&row[columns.clone()]));
    out
}

/// What [`cut`] took, put back.
pub(crate) fn paste(x: &mut [f32], stride: usize, columns: Range<usize>, cut: &[f32]) {
    for (row, cut) in x.chunks_exact_mut(stride).zip(cut.chunks_exact(columns.len())) {
        row[columns.clone()].copy_from_slice(cut);
    }
}

/// y ← y + x.
pub(crate) fn add(y: &mut [f32], x: &[f32]) {
    add_each(y, x);
}

wide! {
    fn add_each<'a>(y: &'a mut [f32], x: &'a [f32]) -> () {
        for (y, &x) in y.iter_mut().zip(x) {
            *y += x;
        }
    }
}
