//! `palinode train`.

use std::{fs, io::ErrorKind, path::Path, sync::Arc};

use palinode::{
    config::RunConfig,
    lm::Decoder,
    report::tensorboard::{self, EventFile},
    setup::Setup,
    train::{
        Outcome, TrainError,
        arm::StageName,
        event::{Event, Sink},
        run::{progress::Start, run_folder::RunFolder},
        train,
    },
};
use serde_json::json;

use super::{
    Failure,
    args::TrainArgs,
    begin::begin,
    failure::INPUT,
    interrupt,
    progress::{self, Progress},
    report,
    resume::resume,
    steering::Steering,
    view::{self, Live},
};

/// A run that can begin, or go on.
pub(super) struct Prepared {
    pub(super) run: RunConfig,
    pub(super) setup: Setup,
    pub(super) start: Start<Decoder>,
    pub(super) folder: RunFolder,
    /// What a person should know.
    pub(super) notes: Vec<String>,
    /// Which passes serve it.
    pub(super) serving: String,
    /// What the log is to say first.
    pub(super) events: Vec<Event>,
}

pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let prepared = if args.resume { Some(resume(args)?) } else { begin(args)? };
    let Some(Prepared { run, setup, start, folder, notes, serving, events }) = prepared else { return Ok(()) };
    progress::print_notes(&notes);
    if !args.quiet {
        anstream::eprintln!("passes: {serving}");
    }
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
    for event in &events {
        sink.receive(event)?;
    }
    let outcome = train(start, setup.task.as_ref(), &run.train, &workers, &mut kept, &mut sink);
    sink.progress.finish();
    // The terminal is given back before anything else is said.
    drop(sink);
    let outcome = outcome.map_err(|error| stopped(error, folder.path()))?;
    report::write_into(folder.path())?;
    let exported = setup.export(&outcome.model, folder.path())?;
    conclude(args, &run, setup.task.shown().name(), folder.path(), exported.as_deref(), &outcome)
}

/// Flags over the intervals of checkpoints.
pub(super) fn apply_keeping(args: &TrainArgs, run: &mut RunConfig) {
    run.checkpoints.every = args.checkpoint_every.unwrap_or(run.checkpoints.every);
    run.checkpoints.last = args.checkpoint_keep.map_or(run.checkpoints.last, usize::from);
}

/// What stopped a run, and how to go on.
fn stopped(error: TrainError, run: &Path) -> Failure {
    let kept = matches!(error, TrainError::Interrupted | TrainError::Io { .. } | TrainError::Write(_) | TrainError::Sink(_));
    let failure = Failure::from(error);
    if kept { failure.with_help(format!("go on with `palinode train --resume --out {}`", run.display())) } else { failure }
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
        let what = if run.pretrained.as_ref().is_some_and(|pretrained| pretrained.lora.is_some()) { "adapter" } else { "model" };
        anstream::println!("{what}: {}", path.display());
    }
    anstream::println!("next:   palinode try {}", folder.display());
    Ok(())
}
