#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! NVIDIA GPUs for palinode, through burn's CUDA backend, without fusion.
//!
//! burn panics in a thread of its own where there is no driver, so this crate looks for one first.

use std::{env, fs, path::Path};

use burn_tensor::{Device, DeviceType, FloatDType};
use palinode_core::backend::{Backend, Capabilities, DeviceError, Tolerance, float_dtypes, selector};

/// NVIDIA GPUs as `cuda` (the first) and `cuda:N`.
#[derive(Debug, Clone, Copy)]
pub struct Cuda;

impl Backend for Cuda {
    fn name(&self) -> &'static str {
        "cuda"
    }

    fn list(&self) -> Vec<String> {
        match missing() {
            Some(_) => Vec::new(),
            None => (0..count()).map(|index| format!("cuda:{index}")).collect(),
        }
    }

    fn open(&self, name: &str) -> Result<Device, DeviceError> {
        let index: usize = match selector(self.name(), name)? {
            None => 0,
            Some(number) => number.parse().map_err(|_| DeviceError::Name {
                name: name.to_owned(),
                expected: "there are `cuda` and `cuda:N` with a number".to_owned(),
            })?,
        };
        let unavailable =
            |reason: String, remedy: &str| DeviceError::Unavailable { name: name.to_owned(), reason, remedy: remedy.to_owned() };
        if let Some(reason) = missing() {
            return Err(unavailable(reason, "install the NVIDIA driver, or use `flex`"));
        }
        match count() {
            0 => Err(unavailable(
                "the driver shows no GPU".to_owned(),
                "check `nvidia-smi` and CUDA_VISIBLE_DEVICES, or use `flex`",
            )),
            found if index >= found => Err(unavailable(format!("{found} GPUs are there, counted from 0"), "name one of them")),
            _ => Ok(Device::cuda(index)),
        }
    }

    fn capabilities(&self, device: &Device) -> Capabilities {
        // burn does not tell how much memory a GPU has.
        let hardware = device.identity().map(|identity| identity.name);
        Capabilities::new(float_dtypes(device)).of_hardware(hardware)
    }

    fn tolerance(&self, dtype: FloatDType) -> Tolerance {
        // Matrix products may run in TF32 on tensor cores.
        Tolerance::new(5e-3, 5e-3, 2e-2).at(dtype)
    }
}

fn count() -> usize {
    Device::enumerate(DeviceType::Cuda).into_vec().len()
}

/// What a CUDA program needs and this machine lacks, in words.
fn missing() -> Option<String> {
    if cfg!(windows) {
        let system = env::var("SystemRoot").unwrap_or_else(|_| "C:\\Windows".to_owned());
        return (!Path::new(&system).join("System32").join("nvcuda.dll").exists())
            .then(|| "nvcuda.dll is not installed".to_owned());
    }
    if !library_is_installed() {
        return Some("the driver's library libcuda.so is not installed".to_owned());
    }
    let nodes = ["/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg"];
    (!nodes.iter().any(|node| Path::new(node).exists())).then(|| "there is no NVIDIA device (/dev/nvidia0)".to_owned())
}

/// Looks where the loader looks: its own list, LD_LIBRARY_PATH, and the folders of distributions that keep no such list.
fn library_is_installed() -> bool {
    const NAME: &[u8] = b"libcuda.so";
    let listed = fs::read("/etc/ld.so.cache").is_ok_and(|list| list.windows(NAME.len()).any(|window| window == NAME));
    let paths = env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let folders = paths.split(':').filter(|folder| !folder.is_empty());
    let more = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/wsl/lib", "/run/opengl-driver/lib"];
    let holds = |folder: &str| ["libcuda.so", "libcuda.so.1"].iter().any(|name| Path::new(folder).join(name).exists());
    listed || folders.chain(more).any(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_number_are_refused() {
        assert!(matches!(Cuda.open("cuda:first"), Err(DeviceError::Name { .. })));
        assert!(matches!(Cuda.open("wgpu"), Err(DeviceError::Name { .. })));
    }

    #[test]
    fn what_is_missing_is_said_and_never_a_panic() {
        match Cuda.open("cuda:4096") {
            Err(DeviceError::Unavailable { name, .. }) => assert_eq!(name, "cuda:4096"),
            other => panic!("{other:?}"),
        }
        if missing().is_some() {
            assert!(Cuda.list().is_empty());
        }
    }
}
