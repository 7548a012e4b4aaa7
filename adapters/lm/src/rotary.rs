//! Rotary positions.

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use palinode_core::precision::widen;

use crate::config::{DecoderConfig, RopeScaling};

/// Positions whose cosines and sines are kept; those of later ones are computed when they are asked for. The passes of `palinode_kernels` take rows up to
/// this long ([`crate::Decoder::kernels`]), and longer ones go by tensor operations.
pub(crate) const KEPT: usize = 4096;

/// Cosines and sines of positions, made on the host and sent where they are needed; by the crate `libm`, since the mathematics libraries of systems differ.
///
/// Su et al. 2021, arXiv 2104.09864, in the layout of today's models: feature i is paired with feature i + half.
#[derive(Debug, Clone)]
pub(crate) struct Rotary {
    frequencies: Arc<[f64]>,
    cos: Arc<[f32]>,
    sin: Arc<[f32]>,
}

/// The cosines and sines of the positions of a batch, `[R or 1, T, 1, half]` each.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl Rotary {
    pub(crate) fn new(config: &DecoderConfig) -> Self {
        let half = config.head_width() / 2;
        let frequency = |i: usize| stretched(libm::pow(config.rope_base, -(i as f64) / half as f64), config.rope_scaling);
        let frequencies: Arc<[f64]> = (0..half).map(frequency).collect();
        let table = |f: fn(f64) -> f64| -> Arc<[f32]> {
            (0..config.context.min(KEPT)).flat_map(|position| turned(&frequencies, position, f)).collect()
        };
        Self { cos: table(libm::cos), sin: table(libm::sin), frequencies: frequencies.clone() }
    }

    /// What is kept, for `palinode_kernels`.
    pub(crate) fn tables(&self) -> palinode_kernels::Rotary<'_> {
        palinode_kernels::Rotary::new(&self.cos, &self.sin, self.frequencies.len())
    }

    /// Whether the tables are the same, at the same places in memory.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.cos, &other.cos) && Arc::ptr_eq(&self.sin, &other.sin)
    }

    /// Positions `0..tokens` for every row.
    pub(crate) fn sequence(&self, tokens: usize, device: &Device) -> Rotation {
        self.rows(&[0], tokens, device)
    }

    /// Positions `starts[r]..starts[r] + tokens` for row r.
    pub(crate) fn rows(&self, starts: &[usize], tokens: usize, device: &Device) -> Rotation {
        let half = self.frequencies.len();
        let shape = [starts.len(), tokens, 1, half];
        let gather = |table: &[f32], f: fn(f64) -> f64| {
            let mut values: Vec<f32> = Vec::with_capacity(starts.len() * tokens * half);
            for position in starts.iter().flat_map(|&start| start..start + tokens) {
                match table.get(position * half..(position + 1) * half) {
                    Some(kept) => values.extend(kept),
                    None => values.extend(turned(&self.frequencies, position, f)),
                }
            }
            Tensor::<4>::from_data(TensorData::new(values, shape), (device, DType::F32))
        };
        Rotation { cos: gather(&self.cos, libm::cos), sin: gather(&self.sin, libm::sin) }
    }
}

/// The cosine or sine of each feature's angle at a position.
fn turned(frequencies: &[f64], position: usize, f: fn(f64) -> f64) -> impl Iterator<Item = f32> {
    frequencies.iter().map(move |frequency| f(position as f64 * frequency) as f32)
}

/// A frequency, in radians a token, after scaling.
///
/// Linear: Chen et al. 2023, arXiv 2306.15595. Llama 3: by wavelength, with a linear ramp between short and long waves.
fn stretched(frequency: f64, scaling: RopeScaling) -> f64 {
    match scaling {
        RopeScaling::None => frequency,
        RopeScaling::Linear { factor } => frequency / factor,
        RopeScaling::Llama3 { factor, low, high, original_context } => {
            let turns = original_context as f64 * frequency / core::f64::consts::TAU;
            let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            frequency * (kept + (1.0 - kept) / factor)
        }
    }
}

impl Rotation {
    /// Turns each pair of features by its position's angle; `[R, T, heads, 2·half]` to the same.
    pub(crate) fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let half = x.dims()[3] / 2;
        let dtype = x.dtype();
        let x = widen(x);
        let (cos, sin) = (self.cos.clone().cast(x.dtype()), self.sin.clone().cast(x.dtype()));
        let first = x.clone().narrow(3, 0, half);
        let second = x.narrow(3, half, half);
        Tensor::cat(vec![first.clone() * cos.clone() - second.clone() * sin.clone(), second * cos + first * sin], 3).cast(dtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_beyond_the_table_are_computed_alike() {
        let config = DecoderConfig::small(4, 8, 1, 1, KEPT + 4);
        let (rotary, device) = (Rotary::new(&config), palinode_flex::device());
        let rotation = rotary.rows(&[KEPT - 1, KEPT], 2, &device);
        let cos: Vec<f32> = rotation.cos.into_data().iter::<f32>().collect();
        let expected: Vec<f32> = [KEPT - 1, KEPT, KEPT, KEPT + 1]
            .iter()
            .flat_map(|&position| turned(&rotary.frequencies, position, libm::cos))
            .collect();
        assert_eq!(cos, expected);
    }

    #[test]
    fn long_waves_are_stretched_and_short_ones_kept() {
        let scaling = RopeScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original_context: 8192 };
        let wave = |length: f64| core::f64::consts::TAU / length;
        assert_eq!(stretched(wave(100.0), scaling), wave(100.0));
        assert!((stretched(wave(10_000.0), scaling) - wave(80_000.0)).abs() < 1e-15);
        // 8192 / 2.5: halfway between low and high.
        let middle = wave(8192.0 / 2.5);
        assert!((stretched(middle, scaling) - middle * (0.5 + 0.5 / 8.0)).abs() < 1e-12);
        assert_eq!(stretched(1.0, RopeScaling::Linear { factor: 4.0 }), 0.25);
    }
}
