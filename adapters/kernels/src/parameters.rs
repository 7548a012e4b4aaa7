//! The numbers of a decoder, or the gradient of each.

use crate::{
    low_rank::{Adapter, LowRank},
    shape::Shape,
    stored::Stored,
};

/// A projection's matrix `[inputs, outputs]`, bias, and adapters.
#[derive(Debug, Clone)]
pub struct Projection<T> {
    pub(crate) weight: T,
    pub(crate) bias: Option<T>,
    pub(crate) adapters: Vec<LowRank<T>>,
}

/// What one block holds.
#[derive(Debug, Clone)]
pub struct BlockParameters<T> {
    pub(crate) attention_norm: Option<T>,
    pub(crate) query_key_value: Projection<T>,
    pub(crate) output: Projection<T>,
    pub(crate) query_norm: Option<T>,
    pub(crate) key_norm: Option<T>,
    pub(crate) after_attention_norm: Option<T>,
    pub(crate) mlp_norm: Option<T>,
    pub(crate) gate_up: Projection<T>,
    pub(crate) down: Projection<T>,
    pub(crate) after_mlp_norm: Option<T>,
}

/// What a decoder holds: borrowed numbers ([`Stored`]), or gradients (`Vec<f32>`; empty where none is asked for).
#[derive(Debug, Clone)]
pub struct Parameters<T> {
    pub(crate) embedding: T,
    pub(crate) blocks: Vec<BlockParameters<T>>,
    pub(crate) norm: T,
    pub(crate) output: Option<T>,
}

/// Gives the next parameter, which has so many numbers.
type Next<'a, T, E> = &'a mut dyn FnMut(usize) -> Result<T, E>;

impl<T> Projection<T> {
    fn collect<E>(next: Next<'_, T, E>, [inputs, outputs]: [usize; 2], bias: bool, adapters: &[Adapter]) -> Result<Self, E> {
        let weight = next(inputs * outputs)?;
        let bias = bias.then(|| next(outputs)).transpose()?;
        let mut adapter = |&adapter: &Adapter| {
            Ok(LowRank { adapter, a: next(inputs * adapter.rank)?, b: next(adapter.rank * adapter.outputs)? })
        };
        Ok(Self { weight, bias, adapters: adapters.iter().map(&mut adapter).collect::<Result<_, _>>()? })
    }

    fn as_ref(&self) -> Projection<&T> {
        let adapters = self.adapters.iter().map(|LowRank { adapter, a, b }| LowRank { adapter: *adapter, a, b });
        Projection { weight: &self.weight, bias: self.bias.as_ref(), adapters: adapters.collect() }
    }

    fn into_list(self) -> impl Iterator<Item = T> {
        let adapters = self.adapters.into_iter().flat_map(|LowRank { a, b, .. }| [a, b]);
        [Some(self.weight), self.bias].into_iter().flatten().chain(adapters)
    }
}

impl<T> BlockParameters<T> {
    fn collect<E>(shape: &Shape, layer: usize, next: Next<'_, T, E>) -> Result<Self, E> {
        let (width, inner) = (shape.width, shape.inner);
        let [of_query_key_value, of_output, of_gate_up, of_down] = shape.adapters(layer);
        Ok(Self {
            attention_norm: shape.pre_norms.then(|| next(width)).transpose()?,
            query_key_value: Projection::collect(next, [width, shape.projected()], shape.qkv_bias, of_query_key_value)?,
            output: Projection::collect(next, [shape.attended(), width], shape.output_bias, of_output)?,
            query_norm: shape.qk_norm.then(|| next(shape.normed(shape.heads))).transpose()?,
            key_norm: shape.qk_norm.then(|| next(shape.normed(shape.kv_heads))).transpose()?,
            after_attention_norm: shape.post_norms.then(|| next(width)).transpose()?,
            mlp_norm: shape.pre_norms.then(|| next(width)).transpose()?,
            gate_up: Projection::collect(next, [width, 2 * inner], shape.mlp_bias, of_gate_up)?,
            down: Projection::collect(next, [inner, width], shape.mlp_bias, of_down)?,
            after_mlp_norm: shape.post_norms.then(|| next(width)).transpose()?,
        })
    }

    fn as_ref(&self) -> BlockParameters<&T> {
        BlockParameters {
            attention_norm: self.attention_norm.as_ref(),
            query_key_value: self.query_key_value.as_ref(),
            output: self.output.as_ref(),
            query_norm: self.query_norm.as_ref(),
            key_norm: self.key_norm.as_ref(),
            after_attention_norm: self.after_attention_norm.as_ref(),
            mlp_norm: self.mlp_norm.as_ref(),
            gate_up: self.gate_up.as_ref(),
            down: self.down.as_ref(),
            after_mlp_norm: self.after_mlp_norm.as_ref(),
        }
    }

    fn into_list(self) -> impl Iterator<Item = T> {
        self.attention_norm
            .into_iter()
            .chain(self.query_key_value.into_list())
            .chain(self.output.into_list())
            .chain([self.query_norm, self.key_norm, self.after_attention_norm, self.mlp_norm].into_iter().flatten())
            .chain(self.gate_up.into_list())
            .chain(self.down.into_list())
            .chain(self.after_mlp_norm)
    }
}

impl<'a> BlockParameters<Stored<'a>> {
    /// All numbers, in the order of [`Parameters::collect`].
    pub(crate) fn numbers(&self) -> Vec<Stored<'a>> {
        self.as_ref().into_list().copied().collect()
    }
}

impl<T> Parameters<T> {
    /// Asks for every parameter, in the order in which the decoder's module holds them, by the numbers it has.
    ///
    /// # Errors
    /// Those of `next`.
    pub fn collect<E>(shape: &Shape, next: Next<'_, T, E>) -> Result<Self, E> {
        let Shape { vocabulary, width, .. } = *shape;
        Ok(Self {
            embedding: next(vocabulary * width)?,
            blocks: (0..shape.windows.len())
                .map(|layer| BlockParameters::collect(shape, layer, next))
                .collect::<Result<_, _>>()?,
            norm: next(width)?,
            output: (!shape.tied).then(|| next(width * vocabulary)).transpose()?,
        })
    }

    /// All of them, in the order of [`Parameters::collect`].
    pub fn into_list(self) -> Vec<T> {
        let blocks = self.blocks.into_iter().flat_map(BlockParameters::into_list);
        [self.embedding].into_iter().chain(blocks).chain([self.norm]).chain(self.output).collect()
    }
}

impl Parameters<Vec<f32>> {
    /// No gradient yet of any parameter.
    pub fn zeros(shape: &Shape) -> Self {
        Self::zeros_where(shape, || true)
    }

    /// No gradient yet of those parameters that are trained, asked for in the order of [`Parameters::collect`]; of the others none is formed, and no
    /// memory taken for it.
    pub fn zeros_where(shape: &Shape, mut trained: impl FnMut() -> bool) -> Self {
        let mut next = |length| Ok(if trained() { vec![0.0; length] } else { Vec::new() });
        let zeros: Result<Self, core::convert::Infallible> = Self::collect(shape, &mut next);
        match zeros {
            Ok(zeros) => zeros,
        }
    }

    /// Blocks that no gradient is asked for in nor below: the way back ends above them.
    pub fn frozen_blocks(&self) -> usize {
        let trained = |block: &BlockParameters<Vec<f32>>| block.as_ref().into_list().any(|gradient| !gradient.is_empty());
        let first = || self.blocks.iter().position(trained);
        if self.embedding.is_empty() { first().unwrap_or(self.blocks.len()) } else { 0 }
    }
}
