//! What the laws are tried on: strategies for rewards and episodes, and two policies that are small enough to reason about.

pub mod golden;

use burn_tensor::{Device, Int, Tensor, TensorData};
use palinode_core::{
    Error,
    attempt::{Attempt, StopReason},
    policy::{Decode, Policy},
    task::Problem,
    trajectory::{Group, Trajectory},
    verifier::Verdict,
};
use proptest::prelude::*;

/// Ids that a generated episode may hold.
pub const VOCABULARY: usize = 6;

/// The device on which laws are checked.
pub fn device() -> Device {
    palinode_flex::device()
}

/// The values of a tensor, in order.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Whether two lists agree, entry by entry, up to a rounding error in proportion to their size.
pub fn close(a: &[f32], b: &[f32], tolerance: f32) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs())))
}

/// Task rewards of P problems, G samples and K attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewards {
    /// `[P, G, K]`.
    pub shape: [usize; 3],
    /// In `[0, 1]`.
    pub values: Vec<f32>,
}

impl Rewards {
    /// `[P, G, K]`.
    pub fn tensor(&self) -> Tensor<3> {
        self.with(self.values.clone())
    }

    /// Other values in the same shape.
    pub fn with(&self, values: Vec<f32>) -> Tensor<3> {
        Tensor::from_data(TensorData::new(values, self.shape), &device())
    }

    /// The values of each episode.
    pub fn episodes(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks(self.shape[2])
    }
}

/// A task reward: often 0 or 1, sometimes in between.
pub fn reward() -> impl Strategy<Value = f32> {
    prop_oneof![2 => Just(0.0f32), 2 => Just(1.0f32), 1 => 0.0f32..=1.0]
}

/// Rewards of up to three problems, two to five samples, and two to five attempts.
pub fn rewards() -> impl Strategy<Value = Rewards> {
    (1usize..4, 2usize..6, 2usize..6).prop_flat_map(|(p, g, k)| {
        prop::collection::vec(reward(), p * g * k).prop_map(move |values| Rewards { shape: [p, g, k], values })
    })
}

/// Up to three problems' groups of episodes with prompts and attempts of various lengths.
pub fn groups() -> impl Strategy<Value = Vec<Group>> {
    (2usize..4, 2usize..4).prop_flat_map(|(samples, attempts)| {
        let attempt = (prop::collection::vec(0..VOCABULARY as u32, 1..4), reward()).prop_map(|(tokens, reward)| {
            let logprobs = vec![-1.0; tokens.len()];
            let verdict = Verdict::partial(reward).expect("rewards lie in [0, 1]");
            Attempt::new(tokens, logprobs, StopReason::FixedLength, verdict).expect("as many logprobs as tokens")
        });
        let episode = prop::collection::vec(attempt, attempts);
        let prompt = prop::collection::vec(0..VOCABULARY as u32, 1..4);
        let revision = prop::collection::vec(0..VOCABULARY as u32, 0..3);
        let group = (prompt, revision, prop::collection::vec(episode, samples)).prop_map(|(prompt, revision, episodes)| {
            let trajectory =
                |attempts| Trajectory::new(prompt.clone(), revision.clone(), attempts).expect("prompt and attempts hold tokens");
            let problem = Problem::new(0, prompt.clone(), vec![]).expect("the prompt holds a token");
            Group::new(problem, episodes.into_iter().map(trajectory).collect()).expect("attempts are as many everywhere")
        });
        prop::collection::vec(group, 1..4)
    })
}

/// All episodes of some groups.
pub fn episodes(groups: &[Group]) -> Vec<&Trajectory> {
    groups.iter().flat_map(Group::trajectories).collect()
}

/// A policy with logits of its own for every position, so that a gradient shows which positions a loss looks at.
#[derive(Debug, Clone)]
pub struct FreeLogits {
    /// `[B·T, V]`.
    pub logits: Tensor<2>,
}

impl FreeLogits {
    /// Logits that follow from a seed.
    pub fn new(positions: usize, seed: u32) -> Self {
        let values = (0..positions * VOCABULARY).map(|i| noise(seed, i as u32)).collect();
        Self::from_values(values)
    }

    /// Logits given one by one.
    pub fn from_values(values: Vec<f32>) -> Self {
        let positions = values.len() / VOCABULARY;
        Self { logits: Tensor::from_data(TensorData::new(values, [positions, VOCABULARY]), &device()) }
    }

    /// The same logits, with gradients.
    pub fn tracked(&self) -> Self {
        Self { logits: self.logits.clone().autodiff().require_grad() }
    }

    /// The gradient of a loss for the logits of each position.
    pub fn gradient(&self, loss: &Tensor<1>) -> Vec<f32> {
        let gradients = loss.backward();
        self.logits.grad(&gradients).map_or_else(|| vec![0.0; self.logits.dims().iter().product()], values)
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
#[derive(Debug, Clone, Copy)]
pub struct Hashed {
    /// Tells two such policies apart.
    pub seed: u32,
}

impl Hashed {
    fn logits_after(self, rows: &[Vec<u32>]) -> Tensor<2> {
        let logits: Vec<f32> = rows
            .iter()
            .flat_map(|tokens| {
                let read = tokens.iter().fold(self.seed, |hash, &token| (hash ^ token).wrapping_mul(0x0100_0193).rotate_left(5));
                (0..VOCABULARY as u32).map(move |v| noise(read, v))
            })
            .collect();
        Tensor::from_data(TensorData::new(logits, [rows.len(), VOCABULARY]), &device())
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

    fn extend(&self, cache: &mut Self::Cache, rows: &[usize], tokens: &[Vec<u32>]) -> Tensor<2> {
        for (&row, new) in rows.iter().zip(tokens) {
            cache[row].extend(new);
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
