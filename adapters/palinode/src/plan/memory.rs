//! What a run holds in memory, and how large a checkpoint is.
//!
//! Weights, gradients, optimiser states and packed matrices are counted exactly, and so is what the passes that are written out keep of each token
//! (`palinode_kernels`, block by block). For tensor operations activations and logits are counted in tensors of a known size, whose number was measured
//! (`tests/bench/peak_memory.rs`).

use palinode_lm::{Decoder, DecoderConfig, LmError, LoraConfig, LoraTarget};
use palinode_train::gradient::{chunked::chunk_of, workers::Workers};

use crate::{config::RunConfig, setup::Setup};

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
/// How often a KV cache in tensors exists while it is copied.
const OF_CACHE: f64 = 2.0;
/// Bytes of the program itself while it trains, and of each word of a tokenizer with its merges: what it held once it had opened vocabularies of 49 152 and
/// 262 144 words, over what it held for a task without one.
const PROGRAM: u64 = 25 << 20;
const OF_WORD: u64 = 740;
/// What the passes written out keep of room over what they need at once: sizes differ from piece to piece.
const OF_ROOM: f64 = 1.1;
/// What the system is not given back of what is let go, as a share of what changes with each step.
const OF_FREED: f64 = 0.1;
/// Copies of a parameter while it is looked at whether it is what it was.
const COPIES: u64 = 2;

/// Sizes of a step, in episodes, tokens and bytes a number.
pub(super) struct Work {
    pub(super) bytes: u64,
    pub(super) prompt: usize,
    pub(super) answer: usize,
    pub(super) episode: usize,
    pub(super) episodes: usize,
    pub(super) micro_batches: usize,
    pub(super) threads: usize,
    pub(super) recompute: bool,
    pub(super) lora: Option<LoraConfig>,
    /// Blocks that the way back goes through.
    pub(super) crossed: usize,
    /// Whether a prompt is computed once for the episodes of its group in a micro-batch: the passes that are written out do, where adapters drop nothing.
    pub(super) shared: bool,
}

const SCORING: &str = "scoring (activations, logits)";

