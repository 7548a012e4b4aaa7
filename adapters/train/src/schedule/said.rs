//! What a run says as it goes.

use palinode_core::{attempt::Attempt, task::Split, trajectory::Group, verifier::Verdict};

use crate::{
    arm::{Stage, StageName},
    course::Course,
    error::TrainError,
    event::{Checked, Episode, Event, StepMetrics, Summary, WarningKind},
    trainable::Trainable,
    verdicts::{Example, examples},
    watch::{checks::Check, guard::Guard, signal::Signal},
};

/// Episodes kept of each RL step, and RL steps between two that are kept.
const KEPT_EPISODES: usize = 8;
const KEPT_EVERY: usize = 5;
/// Examples of what went wrong in an error.
const EXAMPLES: usize = 3;

impl<M: Trainable> Course<'_, M> {
    pub(super) fn announce(
        &mut self,
        [parameters, trainable]: [usize; 2],
        stages: &[Stage],
        checked: [Check; 2],
    ) -> Result<(), TrainError> {
        self.sink.receive(&Event::Run {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            task: self.task.shown().name().to_owned(),
            arm: self.config.arm.name().to_owned(),
            seed: self.config.seed,
            attempts: self.config.attempts,
            parameters,
            trainable,
            steps: [self.config.warm_steps(), stages.iter().map(|stage| stage.steps).sum()],
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
    pub(super) fn look_for_signal(&mut self, model: &M, greedy: Option<&Summary>) -> Result<(), TrainError> {
        let sink = &mut *self.sink;
        let told = |done, all| sink.receive(&Event::Checking { check: Checked::Signal, done, all });
        let signal = Signal::of(model, self.task, self.config, self.workers, told)?.beside(greedy);
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

    /// What there is to say of an RL step of `stage`.
    pub(super) fn stepped(
        &mut self,
        stage: &Stage,
        metrics: &StepMetrics,
        groups: &[Group],
        guard: &mut Guard,
    ) -> Result<(), TrainError> {
        self.sink.receive(&Event::Step(Box::new(metrics.clone())))?;
        self.require_verdicts(metrics, groups)?;
        let &StepMetrics { step, rl_step, .. } = metrics;
        if (step - 1).is_multiple_of(KEPT_EVERY) || step == stage.steps {
            self.keep_episodes(stage.name, step, rl_step, groups)?;
        }
        for (kind, message) in guard.step(metrics) {
            let message = message + &self.shown(kind, groups);
            self.sink.receive(&Event::Warning { kind, stage: stage.name, rl_step, message })?;
        }
        Ok(())
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

    pub(super) fn evaluated(
        &mut self,
        stage: StageName,
        rl_step: usize,
        last: bool,
        summary: &Summary,
    ) -> Result<(), TrainError> {
        let seconds = (self.clock)();
        self.sink.receive(&Event::Eval { stage, rl_step, last, summary: summary.clone(), seconds })
    }

    /// Warns when attempt 1 has fallen behind the reference's.
    pub(super) fn compare(
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
