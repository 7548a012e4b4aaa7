//! The flags of commands; those of small ones stand beside them.

mod warm;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use palinode::{lm::LoraLayers, pretrained::WeightType, tasks::verifiers::VerifierConfig, train::arm::Arm};

pub(crate) use self::warm::{ChecksArgs, WarmArgs};

/// What a run does, on the command line; a file may say the same, and flags win over it.
#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    /// Built-in task: ledger or sorting [default: ledger]
    #[arg(long, conflicts_with_all = ["data", "held_out", "layout", "prompt_field", "answer_field", "solution_field", "decimal_comma", "verifier"])]
    pub(crate) task: Option<String>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// What to train with [default: score]
    #[arg(long, value_enum)]
    pub(crate) arm: Option<ArmName>,
    /// Seed of everything random [default: 0]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Attempts an episode [default: 2]
    #[arg(long, value_parser = clap::value_parser!(u8).range(2..=16))]
    pub(crate) attempts: Option<u8>,
    /// Settings in TOML; flags win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Steps of Stage I
    #[arg(long, value_name = "N")]
    pub(crate) steps_one: Option<usize>,
    /// Steps of Stage II
    #[arg(long, value_name = "N")]
    pub(crate) steps_two: Option<usize>,
    /// Learning rate of both stages [default: 3e-4; with --model 5e-6, with adapters 5e-5]
    #[arg(long, value_name = "RATE")]
    pub(crate) learning_rate: Option<f64>,
    /// Problems a step [default: 64]
    #[arg(long, value_name = "N")]
    pub(crate) problems: Option<usize>,
    /// Episodes a problem [default: 8]
    #[arg(long, value_name = "N")]
    pub(crate) samples: Option<usize>,
    /// Episodes scored together: fewer need less memory, and round sums a little differently (with dropout, other masks are drawn) [default: 64; with --model 4]
    #[arg(long, value_name = "N")]
    pub(crate) micro_batch: Option<usize>,
    /// Held-out problems at the end of each stage [default: 2000, or all there are]
    #[arg(long, value_name = "N")]
    pub(crate) eval_problems: Option<usize>,
    #[command(flatten)]
    pub(crate) checks: ChecksArgs,
    #[command(flatten)]
    pub(crate) warm: WarmArgs,
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    #[command(flatten)]
    pub(crate) lora: LoraArgs,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

/// Problems of a file.
#[derive(Debug, Args)]
#[command(next_help_heading = "Your own problems")]
pub(crate) struct DataArgs {
    /// Problems in JSONL, CSV, TSV or Parquet; `palinode data` looks at one
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
}

/// What the rows of a file are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Your own problems")]
pub(crate) struct LayoutArgs {
    /// Another file, whose problems are held out [default: a fifth of the first]
    #[arg(long, value_name = "FILE")]
    pub(crate) held_out: Option<PathBuf>,
    /// Fields and verifier of a known layout: plain, gsm8k, math, verl, trl, openai or reasoning-gym [default: plain]
    #[arg(long, value_name = "NAME")]
    pub(crate) layout: Option<String>,
    /// Field of the prompt, a text or a list of messages, such as extra.question [default: by layout]
    #[arg(long, value_name = "FIELD")]
    pub(crate) prompt_field: Option<String>,
    /// Field of the reference answer [default: by layout]
    #[arg(long, value_name = "FIELD")]
    pub(crate) answer_field: Option<String>,
    /// Field of a worked solution, which a warm start teaches; a row need not have it [default: by layout]
    #[arg(long, value_name = "FIELD")]
    pub(crate) solution_field: Option<String>,
    /// Reference answers have numbers as in 1.234,5
    #[arg(long)]
    pub(crate) decimal_comma: bool,
    /// What judges: exact, numeric, gsm8k, boxed, math, choice, pattern or json, or with settings '{ kind = "numeric", relative = 0.01 }', '{ kind = "math", form = "any" }' [default: by layout]
    #[arg(long, value_name = "KIND", value_parser = verifier)]
    pub(crate) verifier: Option<VerifierConfig>,
}

/// A verifier by the name of its kind, or as the TOML of a configuration.
fn verifier(text: &str) -> Result<VerifierConfig, String> {
    #[derive(serde::Deserialize)]
    struct Settings {
        verifier: VerifierConfig,
    }
    if !text.trim_start().starts_with('{') {
        return text.parse().map_err(|error: palinode::tasks::TaskError| error.to_string());
    }
    let settings: Settings = toml::from_str(&format!("verifier = {text}")).map_err(|error| error.message().to_owned())?;
    settings.verifier.build().map_err(|error| error.to_string())?;
    Ok(settings.verifier)
}

