#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! A second CPU device for palinode: burn's ndarray backend, on one thread.
//!
//! burn deprecates it in favour of flex and drops it after 0.22. It is kept as an independent implementation to check others against.

use burn_tensor::{Device, FloatDType};
use palinode_core::backend::{Backend, Capabilities, DeviceError, Tolerance, float_dtypes, selector};

/// The CPU, as `ndarray`.
#[derive(Debug, Clone, Copy)]
pub struct NdArray;

impl Backend for NdArray {
    fn name(&self) -> &'static str {
        "ndarray"
    }

    fn list(&self) -> Vec<String> {
        vec![self.name().to_owned()]
    }

    fn open(&self, name: &str) -> Result<Device, DeviceError> {
        match selector(self.name(), name)? {
            #[expect(deprecated, reason = "kept as long as burn has it")]
            None => Ok(Device::ndarray()),
            Some(_) => Err(DeviceError::Name { name: name.to_owned(), expected: "there is one CPU, `ndarray`".to_owned() }),
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
