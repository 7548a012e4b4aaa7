//! `palinode report`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use palinode::{
    report::{ReportError, render_comparison, render_effect_svg, render_html, summarize},
    train::{run::occupancy::begins_as_report, verdicts::VerdictTable},
};
use serde_json::json;

use super::{
    Failure, ReportArgs,
    failure::{INPUT, USAGE, clean},
    output, progress,
};

pub(crate) fn run(args: &ReportArgs) -> Result<(), Failure> {
    let (text, default) = match args.runs.as_slice() {
        [run] if args.svg => (render_effect_svg(run)?, run.join("effect.svg")),
        [run] => (render_html(run)?, run.join("report.html")),
        _ if args.svg => return Err(Failure::new(USAGE, "--svg draws the figure of one run; name one")),
        runs => (render_comparison(runs).map_err(refused)?, PathBuf::from("comparison.html")),
    };
    let out = args.out.as_ref().unwrap_or(&default);
    output::require_ours(out, args.force, is_ours)?;
    write(out, &text)?;
    if args.json {
        let runs = args.runs.iter().map(|run| summarize(run)).collect::<Result<Vec<_>, _>>()?;
        return progress::print_json(&json!({ "file": out.display().to_string(), "runs": runs }));
    }
    anstream::println!("{}", out.display());
    args.runs.iter().try_for_each(|run| tell_verdicts(run, args.runs.len() > 1))
}

/// Tells, beside the result, the verdicts of a run's last evaluation and an example of each; of several runs the counts alone.
fn tell_verdicts(run: &Path, several: bool) -> Result<(), Failure> {
    let summary = summarize(run)?;
    let Some(last) = summary.stages.last() else { return Ok(()) };
    let counts = VerdictTable::new(last.verdicts.clone()).in_words(last.acc.len());
    if counts.is_empty() {
        return Ok(());
    }
    let name = if several { format!("{}: ", run.display()) } else { String::new() };
    anstream::eprintln!("{}", clean(&format!("{name}{counts}")));
    for example in last.examples.iter().filter(|_| !several) {
        anstream::eprintln!("{}", clean(&format!("e.g. {}", example.in_words(progress::EXAMPLE))));
    }
    Ok(())
}

/// Whether a file begins as a report or a figure of ours.
fn is_ours(text: &str) -> bool {
    begins_as_report(text)
        || (text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart") && text.contains("<style>"))
}

/// Writes the report into the run's folder.
pub(crate) fn write_into(run: &Path) -> Result<(), Failure> {
    write(&run.join("report.html"), &render_html(run)?)
}

/// Which runs are given is usage; what their files hold is input.
fn refused(error: ReportError) -> Failure {
    match error {
        ReportError::Number { .. } | ReportError::Twice { .. } => Failure::new(USAGE, error.to_string()),
        other => other.into(),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|e| Failure::new(INPUT, format!("{}: {e}", path.display())))
}
