//! What a person should know while there is time to act.

use palinode_core::transitions::{Accuracy, Compared, first_got_worse};
use serde::{Deserialize, Serialize};

use crate::{
    arm::StageName,
    event::{StepMetrics, Summary, WarningKind},
    watch::diagnosis::{self, Seen},
};

/// RL steps over which shares are averaged.
const WINDOW: usize = 10;
/// Share of zero-spread groups from which there is no signal to speak of.
const NO_SIGNAL: f64 = 0.95;
/// Share of changed answers below which attempt 2 only repeats attempt 1.
const COLLAPSE: f64 = 0.02;

/// Share of attempts without a verdict on their content from which that is said.
const UNJUDGED: f64 = 0.5;

/// A warning: its kind and its words.
pub type Warning = (WarningKind, String);

/// Watches the measures of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    stage: StageName,
    /// Since the last look at why nothing rises.
    steps: Vec<Seen>,
    /// Whether it was said that the verifier fails.
    #[serde(default)]
    failed: bool,
}

impl Guard {
    /// A guard at the start of a stage.
    pub fn new(stage: StageName) -> Self {
        Self { stage, steps: Vec::new(), failed: false }
    }

    /// Looks at one RL step; speaks at most once every ten steps, and once in a stage of a verifier that fails.
    pub fn step(&mut self, metrics: &StepMetrics) -> Vec<Warning> {
        self.steps.push(self.seen(metrics));
        let mut warnings = Vec::from_iter(self.failure(metrics));
        if !self.steps.len().is_multiple_of(WINDOW) {
            return warnings;
        }
        let window = Seen::mean(&self.steps[self.steps.len() - WINDOW..]);
        if self.steps.len() == diagnosis::STEPS {
            warnings.extend(diagnosis::of(&self.steps).map(|message| (WarningKind::Flat, message)));
            self.steps.clear();
        }
        warnings.extend(look_at(&window));
        warnings
    }

    /// What is watched of a step.
    fn seen(&self, metrics: &StepMetrics) -> Seen {
        // Stage I pays its last attempt only.
        let trained = if self.stage == StageName::StageOne { metrics.zero_spread.len().saturating_sub(1) } else { 0 };
        let spreadless = metrics.zero_spread[trained..].iter().copied().fold(1.0, f64::min);
        let changed = if metrics.reward.len() > 1 { metrics.changed } else { 1.0 };
        Seen {
            reward: metrics.reward.last().copied().unwrap_or(0.0),
            spreadless,
            changed,
            unparseable: metrics.verdicts.share("unparseable"),
            truncated: metrics.verdicts.share("truncated"),
            kl: metrics.kl.iter().copied().fold(0.0, f64::max),
        }
    }

    /// The first time that the verifier fails in a stage.
    fn failure(&mut self, metrics: &StepMetrics) -> Option<Warning> {
        let failed = metrics.verdicts.count("failed");
        if failed == 0 || std::mem::replace(&mut self.failed, true) {
            return None;
        }
        let all = metrics.verdicts.total();
        let message = format!("the verifier failed on {failed} of {all} attempts; they earn nothing, and are counted apart");
        Some((WarningKind::Failed, message))
    }

    /// Compares an evaluation with that of the reference on the same problems.
    pub fn evaluation(&self, reference: &Summary, now: &Summary) -> Option<Warning> {
        let lost = reference.acc_t1 - now.acc_t1;
        let first = |summary: &Summary| Accuracy::new(summary.acc_t1, summary.n as f64);
        first_got_worse(first(reference), first(now), Compared::Paired).then(|| {
            (
                WarningKind::Sandbagging,
                format!(
                    "sandbagging: acc@t1 is {:.1} %, {lost:.1} points below the reference's {:.1} %; attempt 1 is getting worse, which makes \
                     correction look better than it is",
                    now.acc_t1, reference.acc_t1
                ),
            )
        })
    }
}

