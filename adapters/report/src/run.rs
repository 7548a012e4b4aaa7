//! Folds the events of a run into what the report shows.

use std::path::Path;

use palinode_train::{run::names::METRICS, supervised};

use super::{
    ReportError,
    log::{About, Eval, Num, Reached, Reported, RunLog, Step, Warning},
    series::Series,
    text::clip,
    verdicts::Verdicts,
};

/// What a run wrote about itself, bounded in size whatever the length of the run.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) about: About,
    /// Evaluations on the RL axis, base first.
    pub(super) evals: Series<Eval>,
    /// One evaluation per stage, in order: the one that ends it, else its latest.
    pub(super) rows: Vec<Eval>,
    pub(super) steps: Series<Step>,
    pub(super) spans: Vec<Span>,
    pub(super) warnings: Vec<Warning>,
    /// Training attempts by verdict.
    pub(super) training: Verdicts,
    /// Supervised steps on references, which made the base.
    pub(super) supervised: u64,
    pub(super) seconds: Option<f64>,
    /// Whether the run said that it ended.
    pub(super) ended: bool,
    /// Whether the last line was cut short.
    pub(super) cut: bool,
}

impl Run {
    pub(super) fn read(folder: &Path) -> Result<Self, ReportError> {
        let (mut log, mut run) = (RunLog::open(folder)?, Self::default());
        while let Some(event) = log.next_as(|logged| logged.reported())? {
            run.take(event);
        }
        run.cut = log.metrics.is_cut();
        run.seconds = log.last_time()?;
        if run.rows.is_empty() {
            return Err(ReportError::NoEvaluations { path: folder.join(METRICS) });
        }
        Ok(run)
    }

    /// The evaluation the headline states. Present in every run that was read without an error.
    pub(super) fn result(&self) -> Option<&Eval> {
        self.rows.last()
    }

    /// The evaluation before RL, when there is one beside the result.
    pub(super) fn base(&self) -> Option<&Eval> {
        self.rows.first().filter(|row| row.stage == "base" && self.rows.len() > 1)
    }

    /// The last RL step anything is known about.
    pub(super) fn last_step(&self) -> f64 {
        self.evals.last_x().unwrap_or(0.0).max(self.steps.last_x().unwrap_or(0.0))
    }

    fn take(&mut self, event: Reported) {
        self.ended = matches!(event, Reported::End);
        match event {
            Reported::Run(about) => self.about = about,
            Reported::Warm(warmed) => {
                // Before the first of them an event without a loss says where the model stood.
                let taken = warmed.phase.0 == Some(supervised::PHASE as f64) && warmed.loss.0.is_some();
                self.supervised += u64::from(taken);
            }
            Reported::Step(step) => self.take_step(step),
            Reported::Eval(eval) => self.take_eval(eval),
            Reported::Warning(warning) => self.take_warning(warning),
            Reported::Stage(Reached { stage, rl_step: Num(Some(x)) }) => self.reach(&stage, x, x),
            Reported::Stage(_) | Reported::End | Reported::Other => {}
        }
    }

    fn take_step(&mut self, step: Step) {
        let Some(x) = step.rl_step.0 else { return };
        self.training.add(&step.verdicts);
        self.reach(&step.stage, x - 1.0, x);
        self.steps.retain(|old, _| old < x);
        self.steps.push(x, Step { verdicts: Verdicts::default(), stage: String::new(), ..step });
    }

    fn take_eval(&mut self, mut eval: Eval) {
        if eval.acc.is_empty() {
            eval.acc = [eval.acc_t1, eval.acc_t2].into_iter().filter(|acc| acc.0.is_some()).collect();
        }
        let Some(x) = eval.rl_step.0.filter(|_| eval.stage != "warm" && !eval.acc.is_empty()) else { return };
        eval.stage = clip(&eval.stage, 40);
        let same = |old: f64, other: &Eval| old == x && other.stage == eval.stage;
        if self.evals.iter().any(|(old, other)| same(old, other) && other.last && !eval.last) {
            return;
        }
        self.evals.retain(|old, other| !same(old, other) && (old <= x || eval.stage == "base"));
        if eval.stage != "base" {
            self.reach(&eval.stage, x, x);
            self.rows.retain(|row| row.stage == "base" || row.rl_step.0 <= Some(x));
        }
        let room = self.rows.len() < MAX_KINDS;
        match self.rows.iter_mut().find(|row| row.stage == eval.stage) {
            Some(row) if eval.last || !row.last => *row = eval.clone(),
            Some(_) => {}
            None if room => self.rows.push(eval.clone()),
            None => {}
        }
        // Only rows show them.
        (eval.verdicts, eval.examples) = Default::default();
        self.evals.push(x, eval);
    }

    fn take_warning(&mut self, warning: Warning) {
        let (kind, stage) = (clip(&warning.kind, 40), clip(&warning.stage, 40));
        let (step, message) = (warning.step, clip(&warning.message, 500));
        let room = self.warnings.len() < MAX_KINDS;
        match self.warnings.iter_mut().find(|old| old.kind == kind && old.stage == stage) {
            Some(old) => (old.times, old.step, old.message) = (old.times + 1, step, message),
            None if room => {
                self.warnings.push(Warning { kind, stage, step, message, first: step, times: 1 });
            }
            None => {}
        }
    }

    /// Notes that `stage` covers the RL steps from `start` (when it is new) to `end`.
    fn reach(&mut self, stage: &str, start: f64, end: f64) {
        if stage == "base" || stage == "warm" {
            return;
        }
        let stage = clip(stage, 40);
        self.spans.retain(|span| span.start <= start || span.stage == stage);
        let room = self.spans.len() < MAX_KINDS;
        match self.spans.last_mut() {
            Some(span) if span.stage == stage => (span.start, span.end) = (span.start.min(start), span.end.max(end)),
            _ if room => self.spans.push(Span { stage, start, end }),
            _ => {}
        }
    }
}

/// The RL steps a stage covers.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) stage: String,
    pub(super) start: f64,
    pub(super) end: f64,
}

/// At most this many stages and warnings are told apart.
const MAX_KINDS: usize = 40;
