//! The whole run: warm start, then the stages of an arm, each ending with an evaluation and a checkpoint.

use std::time::Instant;

use palinode_core::{task::Split, trajectory::Group, verifier::Verdict};
use palinode_tasks::TextTask;
use serde::{Deserialize, Serialize};

use crate::{
    arm::{Stage, StageName},
    checks::{Check, Checks, parity_bound},
    config::TrainConfig,
    error::TrainError,
    evaluate::{evaluate, held_out},
    event::{Episode, Event, Phase, Sink, StepMetrics, Summary, WarningKind},
    guard::Guard,
    learner::{AdamW, Learner},
    play,
    rehearsal::Rehearsal,
    reinforce::{Reinforce, device_of},
    signal::Signal,
    trainable::{Trainable, fingerprint, trainable},
    warm::warm_start,
    workers::Workers,
};

/// Keeps the model at the end of each stage.
pub trait Keep<M> {
    /// Stores what is needed to continue behind the last completed stage.
    ///
    /// # Errors
    /// What could not be written; it stops the run.
    fn keep(&mut self, model: &M, progress: &Progress) -> Result<(), TrainError>;

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
    fn keep(&mut self, _: &M, _: &Progress) -> Result<(), TrainError> {
        Ok(())
    }
}

/// How far a run has come: the stages that are complete.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Complete stages in order; the first is the base.
    pub stages: Vec<Completed>,
    /// RL steps taken.
    pub rl_step: usize,
}

/// A complete stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
pub struct Start<M> {
    /// The model behind the last completed stage; random weights when none is.
    pub model: M,
    /// The base model, once it is complete.
    pub base: Option<M>,
    /// What is complete.
    pub progress: Progress,
}

impl<M> Start<M> {
    /// From the very beginning.
    pub fn fresh(model: M) -> Self {
        Self { model, base: None, progress: Progress::default() }
    }

    /// The same, with its models changed.
    pub fn map(self, change: impl Fn(M) -> M) -> Self {
        Self { model: change(self.model), base: self.base.map(change), progress: self.progress }
    }
}

/// What a run leaves.
#[derive(Debug, Clone)]
pub struct Outcome<M> {
    /// The trained model.
    pub model: M,
    /// All stages.
    pub progress: Progress,
}

/// Episodes kept of each RL step, and RL steps between two that are kept.
const KEPT_EPISODES: usize = 8;
const KEPT_EVERY: usize = 5;
/// Examples of what went wrong in an error.
const EXAMPLES: usize = 3;

/// Runs everything that `start` has not completed yet, once the device has passed the first two of [`crate::checks`].
///
/// # Errors
/// [`TrainError`]; what was completed before was kept.
pub fn train<M: Trainable>(
    start: Start<M>,
    task: &dyn TextTask,
    config: &TrainConfig,
    workers: &Workers,
    kept: &mut dyn Keep<M>,
    sink: &mut dyn Sink,
) -> Result<Outcome<M>, TrainError> {
    config.check()?;
    let stages = config.arm.stages(config)?;
    let began = Instant::now();
    let clock = || began.elapsed().as_secs_f64();
    let Start { model, base, mut progress } = start;
    let trainable = trainable(&model);
    if trainable == 0 {
        let expected = "at least 1: this model is frozen, so no step would change it".into();
        return Err(TrainError::Config { name: "trainable parameters", expected, got: "0".into() });
    }
    let mut run = Run { task, config, workers, sink, clock: &clock };
    let checks = Checks::new(&model, task, config.attempts, config.reinforce.temperature)?;
    let checks = checks.in_micro_batches(config.reinforce.micro_batch);
    let bound = parity_bound(&model);
    let checked = [checks.cached_decoding(bound)?.require()?, checks.sampler_and_trainer(bound)?.require()?];
    let fresh = progress.stages.is_empty();
    if fresh {
        run.announce([model.num_params(), trainable], &stages, checked)?;
    }
    if let Some(largest) = stages.iter().max_by_key(|stage| stage.attempts) {
        let reference = model.reference();
        let Rehearsal { episodes, tokens } =
            Reinforce::new(task, largest, config, &reference, workers, &device_of(&model))?.rehearse(&model)?;
        if fresh {
            run.sink.receive(&Event::Rehearsal { episodes, tokens, seconds: clock() })?;
        }
    }

    let mut model = model;
    let base = match base {
        Some(base) => base,
        None => {
            run.stage(StageName::Base, Phase::Start, config.warm.steps(), 0)?;
            model = warm_start(model, task, config, workers, &clock, run.sink)?;
            let completed = run.close(&model, StageName::Base, 0, true, 0.0)?;
            progress.stages.push(completed);
            kept.keep(&model, &progress)?;
            model.clone()
        }
    };

    if progress.stages.len() == 1 {
        run.look_for_signal(&model)?;
    }
    let base = base.reference();
    let before = fingerprint(&base);
    let reference_summary = progress.stages.first().map(|base| base.summary_between.clone());
    for (index, stage) in stages.iter().enumerate().skip(progress.stages.len() - 1) {
        let since = clock();
        let repeated = index > 0 && stage.name == StageName::StageOne;
        // A repeated Stage I anchors all earlier attempts where the round before left them (ICLR version, appendix A.1).
        let reference = if repeated { model.clone() } else { base.clone() };
        model = run.reinforce(model, &reference, stage, &mut progress.rl_step, reference_summary.as_ref())?;
        model = kept.settle(model)?;
        let last = stages.get(index + 1).is_none_or(|next| next.name != stage.name);
        let completed = run.close(&model, stage.name, progress.rl_step, last, since)?;
        run.compare(stage.name, progress.rl_step, progress.stages.first().map(|base| &base.summary), &completed.summary)?;
        progress.stages.push(completed);
        kept.keep(&model, &progress)?;
    }
    if fingerprint(&base) != before {
        return Err(TrainError::Reference);
    }
    run.sink.receive(&Event::Reference { fingerprint: before })?;
    run.sink.receive(&Event::End { seconds: clock() })?;
    Ok(Outcome { model, progress })
}

