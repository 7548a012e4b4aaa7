//! From settings to things: a task, a model, and how that is kept.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::tensor::{Device, FloatDType};
use palinode_core::task::Split;
use palinode_gguf::Kind;
use palinode_hf::{Chat, Folder, HfError, may_be_written, remove_written, save_adapters};
use palinode_lm::{Decoder, DecoderConfig, LmError};
use palinode_tasks::{FileTask, Ledger, Sorting, TaskError};
use palinode_text::{TextTask, Vocabulary};
use palinode_train::{
    TrainError, play,
    run::{
        checkpoint::{Checkpoints, ModelCard},
        keep::{Keep, State, Wish},
        run_folder::RunFolder,
    },
    schedule::{check_context, check_fit, check_problems},
    trainable::fingerprint,
};

use crate::{
    config::{RunConfig, TaskConfig},
    device::Opened,
    pretrained::PretrainedConfig,
    problems::{check_taught, in_characters, in_chat, model_notes, remarks, with_room},
};

/// What a run leaves for others to load.
const MODEL: &str = "model";
const ADAPTER: &str = "adapter";

/// What settings stand for, opened and found to fit together.
pub struct Setup {
    /// The problems.
    pub task: Box<dyn TextTask>,
    /// Sizes of the model.
    pub sizes: DecoderConfig,
    /// What a person should know before anything runs.
    pub notes: Vec<String>,
    /// Attempts an episode.
    pub attempts: usize,
    origin: Option<Origin>,
    seed: u64,
    device: Device,
}

/// The model of somebody else's that a run starts from.
struct Origin {
    folder: Folder,
    settings: PretrainedConfig,
    dtype: FloatDType,
}

