//! The model.

use std::sync::Arc;

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Bool, Device, FloatDType, Int, Tensor, TensorData},
};
use palinode_core::policy::Policy;

use crate::{
    attention::Attention,
    cap::cap,
    config::DecoderConfig,
    error::LmError,
    mask::{Masks, additive, visible},
    mlp::Gated,
    norm::RmsNorm,
    ready::LastReady,
    rotary::{Rotaries, Rotations},
    source::{Parameter, Random, Recorder, WeightSource},
};

/// One block: attention and a gated feed-forward, each after a norm, before one, or both, and around a residual.
#[derive(Module, Debug)]
pub(crate) struct Block {
    attention_norm: Option<RmsNorm>,
    pub(crate) attention: Attention,
    after_attention_norm: Option<RmsNorm>,
    mlp_norm: Option<RmsNorm>,
    pub(crate) mlp: Gated,
    after_mlp_norm: Option<RmsNorm>,
}

impl Block {
    fn new<S: WeightSource>(source: &mut S, name: &str, config: &DecoderConfig) -> Result<Self, S::Error> {
        let norm = |source: &mut S, part, there: bool| {
            there.then(|| RmsNorm::new(source, &format!("{name}.{part}"), config.width, config)).transpose()
        };
        let (before, after) = (config.pre_norms, config.post_norms);
        Ok(Self {
            attention_norm: norm(source, "attention_norm", before)?,
            attention: Attention::new(source, &format!("{name}.attention"), config)?,
            after_attention_norm: norm(source, "after_attention_norm", after)?,
            mlp_norm: norm(source, "mlp_norm", before)?,
            mlp: Gated::new(source, &format!("{name}.mlp"), config)?,
            after_mlp_norm: norm(source, "after_mlp_norm", after)?,
        })
    }

    /// What attention sees of the block's input.
    pub(crate) fn attention_input(&self, x: &Tensor<2>) -> Tensor<2> {
        normed(&self.attention_norm, x.clone())
    }

    /// What follows attention: output projection, residual, feed-forward, residual. Rows are independent here.
    pub(crate) fn finish(&self, x: Tensor<2>, attended: Tensor<2>) -> Tensor<2> {
        let x = x + normed(&self.after_attention_norm, self.attention.output.forward(attended));
        let inner = self.mlp.forward(normed(&self.mlp_norm, x.clone()));
        x + normed(&self.after_mlp_norm, inner)
    }
}

/// By way of a norm, where there is one.
fn normed(norm: &Option<RmsNorm>, x: Tensor<2>) -> Tensor<2> {
    match norm {
        Some(norm) => norm.forward(x),
        None => x,
    }
}

/// A decoder-only transformer (see the crate's documentation).
#[derive(Module, Debug)]
pub struct Decoder {
    pub(crate) embedding: Param<Tensor<2>>,
    pub(crate) blocks: Vec<Block>,
    norm: RmsNorm,
    output: Option<Param<Tensor<2>>>,
    #[module(skip)]
    pub(crate) rotary: Rotaries,
    #[module(skip)]
    config: DecoderConfig,
    #[module(skip)]
    pub(crate) recompute: bool,
    #[module(skip)]
    pub(crate) kernels: bool,
    #[module(skip)]
    pub(crate) ready: LastReady,
    #[module(skip)]
    pub(crate) unused: Arc<[u32]>,
}

/// What every block of a pass over whole rows needs besides its input.
pub(crate) struct Pass<'a> {
    rows: usize,
    length: usize,
    positions: Tensor<1, Int>,
    rotations: Rotations,
    masks: Masks<Tensor<4>, MakeMask<'a>>,
}

type MakeMask<'a> = Box<dyn Fn(Option<usize>) -> Tensor<4> + 'a>;

impl Decoder {
    /// A model with random weights, a pure function of the configuration and the seed: embeddings from N(0, 1), matrices from
    /// N(0, 1/(3·inputs)).
    ///
    /// # Errors
    /// [`LmError::Config`] from [`DecoderConfig::check`].
    pub fn new(config: &DecoderConfig, seed: u64, device: &Device) -> Result<Self, LmError> {
        Self::from_source(config, &mut Random { seed, device, drawn: 0 })
    }

    /// A model whose weights come from somewhere else.
    ///
    /// # Errors
    /// [`LmError::Config`] from [`DecoderConfig::check`], and those of the source.
    pub fn from_source<S: WeightSource>(config: &DecoderConfig, source: &mut S) -> Result<Self, S::Error> {
        config.check()?;
        Self::assemble(config, source, Rotaries::new(config))
    }

    /// The parameters that a model of these sizes has, in the order in which it asks for them, without making it.
    ///
    /// # Errors
    /// [`LmError::Config`] from [`DecoderConfig::check`].
    pub fn parameters(config: &DecoderConfig, device: &Device) -> Result<Vec<Parameter>, LmError> {
        config.check()?;
        let mut recorder = Recorder { asked: Vec::new(), device };
        let no_positions = Rotaries::new(&DecoderConfig { context: 1, ..config.clone() });
        Self::assemble(config, &mut recorder, no_positions)?;
        Ok(recorder.asked)
    }

