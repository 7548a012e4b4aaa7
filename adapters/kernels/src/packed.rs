//! A decoder's matrices, packed once for all products with few rows.

use crate::{
    decoder::Passes,
    matmul::{Matrix, Packed},
    parameters::{BlockParameters, Projection},
    shape::Shape,
};

/// The matrices of one version of a decoder's weights, laid out for products: about as many numbers again ([`Passes::pack`]).
#[derive(Debug, Clone)]
pub struct PackedDecoder {
    blocks: Vec<PackedBlock>,
    output: Packed,
}

/// A block's matrices.
#[derive(Debug, Clone)]
pub(crate) struct PackedBlock {
    pub(crate) query_key_value: Packed,
    pub(crate) output: Packed,
    pub(crate) gate_up: Packed,
    pub(crate) down: Packed,
}

impl PackedDecoder {
    pub(crate) fn block(&self, i: usize) -> &PackedBlock {
        &self.blocks[i]
    }

    /// The matrix that makes logits.
    pub(crate) fn output(&self) -> &Packed {
        &self.output
    }
}

impl PackedBlock {
    fn new(shape: &Shape, weights: &BlockParameters<&[f32]>) -> Self {
        let pack = |projection: &Projection<&[f32]>, inputs: usize| {
            Packed::new(Matrix::new(projection.weight, projection.weight.len() / inputs), false)
        };
        Self {
            query_key_value: pack(&weights.query_key_value, shape.width),
            output: pack(&weights.output, shape.attended()),
            gate_up: pack(&weights.gate_up, shape.width),
            down: pack(&weights.down, shape.inner),
        }
    }
}

impl<'a> Passes<'a> {
    /// This decoder's matrices, packed: worth it before many passes over few rows, as decoding is.
    pub fn pack(&self) -> PackedDecoder {
        let output = match self.weights.output {
            Some(output) => Packed::new(Matrix::new(output, self.shape.vocabulary), false),
            None => Packed::new(Matrix::new(self.weights.embedding, self.shape.width), true),
        };
        PackedDecoder { blocks: self.weights.blocks.iter().map(|block| PackedBlock::new(self.shape, block)).collect(), output }
    }

    /// The same decoder, which gives the same numbers, by matrices that [`Passes::pack`] made of the same weights: whoever keeps them sees to that.
    pub fn with_packed(self, packed: &'a PackedDecoder) -> Self {
        Self { packed: Some(packed), ..self }
    }
}
