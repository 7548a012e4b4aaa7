//! The states that a run can go on from, and the models that it leaves.
//!
//! ```text
//! checkpoints/
//!   model.json              sizes of the model, and the vocabulary's characters: a checkpoint is used without the task's data
//!   base/ stage-1/ …        the end of each stage: kept for good
//!   warm-000100/ step-000050/   within a stage: the last few, and the best
//!     model.safetensors     weights, f32
//!     optimizer.safetensors AdamW's moments, within a stage
//!     masters.safetensors   f32 copies of a narrower model's weights, within a stage
//!     reference.safetensors what KL is measured against, where that is not the base
//!     state.json            how far the run had come, and how long its files were
//!     manifest.json         the format's version, and sizes and hashes of the files above: written last
//! ```
//!
//! A run that starts from a model of somebody else's keeps what was trained, and no copy of that model: it is asked for it again, and knows it by its
//! fingerprint.

mod manifest;
mod saved;
mod store;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::tensor::Device;
use palinode_lm::{Decoder, DecoderConfig};
use palinode_text::Vocabulary;
use serde::{Deserialize, Serialize};

pub(crate) use self::store::Store;
pub use self::{
    manifest::VERSION,
    saved::{Saved, Written},
};
use self::{
    manifest::{Sealed, at},
    saved::{STEP, SavedInside, WARM},
    store::Entry,
};
use crate::{
    error::TrainError,
    gradient::Masters,
    run::{
        files::FileSystem,
        keep::State,
        progress::{Resumed, Start},
        stored::Stored,
    },
};

const MODEL: &str = "model.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
const MASTERS: &str = "masters.safetensors";
const REFERENCE: &str = "reference.safetensors";
const STATE: &str = "state.json";
/// Longest `model.json` that is read: characters of a vocabulary, and two dozen numbers.
const LONGEST_CARD: u64 = 1 << 24;

/// The `checkpoints` folder of a run.
#[derive(Debug, Clone)]
pub struct Checkpoints<M = Decoder> {
    store: Store,
    /// The model that the run started from, where it is not one of its own.
    origin: Option<M>,
}

/// What a run's checkpoints belong to: the model that they are weights of, and the one that it started from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ModelCard<C = DecoderConfig> {
    /// What the model is made from: of a decoder, its sizes.
    pub model: C,
    /// Its characters, where its tokens are characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vocabulary: Option<Vocabulary>,
    /// [`crate::trainable::fingerprint`] of the model that the run started from, where it is not one of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<String>,
}

impl<C> ModelCard<C> {
    /// The card of a model of one's own that is made from this.
    pub fn new(model: C) -> Self {
        Self { model, vocabulary: None, origin: None }
    }

    /// The same, whose tokens are characters.
    pub fn with_vocabulary(self, vocabulary: Option<Vocabulary>) -> Self {
        Self { vocabulary, ..self }
    }

    /// The same, of a run that started from a model of somebody else's with this fingerprint, where it did.
    pub fn starting_from(self, origin: Option<String>) -> Self {
        Self { origin, ..self }
    }
}

/// The newest model of a run that is whole, its card, the folder that it lies in, and newer ones that are not whole.
pub type Newest<M> = (ModelCard<<M as Stored>::Card>, M, PathBuf, Vec<Skipped>);

/// A checkpoint that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its folder.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// Where a run goes on.
#[derive(Debug)]
pub struct Found<M = Decoder> {
    /// The newest checkpoint that is whole.
    pub start: Start<M>,
    /// What it says.
    pub saved: Saved,
    /// Its folder.
    pub path: PathBuf,
    /// Newer ones that are not.
    pub skipped: Vec<Skipped>,
}

impl<M: Stored> Checkpoints<M> {
    /// The folder of the run at `run`.
    pub fn of(run: &Path) -> Self {
        Self { store: Store::of(run), origin: None }
    }

    /// The same folder by way of another file system.
    pub fn on(self, disk: Arc<dyn FileSystem>) -> Self {
        Self { store: self.store.on(disk), ..self }
    }

    /// Makes the folder, without any checkpoint of ours, and writes the model card. What is not ours stays.
    ///
    /// # Errors
    /// [`TrainError::Foreign`] for what is not ours under a name that a checkpoint has; [`TrainError::Io`].
    pub fn create(&self, card: &ModelCard<M::Card>) -> Result<(), TrainError> {
        self.store.create(card)
    }

    /// What the checkpoints' weights belong to.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Damaged`].
    pub fn card(&self) -> Result<ModelCard<M::Card>, TrainError> {
        self.store.card()
    }

    /// Stores a state, reads it back, and then removes older ones within stages but for the last `last` and the best.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Model`]; what was stored before is as it was.
    pub fn store(&self, state: &State<'_, M>, written: Written, last: usize) -> Result<(), TrainError> {
        self.store.store(state, written, last)
    }

    /// Whether there is a checkpoint, whole or not.
    pub fn exist(&self) -> bool {
        self.store.exist()
    }

