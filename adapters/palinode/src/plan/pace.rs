//! How fast this device plays and differentiates a run's model: measured on models of its widths with few blocks and zeros for weights, on every thread at once.
//!
//! What a block costs is the difference between two such models; what is left of one is the cost of the head. Everything that a real step runs is run: prompts
//! read once for their samples, tokens decoded on a cache, policy and reference scored, the way back, adapters where the run has them.

use std::time::Instant;

use burn::{
    module::Module,
    tensor::{DType, Device, Tensor},
};
use palinode_core::{
    attempt::{Attempt, StopReason},
    batch::TokenBatch,
    kl::Divergence,
    policy::Decode,
    scoring::Scoring,
    trajectory::Trajectory,
    verifier::Verdict,
};
use palinode_lm::{Decoder, DecoderConfig, LmError, LoraConfig, LoraLayers, WeightSource};
use palinode_train::{
    TrainError,
    gradient::{
        chunked::{chunk_of, differentiate},
        workers::Workers,
    },
    trainable::Trainable,
};

use super::memory::Work;
use crate::{
    config::RunConfig,
    device::Opened,
    setup::{Setup, SetupError},
};

/// Blocks that are added to one, to see what one costs: so few that it takes seconds.
const MORE: usize = 2;
/// Numbers of decoded blocks that are no longer in a cache when their turn comes again, and the most blocks that are taken for that.
const BEYOND_CACHE: usize = 1 << 24;
const MOST: usize = 8;
/// Operations of all that is differentiated once, beyond which fewer episodes are taken, and then shorter ones.
const OPERATIONS: f64 = 2e11;
/// Most episodes, and tokens of a prompt, that are played.
const EPISODES: usize = 128;
const PROMPT: usize = 256;
/// Tokens that are decoded, and repetitions of everything, of which the fastest counts: the first finds no room yet.
const DECODED: usize = 3;
const REPEATED: usize = 2;

/// Seconds of one thread's work, while all threads work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// A token of a prompt that is read.
    pub(super) read: f64,
    /// One more token for each of [`Pace::rows`] episodes.
    pub(super) write: f64,
    /// Episodes that are played together.
    pub(super) rows: usize,
    /// Scored against a reference, and differentiated.
    pub(super) learn: Scored,
    /// Differentiated alone, where a warm start on references does that.
    pub(super) teach: Option<Scored>,
}

/// Seconds of a micro-batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored {
    /// For each token that it computes.
    pub(super) token: f64,
    /// Besides for each token that the policy wrote.
    pub(super) scored: f64,
}

impl Pace {
    pub(super) fn measure(
        config: &RunConfig,
        setup: &Setup,
        opened: &Opened,
        workers: &Workers,
        work: &Work,
    ) -> Result<Self, SetupError> {
        let thin = Thin { config, setup, opened, workers, work };
        let samples = config.train.reinforce.samples.min(EPISODES);
        let rows = (work.rows(samples, workers).min(EPISODES) / samples).max(1) * samples;
        let [read, write] = thin.play(rows, samples)?;
        let learn = thin.score(true)?;
        let teach = if config.train.supervised.steps > 0 { Some(thin.score(false)?) } else { None };
        Ok(Self { read, write, rows, learn, teach })
    }
}

/// What thin models are made for.
struct Thin<'a> {
    config: &'a RunConfig,
    setup: &'a Setup,
    opened: &'a Opened,
    workers: &'a Workers,
    work: &'a Work,
}

