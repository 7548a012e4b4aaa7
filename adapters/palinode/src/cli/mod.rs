//! The command line. Data goes to stdout, messages to stderr.

mod chat;
mod doctor;
mod eval;
mod failure;
mod merge;
mod model;
mod open;
mod progress;
mod report;
mod train;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};
use palinode::train::arm::Arm;

pub(crate) use failure::Failure;

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 a stated check failed (eval --min-delta); 2 wrong usage or configuration;
            3 an input can't be read; 4 a numerical or device guard stopped the run.";

/// Trains language models to take back a wrong first answer (SCoRe, arXiv 2409.12917).
#[derive(Debug, Parser)]
#[command(name = "palinode", version, after_help = EXIT_CODES, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a model from scratch to correct itself, and write a report.
    #[command(after_help = "\
Examples:
  palinode train                                   the ledger task, in minutes, with a report at the end
  palinode train --arm naive --seed 1              a control: multi-turn RL without the method
  palinode train --data problems.jsonl             your own problems, one {\"prompt\": \"...\", \"answer\": \"...\"} a line
  palinode train --steps-warm 40 --steps-one 4 --steps-two 4 --out /tmp/smoke")]
    Train(TrainArgs),
    /// Play held-out problems greedily and print accuracy per attempt.
    #[command(after_help = "\
Examples:
  palinode eval runs/ledger-score-seed0
  palinode eval runs/ledger-score-seed0/checkpoints/base.safetensors --json
  palinode eval runs/ledger-score-seed0 --min-delta 10     exits with 1 when attempt 2 gains less")]
    Eval(EvalArgs),
    /// Type a problem; see attempt 1, attempt 2, and what changed.
    #[command(after_help = "\
Examples:
  palinode try runs/ledger-score-seed0
  echo 30140207 | palinode try runs/ledger-score-seed0")]
    Try(TryArgs),
    /// Write a run's report: one HTML file that needs no network.
    Report(ReportArgs),
    /// Print the log-probability of each token id, given those before it, under a model folder.
    #[command(after_help = "\
Examples:
  palinode logprobs --model Qwen2.5-0.5B --ids \"3 14 15\" --json     {\"logprobs\": [of 14, of 15]}, in nats")]
    Logprobs(LogprobsArgs),
    /// Continue token ids with a model folder.
    #[command(after_help = "\
Examples:
  palinode generate --model Qwen2.5-0.5B --ids \"3 14 15\" --max-new 18 --greedy
  palinode generate --model Qwen2.5-0.5B --ids \"3 14 15\" --temperature 0.7 --seed 1 --ignore-eos --json")]
    Generate(GenerateArgs),
    /// Fold low-rank adapters (PEFT layout) into their model, and write it as a folder of its own.
    #[command(after_help = "\
Examples:
  palinode merge --model Qwen2.5-0.5B --adapter runs/mine/adapter --out merged")]
    Merge(MergeArgs),
    /// List devices, and check that one computes rightly.
    #[command(after_help = "\
Examples:
  palinode doctor
  palinode doctor --device wgpu     exits with 4 when a check fails, or the device is not there")]
    Doctor(DoctorArgs),
}

#[derive(Debug, Args)]
struct TrainArgs {
    /// Built-in task: ledger or sorting [default: ledger]
    #[arg(long, conflicts_with = "data")]
    task: Option<String>,
    /// Your own problems, one JSON object with "prompt" and "answer" a line
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// What to train with [default: score]
    #[arg(long, value_enum)]
    arm: Option<ArmName>,
    /// Seed of everything random [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Attempts an episode [default: 2]
    #[arg(long, value_parser = clap::value_parser!(u8).range(2..=16))]
    attempts: Option<u8>,
    /// Folder of the run [default: a new one below runs/]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Settings in TOML; flags win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Steps of the supervised warm start, at most
    #[arg(long, value_name = "N")]
    steps_warm: Option<usize>,
    /// Steps of Stage I
    #[arg(long, value_name = "N")]
    steps_one: Option<usize>,
    /// Steps of Stage II
    #[arg(long, value_name = "N")]
    steps_two: Option<usize>,
    /// Start from another run's base model instead of a warm start
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    base: Option<PathBuf>,
    /// Continue the run in --out behind its last complete stage
    #[arg(long, requires = "out", conflicts_with = "force")]
    resume: bool,
    /// Overwrite the run in --out
    #[arg(long, requires = "out")]
    force: bool,
    #[command(flatten)]
    machine: MachineArgs,
    /// Print nothing but warnings, errors and the result
    #[arg(long, short)]
    quiet: bool,
    /// Print the result as one JSON object, last on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct MachineArgs {
    /// Device to compute on; `palinode doctor` lists them
    #[arg(long, default_value = "flex", value_name = "NAME")]
    device: String,
    /// Threads; 0 for one a core. The result does not depend on it
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
}

