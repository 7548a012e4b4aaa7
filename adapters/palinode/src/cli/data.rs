//! `palinode data` and `palinode verify`: looking at problems and verdicts before anything runs.

use std::io::Read;

use anstyle::{AnsiColor, Style};
use palinode::{
    config::RunConfig,
    core::{task::Split, turns::MultiTurnTask},
    device,
    problems::{Problems, problems},
    setup::SetupError,
    tasks::{Doubtful, FileTask, Inspection, Lengths, verifiers::MAX_TEXT},
    text::one_line,
};
use serde_json::json;

use super::{
    Failure,
    args::{DataCommandArgs, VerifyArgs},
    failure::{INPUT, clean},
    progress,
    settings::{absolute, apply_folder, apply_layout},
};

/// Most examples of what is wrong.
const EXAMPLES: usize = 5;
/// Longest text of an example, in characters.
const WIDTH: usize = 300;

pub(crate) fn data(args: &DataCommandArgs) -> Result<(), Failure> {
    let mut run = RunConfig::default();
    run.task.data = Some(absolute(&args.file));
    run.train.attempts = args.attempts.into();
    run.model.context = args.context;
    // Nothing is trained, so answers may be shorter than the references.
    run.train.set_warm_steps(0);
    apply_layout(&args.layout, &mut run)?;
    apply_folder(&args.folder, &mut run)?;
    let layout = run.task.layout()?;
    let Problems { task, room, notes } = problems(&run, &device::open(&run.machine.device)?)?;
    let inspection = Inspection::of(&task, room);
    if args.json {
        let listed = |doubtful: &[Doubtful]| -> Vec<_> {
            doubtful.iter().map(|d| json!({"place": d.place, "reference": d.reference, "because": d.because})).collect()
        };
        progress::print_json(&json!({
            "file": args.file.display().to_string(), "layout": layout, "problems": inspection, "judged": inspection.judged(),
            "unjudged": listed(task.unjudged()), "not_answers": listed(task.not_answers()),
            "worked": task.worked(), "not_solutions": listed(task.not_solutions()),
            "longest_answer_allowed": task.turns().limit().max_tokens(), "longest_prompt_allowed": room,
            "notes": notes,
        }))?;
        return require_solutions(args, &task);
    }
    progress::print_notes(&notes);
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    anstream::println!("{bold}{}{bold:#}", clean(&args.file.display().to_string()));
    print_counts(&inspection);
    let unit = if run.pretrained.is_some() { "tokens" } else { "characters" };
    print_lengths("prompts", unit, &inspection.prompt);
    print_lengths("references", unit, &inspection.answer);
    print_room(&inspection, room, &task);
    print_judged(&inspection, &task, &layout.verifier.to_string());
    print_solutions(&task);
    for problem in task.problems(Split::Train).iter().take(args.show) {
        anstream::println!();
        let earlier = task.conversation(problem).and_then(|conversation| conversation.messages().split_last());
        for message in earlier.into_iter().flat_map(|(_, earlier)| earlier) {
            anstream::println!("{dim}{:<10}{dim:#} {}", message.role.name(), example(&message.content));
        }
        let asked = task
            .conversation(problem)
            .map_or_else(|| task.shown().show_prompt(problem), |conversation| conversation.problem().into());
        anstream::println!("{dim}problem   {dim:#} {}", example(&asked));
        anstream::println!("{dim}reference {dim:#} {}", example(&task.shown().show_answer(problem.reference())));
        let judgement = task.judge(problem, problem.reference());
        anstream::println!("{dim}read as   {dim:#} {}", example(&judgement.reference.unwrap_or_default()));
        if problem.demonstration() != problem.reference() {
            anstream::println!("{dim}solution  {dim:#} {}", example(&task.shown().show_answer(problem.demonstration())));
        }
    }
    require_solutions(args, &task)
}

/// Refuses worked solutions that are not right where somebody said that they stand in this field.
fn require_solutions(args: &DataCommandArgs, task: &FileTask) -> Result<(), Failure> {
    match task.not_solutions().first().filter(|_| args.layout.solution_field.is_some()) {
        None => Ok(()),
        Some(first) => {
            let n = task.not_solutions().len();
            let message =
                format!("{n} of the worked solutions are not right by the verifier, so a warm start can't teach them; {first}");
            Err(Failure::new(INPUT, clean(&message))
                .with_help("mend them, take another --verifier, or name another --solution-field"))
        }
    }
}

fn print_solutions(task: &FileTask) {
    let (worked, wrong) = (task.worked(), task.not_solutions());
    if worked + wrong.len() == 0 {
        return;
    }
    let (color, end) = match wrong {
        [] => (AnsiColor::Green, String::new()),
        _ => (AnsiColor::Yellow, format!("; {} are not right by the verifier:", wrong.len())),
    };
    let color = color.on_default().bold();
    anstream::println!("solutions   {color}{worked} problems{color:#} have a worked solution, which a warm start teaches{end}");
    print_examples(wrong);
}

