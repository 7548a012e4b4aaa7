//! A run's log as tables for other programs: CSV as of RFC 4180, with a header and lines that end with `\n`.
//!
//! A table is written as the log is read: what is held in memory does not grow with the run.

use std::{
    io::{self, Write},
    path::Path,
};

use crate::{
    ReportError,
    log::{self, EventKind, LogLine, Logged, RawFields, RunLog},
};
use csv_core::WriteResult;

/// More columns are no table of a run.
const MAX_COLUMNS: usize = 1024;
/// The column of wall-clock time, in seconds since the start of the run.
const SECONDS: &str = "seconds";

/// Which table of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// A row for each RL step, and one before the first: what the step measured, and as `eval_…` the evaluation that followed it.
    Steps,
    /// A row for each evaluation.
    Evals,
    /// A row for each step of the warm start.
    Warm,
    /// A row for each attempt of the episodes that were kept.
    Episodes,
}

/// Writes a table of the run in the folder `run`, and returns its rows without the header. Figures have the names and the spelling of the log, with `_t1`,
/// `_t2`, … where there is one for each attempt; a figure that an event lacks is an empty cell.
///
/// # Errors
/// [`CsvError`]; of a damaged log nothing is written, but for [`Table::Episodes`].
pub fn write(run: &Path, table: Table, out: &mut dyn Write) -> Result<u64, CsvError> {
    let mut csv = Csv { core: csv_core::Writer::new(), out, rows: 0 };
    match table {
        Table::Steps => steps(run, &mut csv)?,
        Table::Evals => events(run, EventKind::Eval, EVALS, &mut csv)?,
        Table::Warm => events(run, EventKind::Warm, WARM, &mut csv)?,
        Table::Episodes => episodes(run, &mut csv)?,
    }
    csv.out.flush()?;
    Ok(csv.rows - 1)
}

/// Whether a text begins as a table that [`write()`] wrote.
pub fn is_table(text: &str) -> bool {
    let axes = [STEPS, EVALS, WARM, EPISODE].map(|axes| axes.join(","));
    axes.iter().any(|axes| text.strip_prefix(axes.as_str()).is_some_and(|rest| rest.starts_with([',', '\n'])))
}

/// The first columns of each table.
const STEPS: &[&str] = &["stage", "step", "rl_step", SECONDS];
const EVALS: &[&str] = &["stage", "rl_step", "final", SECONDS];
const WARM: &[&str] = &["phase", "step", SECONDS];
const EPISODE: &[&str] = &["stage", "step", "rl_step", "problem", "sample", "prompt", "reference"];

/// Why a table could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// The run's log can't be read.
    #[error(transparent)]
    Log(#[from] ReportError),
    /// The table can't be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// One row for each event of a kind.
fn events(run: &Path, kind: EventKind, axes: &[&str], csv: &mut Csv<'_>) -> Result<(), CsvError> {
    let [names] = figures(run, [kind])?;
    csv.row(axes.iter().copied().chain(names.iter().map(String::as_str)))?;
    let mut log = RunLog::open(run)?;
    while let Some(logged) = log.next()? {
        if logged.kind == kind {
            let fields = read(&log, &logged)?;
            csv.row([place(&logged, &fields, axes), cells(&fields, &names)].concat())?;
        }
    }
    Ok(())
}

/// One row for each RL step, with the evaluation that followed it.
fn steps(run: &Path, csv: &mut Csv<'_>) -> Result<(), CsvError> {
    let [of_step, of_eval] = figures(run, [EventKind::Step, EventKind::Eval])?;
    let header = STEPS.iter().map(|&axis| axis.to_owned()).chain(of_step.iter().cloned());
    csv.row(header.chain(of_eval.iter().map(|name| format!("eval_{name}"))))?;
    let mut log = RunLog::open(run)?;
    let mut open: Option<StepRow> = None;
    while let Some(logged) = log.next()? {
        let evaluated = match logged.kind {
            EventKind::Step => false,
            EventKind::Eval => true,
            _ => continue,
        };
        let fields = read(&log, &logged)?;
        let rl_step = fields.text("rl_step");
        // The base model is evaluated without a step.
        if !evaluated || open.as_ref().is_none_or(|step| step.rl_step != rl_step) {
            let measured = if evaluated { vec![String::new(); of_step.len()] } else { cells(&fields, &of_step) };
            let began = StepRow { rl_step, measured: [place(&logged, &fields, STEPS), measured].concat(), eval: None };
            if let Some(step) = open.replace(began) {
                csv.row(step.row(of_eval.len()))?;
            }
        }
        let last = fields.text("final") == "true";
        if let Some(step) = open.as_mut().filter(|step| evaluated && (last || step.eval.as_ref().is_none_or(|(last, _)| !last))) {
            step.eval = Some((last, cells(&fields, &of_eval)));
        }
    }
    open.map_or(Ok(()), |step| csv.row(step.row(of_eval.len())))?;
    Ok(())
}

/// A row of steps, until it is known whether an evaluation follows.
struct StepRow {
    rl_step: String,
    measured: Vec<String>,
    /// Whether it ends its stage, and its figures.
    eval: Option<(bool, Vec<String>)>,
}

impl StepRow {
    fn row(self, figures: usize) -> Vec<String> {
        let eval = self.eval.map_or_else(|| vec![String::new(); figures], |(_, cells)| cells);
        [self.measured, eval].concat()
    }
}

/// One row for each attempt of each episode.
fn episodes(run: &Path, csv: &mut Csv<'_>) -> Result<(), CsvError> {
    const OF_ATTEMPT: [&str; 5] = ["text", "reward", "verdict", "why", "stop"];
    let header = EPISODE.iter().chain(&["attempt"]).chain(&OF_ATTEMPT).chain(&["tokens", "sampling_logprob"]);
    let mut records = log::episodes(run)?;
    csv.row(header)?;
    while let Some(line) = records.next_of_whole(LogLine::checked)? {
        let episode = line.read::<RawFields<'_>>().map_err(|reason| records.malformed(reason))?;
        let attempts = episode.objects("attempts");
        let attempts = attempts.ok_or_else(|| records.malformed("expected an episode with a list of attempts".into()))?;
        for (number, attempt) in (1..).zip(&attempts) {
            let tokens = attempt.list::<u32>("ids").map_or_else(String::new, |ids| ids.len().to_string());
            let logprob = attempt.list::<f64>("logprobs").map_or_else(String::new, |all| all.iter().sum::<f64>().to_string());
            let row = EPISODE.iter().map(|axis| episode.text(axis)).chain([number.to_string()]);
            csv.row(row.chain(OF_ATTEMPT.iter().map(|key| attempt.text(key))).chain([tokens, logprob]))?;
        }
    }
    Ok(())
}

/// The names of the figures of all events of each kind, in the order in which they appear.
fn figures<const N: usize>(run: &Path, kinds: [EventKind; N]) -> Result<[Vec<String>; N], ReportError> {
    let mut log = RunLog::open(run)?;
    let mut found = [const { Vec::new() }; N];
    while let Some(logged) = log.next()? {
        let Some(index) = kinds.iter().position(|kind| *kind == logged.kind) else { continue };
        let names = &mut found[index];
        for (name, _) in read(&log, &logged)?.figures() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.len() > MAX_COLUMNS {
            return Err(log.malformed(format!("the events up to here have more than {MAX_COLUMNS} different figures")));
        }
    }
    Ok(found)
}

/// The fields of an event that was just read.
fn read<'a>(log: &RunLog, logged: &'a Logged) -> Result<RawFields<'a>, ReportError> {
    logged.fields().map_err(|reason| log.malformed(reason))
}

