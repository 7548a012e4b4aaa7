//! The numbers of burn's tensors, where they lie.

use burn_flex::{Flex, FlexTensor};
use burn_tensor::{DType, Tensor};

/// A tensor's numbers, shared with it.
#[derive(Debug, Clone)]
pub struct Numbers(FlexTensor);

impl Numbers {
    /// Those of an f32 tensor on the CPU device `flex`; `None` for any other. They are copied only where they do not lie in order.
    pub fn of<const D: usize>(tensor: Tensor<D>) -> Option<Self> {
        if tensor.dtype() != DType::F32 {
            return None;
        }
        let tensor = tensor.inner().try_into_primitive::<Flex>().ok()?.to_contiguous();
        let whole = tensor.layout().start_offset() == 0 && tensor.storage::<f32>().len() == tensor.layout().num_elements();
        whole.then_some(Self(tensor))
    }

    /// In the order of the tensor.
    pub fn as_slice(&self) -> &[f32] {
        self.0.storage()
    }
}
