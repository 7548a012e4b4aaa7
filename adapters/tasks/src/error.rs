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
    /// No layout or verifier has this name.
    #[error("no {what} is called `{name}`{hint}; there are {known}")]
    UnknownName {
        /// What was asked for.
        what: &'static str,
        /// The name.
        name: String,
        /// A suggestion, or nothing.
        hint: String,
        /// All names.
        known: String,
    },
    /// A verifier's settings make no sense.
    #[error("verifier: {0}")]
    Verifier(String),
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
        matches!(self, Self::UnknownTask { .. } | Self::UnknownName { .. } | Self::Verifier(_) | Self::Size { .. })
    }

    pub(crate) fn unknown_task(name: &str) -> Self {
        Self::UnknownTask { name: name.to_owned(), hint: hint(name, crate::BUILTIN) }
    }

    pub(crate) fn unknown_name(what: &'static str, name: &str, known: &[&str]) -> Self {
        Self::UnknownName { what, name: name.to_owned(), hint: hint(name, known.iter().copied()), known: known.join(", ") }
    }
}

/// The known name that was likely meant, as a question in brackets; or nothing.
pub(crate) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let near = known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    let closest = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.7);
    closest.map_or_else(String::new, |(_, known)| format!(" (did you mean `{known}`?)"))
}
