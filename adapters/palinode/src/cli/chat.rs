//! `palinode try`: type a problem, see the attempts.

use std::io::{self, BufRead, IsTerminal};

use anstyle::{AnsiColor, Style};
use palinode::{
    core::{
        attempt::Attempt,
        rng::{RandomKey, Stream},
        rollout::{RolloutConfig, rollout},
        sampling::Sampling,
        task::{Problem, Split},
    },
    text::{TextError, TextTask},
    train::play::rollout_config,
};
use serde_json::{Value, json};

use super::{
    Failure,
    args::TryArgs,
    failure::{INPUT, clean},
    open::open,
    progress,
};

pub(crate) fn run(args: &TryArgs) -> Result<(), Failure> {
    let opened = open(&args.played)?;
    progress::print_notes(&opened.setup.notes);
    let (task, attempts) = (opened.setup.task.as_ref(), opened.attempts);
    let sampling = if args.temperature == 0.0 { Sampling::Greedy } else { Sampling::temperature(args.temperature)? };
    let config = rollout_config(task, attempts, 1, sampling)?;
    let interactive = io::stdin().is_terminal();
    if interactive {
        if task.is_empty(Split::HeldOut) {
            anstream::eprintln!("A problem in one line. An empty line ends.");
        } else {
            let example = clean(&task.shown().show_prompt(&task.problem(args.seed, Split::HeldOut, 0)));
            anstream::eprintln!("A problem of the task `{}`, such as {example}. An empty line ends.", task.shown().name());
        }
    }
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|e| Failure::new(INPUT, format!("standard input, line {}: {e}", number + 1)))?;
        let line = line.trim();
        if line.is_empty() {
            if interactive {
                break;
            }
            continue;
        }
        match task.parse(line).and_then(|problem| fitting(problem, &config, opened.model.config().context)) {
            Ok(problem) => {
                let key = RandomKey { step: number as u32, ..RandomKey::new(args.seed, Stream::User) };
                let judge = opened.workers.judges().of(task);
                let groups = rollout(&opened.model, &judge, std::slice::from_ref(&problem), &config, key)?;
                for trajectory in groups.iter().flat_map(|group| group.trajectories()) {
                    if args.json {
                        progress::print_json(&as_json(task, line, &problem, trajectory.attempts()))?;
                    } else {
                        show(task, line, &problem, trajectory.attempts());
                    }
                }
            }
            Err(error) if interactive => explain(&error),
            Err(error) => return Err(Failure::new(INPUT, format!("standard input, line {}: {error}", number + 1))),
        }
    }
    Ok(())
}

/// Refuses a problem that leaves no room for all attempts.
fn fitting(problem: Problem, config: &RolloutConfig, context: usize) -> Result<Problem, TextError> {
    let needed = config.capacity(problem.prompt().len());
    if needed > context {
        let expected = format!("a problem with all attempts at it has at most {context} tokens");
        return Err(TextError::Malformed { expected, got: format!("one of up to {needed}") });
    }
    Ok(problem)
}

fn explain(error: &TextError) {
    let yellow = AnsiColor::Yellow.on_default();
    anstream::eprintln!("{yellow}{}{yellow:#}", clean(&error.to_string()));
}

/// Longest answer that is compared character by character.
const LINE: usize = 100;

/// Each attempt on its line; what differs from the attempt before is coloured, and marked below where there is no colour.
fn show(task: &dyn TextTask, typed: &str, problem: &Problem, attempts: &[Attempt]) {
    let dim = Style::new().dimmed();
    anstream::println!("{dim}problem  {dim:#} {}", clean(typed));
    let texts: Vec<String> =
        attempts.iter().map(|attempt| clean(task.shown().show_answer(attempt.answer()).trim_end())).collect();
    if texts.iter().any(|text| text.contains('\n') || text.chars().count() > LINE) {
        for (k, (attempt, text)) in attempts.iter().zip(&texts).enumerate() {
            let same = if k > 0 && texts[k - 1] == *text { "unchanged" } else { text };
            anstream::println!("{dim}attempt {}{dim:#} {}\n{same}\n", k + 1, judged(problem, attempt));
        }
        return;
    }
    let mut before: Option<Vec<char>> = None;
    for (k, (attempt, text)) in attempts.iter().zip(&texts).enumerate() {
        let text: Vec<char> = text.chars().collect();
        let changed = |i: usize| before.as_ref().is_some_and(|before| before.get(i) != text.get(i));
        let bright = AnsiColor::Cyan.on_default().bold();
        let mut line = String::new();
        for (i, c) in text.iter().enumerate() {
            line.push_str(&if changed(i) { format!("{bright}{c}{bright:#}") } else { c.to_string() });
        }
        anstream::println!("{dim}attempt {}{dim:#} {line}  {}", k + 1, judged(problem, attempt));
        let length = before.as_ref().map_or(0, |before| before.len().max(text.len()));
        let marks: String = (0..length).map(|i| if changed(i) { '^' } else { ' ' }).collect();
        if marks.contains('^') {
            anstream::println!("          {dim}{}{dim:#}", marks.trim_end());
        } else if before.is_some() {
            anstream::println!("          {dim}unchanged{dim:#}");
        }
        before = Some(text);
    }
}

/// The attempts and, where the answer is known, what they earn.
fn as_json(task: &dyn TextTask, typed: &str, problem: &Problem, attempts: &[Attempt]) -> Value {
    let known = !problem.reference().is_empty();
    let attempts = attempts.iter().map(|attempt| {
        let text = task.shown().show_answer(attempt.answer());
        let (verdict, reward) = (attempt.verdict().name(), attempt.reward());
        json!({"text": text, "verdict": known.then_some(verdict), "reward": known.then_some(reward)})
    });
    json!({"problem": typed, "attempts": attempts.collect::<Vec<_>>()})
}

fn judged(problem: &Problem, attempt: &Attempt) -> String {
    if problem.reference().is_empty() {
        return String::new();
    }
    let (color, mark) =
        if attempt.verdict().is_right() { (AnsiColor::Green, "right") } else { (AnsiColor::Red, attempt.verdict().name()) };
    let style = color.on_default();
    format!("{style}{mark}{style:#}")
}
