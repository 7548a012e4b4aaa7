//! What all parts of a run share.

use palinode_core::turns::MultiTurnTask;

use crate::{
    arm::StageName,
    config::TrainConfig,
    error::TrainError,
    event::{Event, Phase, Sink},
    gradient::{learner::Learner, optimizer::Optimizer, workers::Workers},
    run::{
        keep::{Inside, Keep, State, after_step},
        place::{Place, WarmPlace},
        progress::Progress,
    },
    trainable::Trainable,
};

/// Makes the optimiser of a part of a run: [`StageName::Base`] is the warm start, whose first two phases, and that on references, begin with a fresh one each.
pub type Optimizers<'a, M> = dyn Fn(StageName) -> Box<dyn Optimizer<M>> + 'a;

/// What all parts of a run share.
pub struct Course<'a, M> {
    /// What is trained on.
    pub task: &'a dyn MultiTurnTask,
    /// Every number.
    pub config: &'a TrainConfig,
    /// The threads.
    pub workers: &'a Workers,
    /// What takes the steps.
    pub optimizers: &'a Optimizers<'a, M>,
    /// Seconds since the start of the run.
    pub clock: &'a dyn Fn() -> f64,
    /// Who keeps the run.
    pub kept: &'a mut dyn Keep<M>,
    /// Who is told.
    pub sink: &'a mut dyn Sink,
}

impl<M> Course<'_, M> {
    /// Says that a part of the run begins or ends.
    pub(crate) fn stage(&mut self, stage: StageName, phase: Phase, steps: usize, rl_step: usize) -> Result<(), TrainError> {
        self.sink.receive(&Event::Stage { stage, phase, steps, rl_step })
    }
}

impl<M: Trainable> Course<'_, M> {
    /// Stores what is needed to go on after a step of the warm start, where that is wished.
    pub(crate) fn after_warm_step(
        &mut self,
        place: WarmPlace,
        learner: &Learner<M>,
        reference: Option<&M>,
    ) -> Result<(), TrainError> {
        let (clock, nothing) = (self.clock, Progress::default());
        after_step(self.kept, place.done, false, || State {
            model: learner.model(),
            progress: &nothing,
            inside: Some(Inside { learner, reference, place: Place::Warm(place), began: 0.0 }),
            score: None,
            seconds: clock(),
        })
    }
}
