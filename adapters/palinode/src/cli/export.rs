//! `palinode export`: a run's log and model for other programs.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{ArgGroup, Args};
use palinode::report::{
    csv::{self, CsvError, Table},
    tensorboard::{self, EventFile},
};
use serde_json::{Value, json};

use super::{
    Failure,
    failure::{INPUT, USAGE},
    gguf::{self, KindName},
    output, progress,
};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("sinks").args(["tensorboard", "csv", "gguf"]).required(true).multiple(true)))]
#[command(group(ArgGroup::new("tables").args(["evals", "warm", "episodes"])))]
pub(crate) struct ExportArgs {
    /// Folder of a run; with --gguf also a checkpoint in it, a model folder, a GGUF file, or owner/name[@revision] on the Hub
    #[arg(value_name = "RUN_OR_MODEL")]
    pub(crate) run: PathBuf,
    /// Write the model into this file for llama.cpp and others that read GGUF, adapters merged, with tokenizer and chat template
    #[arg(long, value_name = "FILE", help_heading = "The model", conflicts_with_all = ["tensorboard", "csv"])]
    pub(crate) gguf: Option<PathBuf>,
    /// Type of its matrices; all else is written in 32 bits [default: f16]
    #[arg(long = "type", value_enum, value_name = "TYPE", requires = "gguf", help_heading = "The model")]
    pub(crate) kind: Option<KindName>,
    /// Adapters that a model is written with, in PEFT layout, such as RUN/adapter
    #[arg(long, value_name = "DIR", requires = "gguf", help_heading = "The model")]
    pub(crate) adapter: Option<PathBuf>,
    /// Device to merge on; `palinode doctor` lists them
    #[arg(long, default_value = "flex", value_name = "NAME", help_heading = "The model")]
    pub(crate) device: String,
    /// Write an event file for TensorBoard into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) tensorboard: Option<PathBuf>,
    /// Write a table into this file, or - for standard output: a row for each RL step, with its evaluation
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// The table of evaluations
    #[arg(long, requires = "csv")]
    pub(crate) evals: bool,
    /// The table of the warm start
    #[arg(long, requires = "csv")]
    pub(crate) warm: bool,
    /// The table of kept episodes, a row for each attempt
    #[arg(long, requires = "csv")]
    pub(crate) episodes: bool,
    /// Overwrite a file that is there, whatever it is; without this, only one that palinode wrote
    #[arg(long)]
    pub(crate) force: bool,
    /// Print what was written as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(args: &ExportArgs) -> Result<(), Failure> {
    if let Some(file) = &args.gguf {
        let written = gguf::write(args, file)?;
        return if args.json { progress::print_json(&json!({ "gguf": written })) } else { Ok(()) };
    }
    let to_stdout = args.csv.as_deref() == Some(Path::new("-"));
    if to_stdout && args.json {
        return Err(Failure::new(USAGE, "--csv - and --json would both write to standard output").with_help("give --csv a file"));
    }
    if !args.run.is_dir() {
        return Err(Failure::new(INPUT, format!("{}: no such run folder", args.run.display())));
    }
    let board = args.tensorboard.as_deref().map(|folder| event_file(args, folder)).transpose()?;
    let table = match args.csv.as_deref() {
        Some(_) if to_stdout => {
            let rows = csv::write(&args.run, chosen(args), &mut output::stdout());
            rows.or_else(|error| match error {
                CsvError::Write(error) => output::heard(Err(error)),
                CsvError::Log(error) => Err(error.into()),
                other => Err(Failure::new(INPUT, other.to_string())),
            })?;
            None
        }
        Some(file) => Some(table(args, file)?),
        None => None,
    };
    if args.json {
        progress::print_json(&json!({ "tensorboard": board, "csv": table }))?;
    }
    Ok(())
}

/// Writes an event file, and says where.
fn event_file(args: &ExportArgs, folder: &Path) -> Result<Value, Failure> {
    // The name of the file is ours, and so is its first record.
    output::require_ours(&folder.join(tensorboard::FILE), args.force, |text| text.contains("brain.Event:2"))?;
    let written = EventFile::of_run(&args.run, folder).map_err(|error| Failure::new(INPUT, error.to_string()))?;
    let (file, numbers) = (written.path().display().to_string(), written.scalars());
    if !args.json {
        anstream::eprintln!("{file}: {numbers} numbers");
        anstream::eprintln!("next: tensorboard --logdir {}", folder.display());
    }
    Ok(json!({ "file": file, "numbers": numbers }))
}

/// Writes a table into a file, and says how long it is.
fn table(args: &ExportArgs, path: &Path) -> Result<Value, Failure> {
    let file = path.display().to_string();
    let failure = |error: std::io::Error| Failure::new(INPUT, format!("{file}: {error}"));
    let write = |out: &mut dyn Write| {
        csv::write(&args.run, chosen(args), out).map_err(|error| match error {
            CsvError::Write(error) => failure(error),
            other => Failure::new(INPUT, other.to_string()),
        })
    };
    output::require_ours(path, args.force, csv::is_table)?;
    // First into nothing: a damaged log must not empty a file that is there.
    write(&mut io::sink())?;
    let rows = write(&mut BufWriter::new(File::create(path).map_err(failure)?))?;
    if !args.json {
        anstream::eprintln!("{file}: {rows} rows");
    }
    Ok(json!({ "file": file, "rows": rows }))
}

fn chosen(args: &ExportArgs) -> Table {
    match (args.evals, args.warm, args.episodes) {
        (true, ..) => Table::Evals,
        (_, true, _) => Table::Warm,
        (.., true) => Table::Episodes,
        _ => Table::Steps,
    }
}
