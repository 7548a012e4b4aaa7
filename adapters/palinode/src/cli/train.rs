//! `palinode train`.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use palinode::{
    config::RunConfig,
    device,
    lm::Decoder,
    setup::Setup,
    tensorboard::{self, EventFile},
    train::{
        Outcome, TrainError,
        arm::StageName,
        checkpoint::{Checkpoints, Found, Skipped},
        event::{Event, Sink},
        progress::Start,
        run_folder::{RunFolder, RunLock},
        schedule::check_fit,
        train,
    },
};
use serde_json::json;

use super::{
    Failure,
    args::TrainArgs,
    failure::{INPUT, USAGE},
    interrupt, plan,
    progress::{self, Progress},
    report,
    settings::{apply, apply_machine, find_again, settings},
    steering::Steering,
    view::{self, Live},
};

/// A run that can begin, or go on.
struct Prepared {
    run: RunConfig,
    setup: Setup,
    start: Start<Decoder>,
    folder: RunFolder,
    notes: Vec<String>,
}

pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let prepared = if args.resume { resume(args)? } else { begin(args)? };
    let Some(Prepared { run, setup, start, folder, notes }) = prepared else { return Ok(()) };
    progress::print_notes(&setup.notes);
    progress::print_notes(&notes);
    let workers = run.machine.workers()?;
    let start = start.map(|model| model.with_kernels(run.machine.kernels));
    let viewed = args.tui && view::is_possible();
    let steering = if viewed { interrupt::listen_viewed() } else { interrupt::listen(folder.path()) }?;
    let asked = Arc::clone(&steering);
    let folder = folder.keeping(run.checkpoints).asking(move || asked.wish());
    let mut kept = setup.kept(folder.clone());
    let board = event_file(args, folder.path())?;
    let live = if args.tui { live(folder.path(), &steering) } else { None };
    let mut sink = Both { folder: folder.clone(), board, progress: Progress::new(args.quiet, &run.train), live, steering };
    let outcome = train(start, setup.task.as_ref(), &run.train, &workers, &mut kept, &mut sink);
    sink.progress.finish();
    // The terminal is given back before anything else is said.
    drop(sink);
    let outcome = outcome.map_err(|error| stopped(error, folder.path()))?;
    report::write_into(folder.path())?;
    let exported = setup.export(&outcome.model, folder.path())?;
    conclude(args, &run, setup.task.name(), folder.path(), exported.as_deref(), &outcome)
}

/// A new run: everything that can be wrong is found before training. `None` when it was only to be looked at.
fn begin(args: &TrainArgs) -> Result<Option<Prepared>, Failure> {
    let mut run = settings(&args.settings)?;
    if args.base.is_some() {
        run.train.set_warm_steps(0);
    }
    let opened = device::open(&run.machine.device)?;
    let mut setup = Setup::open(&run, &opened)?;
    setup.require_problems()?;
    if args.dry_run {
        return plan::dry_run(&run, &setup, &opened, args.json).map(|()| None);
    }
    let path = match &args.out {
        Some(path) => path.clone(),
        None => free_folder(&format!("runs/{}-{}-seed{}", setup.name(), run.train.arm, run.train.seed)),
    };
    if RunFolder::holds_run(&path) && !args.force {
        let error = Failure::new(USAGE, format!("{}: already holds a run", path.display()));
        return Err(error.with_help("--resume continues it, --force overwrites it, another --out leaves it alone"));
    }
    let (model, origin) = match &args.base {
        None => setup.model()?,
        Some(other) => {
            let (card, model) = Checkpoints::of(other).base(&opened.device)?;
            if card.vocabulary.as_ref() != setup.vocabulary() {
                return Err(Failure::new(USAGE, format!("{}: its base model was made for another vocabulary", other.display())));
            }
            check_fit(setup.task.as_ref(), run.train.attempts, card.model.context)?;
            setup.sizes = card.model;
            (model, None)
        }
    };
    apply_keeping(args, &mut run);
    let lock = RunLock::take(&path)?;
    let folder = RunFolder::create(lock, &run.to_toml()?, &setup.card(origin))?;
    Ok(Some(Prepared { run, setup, start: Start::fresh(model), folder, notes: Vec::new() }))
}

