//! Grouped-query attention, over a whole sequence or on top of a cache.

use burn::{
    module::Module,
    tensor::{Tensor, activation::softmax},
};
use palinode_core::precision::widen;

use crate::{
    cache::LayerCache, cap::cap, config::DecoderConfig, linear::Linear, norm::RmsNorm, rotary::Rotation, source::WeightSource,
};

/// softmax(q·kᵀ / √d + mask)·v, with several query heads sharing a key and value head.
///
/// Vaswani et al. 2017, arXiv 1706.03762; Ainslie et al. 2023, arXiv 2305.13245.
#[derive(Module, Debug)]
pub(crate) struct Attention {
    pub(crate) query_key_value: Linear,
    pub(crate) output: Linear,
    query_norm: Option<RmsNorm>,
    key_norm: Option<RmsNorm>,
    heads: usize,
    kv_heads: usize,
    scale: f64,
    cap: Option<f64>,
}

/// Queries grouped by the head they attend to, and keys and values, each `[R, kv_heads, …, d]`.
struct Projected {
    query: Tensor<4>, // [R, kv, group·T, d]
    key: Tensor<4>,   // [R, kv, T, d]
    value: Tensor<4>, // [R, kv, T, d]
}

impl Attention {
    pub(crate) fn new<S: WeightSource>(source: &mut S, name: &str, config: &DecoderConfig) -> Result<Self, S::Error> {
        let (width, head) = (config.width, config.head_width());
        let projections = [width, (config.heads + 2 * config.kv_heads) * head];
        let query_key_value = Linear::new(source, &format!("{name}.query_key_value"), projections, config.qkv_bias)?;
        let output = Linear::new(source, &format!("{name}.output"), [config.heads * head, width], config.output_bias)?;
        let mut norm = |part: &str, heads: usize| {
            let (name, width) = (format!("{name}.{part}_norm"), if config.wide_qk_norm { heads * head } else { head });
            config.qk_norm.then(|| RmsNorm::new(source, &name, width, config)).transpose()
        };
        Ok(Self {
            query_key_value,
            output,
            query_norm: norm("query", config.heads)?,
            key_norm: norm("key", config.kv_heads)?,
            heads: config.heads,
            kv_heads: config.kv_heads,
            scale: config.attention_scale(),
            cap: config.attention_cap,
        })
    }

    /// Attention of a whole sequence to itself, before the output projection.
    ///
    /// `x: [R·T, width]`; `mask: [1, 1, group·T, T]`, added to the scores; returns `[R·T, width]`.
    pub(crate) fn sequence(&self, x: Tensor<2>, rows: usize, rotation: Option<&Rotation>, mask: &Tensor<4>) -> Tensor<2> {
        let tokens = x.dims()[0] / rows;
        let projected = self.project(x, rows, tokens, rotation);
        self.attend(projected.query, projected.key, projected.value, Some(mask.clone()), tokens)
    }

    /// Attention of new tokens to a cache and to themselves; their keys and values are appended to it.
    ///
    /// `x: [R·T, width]`; `mask: [R or 1, 1, group·T, columns + T]`; returns `[R·T, width]`.
    pub(crate) fn cached(
        &self,
        x: Tensor<2>,
        rows: usize,
        rotation: Option<&Rotation>,
        mask: Option<Tensor<4>>,
        cache: &mut LayerCache,
        columns: usize,
    ) -> Tensor<2> {
        let tokens = x.dims()[0] / rows;
        let projected = self.project(x, rows, tokens, rotation);
        let (key, value) = cache.append(projected.key, projected.value, columns);
        self.attend(projected.query, key, value, mask, tokens)
    }

    fn project(&self, x: Tensor<2>, rows: usize, tokens: usize, rotation: Option<&Rotation>) -> Projected {
        let (heads, kv) = (self.heads, self.kv_heads);
        let width = self.output.inputs() / heads;
        let all = self.query_key_value.forward(x).reshape([rows, tokens, heads + 2 * kv, width]);
        let query_key = match (&self.query_norm, &self.key_norm) {
            (Some(query), Some(key)) => {
                Tensor::cat(vec![query.heads(all.clone().narrow(2, 0, heads)), key.heads(all.clone().narrow(2, heads, kv))], 2)
            }
            _ => all.clone().narrow(2, 0, heads + kv),
        };
        let turned = match rotation {
            Some(rotation) => rotation.apply(query_key),
            None => query_key,
        };
        let query = turned.clone().narrow(2, 0, heads).mul_scalar(self.scale).swap_dims(1, 2);
        let query = query.reshape([rows, kv, heads / kv * tokens, width]);
        let key = turned.narrow(2, heads, kv).swap_dims(1, 2);
        let value = all.narrow(2, heads + kv, kv).swap_dims(1, 2);
        Projected { query, key, value }
    }

    fn attend(&self, query: Tensor<4>, key: Tensor<4>, value: Tensor<4>, mask: Option<Tensor<4>>, tokens: usize) -> Tensor<2> {
        let [rows, _, _, width] = query.dims();
        let scores = cap(widen(query.matmul(key.swap_dims(2, 3))), self.cap);
        let scores = match mask {
            Some(mask) => scores.clone() + mask.cast(scores.dtype()),
            None => scores,
        };
        softmax(scores, 3)
            .cast(value.dtype())
            .matmul(value)
            .reshape([rows, self.heads, tokens, width])
            .swap_dims(1, 2)
            .reshape([rows * tokens, self.heads * width])
    }
}
