//! One suite for every backend: the same bodies, against recorded values and against themselves, within the tolerances that the backend owns.
//!
//! `cargo test -p palinode-tests --test conformance` runs it on flex; `--features ndarray` adds a second implementation on the CPU, `wgpu` and `cuda` add GPUs. A backend that
//! was asked for and has no device is a failure, not a skip.

#[macro_use]
mod conform;
mod bodies;

use burn_tensor::Device;

/// The devices are as their backends make them.
pub(crate) fn prepare(_: &mut Device) {}

conform!(flex, palinode_flex::Flex);
#[cfg(feature = "ndarray")]
conform!(ndarray, palinode_ndarray::NdArray);
#[cfg(feature = "wgpu")]
conform!(wgpu, palinode_wgpu::Wgpu);
#[cfg(feature = "cuda")]
conform!(cuda, palinode_cuda::Cuda);
