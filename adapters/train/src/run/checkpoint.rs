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

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::tensor::Device;
use palinode_lm::{Decoder, DecoderConfig};
use palinode_text::Vocabulary;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use self::{
    manifest::VERSION,
    saved::{Saved, Written},
};
use self::{
    manifest::{Draft, Sealed, at, folders, is_own, remove, remove_drafts},
    saved::{STEP, SavedInside, WARM, is_name, name_of},
};
use crate::{
    error::TrainError,
    gradient::Masters,
    run::{
        files::{Disk, Files},
        keep::State,
        progress::{Resumed, Start},
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
pub struct Checkpoints {
    run: PathBuf,
    folder: PathBuf,
    disk: Arc<dyn Files>,
    /// The model that the run started from, where it is not one of its own.
    origin: Option<Decoder>,
}

/// What a checkpoint's weights belong to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Sizes of the model.
    pub model: DecoderConfig,
    /// Its characters, where its tokens are characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vocabulary: Option<Vocabulary>,
    /// [`crate::trainable::fingerprint`] of the model that the run started from, where it is not one of its own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<String>,
}

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
pub struct Found {
    /// The newest checkpoint that is whole.
    pub start: Start<Decoder>,
    /// What it says.
    pub saved: Saved,
    /// Its folder.
    pub path: PathBuf,
    /// Newer ones that are not.
    pub skipped: Vec<Skipped>,
}

/// A checkpoint whose manifest and state could be read.
struct Entry {
    path: PathBuf,
    sealed: Sealed,
    saved: Saved,
}

impl Entry {
    fn open(path: PathBuf) -> Result<Self, TrainError> {
        let sealed = Sealed::open(&path)?;
        let saved = parse(&sealed.read(STATE)?, &path.join(STATE))?;
        Ok(Self { path, sealed, saved })
    }
}

impl Checkpoints {
    /// The folder of the run at `run`.
    pub fn of(run: &Path) -> Self {
        Self { run: run.into(), folder: run.join("checkpoints"), disk: Arc::new(Disk), origin: None }
    }

    /// The same folder by way of another file system.
    pub fn on(self, disk: Arc<dyn Files>) -> Self {
        Self { disk, ..self }
    }

    /// The same folder, of a run that started from a model of somebody else's: this one, with fresh adapters if it trains any, and with the fingerprint
    /// of the weights as they came.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Damaged`] for the card; [`TrainError::Origin`] when the run started from another model.
    pub fn starting_from(self, origin: Decoder, fingerprint: &str) -> Result<Self, TrainError> {
        if self.card()?.origin.as_deref() != Some(fingerprint) {
            return Err(TrainError::Origin { run: self.folder });
        }
        Ok(Self { origin: Some(origin), ..self })
    }

    /// As [`Checkpoints::starting_from`], but with whatever model there is now, which the run starts from henceforth.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Damaged`] for the card.
    pub fn starting_anew_from(self, origin: Decoder, fingerprint: &str) -> Result<Self, TrainError> {
        self.write_card(&ModelCard { origin: Some(fingerprint.to_owned()), ..self.card()? })?;
        Ok(Self { origin: Some(origin), ..self })
    }

    /// Makes the folder, without any checkpoint of ours, and writes the model card. What is not ours stays.
    ///
    /// # Errors
    /// [`TrainError::Foreign`] for what is not ours under a name that a checkpoint has; [`TrainError::Io`].
    pub fn create(&self, card: &ModelCard) -> Result<(), TrainError> {
        self.require_own()?;
        remove_drafts(&*self.disk, &self.folder)?;
        for path in self.named()? {
            remove(&*self.disk, &path)?;
        }
        self.disk.create_folder(&self.folder).map_err(|source| at(&self.folder, source))?;
        self.write_card(card)
    }

    fn write_card(&self, card: &ModelCard) -> Result<(), TrainError> {
        let (path, draft) = (self.card_file(), self.folder.join("model.json.draft"));
        let text = serde_json::to_vec_pretty(card).map_err(|error| at(&path, error.into()))?;
        let written = self.disk.write(&draft, &text).and_then(|()| self.disk.rename(&draft, &path));
        written.and_then(|()| self.disk.sync_folder(&self.folder)).map_err(|source| at(&path, source))
    }

    /// Whether this is the folder of a run, whole or not: it holds the model card that nothing else writes.
    pub fn are_of_a_run(&self) -> bool {
        self.card().is_ok()
    }

    /// Refuses folders that have the name of a checkpoint and are none that palinode made.
    pub(crate) fn require_own(&self) -> Result<(), TrainError> {
        let foreign = |path| TrainError::Foreign { path, reason: "is no checkpoint of a run".into() };
        self.named()?.into_iter().find(|path| !is_own(path)).map_or(Ok(()), |path| Err(foreign(path)))
    }

    /// Folders by names that checkpoints have.
    fn named(&self) -> Result<Vec<PathBuf>, TrainError> {
        Ok(folders(&self.folder)?.into_iter().filter(|name| is_name(name)).map(|name| self.folder.join(name)).collect())
    }

    /// Stores a state, reads it back, and then removes older ones within stages but for the last `last` and the best.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Model`]; what was stored before is as it was.
    pub fn store(&self, state: &State<'_, Decoder>, written: Written, last: usize) -> Result<(), TrainError> {
        let saved = Saved::of(state, written);
        let mut draft = Draft::new(&*self.disk, &self.folder, &name_of(&saved))?;
        if !saved.is_origin() || self.card()?.origin.is_none() {
            draft.add(MODEL, &state.model.trained_bytes()?)?;
        }
        if let Some(inside) = &state.inside {
            draft.add(OPTIMIZER, &inside.learner.optimizer_bytes().map_err(TrainError::Optimizer)?)?;
            if let Some(masters) = inside.learner.masters() {
                draft.add(MASTERS, &masters.trained_bytes()?)?;
            }
            if let Some(reference) = inside.reference {
                draft.add(REFERENCE, &reference.trained_bytes()?)?;
            }
        }
        let text = serde_json::to_vec_pretty(&saved).map_err(|error| at(&self.folder, error.into()))?;
        draft.add(STATE, &text)?;
        draft.seal()?;
        self.prune(last)
    }

    /// Removes what is no longer wanted: drafts, and checkpoints within stages that can't be read, and the others but for the last `last` and the best.
    fn prune(&self, last: usize) -> Result<(), TrainError> {
        remove_drafts(&*self.disk, &self.folder)?;
        let (mut within, unreadable) = self.list()?;
        for Skipped { path, .. } in unreadable.iter().filter(|skipped| is_within(&skipped.path) && is_own(&skipped.path)) {
            remove(&*self.disk, path)?;
        }
        within.retain(|entry| entry.saved.inside.is_some());
        let best = within.iter().filter_map(|entry| entry.saved.score).fold(f64::NEG_INFINITY, f64::max);
        // The first of several that are equally good.
        let best = within.iter().position(|entry| entry.saved.score == Some(best));
        let old = within.len().saturating_sub(last.max(1));
        for (i, Entry { path, .. }) in within.iter().enumerate() {
            if i < old && Some(i) != best {
                remove(&*self.disk, path)?;
            }
        }
        Ok(())
    }

    /// Every checkpoint, the oldest first, and those whose state can't be read.
    fn list(&self) -> Result<(Vec<Entry>, Vec<Skipped>), TrainError> {
        let (mut found, mut skipped) = (Vec::new(), Vec::new());
        for path in self.named()? {
            match Entry::open(path.clone()) {
                Ok(entry) => found.push(entry),
                Err(error) => skipped.push(skip(path, error)?),
            }
        }
        found.sort_by_key(|entry| entry.saved.order());
        Ok((found, skipped))
    }

    /// Whether there is a checkpoint, whole or not.
    pub fn exist(&self) -> bool {
        self.named().is_ok_and(|found| !found.is_empty())
    }

    /// The newest model that is whole, the folder it lies in, and newer ones that are not.
    ///
    /// # Errors
    /// [`TrainError::Io`]; [`TrainError::Damaged`] when no checkpoint is whole; [`TrainError::Newer`]; [`TrainError::Model`].
    pub fn newest(&self, device: &Device) -> Result<(ModelCard, Decoder, PathBuf, Vec<Skipped>), TrainError> {
        let (entry, skipped) = self.newest_whole(|_| Ok(()))?;
        Ok((self.card()?, self.model_of(&entry, device)?, entry.path, skipped))
    }

    /// The base model, before any RL.
    ///
    /// # Errors
    /// As [`Checkpoints::newest`].
    pub fn base(&self, device: &Device) -> Result<(ModelCard, Decoder), TrainError> {
        self.load(&self.folder.join("base"), device)
    }

    /// The model in a checkpoint's folder, or in a weights file.
    ///
    /// # Errors
    /// As [`Checkpoints::newest`].
    pub fn load(&self, path: &Path, device: &Device) -> Result<(ModelCard, Decoder), TrainError> {
        let model = if path.is_dir() {
            self.model_of(&Entry::open(path.into())?, device)?
        } else {
            self.model(&fs::read(path).map_err(|source| at(path, source))?, path, device)?
        };
        Ok((self.card()?, model))
    }

    /// Where to go on: behind the newest checkpoint that is whole, and for which enough is left of the run's files.
    ///
    /// # Errors
    /// As [`Checkpoints::newest`].
    pub fn start(&self, device: &Device) -> Result<Found, TrainError> {
        let (entry, skipped) = self.newest_whole(|saved| saved.written.fits(&self.run))?;
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

    fn masters(&self, sealed: &Sealed, model: &Decoder, path: &Path) -> Result<Option<Decoder>, TrainError> {
        match Masters::of(model) {
            Some(masters) if sealed.holds(MASTERS) => {
                Ok(Some(masters.model.with_trained(&sealed.read(MASTERS)?, &path.join(MASTERS))?))
            }
            _ => Ok(None),
        }
    }

    /// The newest checkpoint that is whole and fit, and newer ones that are not.
    fn newest_whole(&self, fit: impl Fn(&Saved) -> Result<(), TrainError>) -> Result<(Entry, Vec<Skipped>), TrainError> {
        let (found, mut skipped) = self.list()?;
        for entry in found.into_iter().rev() {
            match entry.sealed.verify().and_then(|()| fit(&entry.saved)) {
                Ok(()) => return Ok((entry, skipped)),
                Err(error) => skipped.push(skip(entry.path, error)?),
            }
        }
        let reasons: Vec<String> =
            skipped.iter().map(|skipped| format!("{}: {}", skipped.path.display(), skipped.reason)).collect();
        let reason = if reasons.is_empty() { "there is no checkpoint yet".into() } else { reasons.join("; ") };
        Err(TrainError::Damaged { path: self.folder.clone(), reason })
    }

    fn model_of(&self, Entry { path, sealed, saved }: &Entry, device: &Device) -> Result<Decoder, TrainError> {
        match &self.origin {
            Some(origin) if saved.is_origin() => Ok(origin.clone()),
            _ => self.model(&sealed.read(MODEL)?, &path.join(MODEL), device),
        }
    }

    fn model(&self, bytes: &[u8], path: &Path, device: &Device) -> Result<Decoder, TrainError> {
        Ok(match &self.origin {
            Some(origin) => origin.clone().with_trained(bytes, path)?,
            None => Decoder::parse(&self.card()?.model, bytes, path, device)?,
        })
    }

    /// What the checkpoints' weights belong to.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Damaged`].
    pub fn card(&self) -> Result<ModelCard, TrainError> {
        let path = self.card_file();
        let length = fs::metadata(&path).map_err(|source| at(&path, source))?.len();
        if length > LONGEST_CARD {
            return Err(TrainError::Damaged { path, reason: format!("has {length} bytes, which no model card has") });
        }
        parse(&fs::read(&path).map_err(|source| at(&path, source))?, &path)
    }

    fn card_file(&self) -> PathBuf {
        self.folder.join("model.json")
    }
}

fn parse<T: DeserializeOwned>(text: &[u8], path: &Path) -> Result<T, TrainError> {
    serde_json::from_slice(text).map_err(|error| TrainError::Damaged { path: path.into(), reason: error.to_string() })
}

/// Whether a checkpoint's name is that of one within a stage.
pub fn is_within(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    [WARM, STEP].iter().any(|begin| name.starts_with(begin))
}

/// What is damaged is skipped; what is newer than this code is not: an older state would silently undo what the newer one knows.
fn skip(path: PathBuf, error: TrainError) -> Result<Skipped, TrainError> {
    match error {
        TrainError::Newer { .. } => Err(error),
        error => Ok(Skipped { path, reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests;
