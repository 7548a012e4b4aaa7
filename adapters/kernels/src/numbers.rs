//! The numbers of burn's tensors, where they lie.

use burn_flex::{Flex, FlexTensor};
use burn_tensor::{DType, Tensor};
use half::{bf16, f16};

use crate::stored::Stored;

/// A tensor's numbers, shared with it.
#[derive(Debug, Clone)]
pub struct Numbers {
    tensor: FlexTensor,
    /// The first of them in what the tensor stores, and how many they are.
    start: usize,
    count: usize,
}

impl Numbers {
    /// Those of a tensor in f32, bf16 or f16 on the CPU device `flex`; `None` for any other. They are copied only where they do not lie in order.
    pub fn of<const D: usize>(tensor: Tensor<D>) -> Option<Self> {
        if !Self::are_of(tensor.dtype()) {
            return None;
        }
        let tensor = tensor.inner().try_into_primitive::<Flex>().ok()?.to_contiguous();
        let (start, count) = (tensor.layout().start_offset(), tensor.layout().num_elements());
        let numbers = Self { tensor, start, count };
        (numbers.start + count <= numbers.all().len()).then_some(numbers)
    }

    /// Whether there are such of tensors of this type.
    pub fn are_of(dtype: DType) -> bool {
        matches!(dtype, DType::F32 | DType::BF16 | DType::F16)
    }

    /// Whether these are the same numbers, at the same place in memory.
    pub fn is_same(&self, other: &Self) -> bool {
        self.stored().is_same(&other.stored())
    }

    /// In the order of the tensor.
    pub fn stored(&self) -> Stored<'_> {
        let own = self.start..self.start + self.count;
        match self.all() {
            Stored::F32(all) => Stored::F32(&all[own]),
            Stored::Bf16(all) => Stored::Bf16(&all[own]),
            Stored::F16(all) => Stored::F16(&all[own]),
        }
    }

    /// All that the tensor stores.
    fn all(&self) -> Stored<'_> {
        match self.tensor.dtype() {
            DType::BF16 => Stored::Bf16(self.tensor.storage::<bf16>()),
            DType::F16 => Stored::F16(self.tensor.storage::<f16>()),
            _ => Stored::F32(self.tensor.storage()),
        }
    }
}
