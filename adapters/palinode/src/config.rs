//! The configuration file of a run: task, model and every number of the training.

use std::{
    fs,
    path::{Path, PathBuf},
};

use palinode_lm::DecoderConfig;
use palinode_tasks::{JsonlTask, Ledger, Sorting, TaskError, TextTask};
use palinode_train::{TrainError, config::TrainConfig};
use serde::{Deserialize, Serialize};

/// A whole run. Every key may be left out; the default is the ledger task with a recipe that works.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunConfig {
    /// Where problems come from.
    pub task: TaskConfig,
    /// Sizes of the model.
    pub model: ModelConfig,
    /// Everything else.
    pub train: TrainConfig,
}

/// Where problems come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskConfig {
    /// `ledger`, `sorting`, or `jsonl`.
    pub name: String,
    /// For `jsonl`: the file of problems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// For `ledger` and `sorting`: digits of a problem.
    pub digits: usize,
    /// For `ledger`: probability of a zero.
    pub zero_probability: f64,
}

impl Default for TaskConfig {
    fn default() -> Self {
        Self { name: "ledger".into(), data: None, digits: 8, zero_probability: 0.6 }
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
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Io { path: path.into(), source })?;
        toml::from_str(&text).map_err(|e| ConfigError::Format { path: path.into(), reason: explain(&text, &e) })
    }

    /// The file's text for this configuration.
    ///
    /// # Errors
    /// [`ConfigError::Format`] when a value can't be written as TOML.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string_pretty(self).map_err(|e| ConfigError::Format { path: "config.toml".into(), reason: e.to_string() })
    }

    /// The task.
    ///
    /// # Errors
    /// [`TaskError`] for an unknown name, impossible sizes, or a data file that can't be used.
    pub fn open_task(&self) -> Result<Box<dyn TextTask>, TaskError> {
        match (&self.task.data, self.task.name.as_str()) {
            (Some(path), _) => Ok(Box::new(JsonlTask::load(path)?)),
            (None, "ledger") => Ok(Box::new(Ledger::new(self.task.digits, self.task.zero_probability)?)),
            (None, "sorting") => Ok(Box::new(Sorting::new(self.task.digits)?)),
            (None, other) => palinode_tasks::builtin(other),
        }
    }

    /// Sizes of the model for a task.
    ///
    /// # Errors
    /// [`TrainError::Context`] when the task does not fit the context asked for; [`TrainError::Model`] for impossible sizes.
    pub fn decoder(&self, task: &dyn TextTask) -> Result<DecoderConfig, TrainError> {
        let model = &self.model;
        let attempts = self.train.attempts;
        let context = model.context.map_or_else(|| palinode_train::play::context(task, attempts), Ok)?;
        palinode_train::schedule::check_fit(task, attempts, context)?;
        let mut sizes = DecoderConfig::small(task.dialogue().tokenizer().len(), model.width, model.layers, model.heads, context);
        sizes.kv_heads = model.kv_heads.unwrap_or(sizes.kv_heads);
        sizes.feed_forward = model.feed_forward.unwrap_or(sizes.feed_forward);
        sizes.tied = model.tied;
        sizes.check()?;
        Ok(sizes)
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
    fn unknown_keys_are_answered_with_line_and_closest_match() {
        let error = parse("[train]\nsede = 3\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("did you mean `seed`?"), "{error}");
        let error = parse("[train.reinforce]\nalhpa = 3\n").unwrap_err();
        assert!(error.contains("did you mean `alpha`?"), "{error}");
        let error = parse("[train]\narm = \"scroe\"\n").unwrap_err();
        assert!(error.contains("did you mean `score`?"), "{error}");
    }
}
