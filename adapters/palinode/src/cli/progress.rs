//! What a person sees while a run goes on, and when it is over.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use palinode::train::{
    arm::StageName,
    config::{SupervisedConfig, TrainConfig, WarmConfig},
    event::{Checked, Event, Phase, StepMetrics, Summary},
    supervised::PHASE,
};
use serde::Serialize;

use super::{
    Failure,
    failure::{INPUT, clean},
    output,
};

/// Lines of plain output a stage, where there is no terminal.
const LINES_A_STAGE: usize = 10;

/// So long nothing is said of a check that goes on.
const SILENCE: Duration = Duration::from_secs(10);

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
    supervised: SupervisedConfig,
    looking: Looking,
}

impl Progress {
    pub(crate) fn new(quiet: bool, config: &TrainConfig) -> Self {
        let (warm, supervised, looking) = (config.warm.clone(), config.supervised.clone(), Looking::default());
        Self { quiet, bar: None, steps: 0, due: 0, phase: 0, warm, supervised, looking }
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
            Event::Checking { check, done, all } => self.look(*check, *done, *all),
            Event::Signal(signal) => {
                self.finish();
                self.line(&format!("signal: {}{}", signal.in_words(), self.looking.took()));
            }
            Event::Rehearsal { episodes, tokens, .. } => {
                let took = self.looking.took();
                self.line(&format!("memory: the longest micro-batch fits ({episodes} episodes of {tokens} tokens){took}"));
            }
            // A folder's model is the base as it is.
            Event::Stage { phase: Phase::Start, steps: 0, .. } => {}
            Event::Stage { stage, phase: Phase::Start, steps, .. } => self.open(*stage, *steps),
            Event::Stage { phase: Phase::End, .. } => self.finish(),
            Event::Warm { phase, step, loss, acc_t1, sampled_t1, p_fix_wrong, .. } => {
                self.enter(*phase, *step);
                let loss = loss.map_or_else(String::new, |loss| format!("  loss {loss:.3}"));
                // The rare checks are worth keeping in sight.
                match self.describe_check(*phase, [*acc_t1, *sampled_t1, *p_fix_wrong]) {
                    Some(check) => self.advance(*step, &format!("{}{loss}  {check}", phase_title(*phase))),
                    None => self.set_position(*step),
                }
            }
            Event::Step(metrics) => self.advance(metrics.step, &describe(metrics)),
            Event::Eval { stage, summary, last: true, .. } => {
                let bold = Style::new().bold();
                let warmed = *stage == StageName::Base && self.supervised.steps > 0;
                let warmed = if warmed { "; warmed up on references: KL and gains count from here" } else { "" };
                self.line(&format!("{bold}{}{bold:#}: {}{warmed}", title(*stage), in_words(summary)));
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
        if !self.quiet && !self.draw(title(stage), steps) {
            self.line(&format!("{}: {steps} steps", title(stage)));
        }
    }

    /// Shows a bar, where there is a terminal to draw on.
    fn draw(&mut self, title: &'static str, steps: usize) -> bool {
        // A dumb terminal can't move its cursor.
        let possible = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        if possible {
            let style = ProgressStyle::with_template("{prefix:>10} {bar:28.cyan/blue} {pos:>4}/{len} {eta:>4} left  {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(steps as u64).with_style(style).with_prefix(title);
            bar.enable_steady_tick(Duration::from_millis(250));
            self.bar = Some(bar);
        }
        possible
    }

    /// A check before the first step begins, or has come so far.
    fn look(&mut self, check: Checked, done: usize, all: usize) {
        if self.quiet {
            return;
        }
        if done == 0 {
            self.looking = Looking { began: Some(Instant::now()), shown: Some(Instant::now()) };
            match check {
                Checked::Rehearsal => {
                    self.line(&format!("memory: trying a micro-batch of {all} of the longest episodes on every thread (--no-rehearsal leaves it out)"));
                }
                Checked::Signal => {
                    self.line(&format!("signal: playing {all} episodes, no more than two steps', to see whether there is anything to learn (--no-signal-check leaves it out)"));
                    self.draw("signal", all);
                }
            }
        } else if self.bar.is_some() {
            self.set_position(done);
        } else if done < all && self.looking.is_silent() {
            self.line(&format!("  {done} of {all} episodes"));
        }
    }

    /// A phase of the warm start begins; the one before may have ended early.
    fn enter(&mut self, phase: usize, step: usize) {
        if phase == self.phase {
            return;
        }
        self.phase = phase;
        let WarmConfig { steps_corrupted, steps_sampled, steps_habit, .. } = self.warm;
        let ahead = [steps_corrupted, steps_sampled, steps_habit, self.supervised.steps];
        // Before the first step on references stands what was found without it.
        let before = if phase == PHASE { self.warm.steps() } else { step - 1 };
        self.steps = before + ahead[phase.saturating_sub(1).min(3)..].iter().sum::<usize>();
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

    /// What a check of the warm start found, and how far it is to go: greedy acc@t1, the same sampled, and sampled P(fix|wrong), where they were measured.
    fn describe_check(&self, phase: usize, found: [Option<f64>; 3]) -> Option<String> {
        let target = |fraction: f64| format!(" of {:.0} %", fraction * 100.0);
        let fix = |fix: f64| format!("sampled P(fix|wrong) {fix:.1}");
        match found {
            [Some(acc), ..] => Some(format!("acc@t1 {acc:.1}{}", target(self.warm.target_accuracy))),
            [_, Some(acc), fixed] => {
                let fixed = fixed.map_or_else(String::new, |fixed| format!(", {} %", fix(fixed)));
                Some(format!("sampled acc@t1 {acc:.1}{}{fixed}", target(self.supervised.target_accuracy)))
            }
            [.., Some(fixed)] if phase == 2 => Some(fix(fixed) + &target(self.warm.target_fix)),
            [.., Some(fixed)] => Some(format!("{} %", fix(fixed))),
            [None, None, None] => None,
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
        PHASE => "learning the references",
        _ => "learning to copy",
    }
}

/// When a check before the first step began, and when something was said of it last.
#[derive(Default)]
struct Looking {
    began: Option<Instant>,
    shown: Option<Instant>,
}

impl Looking {
    /// Whether it is time to say something.
    fn is_silent(&mut self) -> bool {
        let silent = self.shown.is_none_or(|shown| shown.elapsed() > SILENCE);
        if silent {
            self.shown = Some(Instant::now());
        }
        silent
    }

    /// How long it took, where that is worth a word.
    fn took(&self) -> String {
        let seconds = self.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
        if seconds < 1.0 { String::new() } else { format!(", in {seconds:.0} s") }
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
