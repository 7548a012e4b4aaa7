//! `palinode doctor`: which devices there are, and whether one computes rightly.

use anstyle::AnsiColor;
use burn::tensor::FloatDType;
use palinode::{
    config::RunConfig,
    device::{self, Opened},
    setup::Setup,
    train::watch::checks::Checks,
};
use serde_json::json;

use super::{
    Failure,
    args::DoctorArgs,
    failure::{GUARD, INPUT},
    plan, processor, progress,
};

pub(crate) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let listed: Vec<String> = device::backends().flat_map(|backend| backend.list()).collect();
    let missing: Vec<&str> = device::missing_features().collect();
    if !args.json {
        anstream::println!("devices:  {}", listed.join(", "));
        anstream::println!("processor: {}", processor::name());
        if !missing.is_empty() {
            anstream::println!("more with cargo features: {}", missing.join(", "));
        }
    }
    let name = match &args.device {
        Some(name) => name.clone(),
        None => {
            listed.first().cloned().ok_or_else(|| Failure::new(INPUT, "this build has no backend: enable one of its features"))?
        }
    };
    let opened = device::open(&name)?;
    let Opened { device, backend } = &opened;
    let can = backend.capabilities(device);
    let dtypes: Vec<String> = can.dtypes.iter().copied().map(dtype_name).collect();

    // The default model on the default task, untrained: the checks are about arithmetic.
    let config = RunConfig::default();
    let setup = Setup::open(&config, &opened)?;
    let (model, _) = setup.model()?;
    let serving = plan::serving(model.why_tensors());
    let checks = Checks::new(&model, setup.task.as_ref(), config.train.attempts, config.train.reinforce.temperature)?;
    let checks = checks.all(backend.tolerance(FloatDType::F32))?;
    if args.json {
        let checks: Vec<_> = checks
            .iter()
            .map(|check| json!({"name": check.name, "measured": check.measured, "bound": check.bound, "passes": check.passes()}))
            .collect();
        progress::print_json(&json!({
            "devices": listed, "processor": processor::name(), "missing_features": missing, "device": name, "hardware": can.hardware, "dtypes": dtypes,
            "fusion": can.fusion, "memory": can.memory, "passes": serving, "checks": checks,
        }))?;
    } else {
        let hardware = can.hardware.map(|hardware| format!("{hardware}, ")).unwrap_or_default();
        let fusion = if can.fusion { "with" } else { "without" };
        let memory = can.memory.map_or("memory unknown".to_owned(), |bytes| format!("{:.1} GiB", bytes as f64 / 1024f64.powi(3)));
        anstream::println!("\n{name}: {hardware}{}, {fusion} fusion, {memory}", dtypes.join(", "));
        anstream::println!("  passes: {serving}");
        for check in &checks {
            let (color, mark) = if check.passes() { (AnsiColor::Green, "ok") } else { (AnsiColor::Red, "WRONG") };
            let style = color.on_default().bold();
            let (measured, bound) = (check.measured, check.bound);
            anstream::println!("  {style}{mark:<6}{style:#}{:<36} differs by {measured:.1e}, allowed {bound:.0e}", check.name);
        }
    }
    match checks.iter().filter(|check| !check.passes()).count() {
        0 => Ok(()),
        failed => Err(Failure::new(GUARD, format!("{name}: {failed} of {} checks failed; do not train on it", checks.len()))),
    }
}

/// `bf16`: a floating-point type as palinode writes it.
pub(super) fn dtype_name(dtype: FloatDType) -> String {
    format!("{dtype:?}").to_lowercase()
}
