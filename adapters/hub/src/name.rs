//! Names of models on the hub.

use std::{fmt, str::FromStr};

use crate::HubError;

/// `owner/name` at a revision: a branch, a tag, or a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubName {
    id: String,
    revision: String,
}

impl HubName {
    /// `owner/name`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The branch, tag or commit.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The commit, where the revision is one.
    pub fn commit(&self) -> Option<&str> {
        let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        Some(self.revision.as_str()).filter(|revision| revision.len() == 40 && revision.chars().all(hexadecimal))
    }

    /// The same model at a commit; `None` when that is none.
    pub(crate) fn at(&self, commit: &str) -> Option<Self> {
        let pinned = Self { id: self.id.clone(), revision: commit.to_owned() };
        pinned.commit().is_some().then_some(pinned)
    }
}

impl FromStr for HubName {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        let wrong = || HubError::Name(text.to_owned());
        let (id, revision) = text.split_once('@').unwrap_or((text, "main"));
        // Both become parts of paths and addresses.
        let plain = |part: &str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            !part.is_empty() && part.len() <= 96 && !part.contains("..") && !part.starts_with('.') && part.chars().all(known)
        };
        let (owner, name) = id.split_once('/').ok_or_else(wrong)?;
        if !(plain(owner) && plain(name) && revision.split('/').all(plain)) {
            return Err(wrong());
        }
        Ok(Self { id: id.to_owned(), revision: revision.to_owned() })
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.revision)
    }
}
