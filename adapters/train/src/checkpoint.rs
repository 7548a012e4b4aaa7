//! The models a run leaves at stage ends, and how far it has come.
//!
//! `checkpoints/base.safetensors`, `stage-1.safetensors`, … hold weights; `model.json` holds the model's sizes and the vocabulary's characters, so
//! that a checkpoint can be used without the task's data; `progress.json` is written last and names what is complete.
//!
//! A run that starts from a model of somebody else's keeps what was trained, and no copy of that model: it is asked for it again, and knows it by its
//! fingerprint.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use palinode_lm::{Decoder, DecoderConfig};
use palinode_tasks::Vocabulary;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    error::TrainError,
    schedule::{Progress, Start},
};

/// The `checkpoints` folder of a run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
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

/// How far a run had come, and how long its files were then.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// Complete stages.
    pub progress: Progress,
    /// How much of its files.
    pub written: Written,
}

/// How long a run's files were: bytes, and lines of `metrics.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Bytes of `metrics.jsonl`.
    pub metrics: u64,
    /// Its lines.
    pub lines: u64,
    /// Bytes of `episodes.jsonl`.
    pub episodes: u64,
    /// Bytes of `times.jsonl`.
    pub times: u64,
}

impl Checkpoints {
    /// The folder of the run at `run`.
    pub fn of(run: &Path) -> Self {
        Self { folder: run.join("checkpoints"), origin: None }
    }

    /// The same folder, of a run that started from a model of somebody else's: this one, with fresh adapters if it trains any, and with the fingerprint
    /// of the weights as they came.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Damaged`] for the card; [`TrainError::Origin`] when the run started from another model.
    pub fn starting_from(self, origin: Decoder, fingerprint: &str) -> Result<Self, TrainError> {
        let card: ModelCard = read_json(&self.card_file())?;
        if card.origin.as_deref() != Some(fingerprint) {
            return Err(TrainError::Origin { run: self.folder });
        }
        Ok(Self { origin: Some(origin), ..self })
    }

    /// Whether a stage is complete.
    pub fn exist(&self) -> bool {
        self.progress_file().is_file()
    }

    /// Makes the folder and writes the model card.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn create(&self, card: &ModelCard) -> Result<(), TrainError> {
        fs::create_dir_all(&self.folder).map_err(|source| TrainError::Io { path: self.folder.clone(), source })?;
        write_json(&self.card_file(), card)
    }

    /// Stores the model behind the last complete stage, then says that it is complete.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Model`].
    pub fn store(&self, model: &Decoder, saved: &Saved) -> Result<(), TrainError> {
        let stage = saved.progress.stages.len().saturating_sub(1);
        let card: ModelCard = read_json(&self.card_file())?;
        if stage > 0 || card.origin.is_none() {
            let path = self.weights(stage);
            let draft = path.with_extension("tmp");
            model.save_trained(&draft)?;
            sync(&draft)?;
            fs::rename(&draft, &path).map_err(|source| TrainError::Io { path: path.clone(), source })?;
        }
        write_json(&self.progress_file(), saved)
    }

    /// The card and what is complete.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Damaged`].
    pub fn read(&self) -> Result<(ModelCard, Saved), TrainError> {
        Ok((read_json(&self.card_file())?, read_json(&self.progress_file())?))
    }

    /// The newest model.
    ///
    /// # Errors
    /// As [`Checkpoints::read`], and [`TrainError::Model`].
    pub fn newest(&self, device: &Device) -> Result<(ModelCard, Decoder), TrainError> {
        let (card, saved) = self.read()?;
        let model = self.model(saved.progress.stages.len().saturating_sub(1), device)?;
        Ok((card, model))
    }

    /// The base model, before any RL.
    ///
    /// # Errors
    /// As [`Checkpoints::newest`].
    pub fn base(&self, device: &Device) -> Result<(ModelCard, Decoder), TrainError> {
        let (card, _) = self.read()?;
        let model = self.model(0, device)?;
        Ok((card, model))
    }

    /// The model in a weights file of this folder.
    ///
    /// # Errors
    /// As [`Checkpoints::newest`].
    pub fn load(&self, weights: &Path, device: &Device) -> Result<(ModelCard, Decoder), TrainError> {
        let card: ModelCard = read_json(&self.card_file())?;
        let model = match &self.origin {
            Some(origin) => origin.clone().with_trained(weights)?,
            None => Decoder::load(&card.model, weights, device)?,
        };
        Ok((card, model))
    }

    /// The model behind a stage.
    fn model(&self, stage: usize, device: &Device) -> Result<Decoder, TrainError> {
        match (&self.origin, stage) {
            (Some(origin), 0) => Ok(origin.clone()),
            _ => Ok(self.load(&self.weights(stage), device)?.1),
        }
    }

    /// Where to continue.
    ///
    /// # Errors
    /// As [`Checkpoints::newest`].
    pub fn start(&self, device: &Device) -> Result<(Start<Decoder>, Saved), TrainError> {
        let (_, saved) = self.read()?;
        let (_, base) = self.base(device)?;
        let (_, model) = self.newest(device)?;
        Ok((Start { model, base: Some(base), progress: saved.progress.clone() }, saved))
    }

    fn card_file(&self) -> PathBuf {
        self.folder.join("model.json")
    }

    fn progress_file(&self) -> PathBuf {
        self.folder.join("progress.json")
    }

    fn weights(&self, stage: usize) -> PathBuf {
        self.folder.join(if stage == 0 { "base.safetensors".to_owned() } else { format!("stage-{stage}.safetensors") })
    }
}

fn sync(path: &Path) -> Result<(), TrainError> {
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(|source| TrainError::Io { path: path.into(), source })
}

/// Writes a sibling first, so that a kill leaves the old file or the new one.
fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), TrainError> {
    let io = |source| TrainError::Io { path: path.into(), source };
    let text = serde_json::to_string_pretty(value).map_err(|e| io(e.into()))?;
    let draft = path.with_extension("tmp");
    let mut file = fs::File::create(&draft).map_err(io)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&draft, path).map_err(io)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, TrainError> {
    let text = fs::read_to_string(path).map_err(|source| TrainError::Io { path: path.into(), source })?;
    serde_json::from_str(&text).map_err(|e| TrainError::Damaged { path: path.into(), reason: e.to_string() })
}