/// What all stages of a run share.
struct Run<'a> {
    task: &'a dyn TextTask,
    config: &'a TrainConfig,
    workers: &'a Workers,
    sink: &'a mut dyn Sink,
    clock: &'a dyn Fn() -> f64,
}

impl Run<'_> {
    fn announce(&mut self, [parameters, trainable]: [usize; 2], stages: &[Stage], checked: [Check; 2]) -> Result<(), TrainError> {
        self.sink.receive(&Event::Run {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            task: self.task.name().to_owned(),
            arm: self.config.arm.name().to_owned(),
            seed: self.config.seed,
            attempts: self.config.attempts,
            parameters,
            trainable,
            steps: [self.config.warm.steps(), stages.iter().map(|stage| stage.steps).sum()],
        })?;
        for Check { name, measured, bound } in checked {
            self.sink.receive(&Event::Check { name: name.to_owned(), measured, bound })?;
        }
        Ok(())
    }

    /// Says what the base's samples earn, and warns where that is nothing to learn from.
    fn look_for_signal<M: Trainable>(&mut self, model: &M) -> Result<(), TrainError> {
        let signal = Signal::of(model, self.task, self.config, self.workers)?;
        self.sink.receive(&Event::Signal(signal.clone()))?;
        match signal.advice() {
            Some(advice) => self.sink.receive(&Event::Warning {
                kind: WarningKind::NoSignal,
                stage: StageName::Base,
                rl_step: 0,
                message: format!("no signal: {advice}"),
            }),
            None => Ok(()),
        }
    }

    fn stage(&mut self, stage: StageName, phase: Phase, steps: usize, rl_step: usize) -> Result<(), TrainError> {
        self.sink.receive(&Event::Stage { stage, phase, steps, rl_step })
    }

    /// All steps of one RL stage.
    fn reinforce<M: Trainable>(
        &mut self,
        model: M,
        reference: &M,
        stage: &Stage,
        rl_step: &mut usize,
        reference_summary: Option<&Summary>,
    ) -> Result<M, TrainError> {
        self.stage(stage.name, Phase::Start, stage.steps, *rl_step)?;
        let device = device_of(&model);
        let steps = Reinforce::new(self.task, stage, self.config, reference, self.workers, &device)?;
        let mut learner = Learner::new(model, AdamW::REINFORCE);
        let mut guard = Guard::new(stage.name);
        let problems = held_out(self.task, self.config.evaluation.problems_between);
        for step in 0..stage.steps {
            let (mut metrics, groups) = steps.step(&mut learner, step, *rl_step)?;
            metrics.seconds = (self.clock)();
            *rl_step += 1;
            self.sink.receive(&Event::Step(Box::new(metrics.clone())))?;
            self.require_verdicts(&metrics, &groups)?;
            if step % KEPT_EVERY == 0 || step + 1 == stage.steps {
                self.keep_episodes(stage.name, step + 1, *rl_step, &groups)?;
            }
            for (kind, message) in guard.step(&metrics) {
                self.sink.receive(&Event::Warning { kind, stage: stage.name, rl_step: *rl_step, message })?;
            }
            if rl_step.is_multiple_of(self.config.evaluation.every) && step + 1 < stage.steps {
                let transitions = evaluate(learner.model(), self.task, &problems, self.config.attempts, self.workers)?;
                let summary = Summary::from(&transitions);
                self.evaluated(stage.name, *rl_step, false, &summary)?;
                self.compare(stage.name, *rl_step, reference_summary, &summary)?;
            }
        }
        Ok(learner.into_model())
    }

    /// Stops when the verifier fails on more attempts than it may.
    fn require_verdicts(&self, metrics: &StepMetrics, groups: &[Group]) -> Result<(), TrainError> {
        let all: u64 = metrics.verdicts.values().sum();
        let share = metrics.verdicts.get(Verdict::Failed.name()).copied().unwrap_or(0) as f64 / all.max(1) as f64;
        let limit = self.config.reinforce.max_failed;
        if share <= limit {
            return Ok(());
        }
        let attempts = groups.iter().flat_map(|group| {
            group.trajectories().iter().flat_map(|episode| episode.attempts()).map(move |attempt| (group.problem(), attempt))
        });
        let failed = attempts.filter(|(_, attempt)| attempt.verdict() == Verdict::Failed).take(EXAMPLES);
        let examples: Vec<String> = failed
            .map(|(problem, attempt)| {
                let short =
                    |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect::<String>();
                let (asked, answered) = (short(self.task.show_prompt(problem)), short(self.task.show_answer(attempt.answer())));
                format!("  problem: {asked}\n  answer:  {answered}\n  verdict: {}", self.task.explain(problem, attempt.answer()))
            })
            .collect();
        Err(TrainError::Verifier { step: metrics.rl_step, share, limit, examples: examples.join("\n") })
    }

    /// Evaluates the model a stage leaves.
    fn close<M: Trainable>(
        &mut self,
        model: &M,
        stage: StageName,
        rl_step: usize,
        last: bool,
        since: f64,
    ) -> Result<Completed, TrainError> {
        let problems = held_out(self.task, self.config.evaluation.problems);
        let between = problems.len().min(self.config.evaluation.problems_between);
        let mut transitions = evaluate(model, self.task, &problems[..between], self.config.attempts, self.workers)?;
        let summary_between = Summary::from(&transitions);
        transitions.merge(&evaluate(model, self.task, &problems[between..], self.config.attempts, self.workers)?);
        let summary = Summary::from(&transitions);
        self.evaluated(stage, rl_step, last, &summary)?;
        self.stage(stage, Phase::End, 0, rl_step)?;
        Ok(Completed { stage, summary, summary_between, seconds: (self.clock)() - since })
    }

    fn evaluated(&mut self, stage: StageName, rl_step: usize, last: bool, summary: &Summary) -> Result<(), TrainError> {
        let seconds = (self.clock)();
        self.sink.receive(&Event::Eval { stage, rl_step, last, summary: summary.clone(), seconds })
    }

    /// Warns when attempt 1 has fallen behind the reference's.
    fn compare(
        &mut self,
        stage: StageName,
        rl_step: usize,
        reference: Option<&Summary>,
        now: &Summary,
    ) -> Result<(), TrainError> {
        match reference.and_then(|reference| Guard::new(stage).evaluation(reference, now)) {
            Some((kind, message)) => self.sink.receive(&Event::Warning { kind, stage, rl_step, message }),
            None => Ok(()),
        }
    }

    fn keep_episodes(&mut self, stage: StageName, step: usize, rl_step: usize, groups: &[Group]) -> Result<(), TrainError> {
        for group in groups.iter().take(KEPT_EPISODES) {
            let sample = step % group.trajectories().len();
            let episode = Episode::of(self.task, group.problem(), &group.trajectories()[sample]);
            self.sink.receive(&Event::Episode(Box::new(Episode { stage, step, rl_step, sample, ..episode })))?;
        }
        Ok(())
    }
}