/// What takes memory, and its bytes.
type Shares = Vec<(&'static str, u64)>;

impl Work {
    /// What is held throughout, and what in turn.
    pub(super) fn memory(
        &self,
        config: &RunConfig,
        setup: &Setup,
        workers: &Workers,
        counted: &Counted,
        written_out: bool,
    ) -> (Shares, Shares) {
        let (sizes, bytes) = (&setup.sizes, self.bytes);
        let words = if setup.settings().is_some() { sizes.vocabulary as u64 } else { 0 };
        let mut held = vec![("program, tokenizer", PROGRAM + OF_WORD * words), ("weights", counted.parameters() * bytes)];
        if self.lora.is_none() {
            held.push(("reference weights", counted.all * bytes));
        }
        held.push(("optimiser", counted.trained() * (8 + if bytes == 2 { 4 } else { 0 })));
        let parallel = self.threads.min(self.micro_batches) as u64;
        // Evaluations play every problem once.
        let evaluated = workers.decode_batch().min(config.train.evaluation.problems.div_ceil(workers.threads()));
        let rows = self.rows(config.train.reinforce.samples, workers).max(evaluated) as u64;
        let cached = (2 * sizes.kv_heads * sizes.head_width() * sizes.layers) as f64 * self.computed(written_out);
        let cache = rows as f64 * self.episode as f64 * cached;
        let pieces = (self.episodes as u64).div_ceil(rows).max((config.train.evaluation.problems as u64).div_ceil(rows));
        let playing = pieces.min(self.threads as u64);
        let scoring = self.scoring(config, setup, written_out) * parallel as f64;
        let (trained, all_weights) = (counted.trained(), self.lora.is_none());
        let gradients = trained * 4 * (parallel + 1);
        // AdamW's moments as one file's bytes; weights and f32 copies are smaller, and written one after another.
        let mut in_turn = vec![("storing a checkpoint", trained * 8 + counted.largest_trained * 8)];
        if written_out {
            in_turn.push(("gradients", gradients));
            // Each thread keeps its room for the next time.
            let kept = |bytes: f64| (OF_ROOM * bytes) as u64;
            let logits = 2.0 * 4.0 * rows as f64 * sizes.vocabulary as f64;
            held.push(("KV cache, sampling", kept(playing as f64 * (cache + logits))));
            held.push((SCORING, kept(scoring)));
            held.push(("packed weights", counted.multiplied * bytes));
            if bytes == 2 {
                // Files are read into f32; of that only the largest parameters go back to the system.
                held.push(("read in f32, and not given back", (counted.all - counted.largest) * 4));
            }
        } else {
            held.push(("gradients", gradients));
            in_turn.extend([("playing (KV cache)", (OF_CACHE * cache * playing as f64) as u64), (SCORING, scoring as u64)]);
        }
        if all_weights {
            // All of it is another one after each step.
            let changing = trained * (bytes + 8) + gradients + counted.multiplied * bytes;
            held.push(("let go, but not given back", (OF_FREED * changing as f64) as u64));
        }
        if setup.settings().is_some() {
            in_turn.push(("telling whether weights are the same", COPIES * counted.largest * bytes));
            if all_weights {
                // By then there is no optimiser any more.
                in_turn.push(("rounding at a stage's end", (counted.all * 10).saturating_sub(trained * 8)));
            }
        }
        (held, in_turn)
    }

    /// Episodes that a thread plays together: the samples of a problem stay together.
    pub(super) fn rows(&self, samples: usize, workers: &Workers) -> usize {
        let problems = self.episodes / samples;
        let together = (workers.decode_batch() / samples).max(1);
        together.min(problems.div_ceil(workers.threads())).max(1) * samples
    }

    /// Tokens that are computed of so many episodes of one micro-batch, in groups of so many samples.
    pub(super) fn tokens(&self, episodes: f64, samples: usize, [prompt, episode]: [f64; 2]) -> f64 {
        let prompts = if self.shared { (episodes / samples as f64).ceil() } else { episodes };
        prompts * prompt + episodes * (episode - prompt)
    }

    /// Bytes of a number that is computed: the passes that are written out compute in f32 whatever the weights are.
    fn computed(&self, written_out: bool) -> f64 {
        if written_out { 4.0 } else { self.bytes as f64 }
    }

    /// Bytes that a micro-batch takes while it is differentiated.
    fn scoring(&self, config: &RunConfig, setup: &Setup, written_out: bool) -> f64 {
        let (sizes, bytes) = (&setup.sizes, self.computed(written_out));
        let micro_batch = config.train.reinforce.micro_batch.min(self.episodes);
        let tokens = self.tokens(
            micro_batch as f64,
            config.train.reinforce.samples,
            [self.prompt, self.episode].map(|tokens| tokens as f64),
        );
        let scored = (micro_batch * config.train.attempts * self.answer) as f64;
        let logits = (chunk_of(sizes.vocabulary) as f64).min(scored) * sizes.vocabulary as f64;
        if written_out {
            let block = tape_of_block(sizes, self.lora.as_ref());
            let tapes = if self.recompute { self.crossed * sizes.width + block } else { self.crossed * block };
            // The policy's logits and the reference's.
            return bytes * (tokens * (tapes + room_of_block(sizes)) as f64 + 2.0 * logits);
        }
        let block = tensors_of_block(sizes, micro_batch, self.episode, bytes, self.lora.is_some());
        let inputs = tokens * sizes.width as f64 * bytes * self.crossed as f64;
        let activations = if self.recompute { 2.0 * block + inputs } else { (self.crossed + 1) as f64 * block };
        activations + OF_LOGITS * logits * 4.0
    }

    /// Bytes of a checkpoint within a stage, and of what the end of one leaves.
    pub(super) fn checkpoints(&self, counted: &Counted) -> [u64; 2] {
        // Weights and both moments in f32, and copies in f32 of what is narrower itself.
        let trained = counted.trained();
        [trained * if self.bytes == 2 { 16 } else { 12 }, trained * 4]
    }
}

/// Numbers a token that the passes written out keep of a block for the way back: its input, what it projected, what its heads gave, what stands behind the
/// first residual, gate and up; and factors of norms, logarithms, what norms elsewhere saw, and what adapters have between A and B.
fn tape_of_block(sizes: &DecoderConfig, lora: Option<&LoraConfig>) -> usize {
    let (head, projected) = (sizes.head_width(), projected(sizes));
    let attended = sizes.heads * head;
    let turned = if sizes.qk_norm { projected - sizes.kv_heads * head + sizes.heads + sizes.kv_heads } else { 0 };
    let after = if sizes.post_norms { 2 * sizes.width + 2 } else { 0 };
    let before = if sizes.pre_norms { 2 } else { 0 };
    let between =
        lora.map_or(0, |lora| lora.rank * LoraTarget::ALL.iter().filter(|target| lora.targets.contains(target)).count());
    2 * sizes.width + projected + attended + 2 * sizes.feed_forward + sizes.heads + turned + after + before + between
}

/// Numbers a token that they need besides, while one block is passed.
fn room_of_block(sizes: &DecoderConfig) -> usize {
    4 * sizes.width + 3 * sizes.feed_forward + projected(sizes) + sizes.heads * sizes.head_width()
}

/// Queries, keys and values of a token.
fn projected(sizes: &DecoderConfig) -> usize {
    (sizes.heads + 2 * sizes.kv_heads) * sizes.head_width()
}

/// Bytes that a backward pass in tensors holds of one block, for `rows` of `tokens` each.
fn tensors_of_block(sizes: &DecoderConfig, rows: usize, tokens: usize, bytes: f64, adapted: bool) -> f64 {
    let outputs = projected(sizes) + 2 * sizes.width + 2 * sizes.feed_forward;
    let adapters = if adapted { OF_ADAPTERS * outputs as f64 } else { 0.0 };
    let token = adapters
        + OF_WIDTH * sizes.width as f64
        + OF_PROJECTIONS * projected(sizes) as f64
        + OF_FEED_FORWARD * sizes.feed_forward as f64;
    // Scores are taken in f32 at least.
    let scores = OF_SCORES * (sizes.heads * tokens) as f64;
    (rows * tokens) as f64 * (token * bytes + scores * 4.0)
}

/// Numbers of a model, by what they cost.
pub(super) struct Counted {
    /// Without adapters.
    pub(super) all: u64,
    /// In adapters.
    pub(super) added: u64,
    /// In matrices that every token goes through, and the one that makes logits.
    multiplied: u64,
    /// In the largest parameter.
    largest: u64,
    /// In the largest that is trained.
    largest_trained: u64,
}

impl Counted {
    pub(super) fn of(setup: &Setup, lora: Option<&LoraConfig>, device: &burn::tensor::Device) -> Result<Self, LmError> {
        let sizes = &setup.sizes;
        let parameters = Decoder::parameters(sizes, device)?;
        let count = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        let inner = |name: &str| name != "embedding" && name != "output";
        let body = parameters.iter().filter(|parameter| inner(&parameter.name) && parameter.shape.len() == 2);
        let body: u64 = body.map(|parameter| count(&parameter.shape)).sum();
        let largest = parameters.iter().map(|parameter| count(&parameter.shape)).max().unwrap_or(0);
        let of_adapters = |lora: &LoraConfig| (lora.rank * sizes.width.max(sizes.feed_forward)) as u64;
        Ok(Self {
            all: parameters.iter().map(|parameter| count(&parameter.shape)).sum(),
            added: lora.map_or(0, |lora| lora.parameters(sizes) as u64),
            multiplied: body + (sizes.vocabulary * sizes.width) as u64,
            largest,
            largest_trained: lora.map_or(largest, of_adapters),
        })
    }

    pub(super) fn parameters(&self) -> u64 {
        self.all + self.added
    }

    pub(super) fn trained(&self) -> u64 {
        if self.added > 0 { self.added } else { self.all }
    }
}
