//! RMSNorm.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};
use palinode_core::precision::widen;

use crate::{config::DecoderConfig, source::WeightSource};

/// x / √(mean(x²) + ε) · weight.
///
/// Zhang & Sennrich 2019, arXiv 1910.07467.
#[derive(Module, Debug)]
pub(crate) struct RmsNorm {
    weight: Param<Tensor<1>>,
    epsilon: f64,
    offset: bool,
}

impl RmsNorm {
    pub(crate) fn new<S: WeightSource>(
        source: &mut S,
        name: &str,
        width: usize,
        config: &DecoderConfig,
    ) -> Result<Self, S::Error> {
        let weight = source.vector(&format!("{name}.weight"), width, if config.norm_offset { 0.0 } else { 1.0 })?;
        Ok(Self { weight: Param::from_tensor(weight), epsilon: config.norm_epsilon, offset: config.norm_offset })
    }

    /// `[N, width]` to the same.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let dtype = x.dtype();
        let x = widen(x);
        let scale = x.clone().square().mean_dim(1).add_scalar(self.epsilon).sqrt().recip();
        let weight = self.weight.val();
        if self.offset {
            return (x * scale * widen(weight).add_scalar(1.0).unsqueeze()).cast(dtype);
        }
        (x * scale).cast(dtype) * weight.unsqueeze()
    }

    /// Over as many of the last features as the norm is wide: those of one head, or of all heads of a token.
    pub(crate) fn heads(&self, x: Tensor<4>) -> Tensor<4> {
        let shape @ [rows, tokens, heads, width] = x.dims();
        let [own] = self.weight.dims();
        self.forward(x.reshape([rows * tokens * heads * width / own, own])).reshape(shape)
    }
}