/// Refuses a task whose episodes do not fit a model.
///
/// # Errors
/// [`TrainError::Context`]; [`TrainError::Core`].
pub fn check_context(task: &dyn TextTask, attempts: usize, context: usize) -> Result<(), TrainError> {
    let needed = play::context(task, attempts)?;
    if needed > context { Err(TrainError::Context { needed, attempts, context }) } else { Ok(()) }
}

/// Refuses a task whose episodes do not fit a model, or that holds no problem, before anything is trained.
///
/// # Errors
/// [`TrainError::Context`]; [`TrainError::Core`]; [`TrainError::Config`] when a split holds no problem.
pub fn check_fit(task: &dyn TextTask, attempts: usize, context: usize) -> Result<(), TrainError> {
    check_context(task, attempts, context)?;
    check_problems(task)
}

/// Refuses a task that has nothing to train on, or nothing to judge by.
///
/// # Errors
/// [`TrainError::Config`].
pub fn check_problems(task: &dyn TextTask) -> Result<(), TrainError> {
    for (split, name) in [(Split::Train, "training problems"), (Split::HeldOut, "held-out problems")] {
        if task.is_empty(split) {
            return Err(TrainError::Config { name, expected: "at least 1".into(), got: "0".into() });
        }
    }
    Ok(())
}
