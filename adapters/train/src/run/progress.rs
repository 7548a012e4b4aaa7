//! How far a run has come, where it starts, and what it leaves.

use serde::{Deserialize, Serialize};

use crate::{
    arm::StageName,
    error::TrainError,
    event::Summary,
    gradient::{learner::Learner, optimizer::Optimizer},
    run::place::Place,
    trainable::Trainable,
};

/// How far a run has come: the stages that are complete.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Progress {
    /// Complete stages in order; the first is the base.
    pub stages: Vec<Completed>,
    /// RL steps taken.
    pub rl_step: usize,
    /// Whether the base was trained on references ([`crate::supervised`]): then it is not the model that the run started from.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub warmed: bool,
}

/// A complete stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Completed {
    /// Which.
    pub stage: StageName,
    /// Its closing evaluation.
    pub summary: Summary,
    /// The same on the fewer problems that are used in between, to compare with.
    pub summary_between: Summary,
    /// Wall-clock seconds it took.
    pub seconds: f64,
}

impl Progress {
    /// The closing evaluation of a stage; the last one where a stage is repeated.
    pub fn summary(&self, stage: StageName) -> Option<&Summary> {
        self.stages.iter().rev().find(|done| done.stage == stage).map(|done| &done.summary)
    }

    /// Seconds spent in a stage.
    pub fn seconds(&self, stage: StageName) -> f64 {
        self.stages.iter().filter(|done| done.stage == stage).map(|done| done.seconds).sum()
    }
}

/// Where a run starts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Start<M> {
    /// The model after the last completed stage; random weights when none is.
    pub model: M,
    /// The base model, once it is complete.
    pub base: Option<M>,
    /// What is complete.
    pub progress: Progress,
    /// What else there is inside a stage.
    pub inside: Option<Resumed<M>>,
    /// Wall-clock seconds that the run has taken before.
    pub seconds: f64,
}

/// What a run that was stopped inside of a stage goes on with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Resumed<M> {
    /// [`Learner::optimizer_bytes`].
    pub optimizer: Vec<u8>,
    /// [`Learner::masters`].
    pub masters: Option<M>,
    /// What KL is measured against, where that is not the base.
    pub reference: Option<M>,
    /// Where in the stage.
    pub place: Place,
    /// When the stage began, in seconds since the start of the run.
    pub began: f64,
}

impl<M> Resumed<M> {
    /// At this place of a stage that began with the run, held to the base model, and with no copies of weights in another type.
    pub fn new(optimizer: Vec<u8>, place: Place) -> Self {
        Self { optimizer, masters: None, reference: None, place, began: 0.0 }
    }
}

impl<M: Trainable> Resumed<M> {
    /// The learner of the model that was stopped.
    pub(crate) fn learner(&self, model: M, optimizer: Box<dyn Optimizer<M>>) -> Result<Learner<M>, TrainError> {
        Learner::resume(model, optimizer, &self.optimizer, self.masters.clone()).map_err(TrainError::Optimizer)
    }
}

impl<M> Start<M> {
    /// From the very beginning.
    pub fn fresh(model: M) -> Self {
        Self { model, base: None, progress: Progress::default(), inside: None, seconds: 0.0 }
    }

    /// The same, with its models changed.
    pub fn map(self, change: impl Fn(M) -> M) -> Self {
        let inside = self.inside.map(|inside| Resumed {
            masters: inside.masters.map(&change),
            reference: inside.reference.map(&change),
            ..inside
        });
        Self { model: change(self.model), base: self.base.map(change), inside, ..self }
    }
}

/// What a run leaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome<M> {
    /// The trained model.
    pub model: M,
    /// All stages.
    pub progress: Progress,
}
