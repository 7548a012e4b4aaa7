//! What a run will need, in memory, time and on disk, from its settings alone: no weights are loaded.
//!
//! | file | what it holds |
//! |---|---|
//! | `memory.rs` | what is held, and what in turn |
//! | `pace.rs` | how fast the run's passes are: models of its widths with few blocks are played and differentiated for a moment |
//! | `times.rs` | what follows from that for its steps |
//!
//! Memory counts episodes as long as they can be; times are told for those, and for answers as long as the references.

mod memory;
mod pace;
mod times;

use palinode_core::backend::computes_on_host;
use palinode_lm::WhyTensors;
use palinode_train::{gradient::workers::Workers, play, run::run_folder::Keeping};
use serde::Serialize;

pub use self::times::Times;
use self::{
    memory::{Counted, Work},
    pace::Pace,
};
use crate::{
    config::RunConfig,
    device::Opened,
    setup::{Setup, SetupError},
};

/// What a run will need.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Numbers of the model.
    pub parameters: u64,
    /// Those that are trained.
    pub trained: u64,
    /// Bits of a weight.
    pub bits: u32,
    /// Most tokens of a prompt, of an answer, and of an episode.
    pub tokens: [usize; 3],
    /// RL steps.
    pub steps: usize,
    /// Episodes of a step, micro-batches they are scored in, and threads.
    pub episodes: usize,
    /// Micro-batches of a step.
    pub micro_batches: usize,
    /// Threads that each work on one of them.
    pub threads: usize,
    /// Whether playing and scoring are passes that are written out for the CPU.
    pub written_out: bool,
    /// Bytes held throughout.
    pub held: Vec<(&'static str, u64)>,
    /// Bytes held in turn; only the largest counts.
    pub in_turn: Vec<(&'static str, u64)>,
    /// Bytes that the device has, where it is known.
    pub available: Option<u64>,
    /// Bytes of a checkpoint within a stage.
    pub checkpoint: u64,
    /// Bytes of all checkpoints that are there at once, at most.
    pub checkpoints: u64,
}

impl Plan {
    /// The plan of a run.
    ///
    /// # Errors
    /// [`SetupError::Lm`] for sizes that no model has; [`SetupError::Train`].
    pub fn of(config: &RunConfig, setup: &Setup, opened: &Opened, workers: &Workers) -> Result<Self, SetupError> {
        let written_out = why_tensors(config, setup, opened).is_none();
        let work = Work::of(config, setup, workers, written_out)?;
        let counted = Counted::of(setup, work.lora.as_ref(), &opened.device)?;
        let (held, in_turn) = work.memory(config, setup, workers, &counted, written_out);
        let [checkpoint, end] = work.checkpoints(&counted);
        let Keeping { every, last, .. } = config.checkpoints;
        // The last few, the best, and the next while it is written; and the ends of the base and of two stages.
        let within = if every > 0 { last as u64 + 2 } else { 0 };
        Ok(Self {
            parameters: counted.parameters(),
            trained: counted.trained(),
            bits: work.bytes as u32 * 8,
            tokens: [work.prompt, work.answer, work.episode],
            steps: config.train.stages()?.iter().map(|stage| stage.steps).sum(),
            episodes: work.episodes,
            micro_batches: work.micro_batches,
            threads: work.threads,
            written_out,
            held,
            in_turn,
            available: opened.backend.capabilities(&opened.device).memory,
            checkpoint,
            checkpoints: within * checkpoint + 3 * end,
        })
    }

    /// Bytes held at the worst moment.
    pub fn peak(&self) -> u64 {
        let held: u64 = self.held.iter().map(|(_, bytes)| bytes).sum();
        held + self.in_turn.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0)
    }

    /// Whether the device is known to have less memory than that.
    pub fn exceeds(&self) -> bool {
        self.available.is_some_and(|available| self.peak() > available)
    }

    /// How long its steps will take, from how fast the device plays and differentiates small models of the run's widths, which is tried for some seconds.
    ///
    /// # Errors
    /// As [`Plan::of`]; [`SetupError::Device`] where the device fails.
    pub fn times(&self, config: &RunConfig, setup: &Setup, opened: &Opened, workers: &Workers) -> Result<Times, SetupError> {
        let written_out = why_tensors(config, setup, opened).is_none();
        let work = Work::of(config, setup, workers, written_out)?;
        let pace = Pace::measure(config, setup, opened, workers, &work)?;
        Times::of(config, setup, workers, &work, &pace, self.trained)
    }
}

impl Work {
    fn of(config: &RunConfig, setup: &Setup, workers: &Workers, written_out: bool) -> Result<Self, SetupError> {
        let (sizes, rl) = (&setup.sizes, &config.train.reinforce);
        let lora = setup.settings().and_then(|settings| settings.lora.as_ref()).map(|lora| lora.config());
        let task = setup.task.as_ref();
        let episodes = rl.problems * rl.samples;
        // Blocks below the first with an adapter keep nothing for the way back.
        let adapted = lora.as_ref().and_then(|lora| lora.layers.numbers(sizes.layers).ok());
        let drops = lora.as_ref().is_some_and(|lora| lora.dropout > 0.0);
        Ok(Self {
            shared: written_out && !drops,
            bytes: if setup.dtype() == burn::tensor::FloatDType::F32 { 4 } else { 2 },
            prompt: task.turns().max_prompt(),
            answer: task.turns().limit().max_tokens(),
            episode: play::context(task, config.train.attempts).map_err(palinode_train::TrainError::from)?,
            episodes,
            micro_batches: episodes.div_ceil(rl.micro_batch),
            threads: workers.threads(),
            recompute: setup.settings().is_some_and(|settings| settings.gradient_checkpointing),
            crossed: sizes.layers - adapted.and_then(|numbers| numbers.first().copied()).unwrap_or(0),
            lora,
        })
    }
}

/// Why a run's passes are tensor operations, and not those that are written out for the CPU.
pub fn why_tensors(config: &RunConfig, setup: &Setup, opened: &Opened) -> Option<WhyTensors> {
    WhyTensors::of(config.machine.kernels, opened.backend.name() == "flex", setup.dtype().into())
}

/// Why a run on the CPU takes longer than it might, where nobody asked for that.
pub fn slower(config: &RunConfig, setup: &Setup, opened: &Opened) -> Option<String> {
    let why = why_tensors(config, setup, opened).filter(|&why| why != WhyTensors::Asked && computes_on_host(&opened.device))?;
    Some(format!("{why}: sampling and updates are computed by tensor operations, which takes two to three times as long"))
}
