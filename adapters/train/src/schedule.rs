//! The whole run: warm start, then the stages of an arm, each ending with an evaluation and a checkpoint.

use std::time::Instant;

use palinode_core::{attempt::Attempt, task::Split, trajectory::Group, turns::MultiTurnTask, verifier::Verdict};

use crate::{
    arm::{Stage, StageName},
    config::TrainConfig,
    error::TrainError,
    evaluate::{evaluate, held_out},
    event::{Episode, Event, Phase, Sink, StepMetrics, Summary, WarningKind},
    gradient::{
        learner::{AdamW, Learner},
        workers::Workers,
    },
    play,
    reinforce::Reinforce,
    run::{
        keep::{Inside, Keep, State, Wish, behind_step},
        place::Place,
        progress::{Completed, Outcome, Progress, Resumed, Start},
    },
    trainable::{Trainable, device_of, fingerprint, trainable},
    verdicts::{Example, examples},
    warm::warm_start,
    watch::{
        checks::{Check, Checks, parity_bound},
        guard::Guard,
        rehearsal::Rehearsal,
        signal::Signal,
    },
};

/// Episodes kept of each RL step, and RL steps between two that are kept.
const KEPT_EPISODES: usize = 8;
const KEPT_EVERY: usize = 5;
/// Examples of what went wrong in an error.
const EXAMPLES: usize = 3;

/// Runs everything that `start` has not completed yet, once the device has passed the first two of [`crate::watch::checks`].
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
    config.check()?;
    let stages = config.stages()?;
    let Start { model, base, mut progress, inside, seconds } = start;
    let began = Instant::now();
    let clock = || seconds + began.elapsed().as_secs_f64();
    let trainable = trainable(&model);
    if trainable == 0 {
        let expected = "at least 1: this model is frozen, so no step would change it".into();
        return Err(TrainError::Config { name: "trainable parameters", expected, got: "0".into() });
    }
    let mut run = Run { task, config, workers, kept, sink, clock: &clock };
    let checks = Checks::new(&model, task, config.attempts, config.reinforce.temperature)?;
    let checks = checks.in_micro_batches(config.reinforce.micro_batch);
    let bound = parity_bound(&model);
    let checked = [checks.cached_decoding(bound)?.require()?, checks.sampler_and_trainer(bound)?.require()?];
    if base.is_some() && progress.stages.is_empty() {
        let expected = "that of a run whose base was evaluated (a base without stages is no place to start from)".into();
        return Err(TrainError::Config { name: "the start's progress", expected, got: "no stage".into() });
    }
    let fresh = progress.stages.is_empty() && inside.is_none();
    if fresh {
        run.announce([model.num_params(), trainable], &stages, checked)?;
    }
    if let Some(largest) = stages.iter().max_by_key(|stage| stage.attempts) {
        let reference = model.reference();
        let Rehearsal { episodes, tokens } =
            Reinforce::new(task, largest, config, &reference, workers, &device_of(&model)?)?.rehearse(&model)?;
        if fresh {
            run.sink.receive(&Event::Rehearsal { episodes, tokens, seconds: clock() })?;
        }
    }

    let (mut model, mut inside) = (model, inside);
    let base = match base {
        Some(base) => base,
        None => {
            if inside.is_none() {
                run.stage(StageName::Base, Phase::Start, config.warm.steps(), 0)?;
            }
            let Run { kept, sink, .. } = &mut run;
            model = warm_start(model, inside.take(), task, config, workers, &clock, &mut **kept, &mut **sink)?;
            let completed = run.close(&model, StageName::Base, 0, true, 0.0)?;
            run.complete(&model, &mut progress, completed)?;
            model.clone()
        }
    };

    if progress.stages.len() == 1 && inside.is_none() {
        run.look_for_signal(&model)?;
    }
    let base = base.reference();
    let before = fingerprint(&base);
    let reference_summary = progress.stages.first().map(|base| base.summary_between.clone());
    for (index, stage) in stages.iter().enumerate().skip(progress.stages.len() - 1) {
        let inside = inside.take();
        let since = inside.as_ref().map_or_else(&clock, |inside| inside.began);
        // A repeated Stage I anchors all earlier attempts where the round before left them (ICLR version, appendix A.1).
        let repeated = index > 0 && stage.name == StageName::StageOne;
        let reference = match (&inside, repeated) {
            (Some(Resumed { reference: Some(reference), .. }), _) => reference.clone(),
            (_, true) => model.clone(),
            (_, false) => base.clone(),
        };
        let anchored = Anchored { stage, reference: &reference, own: repeated, since, base: reference_summary.as_ref() };
        model = run.reinforce(model, &anchored, inside, &mut progress)?;
        model = run.kept.settle(model)?;
        let last = stages.get(index + 1).is_none_or(|next| next.name != stage.name);
        let completed = run.close(&model, stage.name, progress.rl_step, last, since)?;
        run.compare(stage.name, progress.rl_step, progress.stages.first().map(|base| &base.summary), &completed.summary)?;
        run.complete(&model, &mut progress, completed)?;
    }
    if fingerprint(&base) != before {
        return Err(TrainError::Reference);
    }
    run.sink.receive(&Event::Reference { fingerprint: before })?;
    run.sink.receive(&Event::End { seconds: clock() })?;
    Ok(Outcome { model, progress })
}

