//! Where half precision is not enough.

use burn_tensor::{DType, FloatDType, Tensor};

/// The same numbers in f32 when they are in half precision (bf16, f16); f32 and f64 stay as they are.
///
/// Softmax, its logarithm, norms, and sums over tokens are taken in what this returns: eight or eleven bits can't hold them.
pub fn widen<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    match x.dtype() {
        DType::F16 | DType::BF16 => x.cast(FloatDType::F32),
        _ => x,
    }
}

#[cfg(test)]
mod tests {
    use burn_tensor::Device;

    use super::*;

    #[test]
    fn only_half_precision_is_widened() {
        let ones = |dtype: DType| Tensor::<1>::ones([2], (&Device::flex(), dtype));
        for (given, expected) in
            [(DType::F16, DType::F32), (DType::BF16, DType::F32), (DType::F32, DType::F32), (DType::F64, DType::F64)]
        {
            assert_eq!(widen(ones(given)).dtype(), expected, "{given:?}");
        }
    }
}
