//! The configuration file of a run: task, model and every number of the training.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use palinode_tasks::{Layout, TaskError, verifiers::VerifierConfig};
use palinode_train::{
    TrainError,
    config::{SupervisedConfig, TrainConfig},
    gradient::workers::{DECODE_BATCH, Workers},
    judges::VERDICT_LIMIT,
    run::run_folder::Keeping,
};
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::{device, pretrained::PretrainedConfig};

/// Defaults with a model folder.
const LEARNING_RATE: f64 = 5e-6;
/// Adapters take about ten times the rate of all weights.
const LEARNING_RATE_LORA: f64 = 5e-5;
/// The same on references, where every token of an example is worth learning.
const LEARNING_RATE_LORA_SUPERVISED: f64 = 3e-4;
const MICRO_BATCH: usize = 4;

/// A whole run. Every key may be left out; the default is the ledger task with a recipe that works.
///
/// With a model folder, some defaults are others: no warm start, a learning rate of 5e-6 (arXiv 2409.12917, table 5) or, with adapters, of 5e-5 (3e-4 on
/// references), and micro-batches of 4.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Where problems come from.
    pub task: TaskConfig,
    /// Sizes of a new model.
    pub model: ModelConfig,
    /// A model folder to start from instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<PretrainedConfig>,
    /// Everything else.
    pub train: TrainConfig,
    /// What it runs on; no number depends on it but those of other devices' arithmetic.
    pub machine: MachineConfig,
    /// When its state is stored; no number depends on it.
    pub checkpoints: Keeping,
}

/// What a run runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MachineConfig {
    /// The device's name.
    pub device: String,
    /// Threads; 0 for one a core on the CPU, and one elsewhere.
    pub threads: usize,
    /// Episodes that each thread decodes together; 0 for [`DECODE_BATCH`] on the CPU, and [`DECODE_BATCH_GPU`] elsewhere.
    pub decode_batch: usize,
    /// How long a verdict on problems of a file may take, in seconds, before it counts as failed; 0 for as long as it likes. Built-in tasks judge at
    /// once. A run in which no verdict is late does not depend on it.
    pub verdict_seconds: f64,
    /// Whether the CPU runs a model's passes written out (`palinode_kernels`), or one tensor operation after another as other devices do.
    pub kernels: bool,
}

impl Default for MachineConfig {
    fn default() -> Self {
        Self { device: "flex".into(), threads: 0, decode_batch: 0, verdict_seconds: VERDICT_LIMIT.as_secs_f64(), kernels: true }
    }
}

/// A week.
const MOST_VERDICT_SECONDS: f64 = 604_800.0;

/// Episodes that a GPU decodes together when nothing else is asked for: a step of decoding reads all weights, however few rows it is for.
pub const DECODE_BATCH_GPU: usize = 128;

impl MachineConfig {
    /// The threads of this device. A GPU is given whole batches by one thread: several would share it, and need memory each.
    ///
    /// # Errors
    /// Those of [`Workers::new`]; [`TrainError::Config`] when `verdict_seconds` is no length of time.
    pub fn workers(&self) -> Result<Workers, TrainError> {
        let (threads, together) = if device::on_cpu(&self.device) { (0, DECODE_BATCH) } else { (1, DECODE_BATCH_GPU) };
        let or = |asked: usize, usual: usize| if asked == 0 { usual } else { asked };
        let seconds = self.verdict_seconds;
        if !(0.0..=MOST_VERDICT_SECONDS).contains(&seconds) {
            let expected = format!("within [0, {MOST_VERDICT_SECONDS}]");
            return Err(TrainError::Config { name: "machine.verdict_seconds", expected, got: seconds.to_string() });
        }
        let limit = (seconds > 0.0).then(|| Duration::from_secs_f64(seconds));
        let workers = Workers::new(or(self.threads, threads))?.with_decode_batch(or(self.decode_batch, together));
        Ok(workers.with_verdict_limit(limit))
    }
}

