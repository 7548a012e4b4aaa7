//! Opening what a run left: its configuration, task and model.

use std::path::{Path, PathBuf};

use palinode::{
    config::RunConfig,
    lm::Decoder,
    tasks::TextTask,
    train::{checkpoint::Checkpoints, schedule::check_fit},
};

use super::{Failure, failure::INPUT};

/// A trained model with the task it was trained for.
pub(crate) struct Opened {
    pub(crate) config: RunConfig,
    pub(crate) task: Box<dyn TextTask>,
    pub(crate) model: Decoder,
}

/// Opens a run folder's newest model, or one weights file of its checkpoints folder, for a number of attempts.
pub(crate) fn open(path: &Path, attempts: Option<u8>, device: &str) -> Result<(Opened, usize), Failure> {
    let device = palinode::device::open(device)?.device;
    let (run, weights) = run_of(path)?;
    let config = RunConfig::read(&run.join("config.toml"))?;
    let task = config.open_task()?;
    let checkpoints = Checkpoints::of(&run);
    if !checkpoints.exist() && weights.is_none() {
        return Err(Failure::new(INPUT, format!("{}: no stage of this run is complete yet", run.display())));
    }
    let (card, model) = match weights {
        None => checkpoints.newest(&device)?,
        Some(weights) => {
            let (card, _) = checkpoints.read()?;
            let model = Decoder::load(&card.model, &weights, &device)?;
            (card, model)
        }
    };
    if card.vocabulary.as_ref() != task.dialogue().tokenizer().vocabulary() {
        let message = format!("{}: the data file has other characters than the one the model was trained on", run.display());
        return Err(Failure::new(INPUT, message));
    }
    let attempts = attempts.map_or(config.train.attempts, usize::from);
    check_fit(task.as_ref(), attempts, card.model.context)?;
    Ok((Opened { config, task, model }, attempts))
}

/// The run folder that `path` is or lies in, and the weights file it names.
fn run_of(path: &Path) -> Result<(PathBuf, Option<PathBuf>), Failure> {
    if path.is_dir() {
        if path.join("config.toml").is_file() {
            return Ok((path.into(), None));
        }
        return Err(Failure::new(INPUT, format!("{}: not a run folder (it holds no config.toml)", path.display())));
    }
    if !path.exists() {
        return Err(Failure::new(INPUT, format!("{}: no such run or weights file", path.display())));
    }
    match path.parent().and_then(Path::parent) {
        Some(run) if run.join("config.toml").is_file() => Ok((run.into(), Some(path.into()))),
        _ => Err(Failure::new(INPUT, format!("{}: not in the checkpoints folder of a run", path.display()))),
    }
}
