//! Reads `metrics.jsonl` into what the report shows.

use std::path::Path;

use palinode_train::verdicts::Example;
use serde::Deserialize;
use serde_json::Value;

use super::{
    ReportError,
    lines::{Lines, Num, per_attempt, shown},
    series::Series,
    text::clip,
    verdicts::{Verdicts, examples},
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
    pub(super) seconds: Option<f64>,
    /// Whether the run said that it ended.
    pub(super) ended: bool,
    /// Whether the last line was cut short.
    pub(super) cut: bool,
}

impl Run {
    pub(super) fn read(folder: &Path) -> Result<Self, ReportError> {
        let path = folder.join("metrics.jsonl");
        let mut lines = Lines::<Event>::open(&path)?;
        let mut run = Self::default();
        while let Some(event) = lines.next()? {
            run.take(event);
        }
        run.cut = lines.cut;
        run.seconds = last_time(&folder.join("times.jsonl"))?;
        if run.rows.is_empty() {
            return Err(ReportError::NoEvaluations { path });
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

    fn take(&mut self, event: Event) {
        self.ended = matches!(event, Event::End);
        match event {
            Event::Run(about) => self.about = about,
            Event::Step(step) => self.take_step(step),
            Event::Eval(eval) => self.take_eval(eval),
            Event::Warning(warning) => self.take_warning(warning),
            Event::Stage { stage, rl_step: Num(Some(x)) } => self.reach(&stage, x, x),
            Event::Stage { .. } | Event::End | Event::Other => {}
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

/// The `run` event: who trained what on which task. Fields are shown as they are.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct About {
    version: Value,
    task: Value,
    arm: Value,
    seed: Value,
    device: Value,
    parameters: Num,
}

impl About {
    /// The fields that are present, as label and text.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let parameters = self.parameters.0.map(super::text::count);
        let named = [("task", &self.task), ("arm", &self.arm), ("seed", &self.seed), ("device", &self.device)];
        let mut fields: Vec<_> = named.iter().filter_map(|(name, value)| Some((*name, shown(value)?))).collect();
        fields.extend(parameters.map(|number| ("parameters", number)));
        fields.extend(shown(&self.version).map(|version| ("palinode", version)));
        fields
    }

    /// One of those fields.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }
}

/// One optimiser step of RL. Fractions lie in 0..1; `reward` and `kl` have one entry per attempt.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Step {
    stage: String,
    rl_step: Num,
    #[serde(deserialize_with = "per_attempt")]
    pub(super) reward: Vec<Num>,
    #[serde(deserialize_with = "per_attempt")]
    pub(super) kl: Vec<Num>,
    pub(super) i_to_c: Num,
    pub(super) c_to_i: Num,
    verdicts: Verdicts,
}

/// One evaluation, in percent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Eval {
    pub(super) stage: String,
    pub(super) rl_step: Num,
    #[serde(deserialize_with = "per_attempt")]
    pub(super) acc: Vec<Num>,
    acc_t1: Num,
    acc_t2: Num,
    pub(super) delta: Num,
    pub(super) i_to_c: Num,
    pub(super) c_to_i: Num,
    pub(super) changed: Num,
    pub(super) p_fix_wrong: Num,
    pub(super) p_break_right: Num,
    pub(super) n: Num,
    pub(super) verdicts: Verdicts,
    #[serde(deserialize_with = "examples")]
    pub(super) examples: Vec<Example>,
    /// Whether it ends its stage.
    #[serde(rename = "final")]
    pub(super) last: bool,
}

/// Warnings of one kind in one stage.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Warning {
    pub(super) kind: String,
    pub(super) stage: String,
    #[serde(rename = "rl_step")]
    pub(super) step: Num,
    pub(super) message: String,
    #[serde(skip)]
    pub(super) first: Num,
    #[serde(skip)]
    pub(super) times: u64,
}

/// The RL steps a stage covers.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) stage: String,
    pub(super) start: f64,
    pub(super) end: f64,
}

/// When a run's last event happened; nothing where no times were kept.
fn last_time(path: &Path) -> Result<Option<f64>, ReportError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Time {
        seconds: Num,
    }
    if !path.is_file() {
        return Ok(None);
    }
    let (mut times, mut last) = (Lines::<Time>::open(path)?, None);
    while let Some(Time { seconds }) = times.next()? {
        last = seconds.0.or(last);
    }
    Ok(last)
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Run(About),
    Step(Step),
    Eval(Eval),
    Warning(Warning),
    Stage {
        #[serde(default)]
        stage: String,
        #[serde(default)]
        rl_step: Num,
    },
    End,
    #[serde(other)]
    Other,
}

/// At most this many stages and warnings are told apart.
const MAX_KINDS: usize = 40;
