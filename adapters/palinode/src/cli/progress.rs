//! What a person sees while a run goes on, and when it is over.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use palinode::train::{
    arm::StageName,
    config::TrainConfig,
    event::{Event, Phase, StepMetrics, Summary},
};
use serde::Serialize;

use super::{Failure, failure::INPUT};

/// Lines of plain output a stage, where there is no terminal.
const LINES_A_STAGE: usize = 10;

/// Renders events: a bar on a terminal, lines elsewhere, warnings always.
pub(crate) struct Progress {
    quiet: bool,
    bar: Option<ProgressBar>,
    steps: usize,
    targets: [f64; 2],
}

impl Progress {
    pub(crate) fn new(quiet: bool, config: &TrainConfig) -> Self {
        Self { quiet, bar: None, steps: 0, targets: [config.warm.target_accuracy, config.warm.target_fix] }
    }

    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::Run { task, arm, seed, parameters, .. } => {
                self.line(&format!("task {task}, arm {arm}, seed {seed}, {parameters} parameters"));
            }
            Event::Stage { stage, phase: Phase::Start, steps, .. } => self.open(*stage, *steps),
            Event::Stage { phase: Phase::End, .. } => self.finish(),
            Event::Warm { phase, step, loss, acc_t1, p_fix_wrong, .. } => {
                let towards = |name: &str, value: Option<f64>, target: f64| {
                    value.map_or_else(String::new, |value| format!("  {name} {value:.1} % of {:.0} %", target * 100.0))
                };
                let [accuracy, fix] = self.targets;
                let checks = towards("acc@t1", *acc_t1, accuracy) + &towards("sampled P(fix|wrong)", *p_fix_wrong, fix);
                // The rare checks are worth keeping in sight.
                if checks.is_empty() {
                    self.set_position(*step);
                } else {
                    self.advance(*step, &format!("phase {phase}  loss {loss:.3}{checks}"));
                }
            }
            Event::Step(metrics) => self.advance(metrics.step, &describe(metrics)),
            Event::Eval { stage, summary, last: true, .. } => {
                let bold = Style::new().bold();
                self.line(&format!("{bold}{}{bold:#}: {}", title(*stage), in_words(summary)));
            }
            Event::Warning { message, .. } => {
                let yellow = AnsiColor::Yellow.on_default().bold();
                self.always(&format!("{yellow}warning:{yellow:#} {message}"));
            }
            _ => {}
        }
    }

    fn open(&mut self, stage: StageName, steps: usize) {
        self.steps = steps;
        if self.quiet {
            return;
        }
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{prefix:>10} {bar:28.cyan/blue} {pos:>4}/{len} {eta:>4} left  {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(steps as u64).with_style(style).with_prefix(title(stage));
            bar.enable_steady_tick(std::time::Duration::from_millis(250));
            self.bar = Some(bar);
        } else {
            self.line(&format!("{}: {steps} steps", title(stage)));
        }
    }

    fn set_position(&self, step: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(step as u64);
        }
    }

    fn advance(&self, step: usize, message: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(step as u64);
                bar.set_message(message.to_owned());
            }
            None if step.is_multiple_of(self.steps.div_ceil(LINES_A_STAGE).max(1)) || step == self.steps => {
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
        match &self.bar {
            Some(bar) => bar.suspend(|| anstream::eprintln!("{text}")),
            None => anstream::eprintln!("{text}"),
        }
    }
}

fn describe(metrics: &StepMetrics) -> String {
    let list = |values: &[f64], digits: usize| values.iter().map(|v| format!("{v:.digits$}")).collect::<Vec<_>>().join(" → ");
    format!("reward {}  changed {:.0} %  KL {}", list(&metrics.reward, 2), metrics.changed * 100.0, list(&metrics.kl, 2))
}

fn in_words(s: &Summary) -> String {
    format!("acc@t1 {:.1} %, acc@t2 {:.1} %, delta {:+.1}, i→c {:.1}, c→i {:.1} ({} problems, greedy)", s.acc_t1, s.acc_t2, s.delta, s.i_to_c, s.c_to_i, s.n)
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
        "", "acc@t1", "acc@t2", "delta", "i→c", "c→i", "changed", "P(fix|wrong)", "P(break|right)", "n"
    );
    let optional = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.1}"));
    for (name, s) in rows {
        anstream::println!(
            "{name:<10}{:>8.1}{:>8.1}{:>+8.1}{:>7.1}{:>7.1}{:>9.1}{:>14}{:>15}{:>7}",
            s.acc_t1, s.acc_t2, s.delta, s.i_to_c, s.c_to_i, s.changed, optional(s.p_fix_wrong), optional(s.p_break_right), s.n
        );
    }
}

/// One JSON object, last on stdout.
pub(crate) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|e| Failure::new(INPUT, e.to_string()))?;
    writeln!(std::io::stdout().lock(), "{text}").map_err(|e| Failure::new(INPUT, format!("standard output: {e}")))
}
