//! The command line. Data goes to stdout, messages to stderr.

mod args;
mod begin;
mod bench;
mod chat;
mod data;
mod doctor;
mod eval;
mod export;
mod failure;
mod gguf;
mod hub;
mod init;
mod interrupt;
mod merge;
mod model;
mod open;
mod output;
mod plan;
mod processor;
mod progress;
mod report;
mod resume;
mod settings;
mod shell;
mod steering;
mod train;
mod view;

use std::process::ExitCode;

use args::{
    BenchArgs, DataCommandArgs, DoctorArgs, EvalArgs, GenerateArgs, LogprobsArgs, MergeArgs, PlanArgs, ReportArgs, TrainArgs,
    TryArgs, VerifyArgs, WatchArgs,
};
use clap::{CommandFactory, Parser, Subcommand};
use export::ExportArgs;
pub(crate) use failure::Failure;
use init::{ConfigShowArgs, InitArgs};
use shell::{CompletionsArgs, ManArgs};

const AFTER_HELP: &str = "\
Exit codes:
  0    done
  1    a stated check failed (eval --min-delta)
  2    wrong usage or configuration
  3    an input can't be read, or an output written
  4    a numerical or device guard stopped the run
  130  interrupted (train: after a step, its state stored)

Environment:
  PALINODE_ISA=scalar, neon, v3 or v4    no wider vectors than these; the same numbers, slower";

/// Trains language models to take back a wrong first answer (SCoRe, arXiv 2409.12917).
#[derive(Debug, Parser)]
#[command(name = "palinode", version, after_help = AFTER_HELP, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a model to correct itself, and write a report: a small new one, or that of a model folder.
    #[command(after_help = "\
