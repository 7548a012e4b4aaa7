//! Rotary positions.

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use palinode_core::precision::widen;

use crate::config::{DecoderConfig, Rope, RopeScaling};

/// Positions whose cosines and sines are kept; those of later ones are computed when they are asked for. The passes of `palinode_kernels` take rows up to
/// this long ([`crate::Decoder::kernels`]), and longer ones go by tensor operations.
pub(crate) const KEPT: usize = 4096;

/// The rotary positions of all layers: one for each of [`DecoderConfig::ropes`].
#[derive(Debug, Clone)]
pub(crate) struct Rotaries(Vec<Rotary>);

/// The cosines and sines of the positions of a batch, for each of [`DecoderConfig::ropes`].
#[derive(Debug, Clone)]
pub(crate) struct Rotations(Vec<Rotation>);

impl Rotaries {
    pub(crate) fn new(config: &DecoderConfig) -> Self {
        Self(config.ropes().map(|rope| Rotary::new(rope, config.head_width() / 2, config.context)).collect())
    }

    /// What is kept, for `palinode_kernels`.
    pub(crate) fn tables(&self) -> Vec<palinode_kernels::Rotary<'_>> {
        self.0.iter().map(Rotary::tables).collect()
    }

    /// Positions that are kept.
    pub(crate) fn kept(&self) -> usize {
        self.0.iter().map(|rotary| rotary.tables().positions()).min().unwrap_or(0)
    }

    /// Whether the tables are the same, at the same places in memory.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(one, other)| one.is_same(other))
    }

    /// Positions `0..tokens` for every row.
    pub(crate) fn sequence(&self, tokens: usize, device: &Device) -> Rotations {
        self.rows(&[0], tokens, device)
    }

    /// Positions `starts[r]..starts[r] + tokens` for row r.
    pub(crate) fn rows(&self, starts: &[usize], tokens: usize, device: &Device) -> Rotations {
        Rotations(self.0.iter().map(|rotary| rotary.rows(starts, tokens, device)).collect())
    }
}

impl Rotations {
    /// The one of this number; nothing for layers without.
    pub(crate) fn of(&self, rope: Option<usize>) -> Option<&Rotation> {
        rope.map(|rope| &self.0[rope])
    }
}

/// Cosines and sines of positions, made on the host and sent where they are needed; by the crate `libm`, since the mathematics libraries of systems differ.
///
/// Su et al. 2021, arXiv 2104.09864, in the layout of today's models: feature i is paired with feature i + half.
#[derive(Debug, Clone)]
struct Rotary {
    frequencies: Arc<[f64]>,
    /// What cosines and sines are multiplied with.
    magnitude: f64,
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
    /// Of heads of 2·`half` features, with tables of up to `context` positions.
    fn new(rope: Rope, half: usize, context: usize) -> Self {
        let frequency = |i: usize| stretched(libm::pow(rope.base, -(i as f64) / half as f64), rope, i, half);
        let frequencies: Arc<[f64]> = (0..half).map(frequency).collect();
        let magnitude = if let RopeScaling::Yarn { magnitude, .. } = rope.scaling { magnitude } else { 1.0 };
        let table = |f: fn(f64) -> f64| -> Arc<[f32]> {
            (0..context.min(KEPT)).flat_map(|position| turned(&frequencies, magnitude, position, f)).collect()
        };
        Self { cos: table(libm::cos), sin: table(libm::sin), magnitude, frequencies: frequencies.clone() }
    }

    fn tables(&self) -> palinode_kernels::Rotary<'_> {
        palinode_kernels::Rotary::new(&self.cos, &self.sin, self.frequencies.len())
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.cos, &other.cos) && Arc::ptr_eq(&self.sin, &other.sin)
    }

    fn rows(&self, starts: &[usize], tokens: usize, device: &Device) -> Rotation {
        let half = self.frequencies.len();
        let shape = [starts.len(), tokens, 1, half];
        let gather = |table: &[f32], f: fn(f64) -> f64| {
            let mut values: Vec<f32> = Vec::with_capacity(starts.len() * tokens * half);
            for position in starts.iter().flat_map(|&start| start..start + tokens) {
                match table.get(position * half..(position + 1) * half) {
                    Some(kept) => values.extend(kept),
                    None => values.extend(turned(&self.frequencies, self.magnitude, position, f)),
                }
            }
            Tensor::<4>::from_data(TensorData::new(values, shape), (device, DType::F32))
        };
        Rotation { cos: gather(&self.cos, libm::cos), sin: gather(&self.sin, libm::sin) }
    }
}

