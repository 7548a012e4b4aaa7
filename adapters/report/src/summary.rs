//! What a report says, for other programs.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use palinode_train::verdicts::Example;
use serde::Serialize;

use super::{
    ReportError,
    log::{Eval, Warning},
    run::Run,
    stats::wilson,
    table,
};

/// What a run found: accuracies and shares in percent, differences in points, intervals of 95 %. A figure that the log lacks is `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunSummary {
    /// Its folder.
    pub run: PathBuf,
    /// The task, as the log has it.
    pub task: Option<String>,
    /// The arm.
    pub arm: Option<String>,
    /// The seed.
    pub seed: Option<String>,
    /// Whether it has ended; what is below may change otherwise.
    pub ended: bool,
    /// Wall-clock seconds.
    pub seconds: Option<f64>,
    /// Supervised steps on references before RL: where there are some, the base is what they left, and not the model that the run started from.
    pub supervised_steps: u64,
    /// Its stages in order.
    pub stages: Vec<StageSummary>,
    /// Attempts in training by verdict, one entry an attempt; one for all together where the log is an older one.
    pub training_verdicts: Vec<BTreeMap<String, u64>>,
    /// Its warnings, those of one kind and stage as one.
    pub warnings: Vec<WarningSummary>,
}

/// What the evaluation of a stage found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StageSummary {
    /// The stage.
    pub stage: String,
    /// RL steps taken.
    pub rl_step: Option<f64>,
    /// Whether the evaluation ends the stage.
    #[serde(rename = "final")]
    pub last: bool,
    /// Problems.
    pub n: Option<f64>,
    /// Accuracy of each attempt.
    pub acc: Vec<Option<f64>>,
    /// Its Wilson interval.
    pub acc_interval: Vec<Option<(f64, f64)>>,
    /// Last attempt minus first.
    pub delta: Option<f64>,
    /// Its interval for paired proportions (Bonett and Price 2012).
    pub delta_interval: Option<(f64, f64)>,
    /// Wrong at first, right at last.
    pub i_to_c: Option<f64>,
    /// Right at first, wrong at last.
    pub c_to_i: Option<f64>,
    /// Another answer at last than at first.
    pub changed: Option<f64>,
    /// Of those wrong at first, right at last.
    pub p_fix_wrong: Option<f64>,
    /// Of those right at first, wrong at last.
    pub p_break_right: Option<f64>,
    /// Attempts by verdict, one entry an attempt; none where the log does not tell.
    pub verdicts: Vec<BTreeMap<String, u64>>,
    /// An attempt of each verdict but `right`, and three at least where so many are not right.
    pub examples: Vec<Example>,
}

/// Warnings of one kind in one stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WarningSummary {
    /// What kind.
    pub kind: String,
    /// The stage.
    pub stage: String,
    /// The last one's words.
    pub message: String,
    /// How many there were.
    pub times: u64,
}

/// Sums up the run folder `run`: the figures of [`render_html`](super::render_html).
///
/// # Errors
/// As there, for `metrics.jsonl` only.
pub fn summarize(run: &Path) -> Result<RunSummary, ReportError> {
    let Run { about, rows, warnings, training, supervised, seconds, ended, .. } = Run::read(run)?;
    let warning = |warning: Warning| WarningSummary {
        kind: warning.kind,
        stage: warning.stage,
        message: warning.message,
        times: warning.times,
    };
    Ok(RunSummary {
        run: run.into(),
        task: about.field("task"),
        arm: about.field("arm"),
        seed: about.field("seed"),
        ended,
        seconds,
        supervised_steps: supervised,
        stages: rows.iter().map(stage).collect(),
        training_verdicts: training.counts(),
        warnings: warnings.into_iter().map(warning).collect(),
    })
}

fn stage(eval: &Eval) -> StageSummary {
    StageSummary {
        stage: eval.stage.clone(),
        rl_step: eval.rl_step.0,
        last: eval.last,
        n: eval.n.0,
        acc: eval.acc.iter().map(|acc| acc.0).collect(),
        acc_interval: eval.acc.iter().map(|acc| wilson(acc.0, eval.n.0)).collect(),
        delta: table::delta(eval),
        delta_interval: table::interval(eval),
        i_to_c: eval.i_to_c.0,
        c_to_i: eval.c_to_i.0,
        changed: eval.changed.0,
        p_fix_wrong: eval.p_fix_wrong.0,
        p_break_right: eval.p_break_right.0,
        verdicts: eval.verdicts.counts(),
        examples: eval.examples.clone(),
    }
}
