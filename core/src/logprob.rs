//! log π(token) of one distribution, or of many.

use burn_tensor::{Int, Tensor, activation::log_softmax};

use crate::precision::widen;

/// log softmax(logits / temperature), in f32 at least.
///
/// # Shapes
/// `[N, V]` to `[N, V]`, nats.
pub fn log_distribution(logits: Tensor<2>, temperature: f64) -> Tensor<2> {
    let logits = widen(logits);
    let logits = if temperature == 1.0 { logits } else { logits.div_scalar(temperature) };
    log_softmax(logits, 1)
}

/// The log-probability of each target.
///
/// # Shapes
/// `distribution: [N, V]` log-probabilities; `targets: [N]`; returns `[N]`.
pub fn of_targets(distribution: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    distribution.gather(1, targets.unsqueeze_dim(1)).squeeze_dim(1)
}