/// Why settings can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The problems can't be used.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A number of the run makes no sense, or the task does not fit the model.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The model folder can't be used.
    #[error(transparent)]
    Hf(#[from] HfError),
    /// The model can't be made.
    #[error(transparent)]
    Lm(#[from] LmError),
    /// Two settings exclude each other.
    #[error("{0}")]
    Settings(String),
    /// The device failed.
    #[error("{0}")]
    Device(String),
}

impl Setup {
    /// Opens the task and, where there is one, the model folder; loads no weights.
    ///
    /// # Errors
    /// [`SetupError`]: everything that can be wrong with settings is found here.
    pub fn open(config: &RunConfig, opened: &Opened) -> Result<Self, SetupError> {
        config.train.check()?;
        match &config.pretrained {
            Some(settings) => Self::pretrained(config, settings, opened),
            None => Self::scratch(config, opened),
        }
    }

    /// A model of our own for a task.
    fn scratch(config: &RunConfig, opened: &Opened) -> Result<Self, SetupError> {
        let mut notes = Vec::new();
        let task: Box<dyn TextTask> = match &config.task.data {
            Some(path) => {
                let task = in_characters(path, config)?;
                notes.extend(remarks(&task));
                Box::new(task)
            }
            None => built_in(&config.task)?,
        };
        let (model, attempts) = (&config.model, config.train.attempts);
        let context = match model.context {
            Some(context) => context,
            None => play::context(task.as_ref(), attempts).map_err(TrainError::from)?,
        };
        check_fit(task.as_ref(), attempts, context)?;
        let vocabulary = task.dialogue().tokenizer().len();
        let mut sizes = DecoderConfig::small(vocabulary, model.width, model.layers, model.heads, context);
        sizes.kv_heads = model.kv_heads.unwrap_or(sizes.kv_heads);
        sizes.feed_forward = model.feed_forward.unwrap_or(sizes.feed_forward);
        sizes.tied = model.tied;
        sizes.check()?;
        Ok(Self { task, sizes, notes, attempts, origin: None, seed: config.train.seed, device: opened.device.clone() })
    }

    /// A folder's model, and problems of a file in its chat.
    fn pretrained(config: &RunConfig, settings: &PretrainedConfig, opened: &Opened) -> Result<Self, SetupError> {
        let refuse = |message: &str| Err(SetupError::Settings(message.to_owned()));
        if config.model != Default::default() {
            return refuse(
                "[model] gives the sizes of a new model; those of a folder's model are in the folder: leave [model] out",
            );
        }
        if config.train.warm.steps() > 0 {
            return refuse(
                "the three phases of [train.warm] are a warm start for a new model; a folder's is warmed up on references: leave [train.warm] out, and set \
                 train.supervised.steps (--steps-warm)",
            );
        }
        let dtype = settings.dtype.on(opened)?;
        let folder = Folder::open(&settings.path, &opened.device)?;
        let chat = Chat::of(&folder, settings.chat.clone())?;
        let folder = folder.with_tokens_of(chat.tokenizer());
        let (attempts, sizes) = (config.train.attempts, folder.config().clone());
        if let Some(lora) = &settings.lora {
            lora.config().blocks(&sizes)?;
        }
        let task = match &config.task.data {
            Some(path) => in_chat(path, config, Arc::new(chat))?,
            None => FileTask::without_problems(Arc::new(chat)),
        };
        let task = with_room(task, config, sizes.context)?;
        let mut notes = model_notes(&folder, &task);
        notes.extend(remarks(&task));
        notes.extend(check_taught(&task, config)?);
        check_context(&task, attempts, sizes.context)?;
        let origin = Origin { folder, settings: settings.clone(), dtype };
        let (seed, device) = (config.train.seed, opened.device.clone());
        Ok(Self { task: Box::new(task), sizes, notes, attempts, origin: Some(origin), seed, device })
    }

    /// The model's sizes, for people.
    pub fn sizes_in_words(&self) -> String {
        let DecoderConfig { layers, width, heads, kv_heads, vocabulary, context, .. } = &self.sizes;
        format!("{layers} blocks of width {width}, {heads} heads on {kv_heads}, vocabulary {vocabulary}, context {context}")
    }

    /// A name for runs of these settings: the folder's, the file's, or the task's.
    pub fn name(&self) -> String {
        let folder = self.origin.as_ref().and_then(|origin| origin.folder.name());
        folder.unwrap_or_else(|| self.task.shown().name().to_owned())
    }

    /// Refuses a folder's model without problems: one can talk to it, but not train or evaluate it.
    ///
    /// # Errors
    /// [`SetupError::Settings`]; [`SetupError::Train`] when a split of the problems is empty.
    pub fn require_problems(&self) -> Result<(), SetupError> {
        if self.task.is_empty(Split::Train) && self.task.is_empty(Split::HeldOut) {
            let message = "a model folder needs problems: give --data FILE (built-in tasks are made of characters, not of text)";
            return Err(SetupError::Settings(message.into()));
        }
        Ok(check_problems(self.task.as_ref())?)
    }

    /// The folder's model as it is, without fresh adapters; a new one where there is no folder.
    ///
    /// # Errors
    /// Those of [`Folder::load`].
    pub fn bare_model(&self) -> Result<Decoder, SetupError> {
        match &self.origin {
            Some(origin) => Ok(origin.folder.load(&self.device)?.cast(origin.dtype)),
            None => Ok(Decoder::new(&self.sizes, self.seed, &self.device)?),
        }
    }

    /// The folder's model with an adapter in PEFT's layout.
    ///
    /// # Errors
    /// Those of [`Folder::with_adapter`] and [`Folder::load`]; [`SetupError::Settings`] where there is no folder.
    pub fn adapted_model(&self, adapter: &Path) -> Result<Decoder, SetupError> {
        let Some(origin) = &self.origin else {
            return Err(SetupError::Settings("an adapter belongs to a model folder: give --model too".into()));
        };
        Ok(origin.folder.clone().with_adapter(adapter, &self.device)?.load(&self.device)?.cast(origin.dtype))
    }

    /// The model that a run of these settings starts from, and the fingerprint of the weights that it was given.
    ///
    /// # Errors
    /// Those of [`Folder::load`], and of [`Decoder::with_adapters`].
    pub fn model(&self) -> Result<(Decoder, Option<String>), SetupError> {
        let Some(Origin { folder, settings, dtype }) = &self.origin else { return Ok((self.bare_model()?, None)) };
        let model = folder.load(&self.device)?;
        let fingerprint = fingerprint(&model);
        let model = model.cast(*dtype).with_recomputation(settings.gradient_checkpointing);
        let model = match &settings.lora {
            Some(lora) => model.with_adapters(&lora.config(), self.seed)?,
            None => model,
        };
        Ok((model, Some(fingerprint)))
    }

    /// What a checkpoint of such a run says about its weights.
    pub fn card(&self, origin: Option<String>) -> ModelCard {
        ModelCard::new(self.sizes.clone()).with_vocabulary(self.vocabulary().cloned()).starting_from(origin)
    }

    /// The characters of the task, where tokens are characters.
    pub fn vocabulary(&self) -> Option<&Vocabulary> {
        self.task.dialogue().tokenizer().vocabulary()
    }

    /// The checkpoints of a run of these settings.
    ///
    /// # Errors
    /// As [`Setup::model`], and [`TrainError::Origin`] when the folder holds another model than it did.
    pub fn checkpoints(&self, run: &Path) -> Result<Checkpoints, SetupError> {
        let checkpoints = Checkpoints::of(run);
        if self.origin.is_none() {
            return Ok(checkpoints);
        }
        let (model, fingerprint) = self.model()?;
        Ok(checkpoints.starting_from(model, &fingerprint.unwrap_or_default())?)
    }

    /// As [`Setup::checkpoints`], with whatever weights the model's folder holds now: the run starts from them henceforth.
    ///
    /// # Errors
    /// As [`Setup::model`]; [`SetupError::Train`] for the run's model card.
    pub fn checkpoints_from_other_weights(&self, run: &Path) -> Result<Checkpoints, SetupError> {
        let (model, fingerprint) = self.model()?;
        Ok(Checkpoints::of(run).starting_anew_from(model, &fingerprint.unwrap_or_default())?)
    }

    /// Keeps the models of a run.
    pub fn kept(&self, run: RunFolder) -> Keeper<'_> {
        Keeper { run, setup: self }
    }

    /// The type that weights are held in.
    pub fn dtype(&self) -> FloatDType {
        self.origin.as_ref().map_or(FloatDType::F32, |origin| origin.dtype)
    }

    /// The settings of the folder's model.
    pub fn settings(&self) -> Option<&PretrainedConfig> {
        self.origin.as_ref().map(|origin| &origin.settings)
    }

    /// Writes what a run trained for others to load: `model/`, a folder like the one it started from, or `adapter/`, in PEFT layout. A model of our
    /// own is in the checkpoints already. Where something stands that palinode did not write, the next free one of `model-2/`, … is taken.
    ///
    /// # Errors
    /// Those of [`Folder::save`] and [`save_adapters`].
    pub fn export(&self, model: &Decoder, run: &Path) -> Result<Option<PathBuf>, SetupError> {
        let Some(Origin { folder, settings, .. }) = &self.origin else { return Ok(None) };
        let name = if settings.lora.is_some() { ADAPTER } else { MODEL };
        let others = (2..).map(|n| run.join(format!("{name}-{n}")));
        let path = std::iter::once(run.join(name)).chain(others).find(|path| self.may_export_to(path)).unwrap_or_default();
        match &settings.lora {
            Some(lora) => {
                let known_as = settings.source.as_deref().and_then(|source| source.split('@').next());
                let base = known_as.map_or_else(|| settings.path.display().to_string(), str::to_owned);
                save_adapters(model, &lora.config(), &base, &path)?;
            }
            None => folder.save(model, &path)?,
        }
        Ok(Some(path))
    }

    /// Writes a model of this run's sizes, with its adapters merged, as a GGUF file; gives what [`Folder::write_gguf`] does.
    ///
    /// # Errors
    /// Those of [`Folder::write_gguf`]; [`SetupError::Settings`] where the run started from no model of somebody else's.
    pub fn write_gguf(&self, model: &Decoder, kind: Kind, to: &Path) -> Result<Vec<String>, SetupError> {
        match &self.origin {
            Some(origin) => Ok(origin.folder.write_gguf(model, kind, to)?),
            None => Err(SetupError::Settings("a new model has no tokenizer that a GGUF file could hold".into())),
        }
    }

    /// Whether the trained model may stand there: not in the place of the one that the run started from, nor of what palinode did not write.
    fn may_export_to(&self, path: &Path) -> bool {
        let given = self.origin.as_ref().and_then(|origin| origin.settings.path.canonicalize().ok());
        may_be_written(path).is_ok() && (given.is_none() || path.canonicalize().ok() != given)
    }
}

