//! `palinode bench`.

mod presets;
mod work;

use std::fs;

use palinode::{config::MachineConfig, device};
use serde_json::json;

use self::{
    presets::Work,
    work::{Machine, Measured, Timed},
};
use super::{Failure, args::BenchArgs, doctor::dtype_name, progress, settings::apply_machine};

/// What is timed when nothing is named: what a CPU does in minutes.
const USUAL: [&str; 2] = ["ledger", "small"];

pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let mut machine = MachineConfig::default();
    apply_machine(&args.machine, &mut machine);
    let (opened, workers) = (device::open(&machine.device)?, machine.workers()?);
    let on = Machine { opened: &opened, workers: &workers, kernels: machine.kernels, dtype: args.dtype.0.on(&opened)? };
    let names = if args.preset.is_empty() { USUAL.map(str::to_owned).to_vec() } else { args.preset.clone() };
    let work = |name: &String| {
        let work = Work::preset(name, args.episodes as usize)?;
        let work = match args.lora_rank {
            Some(rank) => work.with_adapters(rank as usize),
            None => work,
        };
        Ok(match args.micro_batch {
            Some(episodes) => work.with_micro_batch(episodes as usize),
            None => work,
        })
    };
    let works = names.iter().map(work).collect::<Result<Vec<_>, Failure>>()?;
    let mut measured = Vec::new();
    for work in works {
        let found = work.measure(&on, args.repeat as usize)?;
        if !args.json {
            print(&found);
        }
        measured.push(found);
    }
    if args.json {
        let rates =
            |m: &Measured| json!({"rollout": m.rollout.rate(), "update": m.update.rate(), "steps": m.step.median().recip()});
        let rates: Vec<_> = measured.iter().map(rates).collect();
        return progress::print_json(&json!({
            "device": machine.device, "threads": workers.threads(), "decode_batch": workers.decode_batch(), "kernels": machine.kernels,
            "dtype": dtype_name(on.dtype), "presets": measured, "rates": rates, "peak_bytes": peak_memory(),
        }));
    }
    if let Some(bytes) = peak_memory() {
        anstream::println!("\npeak memory {:.0} MiB", bytes as f64 / 1024.0 / 1024.0);
    }
    Ok(())
}

fn print(found: &Measured) {
    let [written, all] = found.tokens;
    let adapters = if found.adapters > 0 { format!(" and {} in adapters", found.adapters) } else { String::new() };
    anstream::println!(
        "{}: {} parameters{adapters}, {} episodes of {all} tokens, {written} of them written",
        found.preset,
        found.parameters,
        found.episodes
    );
    let line = |what: &str, timed: &Timed| {
        let (low, high) = timed.seconds.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &s| (low.min(s), high.max(s)));
        anstream::println!("  {what:<8} {:>9.0} tokens/s  {:.3} s ({low:.3} to {high:.3})", timed.rate(), timed.median());
    };
    line("rollout", &found.rollout);
    line("update", &found.update);
    line("step", &found.step);
}

/// The most memory that this process ever held, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
}
