//! The default CPU device of palinode: burn's flex backend, with SIMD and rayon.
//!
//! A backend crate opens a device, says what it can do, and owns its tolerances; it holds no mathematics.

use burn_tensor::Device;

/// The name by which `--device` selects this backend.
pub const NAME: &str = "flex";

/// How far log-probabilities of one row may lie apart between full and cached forward, in nats (f32).
pub const LOGPROB_TOLERANCE: f32 = 1e-4;

/// The CPU. It always opens, and holds f32 by default.
pub fn device() -> Device {
    Device::flex()
}