fn print_counts(inspection: &Inspection) {
    let Inspection { train, held_out, duplicates, .. } = inspection;
    let repeated = match duplicates {
        0 => "no duplicates".to_owned(),
        n => format!("{n} duplicate{}", if *n == 1 { "" } else { "s" }),
    };
    anstream::println!("problems    {train} to train on, {held_out} held out, {repeated}");
}

/// The spread of lengths, and its picture.
fn print_lengths(what: &str, unit: &str, lengths: &Lengths) {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = lengths.histogram.iter().copied().max().unwrap_or(0).max(1);
    // A bar that is not empty can be seen.
    let picture: String = lengths.histogram.iter().map(|&n| BARS[(n * 8).div_ceil(most)]).collect();
    let Lengths { min, median, p95, max, .. } = lengths;
    anstream::println!("{what:<11} {min} to {max} {unit}, half up to {median}, 95 % up to {p95}  {picture}");
}

fn print_room(inspection: &Inspection, room: Option<usize>, task: &FileTask) {
    let (Some(room), Some(too_long)) = (room, &inspection.too_long) else { return };
    let answer = task.turns().limit().max_tokens();
    if too_long.is_empty() {
        anstream::println!("context     every prompt fits (up to {room} tokens, with answers of up to {answer})");
        return;
    }
    let red = AnsiColor::Red.on_default().bold();
    anstream::println!(
        "context     {red}{} of the prompts do not fit{red:#}: there is room for {room} tokens, with answers of up to {answer}",
        too_long.len()
    );
    for long in too_long.iter().take(EXAMPLES) {
        anstream::println!("            {} tokens: {}", long.tokens, example(&long.prompt));
    }
}

fn print_judged(inspection: &Inspection, task: &FileTask, verifier: &str) {
    let (n, share) = (inspection.train + inspection.held_out, inspection.judged() * 100.0);
    let (color, end) = match task.unjudged() {
        [] => (AnsiColor::Green, ""),
        _ => (AnsiColor::Yellow, "; the others are left out:"),
    };
    let color = color.on_default().bold();
    anstream::println!("verifier    `{verifier}` can judge by {color}{n} references ({share:.1} %){color:#}{end}");
    print_examples(task.unjudged());
    if !task.not_answers().is_empty() {
        let yellow = AnsiColor::Yellow.on_default().bold();
        let n = task.not_answers().len();
        anstream::println!(
            "            {yellow}{n} of them{yellow:#} would not be right as answers, so a warm start can teach them only by a worked solution:"
        );
        print_examples(task.not_answers());
    }
}

fn print_examples(doubtful: &[Doubtful]) {
    for one in doubtful.iter().take(EXAMPLES) {
        anstream::println!("            {}", example(&one.to_string()));
    }
    if doubtful.len() > EXAMPLES {
        anstream::println!("            and {} more", doubtful.len() - EXAMPLES);
    }
}

/// A text of the file, on one line, safe for a terminal, and cut where it gets long.
fn example(text: &str) -> String {
    one_line(&clean(text), WIDTH)
}

pub(crate) fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let verifier = args.verifier.build().map_err(SetupError::Task)?;
    let answer = if args.answer == "-" { standard_input()? } else { args.answer.clone() };
    let judgement = verifier.judge(&answer, &args.reference);
    if args.json {
        return progress::print_json(&json!({
            "verdict": judgement.verdict.name(), "reward": judgement.verdict.reward(), "answer": judgement.answer,
            "reference": judgement.reference, "because": judgement.because,
        }));
    }
    let color = if judgement.verdict.is_right() { AnsiColor::Green } else { AnsiColor::Red }.on_default().bold();
    let nothing = || "nothing".to_owned();
    let shown = |read: Option<String>| read.as_deref().map_or_else(nothing, example);
    anstream::println!("verdict    {color}{}{color:#} (reward {})", judgement.verdict.name(), judgement.verdict.reward());
    anstream::println!("because    {}", clean(&judgement.because));
    anstream::println!("answer     read as {}", shown(judgement.answer));
    anstream::println!("reference  read as {}", shown(judgement.reference));
    Ok(())
}

/// What is piped in: no more than can be judged is read.
fn standard_input() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let wrong = |error: std::io::Error| Failure::new(INPUT, format!("standard input: {error}"));
    std::io::stdin().lock().take(MAX_TEXT as u64 + 1).read_to_end(&mut bytes).map_err(wrong)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        // Cut off in the middle of a character, after what can be judged.
        Err(error) if error.as_bytes().len() > MAX_TEXT => Ok(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        Err(error) => {
            let at = error.utf8_error().valid_up_to() + 1;
            Err(Failure::new(INPUT, format!("standard input: not UTF-8 at byte {at}")))
        }
    }
}
