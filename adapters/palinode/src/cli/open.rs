//! Opening what is to be played: a run's model, or that of a folder.

use std::path::{Path, PathBuf};

use palinode::{
    config::RunConfig,
    device,
    lm::Decoder,
    setup::Setup,
    train::{
        gradient::workers::Workers,
        run::checkpoint::{Skipped, is_within},
        schedule::check_context,
    },
};

use super::{
    Failure,
    args::PlayedArgs,
    failure::{INPUT, USAGE},
    progress::print_notes,
    settings,
};

/// A model, its task, and how both are played.
pub(crate) struct Opened {
    pub(crate) config: RunConfig,
    pub(crate) setup: Setup,
    pub(crate) model: Decoder,
    pub(crate) attempts: usize,
    pub(crate) workers: Workers,
}

/// Opens a run folder's newest model, one checkpoint of it (its folder, or the weights in that), or a model folder.
pub(crate) fn open(args: &PlayedArgs) -> Result<Opened, Failure> {
    let run = args.run.as_deref().map(run_of).transpose()?;
    let (mut config, given) = match (&run, &args.config) {
        (Some((run, _)), _) => RunConfig::read_as_given(&run.join("config.toml"))?,
        (None, Some(path)) => RunConfig::read_as_given(path)?,
        (None, None) => Default::default(),
    };
    settings::apply_data(&args.data, &mut config)?;
    settings::apply_folder(&args.folder, &mut config)?;
    config.fill(&given);
    settings::apply_machine(&args.machine, &mut config.machine);
    if run.is_none() && config.pretrained.is_none() {
        return Err(Failure::new(USAGE, "nothing to play")
            .with_help("give the folder of a run, or a model folder or GGUF file as --model"));
    }
    let opened = device::open(&config.machine.device)?;
    let setup = Setup::open(&config, &opened)?;
    let model = match &run {
        Some((run, weights)) => of_run(run, weights.as_deref(), &setup, &opened.device)?,
        None => of_folder(args.adapter.as_deref(), &setup)?,
    };
    let model = model.with_kernels(config.machine.kernels);
    let attempts = args.attempts.map_or(config.train.attempts, usize::from);
    check_context(setup.task.as_ref(), attempts, model.config().context)?;
    let workers = config.machine.workers()?;
    Ok(Opened { config, setup, model, attempts, workers })
}

pub(crate) fn of_run(
    run: &Path,
    weights: Option<&Path>,
    setup: &Setup,
    device: &burn::tensor::Device,
) -> Result<Decoder, Failure> {
    let checkpoints = setup.checkpoints(run)?;
    let (card, model) = match weights {
        None if !checkpoints.exist() => {
            return Err(Failure::new(INPUT, format!("{}: this run has no checkpoint yet", run.display())));
        }
        None => {
            let (card, model, path, skipped) = checkpoints.newest(device)?;
            if let Some(Skipped { reason, .. }) = skipped.first() {
                let help = format!("the newest checkpoint that is whole is {}: give that instead of the run", path.display());
                return Err(Failure::new(INPUT, reason.clone()).with_help(help));
            }
            if is_within(&path) {
                print_notes(&[format!("this run is not over: {} is its newest checkpoint", path.display())]);
            }
            (card, model)
        }
        Some(weights) => checkpoints.load(weights, device)?,
    };
    if card.vocabulary.as_ref() != setup.vocabulary() {
        let message = format!("{}: the data file has other characters than the one the model was trained on", run.display());
        return Err(Failure::new(INPUT, message));
    }
    Ok(model)
}

fn of_folder(adapter: Option<&Path>, setup: &Setup) -> Result<Decoder, Failure> {
    let Some(adapter) = adapter else { return Ok(setup.model()?.0) };
    Ok(setup.adapted_model(adapter)?)
}

/// The run folder that `path` is or lies in, and the checkpoint that it names.
pub(crate) fn run_of(path: &Path) -> Result<(PathBuf, Option<PathBuf>), Failure> {
    let checkpoint = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let run = checkpoint.parent().and_then(Path::parent).map(|run| if run == Path::new("") { Path::new(".") } else { run });
    let within = run.filter(|run| run.join("config.toml").is_file() && checkpoint.starts_with(run.join("checkpoints")));
    if let Some(run) = within.filter(|_| path.exists()) {
        return Ok((run.into(), Some(path.into())));
    }
    if path.is_dir() {
        if path.join("config.toml").is_file() {
            return Ok((path.into(), None));
        }
        let error = Failure::new(INPUT, format!("{}: not a run folder (it holds no config.toml)", path.display()));
        let holds = |name: &str| path.join(name).is_file();
        return Err(match (holds("adapter_config.json"), holds("config.json")) {
            (true, _) => error.with_help("an adapter's folder is given as --adapter, with its model as --model"),
            (_, true) => error.with_help("a model folder is given as --model"),
            _ => error,
        });
    }
    if !path.exists() {
        return Err(Failure::new(INPUT, format!("{}: no such run or weights file", path.display())));
    }
    let error = Failure::new(INPUT, format!("{}: not in the checkpoints folder of a run", path.display()));
    let is_gguf = path.extension().is_some_and(|kind| kind == "gguf");
    Err(if is_gguf { error.with_help("a GGUF file is given as --model") } else { error })
}
