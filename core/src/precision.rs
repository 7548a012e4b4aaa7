//! Where half precision is not enough, and where the order of a sum matters.

use burn_tensor::{DType, FloatDType, Tensor};

use crate::backend::computes_on_host;

/// The same numbers in f32 when they are in half precision (bf16, f16); f32 and f64 stay as they are.
///
/// Softmax, its logarithm, norms, and sums over tokens are taken in what this returns: eight or eleven bits can't hold them.
pub fn widen<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    match x.dtype() {
        DType::F16 | DType::BF16 => x.cast(FloatDType::F32),
        _ => x,
    }
}

/// Σ x_i of one number a token: where the host computes, with the same bits on every machine; burn's own sum runs in as many parts as the processor's vectors
/// have lanes. Its gradient is that of any sum.
///
/// # Shapes
/// `x: [N]`; returns `[1]`.
pub fn ordered_sum(x: Tensor<1>) -> Tensor<1> {
    let sum = x.clone().sum();
    if !computes_on_host(&x.device()) {
        return sum;
    }
    let value: f64 = x.detach().into_data().iter::<f64>().sum();
    // ∞ − ∞ would be no number, and what is not finite has no last bit. burn's sum may overflow where this one does not.
    let finite = value.is_finite() && sum.clone().detach().into_scalar::<f64>().is_finite();
    if finite { (sum.clone() - sum.detach()).add_scalar(value) } else { sum }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use burn_tensor::Device;

    use super::*;

    #[test]
    fn a_sum_in_order_is_that_of_f64_and_has_the_gradient_of_a_sum() {
        let numbers: Vec<f32> = (0..1_003).map(|i| ((i * 7_919) % 1_009) as f32 / 3.0 - 150.0).collect();
        let exact: f64 = numbers.iter().map(|&x| f64::from(x)).sum();
        let x = Tensor::<1>::from_data(numbers.as_slice(), (&Device::flex().autodiff(), DType::F32)).require_grad();
        let sum = ordered_sum(x.clone());
        assert_eq!(sum.clone().into_scalar::<f32>(), exact as f32);
        let gradient = x.grad(&sum.mul_scalar(3.0).backward()).unwrap();
        assert!(gradient.into_data().iter::<f32>().all(|g| g == 3.0));
        let endless = Tensor::<1>::from_data([1.0, f32::INFINITY], &Device::flex());
        assert_eq!(ordered_sum(endless).into_scalar::<f32>(), f32::INFINITY);
    }

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