    fn assemble<S: WeightSource>(config: &DecoderConfig, source: &mut S, rotary: Rotaries) -> Result<Self, S::Error> {
        let blocks =
            (0..config.layers).map(|i| Block::new(source, &format!("blocks.{i}"), config)).collect::<Result<Vec<_>, _>>()?;
        let (vocabulary, width) = (config.vocabulary, config.width);
        let output = (!config.tied).then(|| source.matrix("output", [width, vocabulary])).transpose()?;
        Ok(Self {
            embedding: Param::from_tensor(source.matrix("embedding", [vocabulary, width])?),
            blocks,
            norm: RmsNorm::new(source, "norm", width, config)?,
            output: output.map(Param::from_tensor),
            rotary,
            config: config.clone(),
            recompute: false,
            kernels: true,
            ready: LastReady::default(),
            unused: Arc::default(),
        })
    }

    /// The same model, told which ids no token has: vocabularies are padded to a multiple of 64 or so, and some have holes.
    ///
    /// Their logits are −∞ wherever logits are asked for, so none of them is ever sampled, and none takes part in a distribution that is scored or
    /// differentiated. A prompt that holds one is refused.
    ///
    /// # Errors
    /// [`LmError::Config`] for an id that is not below the vocabulary size, or when all of them are unused.
    pub fn with_unused(mut self, ids: impl IntoIterator<Item = u32>) -> Result<Self, LmError> {
        let mut ids: Vec<u32> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        let vocabulary = self.config.vocabulary;
        if let Some(&last) = ids.last().filter(|&&last| last as usize >= vocabulary) {
            let expected = format!("below the vocabulary size of {vocabulary}");
            return Err(LmError::Config { name: "an id without a token", expected, got: last.to_string() });
        }
        if ids.len() == vocabulary {
            return Err(LmError::Config { name: "ids that have a token", expected: "at least 1".into(), got: "0".into() });
        }
        self.unused = ids.into();
        Ok(self)
    }

    /// The ids that no token has, ascending.
    pub fn unused(&self) -> &[u32] {
        &self.unused
    }

    /// The logits `[N, V]` with those of unused ids at −∞.
    fn of_used(&self, logits: Tensor<2>) -> Tensor<2> {
        if self.unused.is_empty() {
            return logits;
        }
        let [rows, vocabulary] = logits.dims();
        let mut unused = vec![false; vocabulary];
        self.unused.iter().for_each(|&id| unused[id as usize] = true);
        let mask = Tensor::<2, Bool>::from_data(TensorData::new(unused, [1, vocabulary]), &logits.device());
        logits.mask_fill(mask.expand([rows, vocabulary]), f32::NEG_INFINITY)
    }

    /// The same model with its weights in another floating-point type, as far as that type can hold them.
    ///
    /// In bf16 and f16, norms, rotations and softmax are still taken in f32.
    pub fn cast(self, dtype: FloatDType) -> Self {
        self.map(&mut Cast(dtype))
    }

    /// The model's sizes.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Embeddings of flattened tokens, `[R·T, width]`.
    pub(crate) fn embed(&self, tokens: Tensor<2, Int>) -> Tensor<2> {
        let [rows, width] = tokens.dims();
        let x = self.embedding.val().select(0, tokens.reshape([rows * width]));
        match self.config.embedding_scale {
            Some(scale) => x.mul_scalar(scale),
            None => x,
        }
    }

    /// A pass over whole rows, of which the states at `positions` are asked for.
    pub(crate) fn pass(&self, tokens: &Tensor<2, Int>, positions: Tensor<1, Int>) -> Pass<'_> {
        let [rows, length] = tokens.dims();
        assert!(length <= self.config.context, "a row of {length} tokens exceeds the context of {}", self.config.context);
        let device = tokens.device();
        let rotations = self.rotary.sequence(length, &device);
        let masks = Masks::new(Box::new(move |window| self.causal_mask(length, window, &device)) as MakeMask<'_>);
        Pass { rows, length, positions, rotations, masks }
    }

    /// What block `i` makes of its input.
    pub(crate) fn through(&self, i: usize, x: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<2> {
        let block = &self.blocks[i];
        let mask = pass.masks.of(self.config.window(i), pass.length);
        let rotation = pass.rotations.of(self.config.rope(i));
        let attended = block.attention.sequence(block.attention_input(&x), pass.rows, rotation, &mask);
        if i + 1 < self.blocks.len() {
            return block.finish(x, attended);
        }
        // Behind the last attention, rows that are not asked for have no further use.
        block.finish(x.select(0, pass.positions.clone()), attended.select(0, pass.positions.clone()))
    }

    /// `[1, 1, group·T, T]`, to be added to scores: a token sees itself and what stands before it.
    pub(crate) fn causal_mask(&self, tokens: usize, window: Option<usize>, device: &Device) -> Tensor<4> {
        let group = self.config.heads / self.config.kv_heads;
        let seen = (0..group * tokens).flat_map(|query| (0..tokens).map(move |key| visible(query % tokens, key, window)));
        additive(seen, [1, 1, group * tokens, tokens], device)
    }
}

/// Casts every parameter.
struct Cast(FloatDType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(self.0))
    }
}

impl Policy for Decoder {
    /// # Panics
    /// When a row is longer than the model's context; callers bound their rollouts by it.
    fn states(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        let mut pass = self.pass(&tokens, positions);
        let x = self.embed(tokens);
        (0..self.blocks.len()).fold(x, |x, i| self.through(i, x, &mut pass))
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        let states = self.norm.forward(states);
        let logits = match &self.output {
            Some(output) => states.matmul(output.val()),
            None => states.matmul(self.embedding.val().transpose()),
        };
        self.of_used(cap(logits, self.config.logit_cap))
    }
}
