//! Devices by name, over the backends that were compiled in.

use burn::tensor::Device;
use palinode_core::backend::{Backend, DeviceError};

/// A backend that palinode has, and the cargo feature that adds it.
struct Known {
    feature: &'static str,
    backend: Option<&'static dyn Backend>,
}

/// A backend where its feature is on.
macro_rules! known {
    ($feature:literal, $backend:path) => {
        Known {
            feature: $feature,
            #[cfg(feature = $feature)]
            backend: Some(&$backend),
            #[cfg(not(feature = $feature))]
            backend: None,
        }
    };
}

/// All backends; a feature is called as its backend is.
const KNOWN: [Known; 4] = [
    known!("flex", palinode_flex::Flex),
    known!("ndarray", palinode_ndarray::NdArray),
    known!("wgpu", palinode_wgpu::Wgpu),
    known!("cuda", palinode_cuda::Cuda),
];

/// An open device and the backend it came from.
pub struct Opened {
    /// The device.
    pub device: Device,
    /// Its backend.
    pub backend: &'static dyn Backend,
}

impl Opened {
    /// Whether it computes on the CPU.
    pub fn on_cpu(&self) -> bool {
        on_cpu(self.backend.name())
    }
}

/// Whether a device of that name computes on the CPU.
pub fn on_cpu(name: &str) -> bool {
    ["flex", "ndarray"].contains(&family(name))
}

/// The backend's name in a device's, such as `cuda` in `cuda:1`.
fn family(name: &str) -> &str {
    name.split(':').next().unwrap_or_default()
}

/// The backends that were compiled in.
pub fn backends() -> impl Iterator<Item = &'static dyn Backend> {
    KNOWN.iter().filter_map(|known| known.backend)
}

/// Features that would add a backend.
pub fn missing_features() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().filter(|known| known.backend.is_none()).map(|known| known.feature)
}

/// Opens a device by its name, such as `flex`, `wgpu` or `cuda:1`.
///
/// # Errors
/// [`DeviceError::Name`] for an unknown name, or one whose backend was not compiled in (it says which feature adds it);
/// [`DeviceError::Unavailable`] when this machine lacks the device.
pub fn open(name: &str) -> Result<Opened, DeviceError> {
    match KNOWN.iter().find(|known| known.feature == family(name)) {
        Some(Known { backend: Some(backend), .. }) => Ok(Opened { device: backend.open(name)?, backend: *backend }),
        Some(Known { feature, backend: None }) => Err(DeviceError::Name {
            name: name.to_owned(),
            expected: format!("its backend was not compiled in: build with `--features {feature}`"),
        }),
        None => {
            let names: Vec<&str> = backends().map(Backend::name).collect();
            Err(DeviceError::Name {
                name: name.to_owned(),
                expected: format!("the backends in this build are {}", names.join(", ")),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_called_as_their_backends_are() {
        for known in &KNOWN {
            assert!(known.backend.is_none_or(|backend| backend.name() == known.feature), "{}", known.feature);
        }
    }

    #[test]
    fn unknown_and_missing_backends_are_told_apart() {
        let error = |name: &str| open(name).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error("abacus:1").contains("the backends in this build are"));
        for feature in missing_features() {
            assert!(error(&format!("{feature}:0")).contains(&format!("--features {feature}")));
        }
    }

    #[test]
    #[cfg(feature = "flex")]
    fn listed_devices_open() {
        for name in backends().flat_map(|backend| backend.list()) {
            assert!(open(&name).is_ok(), "{name}");
        }
        assert!(open("flex:1").is_err());
    }
}