#[derive(Debug, Args)]
struct EvalArgs {
    /// Folder of a run, or a weights file in its checkpoints folder
    #[arg(value_name = "RUN_OR_MODEL")]
    model: PathBuf,
    /// Held-out problems [default: as in training]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    problems: Option<u32>,
    /// Attempts a problem [default: as in training]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=16))]
    attempts: Option<u8>,
    /// Exit with 1 when the last attempt gains fewer points than this over the first
    #[arg(long, value_name = "POINTS", allow_negative_numbers = true)]
    min_delta: Option<f64>,
    #[command(flatten)]
    machine: MachineArgs,
    /// Print the figures as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct TryArgs {
    /// Folder of a run, or a weights file in its checkpoints folder
    #[arg(value_name = "RUN_OR_MODEL")]
    model: PathBuf,
    /// Attempts a problem [default: as in training]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=16))]
    attempts: Option<u8>,
    /// Sampling temperature; 0 is greedy
    #[arg(long, default_value_t = 0.0)]
    temperature: f64,
    /// Seed of the samples
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    machine: MachineArgs,
}

#[derive(Debug, Args)]
struct ReportArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Where to write it [default: RUN/report.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the figure of accuracy per attempt alone, as SVG
    #[arg(long, requires = "out")]
    svg: bool,
}

#[derive(Debug, Args)]
struct DoctorArgs {
    /// Device to check [default: the first there is]
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Print what was found as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ModelArgs {
    /// Model folder in Hugging Face layout: config.json and safetensors
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Token ids, separated by spaces or commas
    #[arg(long, value_name = "IDS")]
    ids: String,
    /// Device to compute on; `palinode doctor` lists them
    #[arg(long, default_value = "flex", value_name = "NAME")]
    device: String,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct LogprobsArgs {
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Debug, Args)]
struct GenerateArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// Most new ids [default: 64, or what the context has room for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_new: Option<u32>,
    /// Take the most likely id each time
    #[arg(long, conflicts_with = "temperature")]
    greedy: bool,
    /// Sampling temperature
    #[arg(long, default_value_t = 1.0, value_name = "T")]
    temperature: f64,
    /// Seed of the samples
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Go on behind the ids that end an answer
    #[arg(long)]
    ignore_eos: bool,
}

#[derive(Debug, Args)]
struct MergeArgs {
    /// Model folder in Hugging Face layout that the adapters belong to
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Folder with adapter_config.json and adapter_model.safetensors
    #[arg(long, value_name = "DIR")]
    adapter: PathBuf,
    /// Where to write the merged model; must be new, or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Device to compute on; `palinode doctor` lists them
    #[arg(long, default_value = "flex", value_name = "NAME")]
    device: String,
}

/// [`Arm`] as a command-line value.
#[derive(Debug, Clone, Copy)]
struct ArmName(Arm);

impl ValueEnum for ArmName {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self(Arm::Score),
            Self(Arm::Naive),
            Self(Arm::SingleTurn),
            Self(Arm::Joint),
            Self(Arm::StageTwoOnly),
            Self(Arm::NoShaping),
        ]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let help = match self.0 {
            Arm::Score => "Stage I, then Stage II with the progress bonus: the method",
            Arm::Naive => "multi-turn RL on the summed reward, no Stage I",
            Arm::SingleTurn => "RL on attempt 1 alone",
            Arm::Joint => "as score, but both rewards credited to all tokens: the sandbagging control",
            Arm::StageTwoOnly => "Stage II for all steps",
            Arm::NoShaping => "as score, without the progress bonus",
        };
        Some(clap::builder::PossibleValue::new(self.0.name()).help(help))
    }
}

/// Parses the command line and runs it.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Train(args) => train::run(args),
        Command::Eval(args) => eval::run(&args),
        Command::Try(args) => chat::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Logprobs(args) => model::logprobs(&args),
        Command::Generate(args) => model::generate(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Doctor(args) => doctor::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code())
        }
    }
}