/// What places an event.
fn place(logged: &Logged, fields: &RawFields<'_>, axes: &[&str]) -> Vec<String> {
    let cell = |axis: &&str| match *axis {
        SECONDS => logged.seconds.map_or_else(String::new, |seconds| seconds.to_string()),
        axis => fields.text(axis),
    };
    axes.iter().map(cell).collect()
}

/// The figures of an event, in the order of `names`. Verdicts are counts: one that is not there was not given, where that attempt's are there.
fn cells(fields: &RawFields<'_>, names: &[String]) -> Vec<String> {
    let figures = fields.figures();
    let found = |name: &String| figures.iter().find(|(known, _)| known == name).map(|(_, number)| (*number).to_owned());
    let verdicts = |name: &str, attempt: Option<u8>| name.starts_with("verdicts_") && attempt_of(name) == attempt;
    let absent = |name: &String| match figures.iter().any(|(known, _)| verdicts(known, attempt_of(name))) {
        true if name.starts_with("verdicts_") => "0".to_owned(),
        _ => String::new(),
    };
    names.iter().map(|name| found(name).unwrap_or_else(|| absent(name))).collect()
}

/// The attempt that a figure is of, where it says so: 2 of `reward_t2`.
fn attempt_of(name: &str) -> Option<u8> {
    name.rsplit_once("_t")?.1.parse().ok()
}

/// Writes rows.
struct Csv<'a> {
    core: csv_core::Writer,
    out: &'a mut dyn Write,
    rows: u64,
}

impl Csv<'_> {
    fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) -> io::Result<()> {
        for (column, cell) in cells.into_iter().enumerate() {
            if column > 0 {
                self.put(b"", |core, _, out| of_nothing(core.delimiter(out)))?;
            }
            self.put(cell.as_ref().as_bytes(), csv_core::Writer::field)?;
        }
        self.rows += 1;
        self.put(b"", |core, _, out| of_nothing(core.terminator(out)))
    }

    fn put(&mut self, mut input: &[u8], put: Put) -> io::Result<()> {
        loop {
            let mut buffer = [0; 512];
            let (result, read, written) = put(&mut self.core, input, &mut buffer);
            self.out.write_all(&buffer[..written])?;
            input = &input[read..];
            if result == WriteResult::InputEmpty {
                return Ok(());
            }
        }
    }
}

/// A step of the writer: from an input into a buffer; whether that was all, and the bytes read and written.
type Put = fn(&mut csv_core::Writer, &[u8], &mut [u8]) -> (WriteResult, usize, usize);

fn of_nothing((result, written): (WriteResult, usize)) -> (WriteResult, usize, usize) {
    (result, 0, written)
}

#[cfg(test)]
mod tests;
