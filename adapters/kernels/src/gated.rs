//! The gated feed-forward's inner function.

use palinode_core::numbers::{exp, tanh};

use crate::{buffer::Buffer, shape::Gate, simd::wide};

/// f(gate) ⊙ up, of `[N, 2·inner]` with the gate first; returns `[N, inner]`.
///
/// Shazeer 2020, arXiv 2002.05202.
pub(crate) fn forward(gate_up: &[f32], inner: usize, activation: Gate) -> Buffer {
    let mut out = Buffer::any(gate_up.len() / 2);
    all_through(gate_up, &mut out, inner, activation);
    out
}

wide! {
    fn all_through<'a>(gate_up: &'a [f32], out: &'a mut [f32], inner: usize, activation: Gate) -> () {
        match activation {
            Gate::Silu => through(gate_up, out, inner, silu),
            Gate::GeluTanh => through(gate_up, out, inner, gelu),
        }
    }
}

wide! {
    /// Turns `gate_up` into its own gradient from that of the output, and the output's gradient `d_out` into the output itself, which is asked for
    /// again on the way back.
    pub(crate) fn backward<'a>(gate_up: &'a mut [f32], d_out: &'a mut [f32], inner: usize, activation: Gate) -> () {
        match activation {
            Gate::Silu => back(gate_up, d_out, inner, silu),
            Gate::GeluTanh => back(gate_up, d_out, inner, gelu),
        }
    }
}

#[inline(always)]
fn through(gate_up: &[f32], out: &mut [f32], inner: usize, f: impl Fn(f32) -> (f32, f32)) {
    for (row, out) in gate_up.chunks_exact(2 * inner).zip(out.chunks_exact_mut(inner)) {
        let (gate, up) = row.split_at(inner);
        for ((out, &gate), &up) in out.iter_mut().zip(gate).zip(up) {
            *out = f(gate).0 * up;
        }
    }
}

#[inline(always)]
fn back(gate_up: &mut [f32], d_out: &mut [f32], inner: usize, f: impl Fn(f32) -> (f32, f32)) {
    for (row, d_out) in gate_up.chunks_exact_mut(2 * inner).zip(d_out.chunks_exact_mut(inner)) {
        let (gate, up) = row.split_at_mut(inner);
        for ((d_out, gate), up) in d_out.iter_mut().zip(gate).zip(up) {
            let (value, slope) = f(*gate);
            let d = *d_out;
            *d_out = value * *up;
            *gate = d * *up * slope;
            *up = d * value;
        }
    }
}

/// x·σ(x), and its slope.
#[inline(always)]
fn silu(x: f32) -> (f32, f32) {
    let sigma = 1.0 / (1.0 + exp(-x));
    (x * sigma, sigma * (1.0 + x * (1.0 - sigma)))
}

/// x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))), and its slope.
///
/// Hendrycks & Gimpel 2016, arXiv 1606.08415.
#[inline(always)]
fn gelu(x: f32) -> (f32, f32) {
    const ROOT: f32 = 0.797_884_6;
    const CUBE: f32 = 0.044_715;
    let t = tanh(ROOT * (x + CUBE * x * x * x));
    let bend = ROOT * (1.0 + 3.0 * CUBE * x * x);
    (0.5 * x * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * bend)
}
