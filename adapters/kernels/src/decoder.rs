//! A decoder's pass over whole rows, forward and backward.

use crate::{
    block::{Block, BlockTape, Places},
    buffer::Buffer,
    packed::PackedDecoder,
    parameters::Parameters,
    rotary::Rotary,
    shape::Shape,
    simd::add_scaled,
};

/// A decoder whose numbers are borrowed.
#[derive(Clone)]
pub struct Passes<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) weights: Parameters<&'a [f32]>,
    /// Those that the shape's `ropes` count.
    pub(crate) rotaries: Vec<Rotary<'a>>,
    pub(crate) packed: Option<&'a PackedDecoder>,
}

/// Tokens of rows, one row after another.
#[derive(Debug, Clone, Default)]
pub struct PackedRows {
    tokens: Vec<u32>,
    positions: Vec<usize>,
    /// Where each row begins, and the last ends.
    starts: Vec<usize>,
}

impl PackedRows {
    /// Rows, which need not be equally long.
    pub fn new<'t>(rows: impl IntoIterator<Item = &'t [u32]>) -> Self {
        let mut all = Self { starts: vec![0], ..Self::default() };
        for row in rows {
            all.tokens.extend_from_slice(row);
            all.positions.extend(0..row.len());
            all.starts.push(all.tokens.len());
        }
        all
    }

    /// Where each row begins among all tokens, and where the last ends.
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    fn places(&self) -> Places<'_> {
        Places { starts: &self.starts, positions: &self.positions }
    }
}

/// What the way back needs of a pass.
pub struct Tape {
    rows: PackedRows,
    chosen: Vec<usize>,
    blocks: Vec<BlockTape>,
}

impl<'a> Passes<'a> {
    /// The passes of a decoder of this shape, with the rotary tables that its layers name.
    pub fn new(shape: &'a Shape, weights: Parameters<&'a [f32]>, rotaries: Vec<Rotary<'a>>) -> Self {
        Self { shape, weights, rotaries, packed: None }
    }

    /// Numbers of a hidden state.
    pub fn width(&self) -> usize {
        self.shape.width
    }

    /// Hidden states of the chosen tokens, `[N, width]`; what the way back needs is handed to `keep`, block by block.
    ///
    /// Tokens are in the vocabulary, and rows no longer than the rotary tables.
    pub fn states(&self, rows: &PackedRows, chosen: &[usize], mut keep: impl FnMut(BlockRecord)) -> Buffer {
        let last = self.weights.blocks.len() - 1;
        (0..=last).fold(self.embed(&rows.tokens), |x, i| {
            let (x, tape) = self.block(i).forward(x, rows.places(), (i == last).then_some(chosen));
            keep(BlockRecord(tape));
            x
        })
    }

    /// Hidden states of the chosen tokens, and what the way back needs.
    pub fn forward(&self, rows: PackedRows, chosen: Vec<usize>) -> (Buffer, Tape) {
        let mut blocks = Vec::with_capacity(self.weights.blocks.len());
        let states = self.states(&rows, &chosen, |kept| blocks.push(kept.0));
        (states, Tape { rows, chosen, blocks })
    }

    /// Adds what flows from the states' gradient into every parameter.
    pub fn backward(&self, tape: Tape, d_states: &[f32], gradients: &mut Parameters<Vec<f32>>) {
        let Tape { rows, chosen, mut blocks } = tape;
        let last = self.weights.blocks.len() - 1;
        let mut flow = Buffer::of(d_states);
        while let Some(tape) = blocks.pop() {
            let i = blocks.len();
            let chosen = (i == last).then_some(chosen.as_slice());
            flow = self.block(i).backward(tape, flow, rows.places(), chosen, &mut gradients.blocks[i]);
        }
        let width = self.shape.width;
        let scale = self.shape.embedding_scale;
        for (&token, flow) in rows.tokens.iter().zip(flow.chunks_exact(width)) {
            let at = token as usize * width;
            add_scaled(&mut gradients.embedding[at..at + width], scale, flow);
        }
    }

    pub(crate) fn block(&self, i: usize) -> Block<'_> {
        Block {
            shape: self.shape,
            window: self.shape.windows[i],
            rotary: self.shape.ropes[i].map(|rope| self.rotaries[rope]),
            weights: &self.weights.blocks[i],
            packed: self.packed.map(|packed| packed.block(i)),
        }
    }

    /// `[M, width]`.
    pub(crate) fn embed(&self, tokens: &[u32]) -> Buffer {
        let width = self.shape.width;
        let mut x = Buffer::any(tokens.len() * width);
        let scale = self.shape.embedding_scale;
        for (x, &token) in x.chunks_exact_mut(width).zip(tokens) {
            let row = &self.weights.embedding[token as usize * width..][..width];
            x.iter_mut().zip(row).for_each(|(x, &number)| *x = number * scale);
        }
        x
    }
}

/// What the way back needs of one block.
pub struct BlockRecord(BlockTape);

impl BlockRecord {
    /// Queries, keys and values of all tokens, turned to their positions.
    pub(crate) fn projected(&self) -> &[f32] {
        self.0.projected()
    }
}