Examples:
  palinode train                                   the ledger task, in minutes, with a report at the end
  palinode train --arm naive --seed 1              a control: multi-turn RL without the method
  palinode train --data problems.jsonl             your own problems, one {\"prompt\": \"...\", \"answer\": \"...\"} a line
  palinode train --data train.parquet --held-out test.parquet --layout gsm8k
  palinode train --model Qwen2.5-0.5B-Instruct --data problems.jsonl --lora-rank 16
  palinode train --model SmolLM2-135M-Instruct.Q4_1.gguf --data problems.jsonl --lora-rank 16
  palinode train --model Qwen/Qwen2.5-0.5B-Instruct ...    by name (builds with `--features hub`)
  palinode train --tui                             the same on the whole terminal, with keys
  palinode train --config run.toml --dry-run       what would run, and every setting
  palinode train --steps-warm 40 --steps-one 4 --steps-two 4 --out /tmp/smoke")]
    Train(Box<TrainArgs>),
    /// Look at a run that another process is training, or that is over.
    #[command(after_help = "\
Examples:
  palinode watch runs/ledger-score-seed0           on the whole terminal; `?` shows the keys
  palinode watch runs/ledger-score-seed0 | cat     in lines, until the run ends")]
    Watch(WatchArgs),
    /// Look at a file of problems: what it holds, and whether the verifier can judge by its references.
    #[command(after_help = "\
Examples:
  palinode data problems.jsonl
  palinode data train.parquet --layout gsm8k --model Qwen2.5-0.5B-Instruct    lengths in its tokens, and what does not fit
  palinode data rows.csv --prompt-field question --answer-field gold --verifier '{ kind = \"numeric\", relative = 0.01 }'")]
    Data(Box<DataCommandArgs>),
    /// Judge one answer, and say why.
    #[command(after_help = "\
Examples:
  palinode verify --verifier boxed --answer 'so it is \\boxed{\\frac12}' --reference 0.5
  palinode verify --verifier gsm8k --reference 72 --answer - < answer.txt
  palinode verify --verifier '{ kind = \"math\", form = \"any\" }' --answer '2 * 12' --reference 24")]
    Verify(VerifyArgs),
    /// Say what a run would need, in memory and time, before anything runs.
    #[command(after_help = "\
Examples:
  palinode plan --model Qwen2.5-0.5B-Instruct --data problems.jsonl --lora-rank 16
  palinode plan --model Qwen2.5-0.5B-Instruct --data problems.jsonl --gradient-checkpointing --micro-batch 1 --json")]
    Plan(Box<PlanArgs>),
    /// Play held-out problems greedily and print accuracy per attempt.
    #[command(after_help = "\
Examples:
  palinode eval runs/ledger-score-seed0
  palinode eval runs/ledger-score-seed0/checkpoints/base.safetensors --json
  palinode eval runs/ledger-score-seed0 --min-delta 10     exits with 1 when attempt 2 gains less
  palinode eval --model Qwen2.5-0.5B-Instruct --adapter runs/mine/adapter --data problems.jsonl")]
    Eval(EvalArgs),
    /// Type a problem; see attempt 1, attempt 2, and what changed.
    #[command(after_help = "\
Examples:
  palinode try runs/ledger-score-seed0
  echo 30140207 | palinode try runs/ledger-score-seed0
  echo 'What is 17 * 23?' | palinode try --model runs/mine/model --temperature 0.7")]
    Try(TryArgs),
    /// Write a run's report, or a comparison of several runs: one HTML file that needs no network.
    #[command(after_help = "\
Examples:
  palinode report runs/ledger-score-seed0
  palinode report runs/ledger-score-seed0 runs/ledger-naive-seed0    writes comparison.html: what they found, and how their settings differ
  palinode report runs/* --out arms.html                             arms that repeat over seeds: mean and standard deviation as well
  palinode report runs/ledger-score-seed0 --svg --out effect.svg
  palinode report runs/* --json | jq '.runs[].stages[-1].delta'")]
    Report(ReportArgs),
    /// Write a run's curves for other programs (an event file for TensorBoard, tables in CSV), or a model as a GGUF file for llama.cpp.
    #[command(after_help = "\
Examples:
  palinode export runs/ledger-score-seed0 --tensorboard board/seed0
  palinode export runs/ledger-score-seed0 --csv steps.csv
  palinode export runs/ledger-score-seed0 --csv - --evals | column -s, -t
  palinode export runs/mine --gguf mine.gguf --type q8_0                      the run's newest model, its adapters merged
  palinode export Qwen2.5-0.5B-Instruct --adapter runs/mine/adapter --gguf mine.gguf")]
    Export(ExportArgs),
    /// Write a file of settings to begin with: every key, its value, and what it means.
    #[command(after_help = "\
Examples:
  palinode init                                  palinode.toml for the ledger task
  palinode init --preset folder mine.toml        for a model folder and problems of your own
  palinode init --preset smollm2                 smollm2.toml: a recipe for SmolLM2-135M-Instruct, with its problems
  palinode init --preset file - | less")]
    Init(InitArgs),
    /// Look at settings.
    #[command(after_help = "\
Examples:
  palinode config show --config mine.toml --seed 3")]
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
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
    /// Time sampling, updates and whole steps, on work of a known size.
    #[command(after_help = "\
Examples:
  palinode bench
  palinode bench --preset ledger --repeat 9 --threads 1 --json")]
    Bench(BenchArgs),
    /// List devices, and check that one computes rightly.
    #[command(after_help = "\
Examples:
  palinode doctor
  palinode doctor --device wgpu     exits with 4 when a check fails, or the device is not there")]
    Doctor(DoctorArgs),
    /// Write what a shell needs to complete this command line.
    #[command(after_help = "\
Examples:
  palinode completions bash > ~/.local/share/bash-completion/completions/palinode
  palinode completions fish > ~/.config/fish/completions/palinode.fish")]
    Completions(CompletionsArgs),
    /// Write manual pages.
    #[command(after_help = "\
Examples:
  palinode man | man -l -
  palinode man ~/.local/share/man/man1")]
    Man(ManArgs),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print every setting of a run as flags, file and defaults make it, as a file for --config.
    #[command(after_help = "\
Examples:
  palinode config show
  palinode config show --config mine.toml --seed 3 --json
  palinode config show --model Qwen2.5-0.5B-Instruct --data problems.jsonl > mine.toml")]
    Show(Box<ConfigShowArgs>),
}

/// Parses the command line and runs it.
pub(crate) fn main() -> ExitCode {
    output::expect_readers_to_leave();
    let cli = Cli::parse();
    let done = processor::limit_as_asked().and_then(|()| match cli.command {
        Command::Train(args) => train::run(&args),
        Command::Watch(args) => view::watch(&args),
        Command::Data(args) => data::data(&args),
        Command::Verify(args) => data::verify(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Try(args) => chat::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Init(args) => init::init(&args),
        Command::Config { command: ConfigCommand::Show(args) } => init::show(&args),
        Command::Logprobs(args) => model::logprobs(&args),
        Command::Generate(args) => model::generate(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => shell::completions(&args, Cli::command()),
        Command::Man(args) => shell::man(&args, Cli::command()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.code())
        }
    }
}