/// A model folder, and how problems are put to its model.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model folder")]
pub(crate) struct FolderArgs {
    /// Model folder in Hugging Face layout, a GGUF file, or owner/name[@revision] on the Hub
    #[arg(long, value_name = "DIR_OR_FILE")]
    pub(crate) model: Option<PathBuf>,
    /// Type of the weights [default: bf16 on GPUs that have it, else f32]
    #[arg(long, value_enum, value_name = "TYPE")]
    pub(crate) dtype: Option<WeightTypeName>,
    /// Most tokens of one answer [default: 256, or what the context has room for]
    #[arg(long, value_name = "N")]
    pub(crate) max_answer: Option<usize>,
    /// System message
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// What is asked between two attempts: `answer` or `code` for texts of ours, or one of your own, which must not tell whether the first was right
    /// [default: answer]
    #[arg(long, value_name = "TEXT")]
    pub(crate) revision_instruction: Option<String>,
}

/// What of a folder's model is trained, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Model folder")]
pub(crate) struct LoraArgs {
    /// Train low-rank adapters of this rank, and leave the weights as they are
    #[arg(long, value_name = "N")]
    pub(crate) lora_rank: Option<usize>,
    /// Scale of the adapters, times the rank [default: twice the rank]
    #[arg(long, value_name = "ALPHA")]
    pub(crate) lora_alpha: Option<f64>,
    /// Share of the adapters' inputs dropped in training [default: 0]
    #[arg(long, value_name = "SHARE")]
    pub(crate) lora_dropout: Option<f64>,
    /// Projections with adapters, such as q_proj,v_proj [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) lora_targets: Vec<String>,
    /// Blocks with adapters: `last 10`, or numbers from 0 such as 20..30 or 0,4..8 [default: all]
    #[arg(long, value_name = "LAYERS")]
    pub(crate) lora_layers: Option<LoraLayers>,
    /// Compute activations again instead of holding them: less memory, more time, the same up to rounding
    #[arg(long)]
    pub(crate) gradient_checkpointing: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// Folder of the run [default: a new one below runs/]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Start from another run's base model instead of a warm start; with --model, that of a run on the same model and the same kind of adapters
    #[arg(long, value_name = "RUN", conflicts_with = "resume")]
    pub(crate) base: Option<PathBuf>,
    /// Go on with the run in --out from its newest checkpoint, as if it had never stopped
    #[arg(long, requires = "out", conflicts_with = "force")]
    pub(crate) resume: bool,
    /// With --resume: go on although the data, the model folder's texts or weights, or the settings are not those that the run began with
    #[arg(long, requires = "resume")]
    pub(crate) accept_changed_inputs: bool,
    /// Overwrite the run in --out; what palinode did not make is never touched
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
    /// Steps between two checkpoints, besides those at the ends of stages; 0 for none [default: 25]
    #[arg(long, value_name = "N")]
    pub(crate) checkpoint_every: Option<usize>,
    /// How many of them are kept, besides the best [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) checkpoint_keep: Option<u16>,
    /// Print what would run, and its settings, and stop
    #[arg(long, conflicts_with_all = ["resume", "base"])]
    pub(crate) dry_run: bool,
    /// Keep an event file for TensorBoard in the run's folder, below tensorboard/; a run that is resumed keeps its own
    #[arg(long)]
    pub(crate) tensorboard: bool,
    /// Print nothing but warnings, errors and the result
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Show the run on the whole terminal, with keys to pause it, keep a checkpoint and end it
    #[arg(long, conflicts_with_all = ["quiet", "dry_run"])]
    pub(crate) tui: bool,
    /// Print the result as one JSON object, last on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The run's folder
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// Print the estimate as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DataCommandArgs {
    /// Problems in JSONL, CSV, TSV or Parquet
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// Attempts a problem, all of which must fit the context
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) attempts: u8,
    /// Longest context in tokens, where no model folder tells it
    #[arg(long, value_name = "N", conflicts_with = "model")]
    pub(crate) context: Option<usize>,
    /// Problems to show
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) show: usize,
    /// Print what was found as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// What judges, as for `train`; boxed and math want the reference's form too, unless form is "any"
    #[arg(long, value_name = "KIND", value_parser = verifier)]
    pub(crate) verifier: VerifierConfig,
    /// An answer, or - for standard input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) answer: String,
    /// The reference answer
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) reference: String,
    /// Print the verdict as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Machine")]
pub(crate) struct MachineArgs {
    /// Device to compute on; `palinode doctor` lists them [default: flex]
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Threads; 0 for one a core, or one on a GPU. The result does not depend on it
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Episodes that each thread decodes together [default: 32, or 128 on a GPU]
    #[arg(long, value_name = "N")]
    pub(crate) decode_batch: Option<usize>,
    /// On the CPU, compute one tensor operation after another, as other devices do: slower, and rounded differently
    #[arg(long)]
    pub(crate) no_kernels: bool,
}

