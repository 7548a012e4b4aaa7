//! The whole run: warm start, then the stages of an arm, each ending with an evaluation and a checkpoint.

mod fit;
mod said;
mod stage;

use std::time::Instant;

use palinode_core::turns::MultiTurnTask;

pub use self::fit::{check_context, check_fit, check_problems};
use self::stage::Anchored;
use crate::{
    arm::{Stage, StageName},
    config::TrainConfig,
    course::{Course, Optimizers},
    error::TrainError,
    evaluate::{evaluate, held_out},
    event::{Checked, Event, Phase, Sink, Summary},
    gradient::{optimizer::Optimizer, workers::Workers},
    reinforce::Reinforce,
    run::{
        keep::{Keep, State, Wish},
        place::Place,
        progress::{Completed, Outcome, Progress, Resumed, Start},
    },
    supervised,
    trainable::{Trainable, device_of, fingerprint, trainable},
    warm::warm_start,
    watch::{
        checks::{Check, Checks, parity_bound},
        rehearsal::Rehearsal,
    },
};

/// Runs everything that `start` has not completed yet, by AdamW, once the device has passed the first two of [`crate::watch::checks`].
///
/// # Errors
/// [`TrainError`]; what was completed before was kept.
pub fn train<M: Trainable>(
    start: Start<M>,
    task: &dyn MultiTurnTask,
    config: &TrainConfig,
    workers: &Workers,
    kept: &mut dyn Keep<M>,
    sink: &mut dyn Sink,
) -> Result<Outcome<M>, TrainError> {
    Training::new(task, config, workers).run(start, kept, sink)
}

/// A run that is about to begin or to go on, where [`train`]'s own choices may be changed first.
pub struct Training<'a, M> {
    task: &'a dyn MultiTurnTask,
    config: &'a TrainConfig,
    workers: &'a Workers,
    optimizers: Box<Optimizers<'a, M>>,
}

impl<'a, M: Trainable> Training<'a, M> {
    /// Training by AdamW, with the settings of [`TrainConfig::adamw`].
    pub fn new(task: &'a dyn MultiTurnTask, config: &'a TrainConfig, workers: &'a Workers) -> Self {
        Self {
            task,
            config,
            workers,
            optimizers: Box::new(|stage| {
                config.adamw(stage).expect("numbers that were checked before the first step").optimizer()
            }),
        }
    }

    /// The same, by other optimisers: `make` is called with the part of a run that is about to begin or to go on ([`StageName::Base`] is the warm
    /// start). A run goes on only with the optimisers that it began with.
    pub fn with_optimizers(self, make: impl Fn(StageName) -> Box<dyn Optimizer<M>> + 'a) -> Self {
        Self { optimizers: Box::new(make), ..self }
    }

    /// Runs everything that `start` has not completed yet.
    ///
    /// # Errors
    /// As [`train`].
    pub fn run(&self, start: Start<M>, kept: &mut dyn Keep<M>, sink: &mut dyn Sink) -> Result<Outcome<M>, TrainError> {
        let &Self { task, config, workers, ref optimizers } = self;
        config.check()?;
        let stages = config.stages()?;
        let (began, before) = (Instant::now(), start.seconds);
        let clock = || before + began.elapsed().as_secs_f64();
        let mut course = Course { task, config, workers, optimizers, clock: &clock, kept, sink };
        course.prepare(&start, &stages)?;

        let Start { mut model, base, mut progress, mut inside, .. } = start;
        let base = match base {
            Some(base) => base,
            None => {
                model = course.make_base(model, inside.take(), &mut progress)?;
                model.clone()
            }
        };
        if progress.stages.len() == 1 && inside.is_none() && config.checks.signal {
            course.look_for_signal(&model, progress.summary(StageName::Base))?;
        }
        // A model that was warmed up is held to what that left, adapters and all.
        let base = if progress.warmed { base } else { base.reference() };
        let untouched = fingerprint(&base);
        let model = course.run_stages(model, &base, &stages, inside, &mut progress)?;
        if fingerprint(&base) != untouched {
            return Err(TrainError::Reference);
        }
        course.sink.receive(&Event::Reference { fingerprint: untouched })?;
        course.sink.receive(&Event::End { seconds: clock() })?;
        Ok(Outcome { model, progress })
    }
}

