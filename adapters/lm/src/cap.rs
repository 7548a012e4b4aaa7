//! Soft caps.

use burn::tensor::Tensor;

/// limit · tanh(x / limit), or x without a limit.
///
/// Gemma 2, arXiv 2408.00118, section 2.
pub(crate) fn cap<const D: usize>(x: Tensor<D>, limit: Option<f64>) -> Tensor<D> {
    match limit {
        Some(limit) => x.div_scalar(limit).tanh().mul_scalar(limit),
        None => x,
    }
}
