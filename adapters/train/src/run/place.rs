//! Where inside of a stage a run is.

use serde::{Deserialize, Serialize};

use crate::watch::guard::Guard;

/// Where inside of a stage a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the warm start.
    Warm(WarmPlace),
    /// In an RL stage.
    Reinforce {
        /// Steps of the stage that were taken.
        step: usize,
        /// What the warnings are about to be made of.
        guard: Guard,
    },
}

/// Where in the warm start a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmPlace {
    /// The phase, from 1; [`crate::supervised::PHASE`] is that on references.
    pub phase: usize,
    /// Steps of all phases that were taken.
    pub done: usize,
    /// Steps that were taken before this phase.
    pub first: usize,
    /// Whether the phase has reached its target.
    pub over: bool,
}
