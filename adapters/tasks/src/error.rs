//! Why a task or a problem can't be used.

use std::{io, path::PathBuf};

/// Why a task or a problem can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// No built-in task has this name.
    #[error("no task is called `{name}`{hint}; built in are {}", crate::BUILTIN.join(" and "))]
    UnknownTask {
        /// The name.
        name: String,
        /// A suggestion, or nothing.
        hint: String,
    },
    /// A size is out of range.
    #[error("{name} must be {expected}, got {got}")]
    Size {
        /// The size.
        name: &'static str,
        /// Its range, in words.
        expected: &'static str,
        /// What was given.
        got: String,
    },
    /// A character that the vocabulary does not hold.
    #[error("character {character:?} at position {position} is not in the vocabulary ({known})")]
    UnknownCharacter {
        /// The character.
        character: char,
        /// From 1.
        position: usize,
        /// Characters that are.
        known: String,
    },
    /// A tokenizer or a chat template can't express a text.
    #[error("{0}")]
    Inexpressible(String),
    /// A problem typed by a person is not one of this task.
    #[error("{expected}, got `{got}`")]
    Malformed {
        /// What a problem looks like.
        expected: String,
        /// What was typed.
        got: String,
    },
    /// A file can't be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A line of a file is not a problem.
    #[error("{}: line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A file as a whole can't be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl TaskError {
    /// Whether the user asked for something impossible, rather than gave data that can't be used.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::UnknownTask { .. } | Self::Size { .. })
    }

    pub(crate) fn unknown_task(name: &str) -> Self {
        let best =
            crate::BUILTIN.into_iter().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
        let hint = best
            .filter(|known| strsim::jaro_winkler(name, known) > 0.7)
            .map_or_else(String::new, |known| format!(" (did you mean `{known}`?)"));
        Self::UnknownTask { name: name.to_owned(), hint }
    }
}
