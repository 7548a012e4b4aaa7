//! What a person sees while a run goes on, and when it is over.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use palinode::train::{
    arm::StageName,
    config::{TrainConfig, WarmConfig},
    event::{Event, Phase, StepMetrics, Summary},
};
use serde::Serialize;

use super::{
    Failure,
    failure::{INPUT, clean},
    output,
};

/// Lines of plain output a stage, where there is no terminal.
const LINES_A_STAGE: usize = 10;

/// About how many characters an example of a verdict takes.
pub(crate) const EXAMPLE: usize = 150;

/// Renders events: a bar on a terminal, lines elsewhere, warnings always.
pub(crate) struct Progress {
    quiet: bool,
    bar: Option<ProgressBar>,
    steps: usize,
    /// The step from which the next plain line is due.
    due: usize,
    phase: usize,
    warm: WarmConfig,
}

impl Progress {
    pub(crate) fn new(quiet: bool, config: &TrainConfig) -> Self {
        Self { quiet, bar: None, steps: 0, due: 0, phase: 0, warm: config.warm.clone() }
    }

    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Keeps count of an event that is shown elsewhere.
    pub(crate) fn pass(&mut self, event: &Event) {
        if let Event::Stage { phase: Phase::Start, steps, .. } = event {
            (self.steps, self.due) = (*steps, 0);
        }
    }

    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::Run { task, arm, seed, parameters, trainable, .. } => {
                let frozen = if trainable < parameters { format!(", {trainable} of them trained") } else { String::new() };
                self.line(&format!("task {task}, arm {arm}, seed {seed}, {parameters} parameters{frozen}"));
            }
            Event::Signal(signal) => self.line(&format!("signal: {}", signal.in_words())),
            Event::Rehearsal { episodes, tokens, .. } => {
                self.line(&format!("memory: the longest micro-batch fits ({episodes} episodes of {tokens} tokens)"));
            }
            // A folder's model is the base as it is.
            Event::Stage { phase: Phase::Start, steps: 0, .. } => {}
            Event::Stage { stage, phase: Phase::Start, steps, .. } => self.open(*stage, *steps),
            Event::Stage { phase: Phase::End, .. } => self.finish(),
            Event::Warm { phase, step, loss, acc_t1, p_fix_wrong, .. } => {
                self.enter(*phase, *step);
                // The rare checks are worth keeping in sight.
                match describe_check(&self.warm, *phase, *acc_t1, *p_fix_wrong) {
                    Some(check) => self.advance(*step, &format!("{}  loss {loss:.3}  {check}", phase_title(*phase))),
                    None => self.set_position(*step),
                }
            }
            Event::Step(metrics) => self.advance(metrics.step, &describe(metrics)),
            Event::Eval { stage, summary, last: true, .. } => {
                let bold = Style::new().bold();
                self.line(&format!("{bold}{}{bold:#}: {}", title(*stage), in_words(summary)));
                verdict_lines(summary).iter().for_each(|line| self.line(&format!("  {}", clean(line))));
            }
            Event::Warning { message, .. } => {
                let yellow = AnsiColor::Yellow.on_default().bold();
                self.always(&format!("{yellow}warning:{yellow:#} {message}"));
            }
            _ => {}
        }
    }

    fn open(&mut self, stage: StageName, steps: usize) {
        (self.steps, self.due) = (steps, steps.div_ceil(LINES_A_STAGE));
        if self.quiet {
            return;
        }
        // A dumb terminal can't move its cursor.
        if std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb") {
            let style = ProgressStyle::with_template("{prefix:>10} {bar:28.cyan/blue} {pos:>4}/{len} {eta:>4} left  {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(steps as u64).with_style(style).with_prefix(title(stage));
            bar.enable_steady_tick(std::time::Duration::from_millis(250));
            self.bar = Some(bar);
        } else {
            self.line(&format!("{}: {steps} steps", title(stage)));
        }
    }

    /// A phase of the warm start begins; the one before may have ended early.
    fn enter(&mut self, phase: usize, step: usize) {
        if phase == self.phase {
            return;
        }
        self.phase = phase;
        let ahead = [self.warm.steps_corrupted, self.warm.steps_sampled, self.warm.steps_habit];
        self.steps = step - 1 + ahead[phase.saturating_sub(1).min(2)..].iter().sum::<usize>();
        self.due = step;
        if let Some(bar) = &self.bar {
            bar.set_length(self.steps as u64);
        }
    }

    fn set_position(&self, step: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(step as u64);
        }
    }

    fn advance(&mut self, step: usize, message: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(step as u64);
                bar.set_message(message.to_owned());
            }
            None if step >= self.due || step == self.steps => {
                self.due = step + self.steps.div_ceil(LINES_A_STAGE);
                self.line(&format!("  step {step}/{}  {message}", self.steps));
            }
            None => {}
        }
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            self.always(text);
        }
    }

    fn always(&self, text: &str) {
        // Who watches may leave: that is no reason to stop.
        let write = || drop(writeln!(anstream::stderr(), "{text}"));
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// What a phase of the warm start is for.
pub(crate) fn phase_title(phase: usize) -> &'static str {
    match phase {
        1 => "learning to answer",
        2 => "learning to correct",
        _ => "learning to copy",
    }
}

