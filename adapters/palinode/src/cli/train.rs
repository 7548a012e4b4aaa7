//! `palinode train`.

use std::path::{Path, PathBuf};

use palinode::{
    config::RunConfig,
    lm::Decoder,
    train::{
        Outcome, TrainError,
        arm::StageName,
        checkpoint::{Checkpoints, ModelCard},
        event::{Event, Sink},
        run_folder::RunFolder,
        schedule::Start,
        train,
        workers::Workers,
    },
};
use serde_json::json;

use super::{
    Failure, TrainArgs,
    failure::{INPUT, USAGE},
    progress::{self, Progress},
    report,
};

pub(crate) fn run(args: TrainArgs) -> Result<(), Failure> {
    let device = palinode::device::open(&args.machine.device)?.device;
    let workers = Workers::new(args.machine.threads)?;
    let (run, start, folder) = if args.resume { resume(&args, &device)? } else { begin(&args, &device)? };
    let task = run.open_task()?;
    let config = &run.train;

    let mut kept = folder.clone();
    let mut sink = Both { folder: folder.clone(), progress: Progress::new(args.quiet, config) };
    let outcome = train(start, task.as_ref(), config, &workers, &mut kept, &mut sink);
    sink.progress.finish();
    let outcome = outcome?;
    report::write_into(folder.path())?;
    conclude(&args, &run, task.name(), folder.path(), &outcome)
}

/// A new run: everything that can be wrong is found before training.
fn begin(args: &TrainArgs, device: &burn::tensor::Device) -> Result<(RunConfig, Start<Decoder>, RunFolder), Failure> {
    let mut run = settings(args)?;
    run.train.check()?;
    let task = run.open_task()?;
    let mut sizes = run.decoder(task.as_ref())?;
    let base = match &args.base {
        None => None,
        Some(other) => {
            let (card, model) = Checkpoints::of(other).base(device)?;
            if card.vocabulary.as_ref() != task.dialogue().tokenizer().vocabulary() {
                return Err(Failure::new(USAGE, format!("{}: its base model was made for another vocabulary", other.display())));
            }
            palinode::train::schedule::check_fit(task.as_ref(), run.train.attempts, card.model.context)?;
            sizes = card.model;
            run.train.set_warm_steps(0);
            Some(model)
        }
    };
    let path = match &args.out {
        Some(path) => path.clone(),
        None => free_folder(&format!("runs/{}-{}-seed{}", task.name(), run.train.arm, run.train.seed)),
    };
    if RunFolder::holds_run(&path) && !args.force {
        let message = format!("{}: already holds a run; give --resume to continue it or --force to overwrite it", path.display());
        return Err(Failure::new(USAGE, message));
    }
    let card = ModelCard { model: sizes.clone(), vocabulary: task.dialogue().tokenizer().vocabulary().cloned(), origin: None };
    let folder = RunFolder::create(&path, &run.to_toml()?, &card)?;
    let model = match base {
        Some(model) => model,
        None => Decoder::new(&sizes, run.train.seed, device)?,
    };
    Ok((run, Start::fresh(model), folder))
}

/// The run in `--out`, behind its last complete stage. Its own settings count; flags that would change them are refused.
fn resume(args: &TrainArgs, device: &burn::tensor::Device) -> Result<(RunConfig, Start<Decoder>, RunFolder), Failure> {
    let path = args.out.clone().unwrap_or_default();
    if args.config.is_some() {
        return Err(Failure::new(USAGE, "--resume takes the settings of the run; leave --config out"));
    }
    let run = RunConfig::read(&path.join("config.toml"))?;
    let asked = apply_flags(args, run.clone());
    if asked != run {
        return Err(Failure::new(USAGE, "--resume takes the settings of the run; leave out the flags that differ from them"));
    }
    let checkpoints = Checkpoints::of(&path);
    if !checkpoints.exist() {
        let task = run.open_task()?;
        let sizes = run.decoder(task.as_ref())?;
        let folder = RunFolder::resume(&path, &Default::default())?;
        return Ok((run.clone(), Start::fresh(Decoder::new(&sizes, run.train.seed, device)?), folder));
    }
    let (start, saved) = checkpoints.start(device)?;
    let folder = RunFolder::resume(&path, &saved)?;
    Ok((run, start, folder))
}

/// Flags over file over defaults.
fn settings(args: &TrainArgs) -> Result<RunConfig, Failure> {
    let run = match &args.config {
        Some(path) => RunConfig::read(path)?,
        None => RunConfig::default(),
    };
    Ok(apply_flags(args, run))
}

fn apply_flags(args: &TrainArgs, mut run: RunConfig) -> RunConfig {
    if let Some(task) = &args.task {
        run.task.name.clone_from(task);
        run.task.data = None;
    }
    if let Some(data) = &args.data {
        run.task.name = "jsonl".into();
        run.task.data = Some(data.clone());
    }
    let train = &mut run.train;
    train.arm = args.arm.map_or(train.arm, |arm| arm.0);
    train.seed = args.seed.unwrap_or(train.seed);
    train.attempts = args.attempts.map_or(train.attempts, usize::from);
    if let Some(steps) = args.steps_warm {
        train.set_warm_steps(steps);
    }
    train.reinforce.steps_one = args.steps_one.unwrap_or(train.reinforce.steps_one);
    train.reinforce.steps_two = args.steps_two.unwrap_or(train.reinforce.steps_two);
    run
}

/// `name`, or the first of `name-2`, `name-3`, … that is free.
fn free_folder(name: &str) -> PathBuf {
    let taken = |path: &Path| path.exists();
    let first = PathBuf::from(name);
    if !taken(&first) {
        return first;
    }
    (2..).map(|i| PathBuf::from(format!("{name}-{i}"))).find(|path| !taken(path)).unwrap_or(first)
}

/// Everything is written to the folder first, then shown.
struct Both {
    folder: RunFolder,
    progress: Progress,
}

impl Sink for Both {
    fn receive(&mut self, event: &Event) -> Result<(), TrainError> {
        self.folder.receive(event)?;
        self.progress.show(event);
        Ok(())
    }
}

fn conclude(args: &TrainArgs, run: &RunConfig, task: &str, folder: &Path, outcome: &Outcome<Decoder>) -> Result<(), Failure> {
    let summary = |stage| outcome.progress.summary(stage);
    let stages = [StageName::Base, StageName::StageOne, StageName::StageTwo];
    if args.json {
        let seconds = |stage| outcome.progress.seconds(stage);
        return progress::print_json(&json!({
            "arm": run.train.arm.name(),
            "seed": run.train.seed,
            "task": task,
            "base": summary(StageName::Base),
            "stage_one": summary(StageName::StageOne),
            "stage_two": summary(StageName::StageTwo),
            "seconds": {
                "base": seconds(StageName::Base),
                "stage_one": seconds(StageName::StageOne),
                "stage_two": seconds(StageName::StageTwo),
                "total": stages.into_iter().map(seconds).sum::<f64>(),
            },
            "run": folder.to_str().ok_or_else(|| Failure::new(INPUT, "the run's folder is not UTF-8"))?,
        }));
    }
    let rows: Vec<_> = stages.into_iter().filter_map(|stage| summary(stage).map(|s| (progress::title(stage), s))).collect();
    progress::print_table(&rows);
    anstream::println!("\nreport: {}", folder.join("report.html").display());
    anstream::println!("next:   palinode try {}", folder.display());
    Ok(())
}