/// Removes what an earlier run in this place exported, as far as palinode wrote it: it must not be taken for this run's.
///
/// # Errors
/// [`HfError::Io`].
pub fn remove_exports(run: &Path) -> Result<(), HfError> {
    [MODEL, ADAPTER].into_iter().try_for_each(|name| remove_written(&run.join(name)))
}

/// A run's folder, and the types in which its model will be written.
pub struct Keeper<'a> {
    run: RunFolder,
    setup: &'a Setup,
}

impl Keep<Decoder> for Keeper<'_> {
    fn wish(&mut self, done: usize) -> Wish {
        Keep::<Decoder>::wish(&mut self.run, done)
    }

    fn keep(&mut self, state: &State<'_, Decoder>) -> Result<(), TrainError> {
        self.run.keep(state)
    }

    /// All weights of a folder's model are rounded to the folder's types; adapters are written in f32.
    fn settle(&self, model: Decoder) -> Result<Decoder, TrainError> {
        match &self.setup.origin {
            Some(Origin { folder, settings, dtype }) if settings.lora.is_none() => {
                let rounded = folder.rounded(&model, &self.setup.device).map_err(|error| TrainError::Write(error.into()))?;
                Ok(rounded.cast(*dtype).with_recomputation(model.recomputes()).with_kernels(model.uses_kernels()))
            }
            _ => Ok(model),
        }
    }
}