/// A trained model with its task: a run, or a model folder and problems.
#[derive(Debug, Args)]
pub(crate) struct PlayedArgs {
    /// Folder of a run, or a weights file in its checkpoints folder
    #[arg(value_name = "RUN_OR_WEIGHTS", conflicts_with_all = ["model", "config", "data", "held_out", "layout", "prompt_field", "answer_field", "solution_field", "decimal_comma", "verifier", "adapter"])]
    pub(crate) run: Option<PathBuf>,
    /// Settings in TOML, as for `train`; flags win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) folder: FolderArgs,
    /// Adapters for --model, in PEFT layout, such as RUN/adapter
    #[arg(long, value_name = "DIR", help_heading = "Model folder")]
    pub(crate) adapter: Option<PathBuf>,
    /// Attempts a problem [default: as in training]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) attempts: Option<u8>,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    pub(crate) played: PlayedArgs,
    /// Held-out problems [default: as in training]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub(crate) problems: Option<u32>,
    /// Exit with 1 when the last attempt gains fewer points than this over the first
    #[arg(long, value_name = "POINTS", allow_negative_numbers = true)]
    pub(crate) min_delta: Option<f64>,
    /// Print the figures as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TryArgs {
    #[command(flatten)]
    pub(crate) played: PlayedArgs,
    /// Sampling temperature; 0 is greedy
    #[arg(long, default_value_t = 0.0)]
    pub(crate) temperature: f64,
    /// Seed of the samples
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Print one JSON object for each problem
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Folder of a run; several are compared
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Where to write it [default: RUN/report.html; of several runs ./comparison.html]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write the figure of accuracy per attempt alone, as SVG
    #[arg(long, requires = "out")]
    pub(crate) svg: bool,
    /// Overwrite a file that is there, whatever it is; without this, only one that palinode wrote
    #[arg(long)]
    pub(crate) force: bool,
    /// Print what was written, and the figures in it, as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Work to time: ledger, small, smollm2-135m or qwen2-0.5b; may be given several times [default: ledger and small]
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Vec<String>,
    /// Episodes of a step
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) episodes: u32,
    /// Repetitions, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) repeat: u16,
    /// Train low-rank adapters of this rank on all projections, and leave the weights as they are [default: train all weights]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) lora_rank: Option<u32>,
    /// Episodes scored together [default: 64 for ledger, else 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) micro_batch: Option<u32>,
    /// Type of the weights; `auto` is bf16 on GPUs that have it
    #[arg(long, value_enum, value_name = "TYPE", default_value = "f32")]
    pub(crate) dtype: WeightTypeName,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    /// Print the figures as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Device to check [default: the first there is]
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Print what was found as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// Model folder in Hugging Face layout (config.json and safetensors), or a GGUF file
    #[arg(long, value_name = "DIR_OR_FILE")]
    pub(crate) model: PathBuf,
    /// Adapters in PEFT layout, such as RUN/adapter
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: Option<PathBuf>,
    /// Token ids, separated by spaces or commas
    #[arg(long, value_name = "IDS")]
    pub(crate) ids: String,
    /// Device to compute on; `palinode doctor` lists them
    #[arg(long, default_value = "flex", value_name = "NAME")]
    pub(crate) device: String,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LogprobsArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
    /// Most new ids [default: 64, or what the context has room for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_new: Option<u32>,
    /// Take the most likely id each time
    #[arg(long, conflicts_with = "temperature")]
    pub(crate) greedy: bool,
    /// Sampling temperature
    #[arg(long, default_value_t = 1.0, value_name = "T")]
    pub(crate) temperature: f64,
    /// Seed of the samples
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Go on after the ids that end an answer
    #[arg(long)]
    pub(crate) ignore_eos: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// Model that the adapters belong to: a folder in Hugging Face layout, or a GGUF file
    #[arg(long, value_name = "DIR_OR_FILE")]
    pub(crate) model: PathBuf,
    /// Folder with adapter_config.json and adapter_model.safetensors
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter: PathBuf,
    /// Where to write the merged model; must be new, or empty
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Device to compute on; `palinode doctor` lists them
    #[arg(long, default_value = "flex", value_name = "NAME")]
    pub(crate) device: String,
    /// Print what was merged as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// [`Arm`] as a command-line value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArmName(pub(crate) Arm);

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

/// [`WeightType`] as a command-line value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeightTypeName(pub(crate) WeightType);

impl ValueEnum for WeightTypeName {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(WeightType::Auto), Self(WeightType::F32), Self(WeightType::Bf16)]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()))
    }
}
