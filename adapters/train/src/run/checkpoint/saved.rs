//! What `state.json` says.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    error::TrainError,
    run::{
        keep::State,
        names::{EPISODES, METRICS, TIMES},
        place::{Place, WarmPlace},
        progress::Progress,
    },
};

/// How far a run had come, and how long its files were then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// Complete stages, and RL steps taken.
    pub progress: Progress,
    /// Where inside the stage after them; nothing at a stage's end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inside: Option<SavedInside>,
    /// Accuracy of the last attempt in percent, when exactly this model was evaluated.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub score: Option<f64>,
    /// How much of its files.
    pub written: Written,
    /// Wall-clock seconds since the start of the run.
    pub seconds: f64,
}

/// Where inside a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedInside {
    /// The place.
    pub place: Place,
    /// When the stage began, in seconds since the start of the run.
    pub began: f64,
}

/// How long a run's files were: bytes, and lines of `metrics.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Bytes of `metrics.jsonl`.
    pub metrics: u64,
    /// Its lines.
    pub lines: u64,
    /// Bytes of `episodes.jsonl`.
    pub episodes: u64,
    /// Bytes of `times.jsonl`.
    pub times: u64,
}

impl Saved {
    pub(super) fn of<M>(state: &State<'_, M>, written: Written) -> Self {
        let inside = state.inside.as_ref().map(|inside| SavedInside { place: inside.place.clone(), began: inside.began });
        let State { progress, score, seconds, .. } = state;
        Self { progress: (*progress).clone(), inside, score: *score, written, seconds: *seconds }
    }

    /// Whether this is the base, whose model is the one that the run started from where that was somebody else's, and was not warmed up.
    pub(super) fn is_origin(&self) -> bool {
        self.progress.stages.len() == 1 && self.inside.is_none() && !self.progress.warmed
    }

    /// Later states have larger ones.
    pub(super) fn order(&self) -> (usize, usize, usize) {
        let warm = match &self.inside {
            Some(SavedInside { place: Place::Warm(WarmPlace { done, .. }), .. }) => *done,
            _ => 0,
        };
        (self.progress.stages.len(), self.progress.rl_step, warm)
    }
}

/// How the names of checkpoints within stages begin.
pub(super) const WARM: &str = "warm-";
pub(super) const STEP: &str = "step-";

/// The name of a checkpoint's folder.
pub(super) fn name_of(saved: &Saved) -> String {
    match &saved.inside {
        Some(SavedInside { place: Place::Warm(WarmPlace { done, .. }), .. }) => format!("{WARM}{done:06}"),
        Some(SavedInside { place: Place::Reinforce { .. }, .. }) => format!("{STEP}{:06}", saved.progress.rl_step),
        None if saved.progress.stages.len() <= 1 => "base".into(),
        None => format!("stage-{}", saved.progress.stages.len() - 1),
    }
}

/// Whether a name is one that [`name_of`] gives.
pub(super) fn is_name(name: &str) -> bool {
    let numbered = |begin: &str, digits: usize| {
        name.strip_prefix(begin).is_some_and(|n| n.len() >= digits && n.bytes().all(|byte| byte.is_ascii_digit()))
    };
    name == "base" || numbered("stage-", 1) || numbered(WARM, 6) || numbered(STEP, 6)
}

impl Written {
    /// Refuses a run whose files are shorter than this.
    ///
    /// # Errors
    /// [`TrainError::Damaged`] names the first; [`TrainError::Io`].
    pub(super) fn fits(&self, run: &Path) -> Result<(), TrainError> {
        for (name, written) in [(METRICS, self.metrics), (EPISODES, self.episodes), (TIMES, self.times)] {
            let path = run.join(name);
            let left = fs::metadata(&path).map_err(|source| TrainError::Io { path: path.clone(), source })?.len();
            if left < written {
                return Err(TrainError::Damaged { path, reason: format!("{written} bytes were written, {left} are left") });
            }
        }
        Ok(())
    }
}
