//! Flags about what comes before the first RL step.

use clap::Args;

/// The supervised start.
#[derive(Debug, Args)]
#[command(next_help_heading = "Warm start")]
pub(crate) struct WarmArgs {
    /// Steps of the supervised warm start, at most: of a new model in three phases; with --model on the problems' references, or on worked solutions
    /// where the file has them [default: 2300 for a new model; with --model 0]
    #[arg(long, value_name = "N")]
    pub(crate) steps_warm: Option<usize>,
    /// With --model: end it when sampled first attempts are right in this share [default: 0.4]
    #[arg(long, value_name = "SHARE")]
    pub(crate) warm_target: Option<f64>,
    /// With --model: share of examples in which the model sees a wrong attempt of its own and learns to correct it [default: 0]
    #[arg(long, value_name = "SHARE")]
    pub(crate) warm_corrections: Option<f64>,
    /// With --model: examples a step [default: 32]
    #[arg(long, value_name = "N")]
    pub(crate) warm_sequences: Option<usize>,
    /// With --model: learning rate [default: 1e-5; with adapters 3e-4]
    #[arg(long, value_name = "RATE")]
    pub(crate) warm_learning_rate: Option<f64>,
}

/// What is looked at before the first step.
#[derive(Debug, Args)]
pub(crate) struct ChecksArgs {
    /// Do not look whether the base's samples hold anything to learn from, which takes as long as playing two steps
    #[arg(long)]
    pub(crate) no_signal_check: bool,
    /// Do not try first whether the largest micro-batch fits into memory, which takes as long as scoring it
    #[arg(long)]
    pub(crate) no_rehearsal: bool,
}
