//! Root-mean-square norms.

use crate::buffer::Buffer;
use palinode_core::numbers::dot;

use crate::simd::wide;

/// y = x · s · w with s = 1/√(mean x² + ε), over rows of the weight's length.
///
/// Zhang & Sennrich 2019, arXiv 1910.07467. `offset` is added to the weight (Gemma writes it as a difference from 1).
#[derive(Clone, Copy)]
pub(crate) struct Norm<'a> {
    pub(crate) weight: &'a [f32],
    pub(crate) epsilon: f32,
    pub(crate) offset: f32,
}

impl Norm<'_> {
    /// What it makes of its input, and the factor s of each row.
    pub(crate) fn forward(&self, x: &[f32]) -> (Buffer, Buffer) {
        let (mut y, mut scales) = (Buffer::any(x.len()), Buffer::any(x.len() / self.weight.len()));
        scale_rows(self, x, &mut scales);
        apply(self, x, &scales, &mut y);
        (y, scales)
    }

    /// The same output again, from the factors that are known.
    pub(crate) fn again(&self, x: &[f32], scales: &[f32]) -> Buffer {
        let mut y = Buffer::any(x.len());
        apply(self, x, scales, &mut y);
        y
    }

    /// Adds the input's gradient to `dx`, and the weight's to `dw`.
    ///
    /// With g = dy ⊙ w: dx = s·(g − x · s² · mean(g ⊙ x)); dw = Σ dy ⊙ x · s.
    pub(crate) fn backward(&self, dy: &[f32], x: &[f32], scales: &[f32], dx: &mut [f32], dw: &mut [f32]) {
        let mut room = Buffer::any(self.weight.len());
        back(self, [dy, x, scales], [dx, dw, &mut room]);
    }
}

wide! {
    fn scale_rows<'a>(norm: &'a Norm<'a>, x: &'a [f32], scales: &'a mut [f32]) -> () {
        let width = norm.weight.len();
        for (x, scale) in x.chunks_exact(width).zip(scales) {
            *scale = (dot(x, x) / width as f32 + norm.epsilon).sqrt().recip();
        }
    }
}

wide! {
    fn apply<'a>(norm: &'a Norm<'a>, x: &'a [f32], scales: &'a [f32], y: &'a mut [f32]) -> () {
        let width = norm.weight.len();
        for ((x, y), &scale) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(scales) {
            for ((y, &x), &weight) in y.iter_mut().zip(x).zip(norm.weight) {
                *y = x * scale * (weight + norm.offset);
            }
        }
    }
}

wide! {
    fn back<'a>(norm: &'a Norm<'a>, inputs: [&'a [f32]; 3], outputs: [&'a mut [f32]; 3]) -> () {
        let [dy, x, scales] = inputs;
        let [dx, dw, gradient] = outputs;
        let width = norm.weight.len();
        let rows = dy.chunks_exact(width).zip(x.chunks_exact(width)).zip(scales).zip(dx.chunks_exact_mut(width));
        for (((dy, x), &scale), dx) in rows {
            for ((gradient, &dy), &weight) in gradient.iter_mut().zip(dy).zip(norm.weight) {
                *gradient = dy * (weight + norm.offset);
            }
            let along = dot(gradient, x) * scale * scale / width as f32;
            for ((dx, &gradient), &x) in dx.iter_mut().zip(gradient.iter()).zip(x) {
                *dx += scale * (gradient - x * along);
            }
            for ((dw, &dy), &x) in dw.iter_mut().zip(dy).zip(x) {
                *dw += dy * x * scale;
            }
        }
    }
}