/// What is wrong with the mean of a window.
fn look_at(&Seen { spreadless, changed, unparseable, truncated, .. }: &Seen) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if spreadless >= NO_SIGNAL {
        warnings.push((
            WarningKind::NoSignal,
            format!(
                "no signal: in {:.0} % of the groups all episodes earned the same over the last {WINDOW} steps; use easier problems, more \
                 samples a problem, or a longer warm start",
                spreadless * 100.0
            ),
        ));
    }
    if changed < COLLAPSE {
        warnings.push((
            WarningKind::Collapse,
            format!(
                "collapse: only {:.1} % of sampled second attempts differ from the first over the last {WINDOW} steps; attempt 2 has \
                 become a copy",
                changed * 100.0
            ),
        ));
    }
    if unparseable >= UNJUDGED {
        let words = "unparseable: no answer could be read out of {} of the attempts over the last {} steps; look at them in the report, \
                     and ask `palinode verify` why: another verifier, or a problem text that says how to answer, may be needed";
        warnings.push((WarningKind::Unparseable, fill(words, unparseable)));
    }
    if truncated >= UNJUDGED {
        let words = "truncated: {} of the attempts were cut off over the last {} steps and earned nothing; allow longer answers (--max-answer)";
        warnings.push((WarningKind::Truncated, fill(words, truncated)));
    }
    warnings
}

/// Puts a share and the window into words.
fn fill(words: &str, share: f64) -> String {
    words.replacen("{}", &format!("{:.0} %", share * 100.0), 1).replacen("{}", &WINDOW.to_string(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdicts::VerdictTable;

    fn metrics(zero_spread: [f64; 2], changed: f64) -> StepMetrics {
        StepMetrics {
            stage: StageName::StageTwo,
            step: 1,
            rl_step: 1,
            loss: 0.0,
            reward: vec![0.5, 0.5],
            kl: vec![0.0, 0.0],
            length: vec![8.0, 8.0],
            grad_norm: 1.0,
            changed,
            zero_spread: zero_spread.to_vec(),
            i_to_c: 0.0,
            c_to_i: 0.0,
            verdicts: Default::default(),
            logprob_gap: 0.0,
            seconds: 0.0,
        }
    }

    fn kinds(stage: StageName, zero_spread: [f64; 2], changed: f64) -> Vec<WarningKind> {
        let mut guard = Guard::new(stage);
        (0..WINDOW).flat_map(|_| guard.step(&metrics(zero_spread, changed))).map(|(kind, _)| kind).collect()
    }

    #[test]
    fn windows_speak_once_and_only_when_something_is_wrong() {
        assert_eq!(kinds(StageName::StageTwo, [0.3, 0.2], 0.3), []);
        assert_eq!(kinds(StageName::StageTwo, [1.0, 0.97], 0.3), [WarningKind::NoSignal]);
        assert_eq!(kinds(StageName::StageTwo, [0.3, 1.0], 0.3), [], "attempt 1 still has signal in Stage II");
        assert_eq!(kinds(StageName::StageOne, [0.3, 1.0], 0.3), [WarningKind::NoSignal], "Stage I pays attempt 2 only");
        assert_eq!(kinds(StageName::StageTwo, [0.3, 0.3], 0.001), [WarningKind::Collapse]);
    }

    #[test]
    fn attempts_that_can_not_be_judged_are_named() {
        for (verdict, kind) in [("unparseable", WarningKind::Unparseable), ("truncated", WarningKind::Truncated)] {
            let (mut guard, mut found) = (Guard::new(StageName::StageTwo), Vec::new());
            for _ in 0..WINDOW {
                let counts = [(verdict.to_owned(), 6), ("wrong".to_owned(), 4)].into();
                let verdicts = VerdictTable::new(vec![counts]);
                found.extend(guard.step(&StepMetrics { verdicts, ..metrics([0.3, 0.3], 0.3) }));
            }
            assert!(found.len() == 1 && found[0].0 == kind && found[0].1.contains("60 % of the attempts"), "{found:?}");
        }
    }

    #[test]
    fn sandbagging_fires_beyond_two_points() {
        let summary = |acc_t1: f64| Summary {
            acc_t1,
            acc_t2: 60.0,
            delta: 60.0 - acc_t1,
            i_to_c: 0.0,
            c_to_i: 0.0,
            changed: 0.0,
            p_fix_wrong: None,
            p_break_right: None,
            n: 1000,
            acc: vec![acc_t1, 60.0],
            edit_distance_ratio: 0.0,
            verdicts: Default::default(),
            examples: Vec::new(),
        };
        let guard = Guard::new(StageName::StageTwo);
        assert_eq!(guard.evaluation(&summary(45.0), &summary(43.0)), None);
        let (kind, message) = guard.evaluation(&summary(45.0), &summary(42.9)).unwrap();
        assert!(kind == WarningKind::Sandbagging && message.contains("sandbagging"), "{message}");
    }
}