/// How many ids of a folder's model no token has, where there are such.
pub fn without_token(folder: &Folder) -> Option<String> {
    let (unused, all) = (folder.unused().len(), folder.config().vocabulary);
    (unused > 0).then(|| {
        let are = if unused == 1 {
            "id of the model has no token in its tokenizer; it is"
        } else {
            "ids of the model have no token in its tokenizer; they are"
        };
        format!("{unused} of {all} {are} never sampled, and left out of every distribution")
    })
}

/// A built-in task with the sizes that were asked for.
///
/// # Errors
/// [`SetupError::Settings`] for settings of problems of a file; [`SetupError::Task`] for an unknown name, or sizes that make no sense.
pub fn built_in(config: &TaskConfig) -> Result<Box<dyn TextTask>, SetupError> {
    if config.max_answer.is_some() {
        return Err(SetupError::Settings("task.max_answer is for problems of a file: built-in answers have one length".into()));
    }
    let of_files = [
        ("held_out", config.held_out.is_some()),
        ("layout", config.layout.is_some()),
        ("prompt_field", config.prompt_field.is_some()),
        ("answer_field", config.answer_field.is_some()),
        ("solution_field", config.solution_field.is_some()),
        ("decimal_comma", config.decimal_comma),
        ("verifier", config.verifier.is_some()),
    ];
    if let Some((key, _)) = of_files.iter().find(|(_, given)| *given) {
        return Err(SetupError::Settings(format!("task.{key} is for problems of a file: set task.data too")));
    }
    Ok(match config.name.as_str() {
        "ledger" => Box::new(Ledger::new(config.digits, config.zero_probability)?),
        "sorting" => Box::new(Sorting::new(config.digits)?),
        "file" | "jsonl" => return Err(SetupError::Settings("task.data is missing: name the file of problems".into())),
        other => palinode_tasks::builtin(other)?,
    })
}
