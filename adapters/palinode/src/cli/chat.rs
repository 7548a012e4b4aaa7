//! `palinode try`: type a problem, see the attempts.

use std::io::{self, BufRead, IsTerminal};

use anstyle::{AnsiColor, Style};
use palinode::{
    core::{
        attempt::Attempt,
        rng::{RandomKey, Stream},
        rollout::rollout,
        sampling::Sampling,
        task::Problem,
    },
    tasks::{TaskError, TextTask},
    train::play::rollout_config,
};

use super::{Failure, TryArgs, failure::INPUT, open::open};

pub(crate) fn run(args: &TryArgs) -> Result<(), Failure> {
    let (opened, attempts) = open(&args.model, args.attempts, &args.machine.device)?;
    let sampling = if args.temperature == 0.0 { Sampling::Greedy } else { Sampling::temperature(args.temperature)? };
    let config = rollout_config(opened.task.as_ref(), attempts, 1, sampling)?;
    let interactive = io::stdin().is_terminal();
    if interactive {
        let example = opened.task.problem(args.seed, palinode::core::task::Split::HeldOut, 0);
        anstream::eprintln!(
            "A problem of the task `{}`, such as {}. An empty line ends.",
            opened.task.name(),
            opened.task.show_prompt(&example)
        );
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
        match opened.task.parse(line) {
            Ok(problem) => {
                let key = RandomKey { step: number as u32, ..RandomKey::new(args.seed, Stream::User) };
                let groups = rollout(&opened.model, &opened.task.as_ref(), std::slice::from_ref(&problem), &config, key)?;
                for trajectory in groups.iter().flat_map(|group| group.trajectories()) {
                    show(opened.task.as_ref(), &problem, trajectory.attempts());
                }
            }
            Err(error) if interactive => explain(&error),
            Err(error) => return Err(Failure::new(INPUT, format!("standard input, line {}: {error}", number + 1))),
        }
    }
    Ok(())
}

fn explain(error: &TaskError) {
    let yellow = AnsiColor::Yellow.on_default();
    anstream::eprintln!("{yellow}{error}{yellow:#}");
}

/// Each attempt on its line; what differs from the attempt before is coloured, and marked below where there is no colour.
fn show(task: &dyn TextTask, problem: &Problem, attempts: &[Attempt]) {
    let dim = Style::new().dimmed();
    anstream::println!("{dim}problem  {dim:#} {}", task.show_prompt(problem));
    let mut before: Option<Vec<char>> = None;
    for (k, attempt) in attempts.iter().enumerate() {
        let text: Vec<char> = task.show_answer(attempt.answer()).chars().collect();
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

fn judged(problem: &Problem, attempt: &Attempt) -> String {
    if problem.reference().is_empty() {
        return String::new();
    }
    let (color, mark) =
        if attempt.verdict().is_right() { (AnsiColor::Green, "right") } else { (AnsiColor::Red, attempt.verdict().name()) };
    let style = color.on_default();
    format!("{style}{mark}{style:#}")
}
