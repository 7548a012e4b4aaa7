//! Two policies that are small enough to reason about.

use alloc::vec::Vec;

use burn_tensor::{DType, Device, Int, Tensor, TensorData};

use super::values;
use crate::{
    error::Error,
    policy::{Decode, Policy},
};

/// Ids that the fixtures know.
pub const VOCABULARY: usize = 6;

/// A policy with logits of its own for every position, so that a gradient shows which positions a loss looks at.
#[derive(Debug, Clone)]
pub struct FreeLogits {
    /// `[B·T, V]`.
    pub logits: Tensor<2>,
}

impl FreeLogits {
    /// Logits that follow from a seed.
    pub fn new(positions: usize, seed: u32, device: &Device) -> Self {
        Self::from_values((0..positions * VOCABULARY).map(|i| noise(seed, i as u32)).collect(), device)
    }

    /// Logits given one by one.
    pub fn from_values(values: Vec<f32>, device: &Device) -> Self {
        let positions = values.len() / VOCABULARY;
        Self { logits: Tensor::from_data(TensorData::new(values, [positions, VOCABULARY]), (device, DType::F32)) }
    }

    /// The same logits, with gradients.
    pub fn tracked(&self) -> Self {
        Self { logits: self.logits.clone().autodiff().require_grad() }
    }

    /// The gradient of a loss for the logits of each position.
    pub fn gradient(&self, loss: &Tensor<1>) -> Vec<f32> {
        let gradients = loss.backward();
        self.logits.grad(&gradients).map_or_else(|| alloc::vec![0.0; self.logits.dims().iter().product()], values)
    }
}

impl Policy for FreeLogits {
    fn states(&self, _: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        self.logits.clone().select(0, positions)
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        states
    }
}

/// A policy whose logits are a pure function of all tokens of the row.
#[derive(Debug, Clone)]
pub struct Hashed {
    seed: u32,
    device: Device,
}

impl Hashed {
    /// Another seed is another policy.
    pub fn new(seed: u32, device: &Device) -> Self {
        Self { seed, device: device.clone() }
    }

    fn logits_after(&self, rows: &[Vec<u32>]) -> Tensor<2> {
        let logits: Vec<f32> = rows
            .iter()
            .flat_map(|tokens| {
                let read = tokens.iter().fold(self.seed, |hash, &token| (hash ^ token).wrapping_mul(0x0100_0193).rotate_left(5));
                (0..VOCABULARY as u32).map(move |v| noise(read, v))
            })
            .collect();
        Tensor::from_data(TensorData::new(logits, [rows.len(), VOCABULARY]), (&self.device, DType::F32))
    }
}

impl Policy for Hashed {
    fn states(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        let [_, width] = tokens.dims();
        let tokens: Vec<u32> = tokens.into_data().iter::<i32>().map(|token| token as u32).collect();
        let positions: Vec<usize> = positions.into_data().iter::<i32>().map(|at| at as usize).collect();
        let read: Vec<Vec<u32>> = positions.iter().map(|&at| tokens[at / width * width..=at].to_vec()).collect();
        self.logits_after(&read)
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        states
    }
}

impl Decode for Hashed {
    type Cache = Vec<Vec<u32>>;

    fn start(&self, prompts: &[&[u32]], samples: usize, _: usize) -> Result<(Self::Cache, Tensor<2>), Error> {
        let rows: Vec<Vec<u32>> = prompts.iter().flat_map(|prompt| (0..samples).map(|_| prompt.to_vec())).collect();
        let logits = self.logits_after(&rows);
        Ok((rows, logits))
    }

    fn extend(&self, cache: &mut Self::Cache, rows: &[usize], tokens: &[&[u32]]) -> Tensor<2> {
        for (&row, new) in rows.iter().zip(tokens) {
            cache[row].extend_from_slice(new);
        }
        self.logits_after(&rows.iter().map(|&row| cache[row].clone()).collect::<Vec<_>>())
    }
}

/// A number in [−2, 2) that follows from two others.
fn noise(a: u32, b: u32) -> f32 {
    let mut x = (u64::from(a) << 32 | u64::from(b)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 40) as f32 / (1u32 << 22) as f32 - 2.0
}
