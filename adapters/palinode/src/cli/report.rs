//! `palinode report`.

use std::{fs, path::Path};

use palinode::report::{render_effect_svg, render_html};

use super::{Failure, ReportArgs, failure::INPUT};

pub(crate) fn run(args: &ReportArgs) -> Result<(), Failure> {
    let out = args.out.clone().unwrap_or_else(|| args.run.join("report.html"));
    let text = if args.svg { render_effect_svg(&args.run)? } else { render_html(&args.run)? };
    write(&out, &text)?;
    anstream::println!("{}", out.display());
    Ok(())
}

/// Writes the report into the run's folder.
pub(crate) fn write_into(run: &Path) -> Result<(), Failure> {
    write(&run.join("report.html"), &render_html(run)?)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|e| Failure::new(INPUT, format!("{}: {e}", path.display())))
}
