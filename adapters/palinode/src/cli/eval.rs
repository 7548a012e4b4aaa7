//! `palinode eval`.

use palinode::train::{
    evaluate::{evaluate, held_out},
    event::Summary,
};

use super::{
    Failure,
    args::EvalArgs,
    failure::{CHECK, clean},
    open::open,
    progress,
};

pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    let opened = open(&args.played)?;
    opened.setup.require_problems()?;
    progress::print_notes(&opened.setup.notes);
    let task = opened.setup.task.as_ref();
    let count = args.problems.map_or(opened.config.train.evaluation.problems, |n| n as usize);
    let problems = held_out(task, count);
    let summary = Summary::from(evaluate(&opened.model, task, &problems, opened.attempts, &opened.workers)?);
    if args.json {
        progress::print_json(&summary)?;
    } else {
        progress::print_table(&[(task.shown().name(), &summary)]);
        progress::verdict_lines(&summary).iter().for_each(|line| anstream::println!("{}", clean(line)));
    }
    match args.min_delta {
        Some(least) if summary.delta < least => {
            Err(Failure::new(CHECK, format!("delta is {:+.2} points, below the {least:+.2} asked for", summary.delta)))
        }
        _ => Ok(()),
    }
}
