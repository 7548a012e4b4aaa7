//! The model.

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, FloatDType, Int, Tensor, TensorData},
};
use palinode_core::{
    policy::Policy,
    rng::{RandomKey, Stream},
};

use crate::{attention::Attention, config::DecoderConfig, error::LmError, mlp::SwiGlu, norm::RmsNorm, rotary::Rotary};

/// A score that softmax turns into exactly zero, and that stays finite in any sum.
pub(crate) const MASKED: f32 = -1e9;

/// One block: attention and SwiGLU, each behind a norm and around a residual.
#[derive(Module, Debug)]
pub(crate) struct Block {
    pub(crate) attention_norm: RmsNorm,
    pub(crate) attention: Attention,
    pub(crate) mlp_norm: RmsNorm,
    pub(crate) mlp: SwiGlu,
}

impl Block {
    /// What follows attention: output projection, residual, SwiGLU, residual. Rows are independent here.
    pub(crate) fn finish(&self, x: Tensor<2>, attended: Tensor<2>) -> Tensor<2> {
        let x = x + attended.matmul(self.attention.output.val());
        let inner = self.mlp.forward(self.mlp_norm.forward(x.clone()));
        x + inner
    }
}

/// A decoder-only transformer (see the crate's documentation).
#[derive(Module, Debug)]
pub struct Decoder {
    pub(crate) embedding: Param<Tensor<2>>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) norm: RmsNorm,
    pub(crate) output: Option<Param<Tensor<2>>>,
    #[module(skip)]
    pub(crate) rotary: Rotary,
    #[module(skip)]
    config: DecoderConfig,
}

impl Decoder {
    /// A model with random weights, a pure function of the configuration and the seed: embeddings from N(0, 1), matrices from
    /// N(0, 1/(3·inputs)).
    ///
    /// # Errors
    /// [`LmError::Config`] from [`DecoderConfig::check`].
    pub fn new(config: &DecoderConfig, seed: u64, device: &Device) -> Result<Self, LmError> {
        config.check()?;
        let mut matrices = 0;
        let mut matrix = |rows: usize, columns: usize, deviation: f64| {
            matrices += 1;
            let key = RandomKey { problem: matrices, ..RandomKey::new(seed, Stream::Init) };
            let values: Vec<f32> =
                (0..rows * columns).map(|i| RandomKey { token: i as u32, ..key }.normal() * deviation as f32).collect();
            Param::from_tensor(Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), device))
        };
        let mut linear = |rows: usize, columns: usize| matrix(rows, columns, (3.0 * rows as f64).powf(-0.5));
        let norm = || RmsNorm::new(config.width, config.norm_epsilon, device);
        let (width, head) = (config.width, config.head_width());
        let blocks = (0..config.layers)
            .map(|_| Block {
                attention_norm: norm(),
                attention: Attention {
                    query_key_value: linear(width, (config.heads + 2 * config.kv_heads) * head),
                    output: linear(config.heads * head, width),
                    heads: config.heads,
                    kv_heads: config.kv_heads,
                },
                mlp_norm: norm(),
                mlp: SwiGlu { gate_up: linear(width, 2 * config.feed_forward), down: linear(config.feed_forward, width) },
            })
            .collect();
        let output = (!config.tied).then(|| linear(width, config.vocabulary));
        Ok(Self {
            embedding: matrix(config.vocabulary, width, 1.0),
            blocks,
            norm: norm(),
            output,
            rotary: Rotary::new(config.context, head, config.rope_base),
            config: config.clone(),
        })
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
        self.embedding.val().select(0, tokens.reshape([rows * width]))
    }

    /// `[1, 1, group·T, T]`: 0 where a token may look, [`MASKED`] at what comes after it.
    pub(crate) fn causal_mask(&self, tokens: usize, device: &Device) -> Tensor<4> {
        let group = self.config.heads / self.config.kv_heads;
        let values: Vec<f32> = (0..group * tokens)
            .flat_map(|query| (0..tokens).map(move |key| if key <= query % tokens { 0.0 } else { MASKED }))
            .collect();
        Tensor::from_data(TensorData::new(values, [1, 1, group * tokens, tokens]), device)
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
        let [rows, length] = tokens.dims();
        assert!(length <= self.config.context, "a row of {length} tokens exceeds the context of {}", self.config.context);
        let device = tokens.device();
        let rotation = self.rotary.sequence(length, &device);
        let mask = self.causal_mask(length, &device);
        let mut x = self.embed(tokens);
        for (i, block) in self.blocks.iter().enumerate() {
            let attended = block.attention.sequence(block.attention_norm.forward(x.clone()), rows, &rotation, &mask);
            // Behind the last attention, rows that are not asked for have no further use.
            x = if i + 1 == self.blocks.len() {
                block.finish(x.select(0, positions.clone()), attended.select(0, positions.clone()))
            } else {
                block.finish(x, attended)
            };
        }
        x
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        let states = self.norm.forward(states);
        match &self.output {
            Some(output) => states.matmul(output.val()),
            None => states.matmul(self.embedding.val().transpose()),
        }
    }
}
