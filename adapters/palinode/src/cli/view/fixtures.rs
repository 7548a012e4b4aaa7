//! Events that tests of the view are made of.

use palinode::train::{
    arm::StageName,
    event::{Episode, EpisodeAttempt, Event, Phase, StepMetrics, Summary, WarningKind},
    verdicts::{Example, VerdictTable},
};

use super::model::View;

/// A run of 50 RL steps has reached Stage I, of 20 steps.
pub(super) fn run(view: &mut View) {
    view.take(
        &Event::Run {
            version: "0.1.0".into(),
            task: "ledger".into(),
            arm: "score".into(),
            seed: 0,
            attempts: 2,
            parameters: 224_160,
            trainable: 224_160,
            steps: [2300, 50],
        },
        None,
    );
    view.take(&Event::Stage { stage: StageName::StageOne, phase: Phase::Start, steps: 20, rl_step: 0 }, None);
}

/// Attempts by verdict.
pub(super) fn table(attempts: &[&[(&str, u64)]]) -> VerdictTable {
    VerdictTable::new(attempts.iter().map(|counts| counts.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()).collect())
}

/// A step of Stage I in which attempt 2 earned this reward.
pub(super) fn step(rl_step: usize, reward: f64) -> Event {
    Event::Step(Box::new({
        let mut metrics = StepMetrics::new(StageName::StageOne, rl_step, rl_step);
        metrics.reward = vec![0.4, reward];
        metrics.kl = vec![0.01, 1.25];
        metrics.length = vec![8.0, 8.0];
        metrics.grad_norm = 1.0;
        metrics.changed = 0.31;
        metrics.zero_spread = vec![0.1, 0.2];
        metrics.i_to_c = 0.22;
        metrics.c_to_i = 0.03;
        metrics.verdicts = table(&[&[("right", 200), ("wrong", 312)], &[("right", 400), ("wrong", 100), ("truncated", 12)]]);
        metrics
    }))
}

/// An evaluation in percent.
pub(super) fn eval(stage: StageName, rl_step: usize, acc_t1: f64, acc_t2: f64) -> Event {
    let summary = {
        let mut summary = Summary::of_accuracies(vec![acc_t1, acc_t2]);
        summary.i_to_c = 22.0;
        summary.c_to_i = 2.8;
        summary.changed = 40.0;
        summary.p_fix_wrong = Some(40.0);
        summary.n = 2000;
        summary.edit_distance_ratio = 10.0;
        summary
    };
    Event::Eval { stage, rl_step, last: false, summary, seconds: 0.0 }
}

/// The same with verdicts, and an example of one.
pub(super) fn judged(event: Event, why: &str) -> Event {
    let Event::Eval { stage, rl_step, last, mut summary, seconds } = event else { return event };
    summary.verdicts = table(&[&[("right", 822), ("wrong", 1178)], &[("right", 1270), ("wrong", 727), ("truncated", 3)]]);
    let text = |text: &str| text.to_owned();
    let (problem, answer, why) = (text("2 + 2 = ?"), text("four or five"), why.to_owned());
    summary.examples = vec![Example { verdict: text("wrong"), attempt: 2, problem, answer, why }];
    Event::Eval { stage, rl_step, last, summary, seconds }
}

/// An episode whose last attempt alone is right.
pub(super) fn episode(rl_step: usize, prompt: &str, first: &str, last: &str) -> Event {
    let attempt = |text: &str, verdict: &str| {
        let mut attempt = EpisodeAttempt::new(text, verdict);
        attempt.stop = "end_token".into();
        attempt
    };
    Event::Episode(Box::new({
        let mut episode = Episode::new(StageName::StageOne, rl_step, rl_step, 7);
        episode.prompt = prompt.into();
        episode.reference = last.into();
        episode.attempts = vec![attempt(first, "wrong"), attempt(last, "right")];
        episode
    }))
}

/// A warning at an RL step.
pub(super) fn warning(rl_step: usize, message: &str) -> Event {
    let (kind, stage) = (WarningKind::Collapse, StageName::StageOne);
    Event::Warning { kind, stage, rl_step, message: message.into() }
}