/// The run in `--out`, behind its newest checkpoint. Its own settings count; flags that would change them are refused.
fn resume(args: &TrainArgs) -> Result<Option<Prepared>, Failure> {
    let path = args.out.clone().unwrap_or_default();
    if !RunFolder::holds_run(&path) {
        return Err(Failure::new(
            INPUT,
            format!("{}: there is no run to go on with; leave --resume out to begin one", path.display()),
        ));
    }
    let lock = RunLock::take(&path)?;
    if args.settings.config.is_some() {
        return Err(Failure::new(USAGE, "--resume takes the settings of the run").with_help("leave --config out"));
    }
    let (mut run, given) = RunConfig::read_as_given(&path.join("config.toml"))?;
    run.fill(&given);
    find_again(&mut run)?;
    let asked = apply(&args.settings, run.clone(), &given)?;
    // What it runs on may be another machine.
    if (RunConfig { machine: run.machine.clone(), checkpoints: run.checkpoints, ..asked }) != run {
        let error = Failure::new(USAGE, "--resume takes the settings of the run, and flags differ from them");
        return Err(error.with_help("leave those flags out; `palinode config show --config RUN/config.toml` prints the settings"));
    }
    apply_machine(&args.settings.machine, &mut run.machine);
    apply_keeping(args, &mut run);
    let opened = device::open(&run.machine.device)?;
    let setup = Setup::open(&run, &opened)?;
    let checkpoints = setup.checkpoints(&path)?;
    if !checkpoints.exist() {
        let folder = RunFolder::resume(lock, Default::default())?;
        let (model, _) = setup.model()?;
        let notes = vec!["this run was stopped before its first checkpoint: it begins again".into()];
        return Ok(Some(Prepared { run, setup, start: Start::fresh(model), folder, notes }));
    }
    let Found { start, saved, path, skipped } = checkpoints.start(&opened.device)?;
    let folder = RunFolder::resume(lock, saved.written)?;
    let mut notes: Vec<String> =
        skipped.iter().map(|Skipped { path, reason }| format!("{}: skipped: {reason}", path.display())).collect();
    notes.push(format!("going on behind {}", path.display()));
    Ok(Some(Prepared { run, setup, start, folder, notes }))
}

fn apply_keeping(args: &TrainArgs, run: &mut RunConfig) {
    run.checkpoints.every = args.checkpoint_every.unwrap_or(run.checkpoints.every);
    run.checkpoints.last = args.checkpoint_keep.map_or(run.checkpoints.last, usize::from);
}

/// What stopped a run, and how to go on.
fn stopped(error: TrainError, run: &Path) -> Failure {
    let kept = matches!(error, TrainError::Interrupted | TrainError::Io { .. } | TrainError::Write(_));
    let failure = Failure::from(error);
    if kept { failure.with_help(format!("go on with `palinode train --resume --out {}`", run.display())) } else { failure }
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

/// The run's event file, where one is asked for, or was before the run was resumed. What another run in this place left is removed.
fn event_file(args: &TrainArgs, run: &Path) -> Result<Option<EventFile>, Failure> {
    let folder = run.join("tensorboard");
    let old = folder.join(tensorboard::FILE);
    if args.tensorboard || (args.resume && old.is_file()) {
        return Ok(Some(EventFile::of_run(run, &folder).map_err(TrainError::from)?));
    }
    match fs::remove_file(&old) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(TrainError::Io { path: old, source }.into()),
        _ => Ok(None),
    }
}

/// The view that was asked for, or a note that says why the ordinary progress takes its place.
fn live(folder: &Path, steering: &Arc<Steering>) -> Option<Live> {
    Live::start(folder, Arc::clone(steering))
        .inspect_err(|why| progress::print_notes(&[format!("--tui: {why}; the ordinary progress follows")]))
        .ok()
}

/// Everything is written to the folder first, then shown.
struct Both {
    folder: RunFolder,
    board: Option<EventFile>,
    progress: Progress,
    live: Option<Live>,
    steering: Arc<Steering>,
}

impl Sink for Both {
    fn receive(&mut self, event: &Event) -> Result<(), TrainError> {
        self.folder.receive(event)?;
        if let Some(board) = &mut self.board {
            board.receive(event)?;
        }
        if self.live.as_ref().is_some_and(|live| live.send(event)) {
            self.progress.pass(event);
        } else {
            self.progress.show(event);
        }
        self.steering.wait_while_paused();
        Ok(())
    }
}

fn conclude(
    args: &TrainArgs,
    run: &RunConfig,
    task: &str,
    folder: &Path,
    exported: Option<&Path>,
    outcome: &Outcome<Decoder>,
) -> Result<(), Failure> {
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
            "exported": exported.map(|path| path.display().to_string()),
        }));
    }
    let rows: Vec<_> = stages.into_iter().filter_map(|stage| summary(stage).map(|s| (progress::title(stage), s))).collect();
    progress::print_table(&rows);
    anstream::println!("\nreport: {}", folder.join("report.html").display());
    if let Some(path) = exported {
        let what = if path.ends_with("adapter") { "adapter" } else { "model" };
        anstream::println!("{what}: {}", path.display());
    }
    anstream::println!("next:   palinode try {}", folder.display());
    Ok(())
}
