//! A projection.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use crate::source::WeightSource;

/// x · weight + bias.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    pub(crate) weight: Param<Tensor<2>>, // [inputs, outputs]
    pub(crate) bias: Option<Param<Tensor<1>>>,
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
        Ok(Self { weight, bias })
    }

    /// `[N, inputs]` to `[N, outputs]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = x.matmul(self.weight.val());
        match &self.bias {
            Some(bias) => y + bias.val().unsqueeze(),
            None => y,
        }
    }

    /// Inputs.
    pub(crate) fn inputs(&self) -> usize {
        self.weight.dims()[0]
    }
}
