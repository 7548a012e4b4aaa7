//! Two attempts at a four-armed bandit: a policy that is one table, and who judges it.

use alloc::vec::Vec;

use burn_tensor::{Int, Tensor, TensorData};
use palinode_core::{
    Error,
    policy::{Decode, Policy},
    task::Problem,
    verifier::{Verdict, Verifier},
};

/// Ids 0 to 3 pull an arm.
pub(crate) const ARMS: usize = 4;
/// The arm that pays.
pub(crate) const BEST: u32 = 2;
/// Asks for the first pull.
pub(crate) const ASK: u32 = 4;

/// Logits of the next pull, one row for each token that may stand before it: `[ARMS + 1, ARMS]`.
pub(crate) struct Table(pub(crate) Tensor<2>);

impl Table {
    fn rows(&self, tokens: impl Iterator<Item = u32>) -> Tensor<2> {
        let ids: Vec<i32> = tokens.map(|token| token as i32).collect();
        let count = ids.len();
        self.0.clone().select(0, Tensor::from_data(TensorData::new(ids, [count]), &self.0.device()))
    }
}

impl Policy for Table {
    fn states(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        let [rows, width] = tokens.dims();
        self.0.clone().select(0, tokens.reshape([rows * width]).select(0, positions))
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        states
    }
}

impl Decode for Table {
    type Cache = ();

    fn readable(&self, written: usize) -> usize {
        written + 1
    }

    fn start(&self, prompts: &[&[u32]], samples: usize, _: usize) -> Result<((), Tensor<2>), Error> {
        let last = prompts.iter().flat_map(|prompt| prompt.last().copied().into_iter().cycle().take(samples));
        Ok(((), self.rows(last)))
    }

    fn extend(&self, (): &mut (), _: &[usize], tokens: &[&[u32]]) -> Tensor<2> {
        self.rows(tokens.iter().filter_map(|new| new.last().copied()))
    }
}

/// Pays for the best arm.
pub(crate) struct BestArm;

impl Verifier for BestArm {
    fn verify(&self, _: &Problem, answer: &[u32]) -> Verdict {
        if answer == [BEST] { Verdict::Right } else { Verdict::Wrong }
    }
}