/// What a check of the warm start found, and how far it is to go.
fn describe_check(warm: &WarmConfig, phase: usize, acc_t1: Option<f64>, p_fix_wrong: Option<f64>) -> Option<String> {
    let target = |fraction: f64| format!(" of {:.0} %", fraction * 100.0);
    match (acc_t1, p_fix_wrong) {
        (Some(acc), _) => Some(format!("acc@t1 {acc:.1}{}", target(warm.target_accuracy))),
        (_, Some(fix)) if phase == 2 => Some(format!("sampled P(fix|wrong) {fix:.1}{}", target(warm.target_fix))),
        (_, Some(fix)) => Some(format!("sampled P(fix|wrong) {fix:.1} %")),
        (None, None) => None,
    }
}

/// An RL step in a line.
pub(crate) fn describe(metrics: &StepMetrics) -> String {
    // A little below zero is printed as zero is.
    let list = |values: &[f64], digits: usize| {
        values.iter().map(|v| format!("{v:.digits$}").replace("-0.00", "0.00")).collect::<Vec<_>>().join(" → ")
    };
    format!("reward {}  changed {:.0} %  KL {}", list(&metrics.reward, 2), metrics.changed * 100.0, list(&metrics.kl, 2))
}

/// An evaluation in a line.
pub(crate) fn in_words(s: &Summary) -> String {
    format!(
        "acc@t1 {:.1} %, acc@t2 {:.1} %, delta {:+.1}, i→c {:.1}, c→i {:.1} ({} problems, greedy)",
        s.acc_t1, s.acc_t2, s.delta, s.i_to_c, s.c_to_i, s.n
    )
}

/// An evaluation's verdicts: the counts in a line, and one of each kind that is not right in a line each.
pub(crate) fn verdict_lines(s: &Summary) -> Vec<String> {
    let counts = Some(s.verdicts.in_words(s.acc.len())).filter(|counts| !counts.is_empty());
    let examples = s.examples.iter().map(|example| format!("e.g. {}", example.in_words(EXAMPLE)));
    counts.into_iter().chain(examples).collect()
}

/// A stage's name for people.
pub(crate) fn title(stage: StageName) -> &'static str {
    match stage {
        StageName::Base => "base",
        StageName::StageOne => "Stage I",
        StageName::StageTwo => "Stage II",
    }
}

/// Evaluations as a table on stdout.
pub(crate) fn print_table(rows: &[(&str, &Summary)]) {
    let bold = Style::new().bold();
    anstream::println!(
        "{bold}{:<10}{:>8}{:>8}{:>8}{:>7}{:>7}{:>9}{:>14}{:>15}{:>7}{bold:#}",
        "",
        "acc@t1",
        "acc@t2",
        "delta",
        "i→c",
        "c→i",
        "changed",
        "P(fix|wrong)",
        "P(break|right)",
        "n"
    );
    let optional = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.1}"));
    for (name, s) in rows {
        anstream::println!(
            "{name:<10}{:>8.1}{:>8.1}{:>+8.1}{:>7.1}{:>7.1}{:>9.1}{:>14}{:>15}{:>7}",
            s.acc_t1,
            s.acc_t2,
            s.delta,
            s.i_to_c,
            s.c_to_i,
            s.changed,
            optional(s.p_fix_wrong),
            optional(s.p_break_right),
            s.n
        );
    }
}

/// What a person should know before anything runs.
pub(crate) fn print_notes(notes: &[String]) {
    let yellow = AnsiColor::Yellow.on_default();
    for note in notes {
        anstream::eprintln!("{yellow}note:{yellow:#} {}", clean(note));
    }
}

/// One JSON object, last on stdout.
pub(crate) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|e| Failure::new(INPUT, e.to_string()))?;
    output::emit(format!("{text}\n").as_bytes())
}
