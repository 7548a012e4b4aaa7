//! A decoder's matrices, packed once for all products with few rows.

use crate::{
    decoder::Passes,
    low_rank::PackedLowRank,
    matmul::Packed,
    parameters::{BlockParameters, Projection},
    shape::Shape,
    stored::Stored,
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

/// A decoder's adapters, packed: those of one version of them, beside matrices that may be packed for many.
#[derive(Debug, Clone)]
pub struct PackedAdapters {
    blocks: Vec<PackedBlockAdapters>,
}

/// A block's adapters.
#[derive(Debug, Clone)]
pub(crate) struct PackedBlockAdapters {
    pub(crate) query_key_value: PackedLowRank,
    pub(crate) output: PackedLowRank,
    pub(crate) gate_up: PackedLowRank,
    pub(crate) down: PackedLowRank,
}

impl PackedAdapters {
    pub(crate) fn block(&self, i: usize) -> &PackedBlockAdapters {
        &self.blocks[i]
    }
}

impl PackedBlockAdapters {
    fn new(shape: &Shape, weights: &BlockParameters<Stored<'_>>) -> Self {
        let pack = |projection: &Projection<Stored<'_>>, inputs| PackedLowRank::new(&projection.adapters, inputs);
        Self {
            query_key_value: pack(&weights.query_key_value, shape.width),
            output: pack(&weights.output, shape.attended()),
            gate_up: pack(&weights.gate_up, shape.width),
            down: pack(&weights.down, shape.inner),
        }
    }
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
    fn new(shape: &Shape, weights: &BlockParameters<Stored<'_>>) -> Self {
        let pack = |projection: &Projection<Stored<'_>>, inputs: usize| {
            Packed::stored(projection.weight, projection.weight.len() / inputs, false)
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
    /// This decoder's matrices, packed, without its adapters: worth it before many passes over few rows, as decoding is.
    pub fn pack(&self) -> PackedDecoder {
        let output = match self.weights.output {
            Some(output) => Packed::stored(output, self.shape.vocabulary, false),
            None => Packed::stored(self.weights.embedding, self.shape.width, true),
        };
        PackedDecoder { blocks: self.weights.blocks.iter().map(|block| PackedBlock::new(self.shape, block)).collect(), output }
    }

    /// This decoder's adapters, packed.
    pub fn pack_adapters(&self) -> PackedAdapters {
        PackedAdapters { blocks: self.weights.blocks.iter().map(|block| PackedBlockAdapters::new(self.shape, block)).collect() }
    }

    /// The matrices that [`Passes::pack`] packs, where they lie: while they are the same numbers, so is what was packed.
    pub fn matrices(&self) -> impl Iterator<Item = Stored<'a>> {
        let of_block = |block: &BlockParameters<Stored<'a>>| {
            [&block.query_key_value, &block.output, &block.gate_up, &block.down].map(|projection| projection.weight)
        };
        let last = self.weights.output.unwrap_or(self.weights.embedding);
        self.weights.blocks.iter().flat_map(of_block).collect::<Vec<_>>().into_iter().chain([last])
    }

    /// The same decoder, which gives the same numbers, by matrices that [`Passes::pack`] made of the same weights: whoever keeps them sees to that.
    pub fn with_packed(self, packed: &'a PackedDecoder) -> Self {
        Self { packed: Some(packed), ..self }
    }

    /// The same, by what [`Passes::pack_adapters`] made of the same adapters, none of which drops anything otherwise than they did.
    pub fn with_packed_adapters(self, packed: &'a PackedAdapters) -> Self {
        Self { adapters: Some(packed), ..self }
    }
}
