//! What a backend crate says about itself, so that a device can be chosen by name. The core opens none.

use alloc::{string::String, vec::Vec};

use burn_tensor::{Device, FloatDType};

/// A family of devices: the CPU by one library, or the GPUs by one interface.
///
/// # Contract
/// - Device names begin with [`Backend::name`], alone or followed by `:` and what tells its devices apart (`cuda:1`, `wgpu:vulkan`).
/// - `open` never panics: what is missing on the machine is a [`DeviceError`] that says what to do.
/// - Every name that `list` returns opens, unless the machine changes in between.
pub trait Backend: Sync {
    /// The name with which all its device names begin.
    fn name(&self) -> &'static str;

    /// Names of the devices that are there.
    fn list(&self) -> Vec<String>;

    /// Opens the device of this name, without autodiff.
    ///
    /// # Errors
    /// [`DeviceError::Name`] for a name it can't read, [`DeviceError::Unavailable`] when there is no such device.
    fn open(&self, name: &str) -> Result<Device, DeviceError>;

    /// What an open device can do.
    fn capabilities(&self, device: &Device) -> Capabilities;

    /// How far its results may lie from exact arithmetic when weights are of this type.
    fn tolerance(&self, dtype: FloatDType) -> Tolerance;
}

/// What a device can do.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Capabilities {
    /// What the hardware calls itself, where it is asked for that.
    pub hardware: Option<String>,
    /// The floating-point types it computes with.
    pub dtypes: Vec<FloatDType>,
    /// Whether operations are fused into common kernels, which has been silently wrong for cached decoding (burn #5257).
    pub fusion: bool,
    /// Memory in bytes, where it is known.
    pub memory: Option<u64>,
}

impl Capabilities {
    /// A device that computes with these types, of which nothing else is known, and that fuses nothing.
    pub fn new(dtypes: Vec<FloatDType>) -> Self {
        Self { hardware: None, dtypes, fusion: false, memory: None }
    }

    /// The same, where the hardware calls itself so.
    pub fn of_hardware(self, hardware: Option<String>) -> Self {
        Self { hardware, ..self }
    }

    /// The same with so many bytes of memory.
    pub fn with_memory(self, bytes: u64) -> Self {
        Self { memory: Some(bytes), ..self }
    }
}

/// How far results may lie from those of another device, or of another way to compute them.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Tolerance {
    /// Log-probabilities, nats, absolute.
    pub logprob: f32,
    /// Losses and gradients, relative to their size.
    pub gradient: f32,
    /// Losses of a short training run, relative: errors add up from step to step.
    pub training: f32,
}

impl Tolerance {
    /// For log-probabilities (nats, absolute), for losses and gradients, and for the losses of a short training run (both relative).
    pub const fn new(logprob: f32, gradient: f32, training: f32) -> Self {
        Self { logprob, gradient, training }
    }

    /// The same for weights of another type: no result is nearer than some units of that type's rounding.
    pub fn at(self, dtype: FloatDType) -> Self {
        let unit = dtype.finfo().epsilon as f32;
        Self {
            logprob: self.logprob.max(8.0 * unit),
            gradient: self.gradient.max(16.0 * unit),
            training: self.training.max(32.0 * unit),
        }
    }
}

/// Why a device can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No backend reads such a name.
    #[error("no device is called `{name}`; {expected}")]
    Name {
        /// The name.
        name: String,
        /// What names there are.
        expected: String,
    },
    /// The device is not on this machine.
    #[error("device `{name}`: {reason}; {remedy}")]
    Unavailable {
        /// The name.
        name: String,
        /// What is missing.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
}

/// The floating-point types a device computes with, of those that models come in.
pub fn float_dtypes(device: &Device) -> Vec<FloatDType> {
    [FloatDType::F32, FloatDType::BF16, FloatDType::F16].into_iter().filter(|&dtype| device.supports_dtype(dtype)).collect()
}

/// What follows the backend's own name in a device name: `cuda:1` has the selector `1`, `cuda` has none.
///
/// # Errors
/// [`DeviceError::Name`] when the name belongs to another backend.
pub fn selector<'a>(backend: &'static str, name: &'a str) -> Result<Option<&'a str>, DeviceError> {
    let wrong = || DeviceError::Name { name: name.into(), expected: alloc::format!("names here begin with `{backend}`") };
    match name.strip_prefix(backend).ok_or_else(wrong)? {
        "" => Ok(None),
        rest => rest.strip_prefix(':').filter(|rest| !rest.is_empty()).map(Some).ok_or_else(wrong),
    }
}

/// Whether a device is the CPU by a library whose tensors lie in the host's memory, flex or ndarray: reading them copies nothing over a bus.
///
/// burn tells a device's kind by its `Debug` output alone, whose form its exact version fixes (and a test).
pub fn computes_on_host(device: &Device) -> bool {
    let written = alloc::format!("{device:?}");
    let kind = written.strip_prefix("Device<").unwrap_or(&written);
    let kind = kind.strip_prefix("Autodiff { device: ").unwrap_or(kind);
    kind.starts_with("Flex") || kind.starts_with("NdArray")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_follow_a_colon() {
        assert_eq!(selector("cuda", "cuda"), Ok(None));
        assert_eq!(selector("cuda", "cuda:1"), Ok(Some("1")));
        for wrong in ["cud", "cuda:", "cudax", "wgpu", ""] {
            assert!(selector("cuda", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_cpu_is_known_with_and_without_autodiff() {
        assert!(computes_on_host(&Device::flex()) && computes_on_host(&Device::flex().autodiff()));
    }

    #[test]
    fn the_cpu_computes_in_f32() {
        assert!(float_dtypes(&Device::flex()).contains(&FloatDType::F32));
    }

    #[test]
    fn tolerances_follow_the_rounding_of_the_type() {
        let f32 = Tolerance::new(1e-4, 1e-4, 1e-3);
        assert_eq!(f32.at(FloatDType::F32), f32);
        // bf16 holds 8 bits: ε = 2⁻⁷.
        assert_eq!(f32.at(FloatDType::BF16), Tolerance::new(0.0625, 0.125, 0.25));
    }
}
