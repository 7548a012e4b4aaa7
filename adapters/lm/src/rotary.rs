//! Rotary positions.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use palinode_core::precision::widen;

use crate::config::{DecoderConfig, RopeScaling};

/// Cosines and sines of every position, kept on the host and sent where they are needed.
///
/// Su et al. 2021, arXiv 2104.09864, in the layout of today's models: feature i is paired with feature i + half.
#[derive(Debug, Clone)]
pub(crate) struct Rotary {
    cos: Arc<[f32]>,
    sin: Arc<[f32]>,
    half: usize,
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
        let frequencies: Vec<f64> =
            (0..half).map(|i| stretched(config.rope_base.powf(-(i as f64) / half as f64), config.rope_scaling)).collect();
        let angle = |i: usize| (i / half) as f64 * frequencies[i % half];
        let table = |f: fn(f64) -> f64| (0..config.context * half).map(|i| f(angle(i)) as f32).collect();
        Self { cos: table(f64::cos), sin: table(f64::sin), half }
    }

    /// Positions `0..tokens` for every row.
    pub(crate) fn sequence(&self, tokens: usize, device: &Device) -> Rotation {
        self.rows(&[0], tokens, device)
    }

    /// Positions `starts[r]..starts[r] + tokens` for row r.
    pub(crate) fn rows(&self, starts: &[usize], tokens: usize, device: &Device) -> Rotation {
        let shape = [starts.len(), tokens, 1, self.half];
        let gather = |table: &[f32]| {
            let values: Vec<f32> =
                starts.iter().flat_map(|&start| &table[start * self.half..(start + tokens) * self.half]).copied().collect();
            Tensor::<4>::from_data(TensorData::new(values, shape), device)
        };
        Rotation { cos: gather(&self.cos), sin: gather(&self.sin) }
    }
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
