//! The SwiGLU block.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, activation::silu},
};

/// (silu(x·W_gate) ⊙ x·W_up)·W_down, with gate and up in one matrix.
///
/// Shazeer 2020, arXiv 2002.05202.
#[derive(Module, Debug)]
pub(crate) struct SwiGlu {
    pub(crate) gate_up: Param<Tensor<2>>,
    pub(crate) down: Param<Tensor<2>>,
}

impl SwiGlu {
    /// `[N, width]` to the same.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let inner = self.down.dims()[0];
        let both = x.matmul(self.gate_up.val());
        let gate = both.clone().narrow(1, 0, inner);
        let up = both.narrow(1, inner, inner);
        (silu(gate) * up).matmul(self.down.val())
    }
}
