//! Root-mean-square norms.

use crate::buffer::Buffer;
use crate::simd::{dot, sum_of, wide};

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
        let width = self.weight.len();
        let (mut y, mut scales) = (Buffer::any(x.len()), Buffer::any(x.len() / width));
        wide(|| {
            for ((x, y), scale) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(scales.iter_mut()) {
                *scale = (dot(x, x) / width as f32 + self.epsilon).sqrt().recip();
                self.apply(x, *scale, y);
            }
        });
        (y, scales)
    }

    /// The same output again, from the factors that are known.
    pub(crate) fn again(&self, x: &[f32], scales: &[f32]) -> Buffer {
        let width = self.weight.len();
        let mut y = Buffer::any(x.len());
        wide(|| {
            for ((x, y), &scale) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(scales) {
                self.apply(x, scale, y);
            }
        });
        y
    }

    #[inline(always)]
    fn apply(&self, x: &[f32], scale: f32, y: &mut [f32]) {
        for ((y, &x), &weight) in y.iter_mut().zip(x).zip(self.weight) {
            *y = x * scale * (weight + self.offset);
        }
    }

    /// Adds the input's gradient to `dx`, and the weight's to `dw`.
    ///
    /// With g = dy ⊙ w: dx = s·(g − x · s² · mean(g ⊙ x)); dw = Σ dy ⊙ x · s.
    pub(crate) fn backward(&self, dy: &[f32], x: &[f32], scales: &[f32], dx: &mut [f32], dw: &mut [f32]) {
        let width = self.weight.len();
        let rows = dy.chunks_exact(width).zip(x.chunks_exact(width)).zip(scales).zip(dx.chunks_exact_mut(width));
        wide(|| {
            let mut gradient = Buffer::any(width);
            for (((dy, x), &scale), dx) in rows {
                for ((gradient, &dy), &weight) in gradient.iter_mut().zip(dy).zip(self.weight) {
                    *gradient = dy * (weight + self.offset);
                }
                let along = sum_of(&gradient, x, |g, x| g * x) * scale * scale / width as f32;
                for ((dx, &gradient), &x) in dx.iter_mut().zip(gradient.iter()).zip(x) {
                    *dx += scale * (gradient - x * along);
                }
                for ((dw, &dy), &x) in dw.iter_mut().zip(dy).zip(x) {
                    *dw += dy * x * scale;
                }
            }
        });
    }
}
