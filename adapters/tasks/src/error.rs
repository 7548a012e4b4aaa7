//! Why a task or a problem can't be used.

use palinode_rows::RowsError;
use palinode_text::TextError;

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
    /// A text can't be put to a model.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A file's rows can't be read, or are no problems.
    #[error(transparent)]
    Rows(#[from] RowsError),
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