impl Thin<'_> {
    /// A model of so many blocks, the upper ones of which have what the run trains.
    fn model(&self, [lower, upper]: [usize; 2]) -> Result<Decoder, SetupError> {
        let (sizes, layers) = (&self.setup.sizes, lower + upper);
        let cut = |length: usize| length.min(layers);
        let sizes = DecoderConfig {
            layers,
            windows: sizes.windows[..cut(sizes.windows.len())].to_vec(),
            layer_ropes: sizes.layer_ropes[..cut(sizes.layer_ropes.len())].to_vec(),
            ..sizes.clone()
        };
        let model = Decoder::from_source(&sizes, &mut Zeros(&self.opened.device))?.cast(self.setup.dtype());
        let model = model.with_kernels(self.config.machine.kernels).with_recomputation(self.work.recompute);
        Ok(match &self.work.lora {
            Some(lora) => model.with_adapters(&LoraConfig { layers: LoraLayers::Last(upper), ..lora.clone() }, 0)?,
            None => model,
        })
    }

    /// Numbers of a block's matrices.
    fn block(&self) -> usize {
        let sizes = &self.setup.sizes;
        sizes.width * (2 * (sizes.heads + sizes.kv_heads) * sizes.head_width() + 3 * sizes.feed_forward)
    }

    /// Seconds to read a token of a prompt, and to write one in each of so many episodes.
    fn play(&self, rows: usize, samples: usize) -> Result<[f64; 2], SetupError> {
        let layers = self.setup.sizes.layers;
        let most = MOST.min(layers - 1).max(1);
        let more = BEYOND_CACHE.div_ceil(self.block().max(1)).clamp(MORE.min(most), most);
        let of = |blocks: usize| self.played(&self.model([0, blocks])?, rows, samples);
        let (one, several) = (of(1)?, of(1 + more)?);
        Ok([0, 1].map(|i| {
            let block = ((several[i] - one[i]) / more as f64).max(0.0);
            (one[i] - block).max(0.0) + layers as f64 * block
        }))
    }

    fn played(&self, model: &Decoder, rows: usize, samples: usize) -> Result<[f64; 2], SetupError> {
        // No more than an episode of the run has, which fits the context.
        let length = self.work.prompt.clamp(1, PROMPT);
        let decoded = self.work.episode.saturating_sub(length).clamp(1, DECODED);
        let prompts: Vec<Vec<u32>> = (0..rows / samples).map(|i| vec![self.id(i); length]).collect();
        let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        let all: Vec<usize> = (0..rows).collect();
        let written = vec![[self.id(0)]; rows];
        let written: Vec<&[u32]> = written.iter().map(<[u32; 1]>::as_slice).collect();
        let threads: Vec<usize> = (0..self.workers.threads()).collect();
        let mut best = [f64::INFINITY; 2];
        for _ in 0..REPEATED {
            let seconds = self.workers.map(&threads, |_| -> Result<[f64; 2], TrainError> {
                let begun = Instant::now();
                let (mut cache, logits) = model.start(&prompts, samples, length + decoded)?;
                finished(logits);
                let read = begun.elapsed().as_secs_f64() / (prompts.len() * length) as f64;
                let begun = Instant::now();
                (0..decoded).for_each(|_| finished(model.extend(&mut cache, &all, &written)));
                Ok([read, begun.elapsed().as_secs_f64() / decoded as f64])
            });
            let seconds = seconds.into_iter().collect::<Result<Vec<_>, _>>()?;
            for (i, best) in best.iter_mut().enumerate() {
                *best = best.min(seconds.iter().map(|seconds| seconds[i]).sum::<f64>() / seconds.len() as f64);
            }
        }
        Ok(best)
    }

    /// Seconds of a micro-batch, against a reference or alone.
    fn score(&self, reference: bool) -> Result<Scored, SetupError> {
        let (sizes, work) = (&self.setup.sizes, self.work);
        let written = self.config.train.attempts * work.answer;
        // Three models, of seven blocks together with twice a frozen one's.
        let operations = 6.0 * (work.episode * 8 * self.block() + 3 * written * sizes.width * sizes.vocabulary) as f64;
        let most = self.config.train.reinforce.micro_batch.min(work.episodes);
        let episodes = ((OPERATIONS / operations) as usize).clamp(1, most);
        let batch = self.batch(episodes, (OPERATIONS / operations).min(1.0))?;
        let count = |of: &dyn Fn(&Trajectory) -> usize| batch.iter().map(of).sum::<usize>() as f64;
        let of = |blocks: [usize; 2]| -> Result<f64, SetupError> {
            let model = self.model(blocks)?;
            Ok(self.differentiated(&model, &batch, reference))
        };
        let (one, several) = (of([0, 1])?, of([0, 1 + MORE])?);
        let upper = ((several - one) / MORE as f64).max(0.0);
        let frozen = sizes.layers - work.crossed;
        let lower = if frozen > 0 { ((of([MORE, 1])? - one) / MORE as f64).max(0.0) } else { 0.0 };
        let blocks = work.crossed as f64 * upper + frozen as f64 * lower;
        let lengths =
            [count(&|episode| episode.prompt().len()), count(&|episode| episode.tokens().len())].map(|all| all / episodes as f64);
        Ok(Scored {
            token: blocks / work.tokens(episodes as f64, self.config.train.reinforce.samples, lengths),
            scored: (one - upper).max(0.0)
                / count(&|episode| episode.attempts().iter().map(|attempt| attempt.tokens().len()).sum()),
        })
    }

    /// Episodes in groups that share a prompt; of a share of the tokens that they can have.
    fn batch(&self, episodes: usize, share: f64) -> Result<Vec<Trajectory>, SetupError> {
        let (turns, samples) = (self.setup.task.turns(), self.config.train.reinforce.samples);
        let [prompt, answer] = [self.work.prompt, self.work.answer].map(|most| ((most as f64 * share) as usize).max(1));
        let (stop, verdict) = match turns.limit().closing() {
            None => (StopReason::FixedLength, Verdict::Wrong),
            Some(_) => (StopReason::Truncated, Verdict::Truncated),
        };
        let episode = |i: usize| {
            let attempt = || Attempt::new(vec![self.id(i + 1); answer], vec![0.0; answer], stop, verdict);
            let attempts = (0..self.config.train.attempts).map(|_| attempt()).collect::<Result<Vec<_>, _>>()?;
            let prompt = vec![self.id(i / samples); prompt];
            Ok(Trajectory::new(prompt, turns.revision().to_vec(), attempts)?.closed_by(turns.closing()))
        };
        let made: Result<Vec<Trajectory>, palinode_core::Error> = (0..episodes).map(episode).collect();
        Ok(made.map_err(TrainError::from)?)
    }

    /// Seconds of these episodes on each thread.
    fn differentiated(&self, model: &Decoder, episodes: &[Trajectory], reference: bool) -> f64 {
        let frozen = model.reference();
        let episodes: Vec<&Trajectory> = episodes.iter().collect();
        let scoring = Scoring::default().with_kl(self.config.train.reinforce.kl).in_chunks(chunk_of(self.setup.sizes.vocabulary));
        let threads: Vec<usize> = (0..self.workers.threads()).collect();
        let once = || {
            let seconds = self.workers.map(&threads, |_| {
                let begun = Instant::now();
                let batch = TokenBatch::new(&episodes, &self.opened.device).expect("episodes of one number of attempts");
                let against = reference.then_some((&frozen, Divergence::Reverse));
                let (slope, _) = differentiate(&model.clone().train(), against, &batch, &scoring, |scores, _| {
                    let logprobs = scores.logprob.clone().sum();
                    scores.kl.clone().map_or_else(|| logprobs.clone(), |kl| logprobs.clone() + kl.sum())
                });
                drop(slope);
                // Other devices than the CPU go on after their work was handed to them.
                let _ = self.opened.device.sync();
                begun.elapsed().as_secs_f64()
            });
            seconds.iter().sum::<f64>() / seconds.len() as f64
        };
        (0..REPEATED).map(|_| once()).fold(f64::INFINITY, f64::min)
    }

    /// An id that the model knows.
    fn id(&self, i: usize) -> u32 {
        (i % self.setup.sizes.vocabulary) as u32
    }
}

/// Waits for a result.
fn finished(logits: Tensor<2>) {
    let _: f32 = logits.slice([0..1, 0..1]).into_scalar();
}

/// Zeros: time does not depend on what a model knows.
struct Zeros<'a>(&'a Device);

impl WeightSource for Zeros<'_> {
    type Error = LmError;

    fn matrix(&mut self, _: &str, shape: [usize; 2]) -> Result<Tensor<2>, LmError> {
        Ok(Tensor::zeros(shape, (self.0, DType::F32)))
    }

    fn vector(&mut self, _: &str, length: usize, start: f32) -> Result<Tensor<1>, LmError> {
        Ok(Tensor::full([length], start, (self.0, DType::F32)))
    }
}
