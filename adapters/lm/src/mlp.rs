//! The gated feed-forward block.

use burn::{
    module::Module,
    tensor::{
        Tensor,
        activation::{gelu_approximate, silu},
    },
};

use crate::{
    config::{Activation, DecoderConfig},
    linear::Linear,
    source::WeightSource,
};

/// (f(x·W_gate) ⊙ x·W_up)·W_down, with gate and up in one matrix.
///
/// Shazeer 2020, arXiv 2002.05202.
#[derive(Module, Debug)]
pub(crate) struct Gated {
    pub(crate) gate_up: Linear,
    pub(crate) down: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Gated {
    pub(crate) fn new<S: WeightSource>(source: &mut S, name: &str, config: &DecoderConfig) -> Result<Self, S::Error> {
        let (width, inner) = (config.width, config.feed_forward);
        Ok(Self {
            gate_up: Linear::new(source, &format!("{name}.gate_up"), [width, 2 * inner], config.mlp_bias)?,
            down: Linear::new(source, &format!("{name}.down"), [inner, width], config.mlp_bias)?,
            activation: config.activation,
        })
    }

    /// `[N, width]` to the same.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let inner = self.down.inputs();
        let both = self.gate_up.forward(x);
        let gate = both.clone().narrow(1, 0, inner);
        let up = both.narrow(1, inner, inner);
        let gate = match self.activation {
            Activation::Silu => silu(gate),
            Activation::GeluTanh => gelu_approximate(gate),
        };
        self.down.forward(gate * up)
    }
}
