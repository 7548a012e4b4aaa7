//! `palinode plan`, and `palinode train --dry-run`.

use anstyle::{AnsiColor, Style};
use palinode::{
    config::RunConfig,
    device,
    lm::WhyTensors,
    plan::{Plan, Times, slower, why_tensors},
    setup::Setup,
    train::{
        arm::StageName,
        config::{SupervisedConfig, TrainConfig},
    },
};
use serde_json::json;

use super::{Failure, args::PlanArgs, processor, progress, settings::settings};

pub(crate) fn run(args: &PlanArgs) -> Result<(), Failure> {
    let run = settings(&args.settings)?;
    let opened = device::open(&run.machine.device)?;
    let setup = Setup::open(&run, &opened)?;
    setup.require_problems()?;
    let workers = run.machine.workers()?;
    let plan = Plan::of(&run, &setup, &opened, &workers)?;
    let notes = notes(&run, &setup, &opened)?;
    // What does not fit is not tried.
    let times = if plan.exceeds() { None } else { Some(plan.times(&run, &setup, &opened, &workers)?) };
    if args.json {
        return progress::print_json(&json!({
            "plan": plan, "peak": plan.peak(), "exceeds": plan.exceeds(), "seconds": times, "notes": notes,
        }));
    }
    progress::print_notes(&notes);
    print(&plan, &setup.sizes_in_words(), &serving(why_tensors(&run, &setup, &opened)));
    if run.train.warm_steps() > 0 {
        anstream::println!("before    {}", base_in_words(&run.train));
    }
    if let Some(times) = times {
        print_times(&times, &plan, &run.train);
    }
    Ok(())
}

/// How long steps take.
fn print_times(times: &Times, plan: &Plan, train: &TrainConfig) {
    let [_, answer] = times.tokens;
    anstream::println!(
        "time      about {} a step if answers are as long as the references ({answer:.0} tokens), {} if they are as long as they may be",
        duration(times.step),
        duration(times.longest_step)
    );
    if let Some(seconds) = times.warm_step {
        anstream::println!("          {} a step of the warm start", duration(seconds));
    }
    anstream::println!("          {} an evaluation at a stage's end", duration(times.evaluation));
    let warm = match train.supervised.steps {
        0 => String::new(),
        steps => format!("{steps} steps of the warm start, "),
    };
    let phases = if train.warm.steps() > 0 { "; the phases of a new model's warm start come on top" } else { "" };
    anstream::println!("          {} for {warm}{} RL steps and all evaluations{phases}", duration(times.all), plan.steps);
}

/// What a person should know before a run of these settings.
pub(crate) fn notes(run: &RunConfig, setup: &Setup, opened: &device::Opened) -> Result<Vec<String>, Failure> {
    Ok(setup.notes.iter().cloned().chain(slower(run, setup, opened)).collect())
}

/// Which passes serve a run: `written out for the CPU (x86_64 v3)`, or why others do.
pub(crate) fn serving(why: Option<WhyTensors>) -> String {
    match why {
        None => format!("written out for the CPU ({})", processor::name()),
        Some(why) => format!("tensor operations: {why}"),
    }
}

/// What would run, and its settings.
pub(crate) fn dry_run(run: &RunConfig, setup: &Setup, opened: &device::Opened, json: bool) -> Result<(), Failure> {
    let plan = Plan::of(run, setup, opened, &run.machine.workers()?)?;
    let stages = run.train.stages()?;
    let notes = notes(run, setup, opened)?;
    if json {
        let stages: Vec<_> =
            stages.iter().map(|s| json!({"stage": s.name.name(), "steps": s.steps, "attempts": s.attempts})).collect();
        return progress::print_json(&json!({
            "plan": plan, "peak": plan.peak(), "exceeds": plan.exceeds(), "warm_steps": run.train.warm_steps(), "stages": stages,
            "settings": run, "notes": notes,
        }));
    }
    progress::print_notes(&notes);
    print(&plan, &setup.sizes_in_words(), &serving(why_tensors(run, setup, opened)));
    anstream::println!("stages    {}: {}", progress::title(StageName::Base), base_in_words(&run.train));
    for stage in &stages {
        anstream::println!("          {}: {} steps, {} attempts", progress::title(stage.name), stage.steps, stage.attempts);
    }
    anstream::println!("\nSettings (a file for --config):\n\n{}", run.to_toml()?);
    Ok(())
}

/// What comes before the first RL step.
fn base_in_words(train: &TrainConfig) -> String {
    let of_new = match train.warm.steps() {
        0 => None,
        steps => Some(format!("a warm start of at most {steps} steps")),
    };
    let SupervisedConfig { steps, target_accuracy, sequences, corrections, .. } = train.supervised;
    let on_references = (steps > 0).then(|| {
        let corrections =
            if corrections > 0.0 { format!(", {:.0} % of them corrections", 100.0 * corrections) } else { String::new() };
        format!(
            "a warm start of at most {steps} steps of {sequences} examples{corrections}, until sampled first attempts are right in {:.0} %",
            100.0 * target_accuracy
        )
    });
    let parts: Vec<String> = of_new.into_iter().chain(on_references).collect();
    if parts.is_empty() { "the model as it is".into() } else { parts.join("; then ") }
}

fn print(plan: &Plan, sizes: &str, serving: &str) {
    let dim = Style::new().dimmed();
    let [prompt, answer, episode] = plan.tokens;
    anstream::println!(
        "model     {sizes}, {} parameters, {} trained, {} bits each",
        count(plan.parameters),
        count(plan.trained),
        plan.bits
    );
    anstream::println!("episodes  {} a step, in {} micro-batches, {} at a time", plan.episodes, plan.micro_batches, plan.threads);
    anstream::println!("tokens    at most {prompt} a prompt, {answer} an answer, {episode} an episode");
    anstream::println!("passes    {serving}");
    anstream::println!("memory");
    for (what, bytes) in &plan.held {
        anstream::println!("  {:>10}  {what}", size(*bytes));
    }
    for (what, bytes) in &plan.in_turn {
        anstream::println!("  {:>10}  {what}{dim}, in turn{dim:#}", size(*bytes));
    }
    let color = if plan.exceeds() { AnsiColor::Red.on_default().bold() } else { Style::new().bold() };
    let of = plan.available.map_or_else(String::new, |bytes| format!(", of {} that the device has", size(bytes)));
    anstream::println!("  {color}{:>10}{color:#}  at the worst moment{of}", size(plan.peak()));
    anstream::println!(
        "disk      {} a checkpoint within a stage, {} for all that are there at once",
        size(plan.checkpoint),
        size(plan.checkpoints)
    );
    if plan.exceeds() {
        anstream::println!(
            "  {color}This does not fit.{color:#} Smaller are: --lora-rank, --micro-batch 1, --gradient-checkpointing, --decode-batch, --max-answer, --threads 1"
        );
    }
}

fn size(bytes: u64) -> String {
    let mib = bytes as f64 / 1024.0 / 1024.0;
    if mib < 1024.0 { format!("{mib:.1} MiB") } else { format!("{:.2} GiB", mib / 1024.0) }
}

fn count(n: u64) -> String {
    match n {
        0..10_000 => n.to_string(),
        10_000..10_000_000 => format!("{:.1} k", n as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} M", n as f64 / 1e6),
        _ => format!("{:.1} G", n as f64 / 1e9),
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..1.0 => format!("{:.0} ms", seconds * 1e3),
        ..120.0 => format!("{seconds:.1} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}
