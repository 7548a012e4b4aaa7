//! What a run will need, in memory and time, from its settings alone: no weights are loaded.
//!
//! Weights, gradients and optimiser states are counted exactly. Activations and logits are counted in tensors of a known size, whose number was measured
//! on the CPU (`examples/src/bin/peak_memory.rs`). Peaks of whole runs of 19 and 21 million parameters (width 512 in 6 blocks, 384 in 12; f32, one thread and two)
//! lay between 3 % below the plan's and 4 % above it, without the 25 MiB of the program itself; time is counted in floating-point operations. Episodes count as long as they can be.

use std::time::Instant;

use burn::tensor::{Device, Distribution, FloatDType, Tensor};
use palinode_core::backend::computes_on_host;
use palinode_lm::{Decoder, DecoderConfig, LmError, WhyTensors};
use palinode_train::{
    gradient::{chunked::chunk_of, workers::Workers},
    play,
};
use serde::Serialize;

use crate::{
    config::RunConfig,
    device::Opened,
    setup::{Setup, SetupError},
};

/// Tensors of one block that a backward pass holds: of the model's width, of the projections' and of the feed-forward's, for each token, and of a
/// score for each pair of tokens and each head.
const OF_WIDTH: f64 = 8.0;
const OF_PROJECTIONS: f64 = 2.0;
const OF_FEED_FORWARD: f64 = 4.5;
const OF_SCORES: f64 = 3.1;
/// Tensors of one chunk of logits.
const OF_LOGITS: f64 = 5.3;
/// Tensors of the projections' outputs that adapters add.
const OF_ADAPTERS: f64 = 1.0;
/// Time of a step over that of its matrix products.
const OF_PRODUCTS: f64 = 1.6;
/// Seconds for which products are timed, and numbers in the matrices that take turns in it.
const PROBE: f64 = 0.3;
const BEYOND_CACHE: usize = 1 << 25;
/// How often a KV cache in tensors exists while it is copied.
const OF_CACHE: f64 = 2.0;

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
    /// Floating-point operations of a step: playing, and scoring with gradients.
    pub operations: [f64; 2],
}

