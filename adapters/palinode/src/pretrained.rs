//! Settings of a run that starts from a model folder.

use std::path::PathBuf;

use burn::tensor::FloatDType;
use palinode_hf::ChatConfig;
use palinode_lm::{LoraConfig, LoraLayers, LoraTarget};
use serde::{Deserialize, Serialize};

use crate::{device::Opened, setup::SetupError};

/// A model folder in Hugging Face layout or a GGUF file, and how its model is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainedConfig {
    /// The folder, or the file.
    #[serde(default)]
    pub path: PathBuf,
    /// Where it came from, as `owner/name@commit` on the Hugging Face Hub: fetched from there when the folder is missing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<String>,
    /// The type that weights are held in.
    #[serde(default)]
    pub dtype: WeightType,
    /// Whether activations are computed again on the way back instead of being held: less memory, more time, the same numbers up to rounding.
    #[serde(default)]
    pub gradient_checkpointing: bool,
    /// Low-rank adapters to be trained instead of the weights.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lora: Option<LoraSettings>,
    /// What is said besides the problem.
    #[serde(default)]
    pub chat: ChatConfig,
}

impl PretrainedConfig {
    /// All weights of a folder, with the defaults of everything else.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            source: None,
            dtype: WeightType::Auto,
            gradient_checkpointing: false,
            lora: None,
            chat: ChatConfig::default(),
        }
    }
}

/// Low-rank adapters; what is left out follows from the rank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraSettings {
    /// Inner width.
    pub rank: usize,
    /// Numerator of the scale alpha / rank; twice the rank when left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alpha: Option<f64>,
    /// Share of an adapter's inputs dropped in training.
    #[serde(default)]
    pub dropout: f64,
    /// Projections that get an adapter; all when left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub targets: Option<Vec<LoraTarget>>,
    /// Blocks that get adapters; all when left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub layers: Option<LoraLayers>,
}

impl LoraSettings {
    /// Adapters of this rank, with the defaults of everything else.
    pub fn new(rank: usize) -> Self {
        Self { rank, alpha: None, dropout: 0.0, targets: None, layers: None }
    }

    /// The adapters as the model takes them: what is left out here follows from the rank.
    pub fn config(&self) -> LoraConfig {
        let all = LoraConfig::on_all(self.rank);
        LoraConfig {
            rank: self.rank,
            alpha: self.alpha.unwrap_or(all.alpha),
            dropout: self.dropout,
            targets: self.targets.clone().unwrap_or(all.targets),
            layers: self.layers.clone().unwrap_or_default(),
        }
    }
}

/// The type that weights are held in while a model is trained or played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightType {
    /// bf16 on a GPU that computes with it, f32 elsewhere.
    #[default]
    Auto,
    /// 32 bits.
    F32,
    /// 16 bits with the range of 32; what is trained keeps a copy in f32 for the optimiser.
    Bf16,
}

impl WeightType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::F32, Self::Bf16];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// The type on a device.
    ///
    /// # Errors
    /// [`SetupError::Settings`] when the device can't compute with the one asked for.
    pub fn on(self, device: &Opened) -> Result<FloatDType, SetupError> {
        let half = device.backend.capabilities(&device.device).dtypes.contains(&FloatDType::BF16);
        match self {
            Self::Auto => Ok(if half && !device.on_cpu() { FloatDType::BF16 } else { FloatDType::F32 }),
            Self::F32 => Ok(FloatDType::F32),
            Self::Bf16 if half => Ok(FloatDType::BF16),
            Self::Bf16 => Err(SetupError::Settings(
                "this device does not compute in bf16: leave the dtype at `auto`, or set it to `f32`".into(),
            )),
        }
    }
}