/// Where problems come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskConfig {
    /// `ledger`, `sorting`, or `file`.
    pub name: String,
    /// For `file`: the file of problems, in JSONL, CSV, TSV or Parquet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// For `file`: another file, whose problems are held out; when left out, a fifth of `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<PathBuf>,
    /// For `file`: the name of a [`Layout`], which names the fields and the verifier; `plain` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// For `file`: the field of the prompt, where it is not the layout's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_field: Option<String>,
    /// For `file`: the field of the reference answer, where it is not the layout's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_field: Option<String>,
    /// For `file`: the field of a worked solution beside the answer, where it is not the layout's; a row need not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solution_field: Option<String>,
    /// For `file`: whether references have numbers as in 1.234,5.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub decimal_comma: bool,
    /// For `file`: most tokens of one answer. When left out, what the longest answer of the file needs, or with a model folder 256 where its context
    /// has room for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_answer: Option<usize>,
    /// For `ledger` and `sorting`: digits of a problem.
    pub digits: usize,
    /// For `ledger`: probability of a zero.
    pub zero_probability: f64,
    /// For `file`: what judges answers, where it is not the layout's verifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifier: Option<VerifierConfig>,
}

impl TaskConfig {
    /// Which fields of the file are what, and what judges.
    ///
    /// # Errors
    /// [`TaskError::UnknownName`] when no layout has this name.
    pub fn layout(&self) -> Result<Layout, TaskError> {
        let named = self.layout.as_deref().map_or_else(|| Ok(Layout::default()), Layout::named)?;
        let mut layout = Layout::new(
            self.prompt_field.clone().unwrap_or(named.prompt),
            self.answer_field.clone().unwrap_or(named.answer),
            self.verifier.clone().unwrap_or(named.verifier),
        );
        layout.solution = self.solution_field.clone().or(named.solution);
        layout.decimal_comma = self.decimal_comma;
        Ok(layout)
    }
}

impl Default for TaskConfig {
    fn default() -> Self {
        Self {
            name: "ledger".into(),
            data: None,
            held_out: None,
            layout: None,
            prompt_field: None,
            answer_field: None,
            solution_field: None,
            decimal_comma: false,
            max_answer: None,
            digits: 8,
            zero_probability: 0.6,
            verifier: None,
        }
    }
}

/// Sizes of the model that is made for the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// Width of the residual stream.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; as many as query heads when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_heads: Option<usize>,
    /// Inner width of the feed-forward block; 8/3 of the width when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_forward: Option<usize>,
    /// Longest context in tokens; what the task needs when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// Whether the output matrix is the embedding.
    pub tied: bool,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self { width: 96, layers: 2, heads: 4, kv_heads: None, feed_forward: None, context: None, tied: false }
    }
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not the TOML it should be.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, where, and what may have been meant.
        reason: String,
    },
}

