//! Why a model could not be made, saved or loaded.

use std::{io, path::PathBuf};

/// Why a model could not be made, saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LmError {
    /// A size in the configuration makes no sense.
    #[error("model configuration: {name} must be {expected}, got {got}")]
    Config {
        /// The field.
        name: &'static str,
        /// What it must be, in words.
        expected: String,
        /// What it is.
        got: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A weights file is not a safetensors file, or is damaged.
    #[error("{}: not a usable safetensors file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Adapters do not fit the model.
    #[error("adapters: {0}")]
    Adapters(String),
    /// The tensors of a weights file are not those of the model; the text tells the first differences.
    #[error("{}: the tensors do not fit the model: {}", path.display(), listed(differences))]
    Tensors {
        /// The file.
        path: PathBuf,
        /// One sentence a tensor.
        differences: Vec<String>,
    },
}

/// Differences between what a file holds and what it should, in one line: as many as a person would read, and how many more there are.
pub fn listed(differences: &[String]) -> String {
    const MOST: usize = 100;
    let shown = differences[..differences.len().min(MOST)].join("; ");
    match differences.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}
