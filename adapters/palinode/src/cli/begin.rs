//! `palinode train`, a new run: everything that can be wrong is found before training.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use palinode::{
    config::RunConfig,
    device,
    hf::may_be_written,
    inputs::{Base, Inputs},
    lm::Decoder,
    plan::why_tensors,
    setup::{Setup, remove_exports},
    train::{
        TrainError,
        run::{
            checkpoint::Checkpoints,
            occupancy::{Occupancy, is_name_of_a_run, occupancy},
            progress::Start,
            run_folder::{RunFolder, RunLock},
        },
        schedule::check_fit,
        trainable::fingerprint,
    },
};

use super::{
    Failure,
    args::TrainArgs,
    failure::USAGE,
    plan, processor,
    settings::{absolute, settings},
    train::{Prepared, apply_keeping},
};

/// A new run. `None` when it was only to be looked at.
pub(crate) fn begin(args: &TrainArgs) -> Result<Option<Prepared>, Failure> {
    let mut run = settings(&args.settings)?;
    let files = [&mut run.task.data, &mut run.task.held_out].into_iter().flatten();
    // A run is to find its files from wherever it is looked at, those of its settings' file too.
    for file in files.chain(run.pretrained.as_mut().map(|pretrained| &mut pretrained.path)) {
        *file = absolute(file);
    }
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
    require_room(args, &run, &path)?;
    let (start, origin) = match &args.base {
        None => setup.model().map(|(model, origin)| (Start::fresh(model), origin))?,
        Some(other) => base_of(other, &mut setup, &opened.device)?,
    };
    let base = args.base.as_ref().map(|other| Base { run: absolute(other), fingerprint: fingerprint(&start.model) });
    apply_keeping(args, &mut run);
    let lock = RunLock::take(&path)?;
    let folder = RunFolder::create(lock, &run.to_toml()?, &setup.card(origin))?;
    remove_exports(&path)?;
    // Of the settings as they will be read.
    let (own, given) = RunConfig::read_as_given(&path.join("config.toml"))?;
    Inputs::of(&own, &given, base)?.computed_on(None, 0, &processor::name()).write(&path)?;
    let notes = plan::notes(&run, &setup, &opened)?;
    let serving = plan::serving(why_tensors(&run, &setup, &opened));
    Ok(Some(Prepared { run, setup, start, folder, notes, serving, events: Vec::new() }))
}

/// A run of these settings that begins on another run's base; and the fingerprint of the weights that both came from, where those were somebody else's.
pub(crate) fn base_of(other: &Path, setup: &mut Setup, device: &Device) -> Result<(Start<Decoder>, Option<String>), Failure> {
    let card = Checkpoints::<Decoder>::of(other).card()?;
    if card.vocabulary.as_ref() != setup.vocabulary() {
        return Err(Failure::new(USAGE, format!("{}: its base model was made for another vocabulary", other.display())));
    }
    let start = setup.checkpoints(other)?.beginning_on_base(device)?;
    check_fit(setup.task.as_ref(), setup.attempts, card.model.context)?;
    setup.sizes = card.model;
    Ok((start, card.origin))
}

/// Refuses a folder in which a run would replace what is not to be replaced: what palinode did not make, a run without `--force`, or what this run reads.
fn require_room(args: &TrainArgs, run: &RunConfig, path: &Path) -> Result<(), Failure> {
    match occupancy(path) {
        Ok(Occupancy::Free) => return Ok(()),
        Ok(Occupancy::Run) if args.force => {}
        Ok(Occupancy::Run) => {
            let error = Failure::new(USAGE, format!("{}: already holds a run", path.display()));
            return Err(error.with_help("--resume continues it, --force overwrites it, another --out leaves it alone"));
        }
        Err(error @ TrainError::Foreign { .. }) => {
            return Err(Failure::from(error).with_help("give another --out, or move that away"));
        }
        Err(error) => return Err(error.into()),
    }
    let pretrained = run.pretrained.as_ref().map(|pretrained| &pretrained.path);
    let read = [
        ("--model", pretrained),
        ("--data", run.task.data.as_ref()),
        ("--held-out", run.task.held_out.as_ref()),
        ("--base", args.base.as_ref()),
    ];
    for (what, input) in read.into_iter().filter_map(|(what, input)| Some((what, input?))) {
        if would_be_replaced(input, path) {
            let message = format!("{}: {what} is part of the run that --force would overwrite", input.display());
            return Err(Failure::new(USAGE, message).with_help("give another --out, or move that away"));
        }
    }
    for name in ["model", "adapter"] {
        may_be_written(&path.join(name)).map_err(|error| Failure::new(USAGE, error.to_string()).with_help("move it away"))?;
    }
    Ok(())
}

/// Whether an input is the folder of the run, or lies where a run puts its own.
fn would_be_replaced(input: &Path, run: &Path) -> bool {
    let (Ok(input), Ok(run)) = (input.canonicalize(), run.canonicalize()) else { return false };
    let within = input.strip_prefix(&run).ok().map(|within| within.components().next());
    within.is_some_and(|first| first.is_none_or(|first| first.as_os_str().to_str().is_some_and(is_name_of_a_run)))
}

/// `name`, or the first of `name-2`, `name-3`, … that is free.
fn free_folder(name: &str) -> PathBuf {
    let taken = |path: &Path| path.symlink_metadata().is_ok();
    let first = PathBuf::from(name);
    if !taken(&first) {
        return first;
    }
    (2..).map(|i| PathBuf::from(format!("{name}-{i}"))).find(|path| !taken(path)).unwrap_or(first)
}
