//! The same suite on devices whose default float type is not f32.
//!
//! burn makes every tensor in the device's default type that names none, and lets a program choose it (`Device::configure`), once for each device and
//! before its first tensor: so this is a program of its own. Nothing here may depend on it: weights have the type they are cast to, and what is computed
//! beside them is f32.

#[macro_use]
mod conform;
mod bodies;

use std::sync::Mutex;

use burn_tensor::{DType, Device, FloatDType};

/// Devices that were configured.
static CONFIGURED: Mutex<Vec<Device>> = Mutex::new(Vec::new());

/// Makes half precision the default, or f64 where there is none.
pub(crate) fn prepare(device: &mut Device) {
    let mut configured = CONFIGURED.lock().unwrap();
    if !configured.contains(device) {
        let types = [FloatDType::BF16, FloatDType::F16, FloatDType::F64];
        let chosen = types.into_iter().find(|&dtype| device.supports_dtype(dtype)).expect("a type besides f32");
        device.configure(chosen).expect("nobody has made a tensor there");
        configured.push(device.clone());
    }
    assert_ne!(DType::from(device.settings().float_dtype), DType::F32);
}

conform!(flex, palinode_flex::Flex);
#[cfg(feature = "ndarray")]
conform!(ndarray, palinode_ndarray::NdArray);
#[cfg(feature = "wgpu")]
conform!(wgpu, palinode_wgpu::Wgpu);
#[cfg(feature = "cuda")]
conform!(cuda, palinode_cuda::Cuda);
