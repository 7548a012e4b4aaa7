//! What a report shows of an event, of a log that may lack some of it.

use palinode_train::verdicts::Example;
use serde::Deserialize;
use serde_json::Value;

use super::number::{Num, per_attempt, shown};
use crate::{
    text::count,
    verdicts::{Verdicts, examples},
};

/// An event of a kind that a report shows.
#[derive(Debug)]
pub(crate) enum Reported {
    Run(About),
    Stage(Reached),
    Warm(Warmed),
    Step(Step),
    Eval(Eval),
    Warning(Warning),
    End,
    /// Any other.
    Other,
}

/// The `stage` event: how far the run has come when one begins or ends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reached {
    pub(crate) stage: String,
    pub(crate) rl_step: Num,
}

/// The `run` event: who trained what on which task. Its fields are shown as they are.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct About {
    version: Value,
    task: Value,
    arm: Value,
    seed: Value,
    device: Value,
    parameters: Num,
}

impl About {
    /// The fields that are present, as label and text.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        let parameters = self.parameters.0.map(count);
        let named = [("task", &self.task), ("arm", &self.arm), ("seed", &self.seed), ("device", &self.device)];
        let mut fields: Vec<_> = named.iter().filter_map(|(name, value)| Some((*name, shown(value)?))).collect();
        fields.extend(parameters.map(|number| ("parameters", number)));
        fields.extend(shown(&self.version).map(|version| ("palinode", version)));
        fields
    }

    /// One of those fields.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }
}

/// One step of the warm start.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Warmed {
    pub(crate) phase: Num,
    pub(crate) loss: Num,
}

/// One optimiser step of RL. Fractions lie in 0..1; `reward` and `kl` have one entry per attempt.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Step {
    pub(crate) stage: String,
    pub(crate) rl_step: Num,
    #[serde(deserialize_with = "per_attempt")]
    pub(crate) reward: Vec<Num>,
    #[serde(deserialize_with = "per_attempt")]
    pub(crate) kl: Vec<Num>,
    pub(crate) i_to_c: Num,
    pub(crate) c_to_i: Num,
    pub(crate) verdicts: Verdicts,
}

/// One evaluation, in percent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Eval {
    pub(crate) stage: String,
    pub(crate) rl_step: Num,
    #[serde(deserialize_with = "per_attempt")]
    pub(crate) acc: Vec<Num>,
    pub(crate) acc_t1: Num,
    pub(crate) acc_t2: Num,
    pub(crate) delta: Num,
    pub(crate) i_to_c: Num,
    pub(crate) c_to_i: Num,
    pub(crate) changed: Num,
    pub(crate) p_fix_wrong: Num,
    pub(crate) p_break_right: Num,
    pub(crate) n: Num,
    pub(crate) verdicts: Verdicts,
    #[serde(deserialize_with = "examples")]
    pub(crate) examples: Vec<Example>,
    /// Whether it ends its stage.
    #[serde(rename = "final")]
    pub(crate) last: bool,
}

/// Warnings of one kind in one stage.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Warning {
    pub(crate) kind: String,
    pub(crate) stage: String,
    #[serde(rename = "rl_step")]
    pub(crate) step: Num,
    pub(crate) message: String,
    #[serde(skip)]
    pub(crate) first: Num,
    #[serde(skip)]
    pub(crate) times: u64,
}