impl Plan {
    /// The plan of a run.
    ///
    /// # Errors
    /// [`SetupError::Lm`] for sizes that no model has; [`SetupError::Train`].
    pub fn of(config: &RunConfig, setup: &Setup, opened: &Opened, workers: &Workers) -> Result<Self, SetupError> {
        let (sizes, rl) = (&setup.sizes, &config.train.reinforce);
        let counted = Counted::of(sizes, &opened.device)?;
        let lora = setup.settings().and_then(|settings| settings.lora.as_ref()).map(|lora| lora.config());
        let recompute = setup.settings().is_some_and(|settings| settings.gradient_checkpointing);
        let added = lora.as_ref().map_or(0, |lora| lora.parameters(sizes) as u64);
        let parameters = counted.all + added;
        let trained = if lora.is_some() { added } else { counted.all };
        let half = setup.dtype() != FloatDType::F32;
        let bytes: u64 = if half { 2 } else { 4 };

        let attempts = config.train.attempts;
        let task = setup.task.as_ref();
        let (prompt, answer) = (task.turns().max_prompt(), task.turns().limit().max_tokens());
        let episode = play::context(task, attempts).map_err(palinode_train::TrainError::from)?;
        let episodes = rl.problems * rl.samples;
        let micro_batches = episodes.div_ceil(rl.micro_batch);
        let threads = workers.threads();

        let written_out = why_tensors(config, setup, opened).is_none();
        // Blocks below the first with an adapter keep nothing for the way back.
        let adapted = lora.as_ref().and_then(|lora| lora.layers.numbers(sizes.layers).ok());
        let crossed = sizes.layers - adapted.and_then(|numbers| numbers.first().copied()).unwrap_or(0);
        let work =
            Work { bytes, answer, episode, episodes, micro_batches, threads, recompute, adapters: lora.is_some(), crossed };
        let (held, in_turn) = work.memory(config, setup, workers, &counted, [parameters, trained], written_out);

        let (n, k) = (episodes as f64, attempts as f64);
        let written = n * k * answer as f64;
        let played = counted.forward(sizes, written + rl.problems as f64 * prompt as f64, written, episode);
        let read = counted.forward(sizes, n * episode as f64, written, episode);
        let backward = if lora.is_some() { 1.2 } else { 2.0 };
        let again = if recompute { 1.0 } else { 0.0 };
        let share = crossed as f64 / sizes.layers as f64;
        // Below those blocks the passes that are written out serve policy and reference at once.
        let forward = if written_out { 1.0 + share } else { 2.0 };
        let train = &config.train;
        Ok(Self {
            parameters,
            trained,
            bits: bytes as u32 * 8,
            tokens: [prompt, answer, episode],
            steps: train.stages()?.iter().map(|stage| stage.steps).sum(),
            episodes,
            micro_batches,
            threads,
            written_out,
            held,
            in_turn,
            available: opened.backend.capabilities(&opened.device).memory,
            operations: [played, read * (forward + share * (again + backward))],
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

    /// Seconds of one step of the longest episodes, from how fast the device multiplies matrices of the run's sizes, which is tried for a moment.
    pub fn seconds_a_step(&self, sizes: &DecoderConfig, workers: &Workers, device: &Device, dtype: FloatDType) -> f64 {
        let rows = [workers.decode_batch().min(self.episodes), self.tokens[2] * self.episodes / self.micro_batches];
        let speeds = rows.map(|rows| throughput(rows.clamp(1, 4096), sizes, workers, device, dtype));
        OF_PRODUCTS * self.operations.iter().zip(speeds).map(|(operations, speed)| operations / speed).sum::<f64>()
    }
}

/// Sizes of a step, in episodes, tokens and bytes a number.
struct Work {
    bytes: u64,
    answer: usize,
    episode: usize,
    episodes: usize,
    micro_batches: usize,
    threads: usize,
    recompute: bool,
    adapters: bool,
    /// Blocks that the way back goes through.
    crossed: usize,
}

/// What takes memory, and its bytes.
type Shares = Vec<(&'static str, u64)>;

impl Work {
    /// What is held throughout, and what in turn.
    fn memory(
        &self,
        config: &RunConfig,
        setup: &Setup,
        workers: &Workers,
        counted: &Counted,
        [parameters, trained]: [u64; 2],
        written_out: bool,
    ) -> (Shares, Shares) {
        let (sizes, bytes) = (&setup.sizes, self.bytes);
        let mut held = vec![("weights", parameters * bytes)];
        if !self.adapters {
            held.push(("reference weights", counted.all * bytes));
        }
        held.push(("optimiser", trained * (8 + if bytes == 2 { 4 } else { 0 })));
        let parallel = self.threads.min(self.micro_batches) as u64;
        held.push(("gradients", trained * 4 * (parallel + 1)));

        let together = workers.decode_batch().clamp(config.train.reinforce.samples, self.episodes) as f64;
        let cached = (2 * sizes.kv_heads * sizes.head_width() * sizes.layers) as f64 * self.computed(written_out);
        let cache = together * self.episode as f64 * cached;
        let playing = self.threads.min(self.episodes.div_ceil(together as usize)) as f64;
        // AdamW's moments as one file's bytes; weights and f32 copies are smaller, and written one after another.
        let mut in_turn = vec![("storing a checkpoint (moments as bytes)", trained * 8 + counted.largest * 8)];
        if written_out {
            // Each thread keeps its cache's memory for the next time, and all read the same packed weights, which may stand beside a checkpoint.
            held.push(("KV cache, packed weights", (cache * playing) as u64 + counted.multiplied * bytes));
        } else {
            in_turn.push(("playing (KV cache)", (OF_CACHE * cache * playing) as u64));
        }
        let scoring = ("scoring (activations, logits)", (self.scoring(config, setup, written_out) * parallel as f64) as u64);
        // The passes that are written out keep their memory for the next time.
        if written_out {
            held.push(scoring)
        } else {
            in_turn.push(scoring)
        }
        if setup.settings().is_some() && !self.adapters {
            in_turn.push(("rounding at a stage's end", counted.all * 10));
        }
        (held, in_turn)
    }

    /// Bytes of a number that is computed: the passes that are written out compute in f32 whatever the weights are.
    fn computed(&self, written_out: bool) -> f64 {
        if written_out { 4.0 } else { self.bytes as f64 }
    }

    /// Bytes that a micro-batch takes while it is differentiated.
    fn scoring(&self, config: &RunConfig, setup: &Setup, written_out: bool) -> f64 {
        let (sizes, bytes) = (&setup.sizes, self.computed(written_out));
        let micro_batch = config.train.reinforce.micro_batch.min(self.episodes);
        let scored = (micro_batch * config.train.attempts * self.answer) as f64;
        let chunk = (chunk_of(sizes.vocabulary) as f64).min(scored);
        let logits = OF_LOGITS * chunk * sizes.vocabulary as f64 * 4.0;
        let block = block_bytes(sizes, micro_batch, self.episode, bytes, self.adapters && !written_out);
        let inputs = (micro_batch * self.episode * sizes.width) as f64 * bytes * self.crossed as f64;
        let activations = if self.recompute { 2.0 * block + inputs } else { (self.crossed + 1) as f64 * block };
        activations + logits
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

/// Numbers of a model, by what they cost.
struct Counted {
    all: u64,
    /// In matrices that every token goes through.
    body: f64,
    /// In those and the one that makes logits.
    multiplied: u64,
    /// In the largest parameter.
    largest: u64,
}

impl Counted {
    fn of(sizes: &DecoderConfig, device: &Device) -> Result<Self, LmError> {
        let parameters = Decoder::parameters(sizes, device)?;
        let count = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        let inner = |name: &str| name != "embedding" && name != "output";
        let body = parameters.iter().filter(|parameter| inner(&parameter.name) && parameter.shape.len() == 2);
        let body: u64 = body.map(|parameter| count(&parameter.shape)).sum();
        Ok(Self {
            body: body as f64,
            multiplied: body + (sizes.vocabulary * sizes.width) as u64,
            largest: parameters.iter().map(|parameter| count(&parameter.shape)).max().unwrap_or(0),
            all: parameters.iter().map(|parameter| count(&parameter.shape)).sum(),
        })
    }

    /// Operations of a forward pass over `tokens`, of which `scored` get logits, in rows of this length.
    fn forward(&self, sizes: &DecoderConfig, tokens: f64, scored: f64, row: usize) -> f64 {
        // A token sees half of its row on average, or its window.
        let seen = |layer| (row as f64 / 2.0).min(sizes.window(layer).map_or(f64::INFINITY, |window| window as f64));
        let attention = 4.0 * (sizes.heads * sizes.head_width()) as f64 * (0..sizes.layers).map(seen).sum::<f64>();
        tokens * (2.0 * self.body + attention) + scored * 2.0 * (sizes.width * sizes.vocabulary) as f64
    }
}

/// Bytes that a backward pass holds of one block, for `rows` of `tokens` each.
fn block_bytes(sizes: &DecoderConfig, rows: usize, tokens: usize, bytes: f64, adapted: bool) -> f64 {
    let projections = (sizes.heads + 2 * sizes.kv_heads) * sizes.head_width();
    let outputs = projections + 2 * sizes.width + 2 * sizes.feed_forward;
    let adapters = if adapted { OF_ADAPTERS * outputs as f64 } else { 0.0 };
    let token = adapters
        + OF_WIDTH * sizes.width as f64
        + OF_PROJECTIONS * projections as f64
        + OF_FEED_FORWARD * sizes.feed_forward as f64;
    // Scores are taken in f32 at least.
    let scores = OF_SCORES * (sizes.heads * tokens) as f64;
    (rows * tokens) as f64 * (token * bytes + scores * 4.0)
}

/// Operations a second of all threads together, multiplying `rows` by a feed-forward matrix.
fn throughput(rows: usize, sizes: &DecoderConfig, workers: &Workers, device: &Device, dtype: FloatDType) -> f64 {
    let threads: Vec<usize> = (0..workers.threads()).collect();
    let done = workers.map(&threads, |_| {
        let of = |shape| Tensor::<2>::random(shape, Distribution::Default, device).cast(dtype);
        let x = of([rows, sizes.width]);
        // As in a model, no matrix is in a cache when its turn comes again.
        let one = sizes.width * sizes.feed_forward;
        let matrices: Vec<_> =
            (0..(BEYOND_CACHE / one).clamp(1, 3 * sizes.layers)).map(|_| of([sizes.width, sizes.feed_forward])).collect();
        let mut sum = x.clone().matmul(matrices[0].clone()).sum();
        let (begun, mut operations) = (Instant::now(), 0.0);
        for matrix in matrices.iter().cycle() {
            sum = sum + x.clone().matmul(matrix.clone()).sum();
            operations += 2.0 * (rows * one) as f64;
            // Devices compute when they are asked for a result.
            let _: f32 = sum.clone().into_scalar();
            if begun.elapsed().as_secs_f64() > PROBE {
                break;
            }
        }
        operations / begun.elapsed().as_secs_f64()
    });
    done.into_iter().sum::<f64>().max(1.0)
}