/// A stage, and what its policy is held against.
struct Anchored<'a, M> {
    stage: &'a Stage,
    reference: &'a M,
    /// Whether the reference is not the base.
    own: bool,
    /// When the stage began.
    since: f64,
    /// The base's evaluation.
    base: Option<&'a Summary>,
}

/// What all stages of a run share.
struct Run<'a, M> {
    task: &'a dyn MultiTurnTask,
    config: &'a TrainConfig,
    workers: &'a Workers,
    kept: &'a mut dyn Keep<M>,
    sink: &'a mut dyn Sink,
    clock: &'a dyn Fn() -> f64,
}

impl<M: Trainable> Run<'_, M> {
    fn announce(&mut self, [parameters, trainable]: [usize; 2], stages: &[Stage], checked: [Check; 2]) -> Result<(), TrainError> {
        self.sink.receive(&Event::Run {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            task: self.task.shown().name().to_owned(),
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
        self.announce_repeats()
    }

    /// Says where a step takes more problems than there are.
    fn announce_repeats(&mut self) -> Result<(), TrainError> {
        let taken = self.config.reinforce.problems as u64;
        let Some(all) = self.task.len(Split::Train).filter(|&all| all < taken) else { return Ok(()) };
        let message = format!(
            "a step takes {taken} problems, and there are {all} to train on: it plays each about {:.1} times, with other random draws each time; \
             reinforce.problems (--problems) of {all} or fewer plays each once",
            taken as f64 / all as f64
        );
        self.sink.receive(&Event::Warning { kind: WarningKind::Repeats, stage: StageName::Base, rl_step: 0, message })
    }

    /// Says what the base's samples earn, and warns where that is nothing to learn from.
    fn look_for_signal(&mut self, model: &M) -> Result<(), TrainError> {
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

    /// Adds a complete stage, and stores it.
    fn complete(&mut self, model: &M, progress: &mut Progress, completed: Completed) -> Result<(), TrainError> {
        let score = Some(completed.summary.acc_t2);
        progress.stages.push(completed);
        self.kept.keep(&State { model, progress, inside: None, score, seconds: (self.clock)() })?;
        if self.kept.wish(0) == Wish::Stop { Err(TrainError::Interrupted) } else { Ok(()) }
    }

    /// All steps of one RL stage, or those that are left of it.
    fn reinforce(
        &mut self,
        model: M,
        anchored: &Anchored<'_, M>,
        inside: Option<Resumed<M>>,
        progress: &mut Progress,
    ) -> Result<M, TrainError> {
        let &Anchored { stage, reference, own, since, base } = anchored;
        let device = device_of(&model)?;
        let steps = Reinforce::new(self.task, stage, self.config, reference, self.workers, &device)?;
        let (mut learner, first, mut guard) = match inside {
            None => {
                self.stage(stage.name, Phase::Start, stage.steps, progress.rl_step)?;
                (Learner::new(model, AdamW::REINFORCE), 0, Guard::new(stage.name))
            }
            Some(resumed) => match &resumed.place {
                Place::Reinforce { step, guard } => (resumed.learner(model, AdamW::REINFORCE)?, *step, guard.clone()),
                Place::Warm(_) => return Err(TrainError::misplaced("the warm start, which is complete")),
            },
        };
        let problems = held_out(self.task, self.config.evaluation.problems_between);
        for step in first..stage.steps {
            let (mut metrics, groups) = steps.step(&mut learner, step, progress.rl_step)?;
            metrics.seconds = (self.clock)();
            progress.rl_step += 1;
            let rl_step = progress.rl_step;
            self.sink.receive(&Event::Step(Box::new(metrics.clone())))?;
            self.require_verdicts(&metrics, &groups)?;
            if step % KEPT_EVERY == 0 || step + 1 == stage.steps {
                self.keep_episodes(stage.name, step + 1, rl_step, &groups)?;
            }
            for (kind, message) in guard.step(&metrics) {
                let message = message + &self.shown(kind, &groups);
                self.sink.receive(&Event::Warning { kind, stage: stage.name, rl_step, message })?;
            }
            let last = step + 1 == stage.steps;
            let mut score = None;
            if rl_step.is_multiple_of(self.config.evaluation.every) && !last {
                let evaluation = evaluate(learner.model(), self.task, &problems, self.config.attempts, self.workers)?;
                let summary = Summary::from(evaluation);
                self.evaluated(stage.name, rl_step, false, &summary)?;
                self.compare(stage.name, rl_step, base, &summary)?;
                score = Some(summary.acc_t2);
            }
            let clock = self.clock;
            behind_step(self.kept, rl_step, last, || State {
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

    /// Stops when the verifier fails on more attempts than it may.
    fn require_verdicts(&self, metrics: &StepMetrics, groups: &[Group]) -> Result<(), TrainError> {
        let share = metrics.verdicts.share(Verdict::Failed.name());
        let limit = self.config.reinforce.max_failed;
        if share <= limit {
            return Ok(());
        }
        let examples = self.examples(groups, |attempt| attempt.verdict() == Verdict::Failed);
        Err(TrainError::Verifier { step: metrics.rl_step, share, limit, examples })
    }

    /// Attempts that a warning speaks of, below its words.
    fn shown(&self, kind: WarningKind, groups: &[Group]) -> String {
        let verdict = match kind {
            WarningKind::Unparseable => "unparseable",
            WarningKind::Truncated => "truncated",
            WarningKind::Failed => "failed",
            _ => return String::new(),
        };
        let examples = self.examples(groups, |attempt| attempt.verdict().name() == verdict);
        if examples.is_empty() { examples } else { format!("\n{examples}") }
    }

    /// A few attempts, with what they answer and why they earned what they did.
    fn examples(&self, groups: &[Group], wanted: impl Fn(&Attempt) -> bool) -> String {
        let shown = examples(self.task, self.workers.judges(), groups, EXAMPLES, wanted).into_iter().map(
            |Example { verdict, problem, answer, why, .. }| {
                let why = if why.is_empty() { why } else { format!(": {why}") };
                format!("  problem: {problem}\n  answer:  {answer}\n  verdict: {verdict}{why}")
            },
        );
        shown.collect::<Vec<_>>().join("\n")
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
            let episode = Episode::of(self.task, self.workers.judges(), group.problem(), &group.trajectories()[sample]);
            self.sink.receive(&Event::Episode(Box::new(Episode { stage, step, rl_step, sample, ..episode })))?;
        }
        Ok(())
    }
}

/// Refuses a task whose episodes do not fit a model.
///
/// # Errors
/// [`TrainError::Context`]; [`TrainError::Core`].
pub fn check_context(task: &dyn MultiTurnTask, attempts: usize, context: usize) -> Result<(), TrainError> {
    let needed = play::context(task, attempts)?;
    if needed > context { Err(TrainError::Context { needed, attempts, context }) } else { Ok(()) }
}

/// Refuses a task whose episodes do not fit a model, or that holds no problem, before anything is trained.
///
/// # Errors
/// [`TrainError::Context`]; [`TrainError::Core`]; [`TrainError::Config`] when a split holds no problem.
pub fn check_fit(task: &dyn MultiTurnTask, attempts: usize, context: usize) -> Result<(), TrainError> {
    check_context(task, attempts, context)?;
    check_problems(task)
}

/// Refuses a task that has nothing to train on, or nothing to judge by.
///
/// # Errors
/// [`TrainError::Config`].
pub fn check_problems(task: &dyn MultiTurnTask) -> Result<(), TrainError> {
    for (split, name) in [(Split::Train, "training problems"), (Split::HeldOut, "held-out problems")] {
        if task.is_empty(split) {
            return Err(TrainError::Config { name, expected: "at least 1".into(), got: "0".into() });
        }
    }
    Ok(())
}
