//! The numbers of a decoder, or the gradient of each.

use crate::shape::Shape;

/// A projection's matrix `[inputs, outputs]` and bias.
#[derive(Debug, Clone)]
pub struct Projection<T> {
    pub(crate) weight: T,
    pub(crate) bias: Option<T>,
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

/// What a decoder holds: borrowed numbers (`&[f32]`), or gradients (`Vec<f32>`).
#[derive(Debug, Clone)]
pub struct Parameters<T> {
    pub(crate) embedding: T,
    pub(crate) blocks: Vec<BlockParameters<T>>,
    pub(crate) norm: T,
    pub(crate) output: Option<T>,
}

/// Gives the next parameter, which has so many numbers.
type Next<'a, T, E> = &'a mut dyn FnMut(usize) -> Result<T, E>;

impl<T> Parameters<T> {
    /// Asks for every parameter, in the order in which the decoder's module holds them, by the numbers it has.
    ///
    /// # Errors
    /// Those of `next`.
    pub fn collect<E>(shape: &Shape, next: Next<'_, T, E>) -> Result<Self, E> {
        fn projection<T, E>(next: Next<'_, T, E>, [inputs, outputs]: [usize; 2], bias: bool) -> Result<Projection<T>, E> {
            Ok(Projection { weight: next(inputs * outputs)?, bias: bias.then(|| next(outputs)).transpose()? })
        }
        let Shape { vocabulary, width, inner, .. } = *shape;
        let block = |next: Next<'_, T, E>| -> Result<BlockParameters<T>, E> {
            Ok(BlockParameters {
                attention_norm: shape.pre_norms.then(|| next(width)).transpose()?,
                query_key_value: projection(next, [width, shape.projected()], shape.qkv_bias)?,
                output: projection(next, [shape.attended(), width], shape.output_bias)?,
                query_norm: shape.qk_norm.then(|| next(shape.normed(shape.heads))).transpose()?,
                key_norm: shape.qk_norm.then(|| next(shape.normed(shape.kv_heads))).transpose()?,
                after_attention_norm: shape.post_norms.then(|| next(width)).transpose()?,
                mlp_norm: shape.pre_norms.then(|| next(width)).transpose()?,
                gate_up: projection(next, [width, 2 * inner], shape.mlp_bias)?,
                down: projection(next, [inner, width], shape.mlp_bias)?,
                after_mlp_norm: shape.post_norms.then(|| next(width)).transpose()?,
            })
        };
        Ok(Self {
            embedding: next(vocabulary * width)?,
            blocks: (0..shape.windows.len()).map(|_| block(next)).collect::<Result<_, _>>()?,
            norm: next(width)?,
            output: (!shape.tied).then(|| next(width * vocabulary)).transpose()?,
        })
    }

    /// All of them, in the order of [`Parameters::collect`].
    pub fn into_list(self) -> Vec<T> {
        let mut list = vec![self.embedding];
        for block in self.blocks {
            let projection = |Projection { weight, bias }| [Some(weight), bias];
            let of_block = [block.attention_norm]
                .into_iter()
                .chain(projection(block.query_key_value))
                .chain(projection(block.output))
                .chain([block.query_norm, block.key_norm, block.after_attention_norm, block.mlp_norm])
                .chain(projection(block.gate_up))
                .chain(projection(block.down))
                .chain([block.after_mlp_norm]);
            list.extend(of_block.flatten());
        }
        list.push(self.norm);
        list.extend(self.output);
        list
    }
}

impl Parameters<Vec<f32>> {
    /// No gradient yet.
    pub fn zeros(shape: &Shape) -> Self {
        let zeros: Result<Self, core::convert::Infallible> = Self::collect(shape, &mut |length| Ok(vec![0.0; length]));
        match zeros {
            Ok(zeros) => zeros,
        }
    }
}
