//! Gradients with few activations in memory: of every block only its input is kept, and the rest is computed again on the way back.
//!
//! Chen et al. 2016, arXiv 1604.06174, with one segment a block. It costs two more forward passes, and changes no number.

use burn::{
    module::Module,
    tensor::{Int, Tensor},
};
use burn_optim::GradientsParams;

use crate::decoder::Decoder;

/// The inputs of all blocks in one pass over whole rows.
#[derive(Debug)]
pub struct BlockInputs {
    tokens: Tensor<2, Int>,
    positions: Tensor<1, Int>,
    inputs: Vec<Tensor<2>>,
}

impl Decoder {
    /// The same model, which asks to be differentiated block by block, or not ([`Decoder::recomputes`]).
    pub fn with_recomputation(mut self, recompute: bool) -> Self {
        self.recompute = recompute;
        self
    }

    /// Whether it asks to be differentiated block by block: for [`Decoder::states_and_inputs`] and [`Decoder::gradients_below`].
    pub fn recomputes(&self) -> bool {
        self.recompute
    }

    /// Hidden states as [`palinode_core::policy::Policy::states`] gives them, without gradients, and what is needed to take those later.
    pub fn states_and_inputs(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> (Tensor<2>, BlockInputs) {
        let still = self.valid();
        let mut pass = still.pass(&tokens, positions.clone());
        let mut x = still.embed(tokens.clone());
        let mut inputs = Vec::with_capacity(still.blocks.len());
        for i in 0..still.blocks.len() {
            inputs.push(x.clone());
            x = still.through(i, x, &mut pass);
        }
        drop(pass);
        (x, BlockInputs { tokens, positions, inputs })
    }

    /// Gradients of everything below the hidden states from that of the states, in parts that have no parameter in common.
    ///
    /// Called on a model that is being differentiated: the one whose states were asked for.
    pub fn gradients_below(&self, kept: BlockInputs, gradient: Tensor<2>) -> Vec<GradientsParams> {
        let BlockInputs { tokens, positions, inputs } = kept;
        let mut pass = self.pass(&tokens, positions);
        let mut parts = Vec::with_capacity(inputs.len() + 1);
        let mut gradient = gradient;
        for (i, input) in inputs.into_iter().enumerate().rev() {
            let leaf = input.autodiff().require_grad();
            let output = self.through(i, leaf.clone(), &mut pass);
            let mut flow = (output * gradient.autodiff()).sum().backward();
            gradient = leaf.grad_remove(&mut flow).unwrap_or_else(|| leaf.inner().zeros_like());
            parts.push(GradientsParams::from_grads(flow, &self.blocks[i]));
        }
        let embedded = self.embed(tokens);
        if embedded.is_tracked() {
            parts.push(GradientsParams::from_grads((embedded * gradient.autodiff()).sum().backward(), self));
        }
        parts
    }
}
