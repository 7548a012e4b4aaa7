#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! The default CPU device of palinode: burn's flex backend, with SIMD and rayon.
//!
//! A backend crate opens a device, says what it can do, and owns its tolerances; it holds no mathematics.

use burn_tensor::{Device, FloatDType};
use palinode_core::backend::{Backend, Capabilities, DeviceError, Tolerance, float_dtypes, selector};

/// The CPU, as `flex`.
#[derive(Debug, Clone, Copy)]
pub struct Flex;

/// The CPU. It always opens, and holds f32 by default.
pub fn device() -> Device {
    Device::flex()
}

impl Backend for Flex {
    fn name(&self) -> &'static str {
        "flex"
    }

    fn list(&self) -> Vec<String> {
        vec![self.name().to_owned()]
    }

    fn open(&self, name: &str) -> Result<Device, DeviceError> {
        match selector(self.name(), name)? {
            None => Ok(device()),
            Some(_) => Err(DeviceError::Name { name: name.to_owned(), expected: "there is one CPU, `flex`".to_owned() }),
        }
    }

    fn capabilities(&self, device: &Device) -> Capabilities {
        Capabilities::new(float_dtypes(device)).with_memory(memory())
    }

    fn tolerance(&self, dtype: FloatDType) -> Tolerance {
        Tolerance::new(1e-4, 1e-4, 1e-3).at(dtype)
    }
}

/// The machine's main memory in bytes.
fn memory() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    system.total_memory()
}
