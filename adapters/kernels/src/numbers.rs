//! The numbers of burn's tensors, where they lie.

use burn_flex::{Flex, FlexTensor};
use burn_tensor::{DType, Tensor};

/// A tensor's numbers, shared with it.
#[derive(Debug, Clone)]
pub struct Numbers {
    tensor: FlexTensor,
    /// The first of them in what the tensor stores, and how many they are.
    start: usize,
    count: usize,
}

impl Numbers {
    /// Those of an f32 tensor on the CPU device `flex`; `None` for any other. They are copied only where they do not lie in order.
    pub fn of<const D: usize>(tensor: Tensor<D>) -> Option<Self> {
        if tensor.dtype() != DType::F32 {
            return None;
        }
        let tensor = tensor.inner().try_into_primitive::<Flex>().ok()?.to_contiguous();
        let (start, count) = (tensor.layout().start_offset(), tensor.layout().num_elements());
        tensor.storage::<f32>().get(start..start + count)?;
        Some(Self { tensor, start, count })
    }

    /// In the order of the tensor.
    pub fn as_slice(&self) -> &[f32] {
        &self.tensor.storage()[self.start..self.start + self.count]
    }
}
