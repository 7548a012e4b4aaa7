//! Why a model folder can't be used.

use std::{io, path::PathBuf};

use palinode_lm::{LmError, listed};

/// Why a model folder can't be used, with the file, the place, and what would be right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HfError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A folder that is to be written holds something that palinode did not write.
    #[error("{}: {reason}", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// What is there.
        reason: String,
    },
    /// A file is damaged, or is not what its name says.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A field of `config.json` is missing or makes no sense.
    #[error("{}: `{field}` {reason}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder asks for something that this library does not do.
    #[error("{}: {what} is not supported; supported are {supported}", path.display())]
    Unsupported {
        /// The file that asks for it.
        path: PathBuf,
        /// What it asks for.
        what: String,
        /// What would be supported.
        supported: String,
    },
    /// The tensors of a folder are not those of its configuration; every difference is kept, and the first 100 are printed.
    #[error("{}: the tensors do not fit the configuration: {}", path.display(), listed(differences))]
    Tensors {
        /// The folder.
        path: PathBuf,
        /// One sentence a tensor.
        differences: Vec<String>,
    },
    /// A weight is NaN or infinite.
    #[error("{}: tensor {tensor} holds a number that is not finite", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// A chat template refuses a conversation, fails, or can't be used for several attempts.
    #[error("{}: {reason}", path.display())]
    Template {
        /// The file that holds it.
        path: PathBuf,
        /// Its own message, or what is wrong with it.
        reason: String,
    },
    /// A GGUF file can't be used.
    #[error(transparent)]
    Gguf(#[from] palinode_gguf::GgufError),
    /// A text has no ids.
    #[error(transparent)]
    Text(#[from] palinode_text::TextError),
    /// The sizes make no model.
    #[error(transparent)]
    Lm(#[from] LmError),
}