    /// The same folder, of a run that started from a model of somebody else's: this one, with fresh adapters if it trains any, and with the fingerprint
    /// of the weights as they came.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Damaged`] for the card; [`TrainError::Origin`] when the run started from another model.
    pub fn starting_from(self, origin: M, fingerprint: &str) -> Result<Self, TrainError> {
        if self.card()?.origin.as_deref() != Some(fingerprint) {
            return Err(TrainError::Origin { run: self.store.folder });
        }
        Ok(Self { origin: Some(origin), ..self })
    }

    /// As [`Checkpoints::starting_from`], but with whatever model there is now, which the run starts from henceforth.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Damaged`] for the card.
    pub fn starting_anew_from(self, origin: M, fingerprint: &str) -> Result<Self, TrainError> {
        self.store.write_card(&ModelCard { origin: Some(fingerprint.to_owned()), ..self.card()? })?;
        Ok(Self { origin: Some(origin), ..self })
    }

    /// The newest model that is whole, the folder it lies in, and newer ones that are not.
    ///
    /// # Errors
    /// [`TrainError::Io`]; [`TrainError::Damaged`] when no checkpoint is whole; [`TrainError::Newer`]; [`TrainError::Model`].
    pub fn newest(&self, device: &Device) -> Result<Newest<M>, TrainError> {
        let (entry, skipped) = self.store.newest_whole(|_| Ok(()))?;
        Ok((self.card()?, self.model_of(&entry, device)?, entry.path, skipped))
    }

    /// The base model, before any RL.
    ///
    /// # Errors
    /// As [`Checkpoints::newest`].
    pub fn base(&self, device: &Device) -> Result<(ModelCard<M::Card>, M), TrainError> {
        self.load(&self.store.folder.join("base"), device)
    }

    /// A run's beginning on this one's base: the same model, and whether it was warmed up on references.
    ///
    /// # Errors
    /// As [`Checkpoints::newest`].
    pub fn beginning_on_base(&self, device: &Device) -> Result<Start<M>, TrainError> {
        let base = Entry::open(self.store.folder.join("base"))?;
        let mut start = Start::fresh(self.model_of(&base, device)?);
        start.progress.warmed = base.saved.progress.warmed;
        Ok(start)
    }

    /// The model in a checkpoint's folder, or in a weights file.
    ///
    /// # Errors
    /// As [`Checkpoints::newest`].
    pub fn load(&self, path: &Path, device: &Device) -> Result<(ModelCard<M::Card>, M), TrainError> {
        let model = if path.is_dir() {
            self.model_of(&Entry::open(path.into())?, device)?
        } else {
            self.model(&fs::read(path).map_err(|source| at(path, source))?, path, device)?
        };
        Ok((self.card()?, model))
    }

    /// Where to go on: after the newest checkpoint that is whole, and for which enough is left of the run's files.
    ///
    /// # Errors
    /// As [`Checkpoints::newest`].
    pub fn start(&self, device: &Device) -> Result<Found<M>, TrainError> {
        let (entry, skipped) = self.store.newest_whole(|saved| saved.written.fits(&self.store.run))?;
        let model = self.model_of(&entry, device)?;
        let Entry { path, sealed, saved } = entry;
        let base = match saved.progress.stages.is_empty() {
            true => None,
            false => Some(self.base(device)?.1),
        };
        let inside = match saved.inside.clone() {
            None => None,
            Some(SavedInside { place, began }) => Some(Resumed {
                optimizer: sealed.read(OPTIMIZER)?,
                masters: self.masters(&sealed, &model, &path)?,
                reference: match sealed.holds(REFERENCE) {
                    true => Some(self.model(&sealed.read(REFERENCE)?, &path.join(REFERENCE), device)?),
                    false => None,
                },
                place,
                began,
            }),
        };
        let start = Start { model, base, progress: saved.progress.clone(), inside, seconds: saved.seconds };
        Ok(Found { start, saved, path, skipped })
    }

    fn masters(&self, sealed: &Sealed, model: &M, path: &Path) -> Result<Option<M>, TrainError> {
        match Masters::of(model) {
            Some(masters) if sealed.holds(MASTERS) => {
                Ok(Some(masters.model.with_weights(&sealed.read(MASTERS)?, &path.join(MASTERS))?))
            }
            _ => Ok(None),
        }
    }

    fn model_of(&self, Entry { path, sealed, saved }: &Entry, device: &Device) -> Result<M, TrainError> {
        match &self.origin {
            Some(origin) if saved.is_origin() => Ok(origin.clone()),
            _ => self.model(&sealed.read(MODEL)?, &path.join(MODEL), device),
        }
    }

    fn model(&self, bytes: &[u8], path: &Path, device: &Device) -> Result<M, TrainError> {
        Ok(match &self.origin {
            Some(origin) => origin.clone().with_weights(bytes, path)?,
            None => M::read(&self.card()?.model, bytes, path, device)?,
        })
    }
}

/// Whether a checkpoint's name is that of one within a stage.
pub fn is_within(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    [WARM, STEP].iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests;
