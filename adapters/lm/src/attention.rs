//! Grouped-query attention, over a whole sequence or on top of a cache.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, activation::softmax},
};
use palinode_core::precision::widen;

use crate::{cache::LayerCache, rotary::Rotation};

/// softmax(q·kᵀ / √d + mask)·v, with several query heads sharing a key and value head.
///
/// Vaswani et al. 2017, arXiv 1706.03762; Ainslie et al. 2023, arXiv 2305.13245.
#[derive(Module, Debug)]
pub(crate) struct Attention {
    pub(crate) query_key_value: Param<Tensor<2>>,
    pub(crate) output: Param<Tensor<2>>,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
}

/// Queries grouped by the head they attend to, and keys and values, each `[R, kv_heads, …, d]`.
struct Projected {
    query: Tensor<4>, // [R, kv, group·T, d]
    key: Tensor<4>,   // [R, kv, T, d]
    value: Tensor<4>, // [R, kv, T, d]
}

impl Attention {
    /// Attention of a whole sequence to itself, before the output projection.
    ///
    /// `x: [R·T, width]`; `mask: [1, 1, group·T, T]`, added to the scores; returns `[R·T, width]`.
    pub(crate) fn sequence(&self, x: Tensor<2>, rows: usize, rotation: &Rotation, mask: &Tensor<4>) -> Tensor<2> {
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
        rotation: &Rotation,
        mask: Option<Tensor<4>>,
        cache: &mut LayerCache,
        columns: usize,
    ) -> Tensor<2> {
        let tokens = x.dims()[0] / rows;
        let projected = self.project(x, rows, tokens, rotation);
        let (key, value) = cache.append(projected.key, projected.value, columns);
        self.attend(projected.query, key, value, mask, tokens)
    }

    fn project(&self, x: Tensor<2>, rows: usize, tokens: usize, rotation: &Rotation) -> Projected {
        let (heads, kv) = (self.heads, self.kv_heads);
        let width = self.output.dims()[0] / heads;
        let all = x.matmul(self.query_key_value.val()).reshape([rows, tokens, heads + 2 * kv, width]);
        let turned = rotation.apply(all.clone().narrow(2, 0, heads + kv));
        let query = turned.clone().narrow(2, 0, heads).mul_scalar((width as f64).powf(-0.5)).swap_dims(1, 2).reshape([
            rows,
            kv,
            heads / kv * tokens,
            width,
        ]);
        let key = turned.narrow(2, heads, kv).swap_dims(1, 2);
        let value = all.narrow(2, heads + kv, kv).swap_dims(1, 2);
        Projected { query, key, value }
    }

    fn attend(&self, query: Tensor<4>, key: Tensor<4>, value: Tensor<4>, mask: Option<Tensor<4>>, tokens: usize) -> Tensor<2> {
        let [rows, _, _, width] = query.dims();
        let scores = widen(query.matmul(key.swap_dims(2, 3)));
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