/// The cosine or sine of each feature's angle at a position, times the magnitude.
fn turned(frequencies: &[f64], magnitude: f64, position: usize, f: fn(f64) -> f64) -> impl Iterator<Item = f32> {
    frequencies.iter().map(move |frequency| (magnitude * f(position as f64 * frequency)) as f32)
}

/// The frequency of feature `i` of `half`, in radians a token, after scaling.
///
/// Linear: Chen et al. 2023, arXiv 2306.15595. Llama 3: by wavelength, with a linear ramp between short and long waves. YaRN: Peng et al. 2023, arXiv
/// 2309.00071, with a linear ramp over the features whose ends are whole numbers, as in transformers.
fn stretched(frequency: f64, rope: Rope, i: usize, half: usize) -> f64 {
    match rope.scaling {
        RopeScaling::None => frequency,
        RopeScaling::Linear { factor } => frequency / factor,
        RopeScaling::Llama3 { factor, low, high, original_context } => {
            let turns = original_context as f64 * frequency / core::f64::consts::TAU;
            let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            frequency * (kept + (1.0 - kept) / factor)
        }
        RopeScaling::Yarn { factor, fast, slow, original_context, .. } => {
            // The feature, of all 2·half, that turns so often within the original context.
            let feature = |turns: f64| {
                half as f64 * libm::log(original_context as f64 / (turns * core::f64::consts::TAU)) / libm::log(rope.base)
            };
            let (first, last) = (libm::floor(feature(fast)).max(0.0), libm::ceil(feature(slow)).min((2 * half - 1) as f64));
            let last = if first == last { last + 0.001 } else { last };
            let share = ((i as f64 - first) / (last - first)).clamp(0.0, 1.0);
            frequency * (share / factor + (1.0 - share))
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
        let rope = Rope { base: 10_000.0, scaling: RopeScaling::None };
        let (rotary, device) = (Rotary::new(rope, 4, KEPT + 4), palinode_flex::device());
        let rotation = rotary.rows(&[KEPT - 1, KEPT], 2, &device);
        let cos: Vec<f32> = rotation.cos.into_data().iter::<f32>().collect();
        let expected: Vec<f32> = [KEPT - 1, KEPT, KEPT, KEPT + 1]
            .iter()
            .flat_map(|&position| turned(&rotary.frequencies, 1.0, position, libm::cos))
            .collect();
        assert_eq!(cos, expected);
    }

    #[test]
    fn long_waves_are_stretched_and_short_ones_kept() {
        let scaling = RopeScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original_context: 8192 };
        let wave = |length: f64| core::f64::consts::TAU / length;
        let stretched = |frequency, scaling| stretched(frequency, Rope { base: 10_000.0, scaling }, 0, 4);
        assert_eq!(stretched(wave(100.0), scaling), wave(100.0));
        assert!((stretched(wave(10_000.0), scaling) - wave(80_000.0)).abs() < 1e-15);
        // 8192 / 2.5: halfway between low and high.
        let middle = wave(8192.0 / 2.5);
        assert!((stretched(middle, scaling) - middle * (0.5 + 0.5 / 8.0)).abs() < 1e-12);
        assert_eq!(stretched(1.0, RopeScaling::Linear { factor: 4.0 }), 0.25);
    }

    /// What transformers 5.24 computes for the sizes of OLMo 3 (`_compute_yarn_parameters`; heads of 128, base 500 000, factor 8, context 8192).
    #[test]
    fn yarn_is_that_of_transformers() {
        let scaling = RopeScaling::Yarn { factor: 8.0, magnitude: 1.2, fast: 32.0, slow: 1.0, original_context: 8192 };
        let rotary = Rotary::new(Rope { base: 500_000.0, scaling }, 64, 2);
        for (i, expected) in YARN {
            assert!((rotary.frequencies[i] / expected - 1.0).abs() < 1e-5, "{i}: {} {expected}", rotary.frequencies[i]);
        }
        assert_eq!(rotary.cos[0], 1.2);
        assert!((f64::from(rotary.sin[64]) - 1.2 * 1.0f64.sin()).abs() < 1e-7);
    }

    /// Features before, on and behind the ramp from 18 to 35.
    const YARN: [(usize, f64); 8] = [
        (0, 1.0),
        (10, 0.12868738174438477),
        (18, 0.02495540864765644),
        (20, 0.01485569030046463),
        (25, 0.003800320206210017),
        (34, 0.00016561303345952183),
        (35, 9.556212171446532e-05),
        (63, 3.068925877869333e-07),
    ];
}
