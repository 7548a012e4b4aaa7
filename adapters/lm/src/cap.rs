//! Soft caps.

use burn::tensor::Tensor;
use palinode_core::precision::widen;

/// limit · tanh(x / limit), in f32 at least; or x as it is without a limit.
///
/// Gemma 2, arXiv 2408.00118, section 2.
pub(crate) fn cap<const D: usize>(x: Tensor<D>, limit: Option<f64>) -> Tensor<D> {
    match limit {
        Some(limit) => widen(x).div_scalar(limit).tanh().mul_scalar(limit),
        None => x,
    }
}
