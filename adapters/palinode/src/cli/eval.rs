//! `palinode eval`.

use palinode::train::{
    evaluate::{evaluate, held_out},
    event::Summary,
    workers::Workers,
};

use super::{EvalArgs, Failure, failure::CHECK, open::open, progress};

pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    let (opened, attempts) = open(&args.model, args.attempts, &args.machine.device)?;
    let count = args.problems.map_or(opened.config.train.evaluation.problems, |n| n as usize);
    let problems = held_out(opened.task.as_ref(), count);
    let workers = Workers::new(args.machine.threads)?;
    let summary = Summary::from(&evaluate(&opened.model, opened.task.as_ref(), &problems, attempts, &workers)?);
    if args.json {
        progress::print_json(&summary)?;
    } else {
        progress::print_table(&[(opened.task.name(), &summary)]);
    }
    match args.min_delta {
        Some(least) if summary.delta < least => {
            Err(Failure::new(CHECK, format!("delta is {:+.2} points, below the {least:+.2} asked for", summary.delta)))
        }
        _ => Ok(()),
    }
}