impl RunConfig {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`]; an unknown key is answered with the closest known one.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let (mut config, given) = Self::read_as_given(path)?;
        config.fill(&given);
        Ok(config)
    }

    /// As [`RunConfig::read`], before defaults that depend on other keys are filled in, and what the file itself says.
    ///
    /// # Errors
    /// As [`RunConfig::read`].
    pub fn read_as_given(path: &Path) -> Result<(Self, Table), ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Io { path: path.into(), source })?;
        let format = |e: toml::de::Error| ConfigError::Format { path: path.into(), reason: explain(&text, &e) };
        Ok((toml::from_str(&text).map_err(format)?, text.parse().map_err(format)?))
    }

    /// Sets what a model folder has other defaults for, unless `given` names it, and writes its revision instruction out.
    pub fn fill(&mut self, given: &Table) {
        let Some(pretrained) = &mut self.pretrained else { return };
        pretrained.chat.revision = pretrained.chat.instruction().to_owned();
        let train = given.get("train");
        let says = |part: &str, key: &str| train.and_then(|train| train.get(part)).and_then(|part| part.get(key)).is_some();
        let learning_rate = if pretrained.lora.is_some() { LEARNING_RATE_LORA } else { LEARNING_RATE };
        if !says("reinforce", "learning_rate") {
            self.train.reinforce.learning_rate = learning_rate;
        }
        if !says("supervised", "learning_rate") && pretrained.lora.is_some() {
            self.train.supervised.learning_rate = LEARNING_RATE_LORA_SUPERVISED;
        }
        if !says("reinforce", "micro_batch") {
            self.train.reinforce.micro_batch = MICRO_BATCH;
        }
        if train.and_then(|train| train.get("warm")).is_none() {
            self.train.set_warm_steps(0);
        }
    }

    /// The file's text for this configuration.
    ///
    /// # Errors
    /// [`ConfigError::Format`] when a value can't be written as TOML.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        let format = |e: toml::ser::Error| ConfigError::Format { path: "config.toml".into(), reason: e.to_string() };
        let mut table = Table::try_from(self).map_err(format)?;
        let train = table.get_mut("train").and_then(|train| train.as_table_mut());
        if self.pretrained.is_some() {
            train.and_then(|train| train.remove("warm"));
            // Neither says anything about a folder's model.
            table.remove("model");
        } else if self.train.supervised == SupervisedConfig::default() {
            // A new model has phases of its own.
            train.and_then(|train| train.remove("supervised"));
        }
        toml::to_string_pretty(&table).map_err(format)
    }
}

/// TOML's own message, with the line, and with a suggestion where a key is unknown.
fn explain(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let place = line.map_or_else(String::new, |line| format!("line {line}: "));
    let mut quoted = message.split('`').skip(1).step_by(2);
    let hint = if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        let wrong = quoted.next().unwrap_or_default();
        closest(wrong, quoted).map_or_else(String::new, |known| format!(" (did you mean `{known}`?)"))
    } else {
        String::new()
    };
    format!("{place}{message}{hint}")
}

/// The candidate most like `word`, if one is like it at all.
pub fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RunConfig, String> {
        toml::from_str(text).map_err(|e| explain(text, &e))
    }

    #[test]
    fn a_configuration_survives_its_own_file() {
        let config = RunConfig::default();
        assert_eq!(parse(&config.to_toml().unwrap()).unwrap(), config);
        assert_eq!(parse("").unwrap(), config);
    }

    #[test]
    fn the_device_decides_what_was_left_open() {
        let workers = |device: &str, threads, decode_batch| {
            let machine = MachineConfig { device: device.into(), threads, decode_batch, ..MachineConfig::default() };
            let workers = machine.workers().unwrap();
            (workers.threads(), workers.decode_batch())
        };
        let cores = Workers::new(0).unwrap().threads();
        assert_eq!(workers("flex", 0, 0), (cores, DECODE_BATCH));
        assert_eq!(workers("cuda:1", 0, 0), (1, DECODE_BATCH_GPU));
        assert_eq!([workers("flex", 3, 8), workers("cuda", 3, 8)], [(3, 8); 2]);
    }

    #[test]
    fn a_verdict_has_a_time_limit_unless_there_is_to_be_none() {
        let limit = |verdict_seconds| MachineConfig { verdict_seconds, ..MachineConfig::default() }.workers();
        assert_eq!(MachineConfig::default().workers().unwrap().judges().limit(), Some(Duration::from_secs(10)));
        assert_eq!(limit(0.25).unwrap().judges().limit(), Some(Duration::from_millis(250)));
        assert_eq!(limit(0.0).unwrap().judges().limit(), None);
        for wrong in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(limit(wrong).unwrap_err().to_string().contains("machine.verdict_seconds"), "{wrong}");
        }
    }

    #[test]
    fn unknown_keys_are_answered_with_line_and_closest_match() {
        let error = parse("[train]\nsede = 3\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("did you mean `seed`?"), "{error}");
        let error = parse("[train.reinforce]\nalhpa = 3\n").unwrap_err();
        assert!(error.contains("did you mean `alpha`?"), "{error}");
        let error = parse("[train]\narm = \"scroe\"\n").unwrap_err();
        assert!(error.contains("did you mean `score`?"), "{error}");
    }
}
