//! A projection, with or without adapters.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use crate::{
    low_rank::{LowRank, added},
    source::WeightSource,
};

/// x · weight + bias, and what its adapters add.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    pub(crate) weight: Param<Tensor<2>>, // [inputs, outputs]
    pub(crate) bias: Option<Param<Tensor<1>>>,
    pub(crate) adapters: Vec<LowRank>,
}

impl Linear {
    pub(crate) fn new<S: WeightSource>(
        source: &mut S,
        name: &str,
        [inputs, outputs]: [usize; 2],
        bias: bool,
    ) -> Result<Self, S::Error> {
        let weight = Param::from_tensor(source.matrix(&format!("{name}.weight"), [inputs, outputs])?);
        let bias = bias.then(|| source.vector(&format!("{name}.bias"), outputs, 0.0)).transpose()?.map(Param::from_tensor);
        Ok(Self { weight, bias, adapters: Vec::new() })
    }

    /// `[N, inputs]` to `[N, outputs]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = x.clone().matmul(self.weight.val());
        let y = match &self.bias {
            Some(bias) => y + bias.val().unsqueeze(),
            None => y,
        };
        if self.adapters.is_empty() {
            return y;
        }
        let width = y.dims()[1];
        y + added(&self.adapters, &x, width)
    }

    /// Inputs.
    pub(crate) fn inputs(&self) -> usize {
        self.weight.dims()[0]
    }
}
