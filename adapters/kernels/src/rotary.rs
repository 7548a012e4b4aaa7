//! Rotary positions, in place.

use crate::simd::wide;

/// Cosines and sines of positions `0..`, `half` of each.
///
/// Su et al. 2021, arXiv 2104.09864; feature i is paired with feature i + half.
#[derive(Debug, Clone, Copy)]
pub struct Rotary<'a> {
    cos: &'a [f32],
    sin: &'a [f32],
    half: usize,
}

impl<'a> Rotary<'a> {
    /// Tables `[positions, half]`.
    pub fn new(cos: &'a [f32], sin: &'a [f32], half: usize) -> Self {
        Self { cos, sin, half }
    }

    /// Positions that the tables hold.
    pub fn positions(&self) -> usize {
        self.cos.len() / self.half
    }

    /// Whether the tables are the same, at the same places in memory.
    pub(crate) fn is_same(&self, other: &Rotary<'_>) -> bool {
        core::ptr::eq(self.cos, other.cos) && core::ptr::eq(self.sin, other.sin)
    }

    /// Turns the first `heads` heads of each token, `direction` 1, or back, −1.
    ///
    /// `x: [tokens, stride]`; `positions`: one a token.
    pub(crate) fn turn(&self, x: &mut [f32], stride: usize, heads: usize, positions: &[usize], direction: f32) {
        turn(self, x, stride, heads, positions, direction);
    }
}

wide! {
    fn turn<'a>(rotary: &'a Rotary<'a>, x: &'a mut [f32], stride: usize, heads: usize, positions: &'a [usize], direction: f32) -> () {
        let half = rotary.half;
        for (token, &position) in x.chunks_exact_mut(stride).zip(positions) {
            let angles = position * half..(position + 1) * half;
            let (cos, sin) = (&rotary.cos[angles.clone()], &rotary.sin[angles]);
            for head in token[..heads * 2 * half].chunks_exact_mut(2 * half) {
                let (first, second) = head.split_at_mut(half);
                for (((a, b), &cos), &sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
                    let sin = direction * sin;
                    (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
                }
            }
        }
    }
}
