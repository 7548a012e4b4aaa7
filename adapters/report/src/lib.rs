#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! One run folder in, one self-contained HTML page (or the effect figure alone) out; or several, and a page that compares them.
//!
//! ```text
//! config.toml ─────┐
//! metrics.jsonl ───┼─ log ─ run, episodes ─┬─ figures ─ chart ─┬─ html ─ render_html
//! episodes.jsonl ──┘    (bounded memory)   └─ stats, diff ─────┘      render_effect_svg
//! ```
//!
//! The page needs no network and runs one script, which searches the episodes: its content security policy forbids everything
//! else, so text written by a model stays text, and without the script nothing but the search is missing. Every number in it can
//! be recomputed from the run folder, and the page says how.

mod browser;
mod cards;
mod chart;
mod compare;
pub mod csv;
mod diff;
mod episodes;
mod figures;
pub mod follow;
mod html;
mod log;
mod run;
mod series;
mod stats;
mod summary;
mod svg;
mod table;
pub mod tensorboard;
mod text;
mod verdicts;

#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
};

use self::{chart::Frame, compare::Entry, episodes::Episodes, run::Run};
pub use self::{
    diff::changed,
    log::MAX_LINE,
    summary::{RunSummary, StageSummary, WarningSummary, summarize},
};

/// Renders the report of the run folder `run` as one HTML document.
///
/// A killed or unfinished run is rendered as far as it got, and the page says so.
///
/// # Errors
/// [`ReportError::Read`] when a file cannot be read, [`ReportError::Malformed`] when a line other than an unfinished last
/// one is not a valid record, [`ReportError::NoEvaluations`] when there is no result to report yet.
pub fn render_html(run: &Path) -> Result<String, ReportError> {
    let data = Run::read(run)?;
    let episodes = Episodes::read(run)?;
    let config = html::Config::read(run)?;
    Ok(html::page(&data, &episodes, &config))
}

/// Renders the effect figure (accuracy of each attempt over RL steps) as a standalone SVG of 760 by 340 pixels.
///
/// Carries its own background and follows the reader's light or dark colour scheme, so it fits a README.
///
/// # Errors
/// As [`render_html`], for `metrics.jsonl` only.
pub fn render_effect_svg(run: &Path) -> Result<String, ReportError> {
    let data = Run::read(run)?;
    let mut chart = figures::effect(&data);
    chart.heading = Some(figures::effect_heading(&data));
    Ok(svg::render(&chart, &Frame::STANDALONE))
}

/// Renders one page that compares several runs, in the order given: what they found, over seeds too, and how their settings differ.
///
/// # Errors
/// As [`render_html`], for `metrics.jsonl` and `config.toml`; [`ReportError::Number`] for one run or too many, [`ReportError::Twice`] for a
/// folder given twice.
pub fn render_comparison<P: AsRef<Path>>(runs: &[P]) -> Result<String, ReportError> {
    Ok(compare::page(&Entry::read_all(runs)?))
}

/// Why a report could not be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file of the run folder is missing or unreadable.
    #[error("cannot read {}: {error}; a run folder holds metrics.jsonl, config.toml and episodes.jsonl", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A line is not a record of the expected form.
    #[error("{}, line {line}: {reason}; repair or remove this line, then try again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing to compare, or too much for one page.
    #[error("a comparison takes 2 to {most} runs, not {got}")]
    Number {
        /// Runs given.
        got: usize,
        /// Runs allowed.
        most: usize,
    },
    /// One run was given twice.
    #[error("{}: this run is given twice; name each run once", path.display())]
    Twice {
        /// Its folder.
        path: PathBuf,
    },
    /// The run has not evaluated its policy on the RL axis yet.
    #[error("{}: no evaluations yet; wait for the first `eval` event after warm start", path.display())]
    NoEvaluations {
        /// The metrics file.
        path: PathBuf,
    },
}
