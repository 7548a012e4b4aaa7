//! What a report shows of a kept episode, of a log that may lack some of it.

use serde::Deserialize;
use serde_json::Value;

use super::number::{Num, per_attempt, shown};

/// One problem and its attempts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Episode {
    pub(crate) stage: String,
    pub(crate) rl_step: Num,
    pub(crate) problem: Value,
    pub(crate) prompt: Option<String>,
    pub(crate) reference: Option<String>,
    #[serde(deserialize_with = "per_attempt")]
    pub(crate) attempts: Vec<Attempt>,
}

impl Episode {
    pub(crate) fn problem(&self) -> Option<String> {
        shown(&self.problem)
    }
}

/// One complete response.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Attempt {
    pub(crate) text: Option<String>,
    pub(crate) verdict: String,
    /// Why it earned that; empty where nothing is said.
    pub(crate) why: String,
}

impl Attempt {
    pub(crate) fn right(&self) -> bool {
        self.verdict == "right"
    }
}
