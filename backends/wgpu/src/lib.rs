#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! GPUs of any maker for palinode, through wgpu: Vulkan, Metal, DirectX or OpenGL, with WGSL shaders and without fusion.
//!
//! Fusion has been silently wrong for cached decoding (burn #5257), and native SPIR-V shaders crash or miscompute on software drivers, so this
//! crate enables neither.

use burn_tensor::{
    Device, DeviceKind, DeviceType, FloatDType,
    wgpu::{WgpuBackend, WgpuInitError},
};
use palinode_core::backend::{Backend, Capabilities, DeviceError, Tolerance, float_dtypes, selector};

/// GPUs as `wgpu` (the best one), `wgpu:vulkan` and so on (the best one behind that interface), `wgpu:discrete:0`, `wgpu:integrated:0`,
/// `wgpu:virtual:0` and `wgpu:cpu` (a software driver).
#[derive(Debug, Clone, Copy)]
pub struct Wgpu;

const EXPECTED: &str = "there are `wgpu`, `wgpu:vulkan`, `wgpu:metal`, `wgpu:webgpu`, `wgpu:cpu`, `wgpu:discrete:N`, `wgpu:integrated:N` and \
                        `wgpu:virtual:N`";

/// GPUs of one kind that are looked for.
const MOST: usize = 16;

impl Backend for Wgpu {
    fn name(&self) -> &'static str {
        "wgpu"
    }

    fn list(&self) -> Vec<String> {
        let found = Device::enumerate(DeviceType::Wgpu).into_vec();
        let best = (!found.is_empty()).then(|| self.name().to_owned());
        let each = kinds().filter(|(_, kind)| found.contains(&Device::wgpu(kind.clone())));
        best.into_iter().chain(each.map(|(selector, _)| format!("{}:{selector}", self.name()))).collect()
    }

    fn open(&self, name: &str) -> Result<Device, DeviceError> {
        let wrong = || DeviceError::Name { name: name.to_owned(), expected: EXPECTED.to_owned() };
        let (kind, api) = parse(selector(self.name(), name)?).ok_or_else(wrong)?;
        match Device::wgpu_options().device_kind(kind.clone()).graphics_api(api).init() {
            Ok(device) => Ok(device),
            // It has been opened before in this process.
            Err(WgpuInitError::Registration { .. }) if api == WgpuBackend::Auto => Ok(Device::wgpu(kind)),
            Err(error) => Err(DeviceError::Unavailable {
                name: name.to_owned(),
                reason: error.to_string(),
                remedy:
                    "install a driver (on Debian, `mesa-vulkan-drivers` has one for most GPUs and one in software), or use `flex`"
                        .to_owned(),
            }),
        }
    }

    fn capabilities(&self, device: &Device) -> Capabilities {
        // burn does not tell how much memory a GPU has.
        let hardware = device.identity().map(|identity| identity.name);
        Capabilities::new(float_dtypes(device)).of_hardware(hardware)
    }

    fn tolerance(&self, dtype: FloatDType) -> Tolerance {
        Tolerance::new(1e-3, 1e-3, 1e-2).at(dtype)
    }
}

/// Selectors of single devices, and what burn calls them.
fn kinds() -> impl Iterator<Item = (String, DeviceKind)> {
    let numbered = |i: usize| {
        [
            (format!("discrete:{i}"), DeviceKind::DiscreteGpu(i)),
            (format!("integrated:{i}"), DeviceKind::IntegratedGpu(i)),
            (format!("virtual:{i}"), DeviceKind::VirtualGpu(i)),
        ]
    };
    (0..MOST).flat_map(numbered).chain([("cpu".to_owned(), DeviceKind::Cpu)])
}

/// The kind of device and the interface that a selector names.
fn parse(selector: Option<&str>) -> Option<(DeviceKind, WgpuBackend)> {
    let numbered = |number: &str| number.parse::<usize>().ok();
    let auto = |kind| Some((kind, WgpuBackend::Auto));
    let best = |api| Some((DeviceKind::DefaultDevice, api));
    match selector.map(|text| text.split_once(':').unwrap_or((text, ""))) {
        None => auto(DeviceKind::DefaultDevice),
        Some(("vulkan", "")) => best(WgpuBackend::Vulkan),
        Some(("metal", "")) => best(WgpuBackend::Metal),
        Some(("webgpu", "")) => best(WgpuBackend::WebGpu),
        Some(("cpu", "")) => auto(DeviceKind::Cpu),
        Some(("discrete", number)) => auto(DeviceKind::DiscreteGpu(numbered(number)?)),
        Some(("integrated", number)) => auto(DeviceKind::IntegratedGpu(numbered(number)?)),
        Some(("virtual", number)) => auto(DeviceKind::VirtualGpu(numbered(number)?)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read() {
        assert_eq!(parse(None), Some((DeviceKind::DefaultDevice, WgpuBackend::Auto)));
        assert_eq!(parse(Some("vulkan")), Some((DeviceKind::DefaultDevice, WgpuBackend::Vulkan)));
        assert_eq!(parse(Some("discrete:2")), Some((DeviceKind::DiscreteGpu(2), WgpuBackend::Auto)));
        assert_eq!(parse(Some("discrete:x")), None);
        assert_eq!(parse(Some("discrete")), None);
        assert_eq!(parse(Some("abacus")), None);
        assert!(matches!(Wgpu.open("wgpu:abacus"), Err(DeviceError::Name { .. })));
    }
}
