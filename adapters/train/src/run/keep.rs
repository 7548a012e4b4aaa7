//! What the loop asks of whoever keeps a run: whether to store its state after a step, and to store it.

use crate::{
    error::TrainError,
    gradient::learner::Learner,
    run::{place::Place, progress::Progress},
};

/// Keeps a run, so that it can go on from where it was.
pub trait Keep<M> {
    /// What is to happen after a step; `done` steps of the warm start, or of RL, have been taken.
    fn wish(&mut self, done: usize) -> Wish {
        let _ = done;
        Wish::GoOn
    }

    /// Stores a state.
    ///
    /// # Errors
    /// What could not be written; it stops the run. [`TrainError::Sink`] holds an error of any kind.
    fn keep(&mut self, state: &State<'_, M>) -> Result<(), TrainError>;

    /// The model as it will be written when the run is over, where that rounds it. A stage ends with this, so that what is reported is what is left.
    ///
    /// # Errors
    /// What makes writing impossible; it stops the run.
    fn settle(&self, model: M) -> Result<M, TrainError> {
        Ok(model)
    }
}

/// Keeps nothing.
impl<M> Keep<M> for () {
    fn keep(&mut self, _: &State<'_, M>) -> Result<(), TrainError> {
        Ok(())
    }
}

/// What is to happen after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The next step.
    GoOn,
    /// The state is stored first.
    Keep,
    /// The state is stored, and the run stops.
    Stop,
}

/// Everything from which a run goes on as if it had never stopped.
#[non_exhaustive]
pub struct State<'a, M> {
    /// The model.
    pub model: &'a M,
    /// Complete stages, and RL steps taken.
    pub progress: &'a Progress,
    /// What else there is inside a stage; between two stages there is nothing.
    pub inside: Option<Inside<'a, M>>,
    /// Accuracy of the last attempt in percent, when exactly this model was evaluated.
    pub score: Option<f64>,
    /// Wall-clock seconds since the start of the run.
    pub seconds: f64,
}

impl<'a, M> State<'a, M> {
    /// A model between two stages, of which these are complete, at the start of a run.
    pub fn new(model: &'a M, progress: &'a Progress) -> Self {
        Self { model, progress, inside: None, score: None, seconds: 0.0 }
    }
}

/// What a state has besides, when it is taken inside of a stage.
#[non_exhaustive]
pub struct Inside<'a, M> {
    /// The optimiser's state.
    pub learner: &'a Learner<M>,
    /// What KL is measured against, where that is not the base model.
    pub reference: Option<&'a M>,
    /// Where in the stage.
    pub place: Place,
    /// When the stage began, in seconds since the start of the run.
    pub began: f64,
}

impl<'a, M> Inside<'a, M> {
    /// At this place of a stage that began with the run, held to the base model.
    pub fn new(learner: &'a Learner<M>, place: Place) -> Self {
        Self { learner, reference: None, place, began: 0.0 }
    }
}

/// Does what is wished after a step: `state` is made only when it is to be stored. `last` says that the stage's end, which is stored anyhow, follows.
pub(crate) fn after_step<'a, M: 'a>(
    kept: &mut dyn Keep<M>,
    done: usize,
    last: bool,
    state: impl FnOnce() -> State<'a, M>,
) -> Result<(), TrainError> {
    match kept.wish(done) {
        Wish::Keep if !last => kept.keep(&state()),
        Wish::GoOn | Wish::Keep => Ok(()),
        Wish::Stop => {
            kept.keep(&state())?;
            Err(TrainError::Interrupted)
        }
    }
}