impl<M: Trainable> Course<'_, M> {
    /// Refuses what can't be trained, and plays the largest piece of work; a fresh run is announced.
    fn prepare(&mut self, start: &Start<M>, stages: &[Stage]) -> Result<(), TrainError> {
        let Start { model, base, progress, inside, .. } = start;
        let trainable = trainable(model);
        if trainable == 0 {
            let expected = "at least 1: this model is frozen, so no step would change it".into();
            return Err(TrainError::Config { name: "trainable parameters", expected, got: "0".into() });
        }
        if base.is_some() && progress.stages.is_empty() {
            let expected = "that of a run whose base was evaluated (a base without stages is no place to start from)".into();
            return Err(TrainError::Config { name: "the start's progress", expected, got: "no stage".into() });
        }
        let checked = self.check_device(model)?;
        let fresh = progress.stages.is_empty() && inside.is_none();
        if fresh {
            self.announce([model.num_params(), trainable], stages, checked)?;
        }
        let largest = stages.iter().max_by_key(|stage| stage.attempts);
        match largest.filter(|_| self.config.checks.rehearsal) {
            Some(largest) => {
                let warmed = progress.warmed || self.config.supervised.steps > 0;
                self.rehearse(model, largest, warmed, fresh)
            }
            None => Ok(()),
        }
    }

    /// Tries the largest piece of work of a run, against a reference with adapters of its own where the base is, or will be, a warmed model.
    fn rehearse(&mut self, model: &M, largest: &Stage, warmed: bool, fresh: bool) -> Result<(), TrainError> {
        let (reference, device) = (if warmed { model.clone() } else { model.reference() }, device_of(model)?);
        let steps = Reinforce::new(self.task, largest, self.config, &reference, self.workers, &device)?;
        let all = self.config.reinforce.micro_batch.min(self.config.reinforce.problems * self.config.reinforce.samples);
        self.sink.receive(&Event::Checking { check: Checked::Rehearsal, done: 0, all })?;
        let Rehearsal { episodes, tokens } = steps.rehearse(model)?;
        let seconds = (self.clock)();
        if fresh { self.sink.receive(&Event::Rehearsal { episodes, tokens, seconds }) } else { Ok(()) }
    }

    /// The checks without which nothing is trained.
    fn check_device(&self, model: &M) -> Result<[Check; 2], TrainError> {
        let rl = &self.config.reinforce;
        let checks = Checks::new(model, self.task, self.config.attempts, rl.temperature)?.in_micro_batches(rl.micro_batch);
        let bound = parity_bound(model);
        Ok([checks.cached_decoding(bound)?.require()?, checks.sampler_and_trainer(bound)?.require()?])
    }

    /// The warm start, or what is left of it, and the evaluation of the base that it makes.
    fn make_base(&mut self, model: M, inside: Option<Resumed<M>>, progress: &mut Progress) -> Result<M, TrainError> {
        if inside.is_none() {
            self.stage(StageName::Base, Phase::Start, self.config.warm_steps(), 0)?;
        }
        let on_references =
            |resumed: &Resumed<M>| matches!(&resumed.place, Place::Warm(place) if place.phase == supervised::PHASE);
        let (mut model, inside) = match inside.as_ref().is_some_and(on_references) {
            true => (model, inside),
            false => (warm_start(model, inside, self)?, None),
        };
        if self.config.supervised.steps > 0 {
            model = supervised::supervise(model, inside, self)?;
            progress.warmed = true;
        }
        let completed = self.close(&model, StageName::Base, 0, true, 0.0)?;
        self.complete(&model, progress, completed)?;
        Ok(model)
    }

    /// All RL stages, or those that are left.
    fn run_stages(
        &mut self,
        mut model: M,
        base: &M,
        stages: &[Stage],
        mut inside: Option<Resumed<M>>,
        progress: &mut Progress,
    ) -> Result<M, TrainError> {
        let summary_between = progress.stages.first().map(|base| base.summary_between.clone());
        for (index, stage) in stages.iter().enumerate().skip(progress.stages.len().saturating_sub(1)) {
            let inside = inside.take();
            let since = inside.as_ref().map_or_else(self.clock, |inside| inside.began);
            // A repeated Stage I anchors all earlier attempts where the round before left them (ICLR version, appendix A.1).
            let repeated = index > 0 && stage.name == StageName::StageOne;
            let reference = match (&inside, repeated) {
                (Some(Resumed { reference: Some(reference), .. }), _) => reference.clone(),
                (_, true) => model.clone(),
                (_, false) => base.clone(),
            };
            let anchored = Anchored { stage, reference: &reference, own: repeated, since, base: summary_between.as_ref() };
            model = self.reinforce(model, &anchored, inside, progress)?;
            model = self.kept.settle(model)?;
            let last = stages.get(index + 1).is_none_or(|next| next.name != stage.name);
            let completed = self.close(&model, stage.name, progress.rl_step, last, since)?;
            self.compare(stage.name, progress.rl_step, progress.summary(StageName::Base), &completed.summary)?;
            self.complete(&model, progress, completed)?;
        }
        Ok(model)
    }

    /// Evaluates the model a stage leaves.
    fn close(&mut self, model: &M, stage: StageName, rl_step: usize, last: bool, since: f64) -> Result<Completed, TrainError> {
        let problems = held_out(self.task, self.config.evaluation.problems);
        let between = problems.len().min(self.config.evaluation.problems_between);
        let evaluation = evaluate(model, self.task, &problems[..between], self.config.attempts, self.workers)?;
        let summary_between = Summary::from(evaluation.clone());
        let rest = evaluate(model, self.task, &problems[between..], self.config.attempts, self.workers)?;
        let summary = Summary::from(evaluation.merge(rest));
        self.evaluated(stage, rl_step, last, &summary)?;
        self.stage(stage, Phase::End, 0, rl_step)?;
        Ok(Completed { stage, summary, summary_between, seconds: (self.clock)() - since })
    }

    /// Adds a complete stage, and stores it.
    fn complete(&mut self, model: &M, progress: &mut Progress, completed: Completed) -> Result<(), TrainError> {
        let score = Some(completed.summary.acc_t2);
        progress.stages.push(completed);
        self.kept.keep(&State { model, progress, inside: None, score, seconds: (self.clock)() })?;
        if self.kept.wish(0) == Wish::Stop { Err(TrainError::Interrupted) } else { Ok(()) }
    }
}
