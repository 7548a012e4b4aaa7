//! One RL stage, step after step.

use crate::{
    arm::Stage,
    course::Course,
    error::TrainError,
    evaluate::{evaluate, held_out},
    event::{Phase, Summary},
    gradient::learner::Learner,
    reinforce::Reinforce,
    run::{
        keep::{Inside, State, after_step},
        place::Place,
        progress::{Progress, Resumed},
    },
    trainable::{Trainable, device_of},
    watch::guard::Guard,
};

/// A stage, and what its policy is held against.
pub(super) struct Anchored<'a, M> {
    pub(super) stage: &'a Stage,
    pub(super) reference: &'a M,
    /// Whether the reference is not the base.
    pub(super) own: bool,
    /// When the stage began.
    pub(super) since: f64,
    /// The base's evaluation.
    pub(super) base: Option<&'a Summary>,
}

impl<M: Trainable> Course<'_, M> {
    /// All steps of one RL stage, or those that are left of it.
    pub(super) fn reinforce(
        &mut self,
        model: M,
        anchored: &Anchored<'_, M>,
        inside: Option<Resumed<M>>,
        progress: &mut Progress,
    ) -> Result<M, TrainError> {
        let &Anchored { stage, reference, own, since, base } = anchored;
        let device = device_of(&model)?;
        let steps = Reinforce::new(self.task, stage, self.config, reference, self.workers, &device)?;
        let (mut learner, first, mut guard) = self.begin_stage(model, stage, inside, progress.rl_step)?;
        for step in first..stage.steps {
            let (mut metrics, groups) = steps.step(&mut learner, step, progress.rl_step)?;
            metrics.seconds = (self.clock)();
            progress.rl_step += 1;
            let rl_step = progress.rl_step;
            self.stepped(stage, &metrics, &groups, &mut guard)?;
            let last = step + 1 == stage.steps;
            let between = rl_step.is_multiple_of(self.config.evaluation.every) && !last;
            let score = if between { Some(self.look_between(learner.model(), stage, rl_step, base)?) } else { None };
            let clock = self.clock;
            after_step(self.kept, rl_step, last, || State {
                model: learner.model(),
                progress,
                inside: Some(Inside {
                    learner: &learner,
                    reference: own.then_some(reference),
                    place: Place::Reinforce { step: step + 1, guard: guard.clone() },
                    began: since,
                }),
                score,
                seconds: clock(),
            })?;
        }
        Ok(learner.into_model())
    }

    /// What a stage begins or goes on with: the learner, the steps that were taken, and who watches.
    fn begin_stage(
        &mut self,
        model: M,
        stage: &Stage,
        inside: Option<Resumed<M>>,
        rl_step: usize,
    ) -> Result<(Learner<M>, usize, Guard), TrainError> {
        let optimizer = (self.optimizers)(stage.name);
        let Some(resumed) = inside else {
            self.stage(stage.name, Phase::Start, stage.steps, rl_step)?;
            return Ok((Learner::new(model, optimizer), 0, Guard::new(stage.name)));
        };
        match &resumed.place {
            Place::Reinforce { step, guard } => Ok((resumed.learner(model, optimizer)?, *step, guard.clone())),
            Place::Warm(_) => Err(TrainError::misplaced("the warm start, which is complete")),
        }
    }

    /// Evaluates a model within a stage, and returns the accuracy of its last attempt in percent.
    fn look_between(&mut self, model: &M, stage: &Stage, rl_step: usize, base: Option<&Summary>) -> Result<f64, TrainError> {
        let problems = held_out(self.task, self.config.evaluation.problems_between);
        let summary = Summary::from(evaluate(model, self.task, &problems, self.config.attempts, self.workers)?);
        self.evaluated(stage.name, rl_step, false, &summary)?;
        self.compare(stage.name, rl_step, base, &summary)?;
        Ok(summary.acc_t2)
    }
}
