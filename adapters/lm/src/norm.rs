//! RMSNorm.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use palinode_core::precision::widen;

/// x / √(mean(x²) + ε) · weight.
///
/// Zhang & Sennrich 2019, arXiv 1910.07467.
#[derive(Module, Debug)]
pub(crate) struct RmsNorm {
    weight: Param<Tensor<1>>,
    epsilon: f64,
}

impl RmsNorm {
    pub(crate) fn new(width: usize, epsilon: f64, device: &Device) -> Self {
        Self { weight: Param::from_tensor(Tensor::ones([width], device)), epsilon }
    }

    /// `[N, width]` to the same.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let dtype = x.dtype();
        let x = widen(x);
        let scale = x.clone().square().mean_dim(1).add_scalar(self.epsilon).sqrt().recip();
        (x * scale).cast(dtype) * self.weight.val().unsqueeze()
    }
}
