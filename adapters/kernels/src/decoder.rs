//! A decoder's pass over whole rows, forward and backward.

use crate::{
    block::{Block, BlockTape},
    buffer::Buffer,
    packed::{PackedAdapters, PackedDecoder},
    parameters::Parameters,
    rotary::Rotary,
    rows::gather,
    shape::Shape,
    simd::add_scaled,
    stored::Stored,
    tokens::{PackedRows, Row},
};

/// A decoder whose numbers are borrowed.
#[derive(Clone)]
pub struct Passes<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) weights: Parameters<Stored<'a>>,
    /// Those that the shape's `ropes` count.
    pub(crate) rotaries: Vec<Rotary<'a>>,
    pub(crate) packed: Option<&'a PackedDecoder>,
    pub(crate) adapters: Option<&'a PackedAdapters>,
    pub(crate) recompute: bool,
}

/// What the first blocks of a decoder made of rows.
#[derive(Debug, Clone)]
pub struct Lower {
    x: Buffer,
    blocks: usize,
}

impl Lower {
    /// How many blocks.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// What they made of the same rows, each by itself ([`PackedRows::apart`]).
    pub fn apart(&self, rows: &PackedRows) -> Self {
        let tokens: Vec<usize> = rows.rows().iter().flat_map(Row::tokens).collect();
        Self { x: gather(&self.x, self.x.len() / rows.computed().max(1), &tokens), blocks: self.blocks }
    }
}

/// What the way back needs of a pass.
pub struct Tape {
    rows: PackedRows,
    chosen: Vec<usize>,
    /// Blocks below those, through which there is no way back.
    below: usize,
    blocks: Vec<Kept>,
}

/// What the way back needs of a block.
enum Kept {
    Tape(Box<BlockTape>),
    /// Its input, of which everything else is computed again.
    Input(Buffer),
}

impl<'a> Passes<'a> {
    /// The passes of a decoder of this shape, with the rotary tables that its layers name. Matrices may be in half precision, but for those of adapters.
    pub fn new(shape: &'a Shape, weights: Parameters<Stored<'a>>, rotaries: Vec<Rotary<'a>>) -> Self {
        Self { shape, weights, rotaries, packed: None, adapters: None, recompute: false }
    }

    /// The same passes, which keep of every block only its input on the way there, and compute the rest again on the way back.
    ///
    /// Chen et al. 2016, arXiv 1604.06174, with one segment a block. It costs most of a forward pass more, and changes no bit.
    pub fn with_recomputation(self, recompute: bool) -> Self {
        Self { recompute, ..self }
    }

    /// Numbers of a hidden state.
    pub fn width(&self) -> usize {
        self.shape.width
    }

    /// Blocks at the beginning whose adapters drop nothing: what they make of a token is the same in every row that begins like this.
    pub fn steady_blocks(&self) -> usize {
        let drops = |i: usize| self.shape.adapters(i).into_iter().flatten().any(|adapter| adapter.dropout.is_some());
        (0..=self.last()).position(drops).unwrap_or(self.weights.blocks.len())
    }

    /// Whether adapters drop anything.
    pub fn drops(&self) -> bool {
        self.steady_blocks() < self.weights.blocks.len()
    }

    /// What the first blocks make of rows; at least one block is left.
    ///
    /// Tokens are in the vocabulary, and rows no longer than the rotary tables.
    pub fn lower(&self, rows: &PackedRows, blocks: usize) -> Lower {
        let blocks = blocks.min(self.last());
        let x = (0..blocks).fold(self.embed(rows.tokens()), |x, i| self.block(i).forward(x, rows.places(), None).0);
        Lower { x, blocks }
    }

    /// Hidden states of the chosen tokens, `[N, width]`; what the way back needs is handed to `keep`, block by block.
    ///
    /// Tokens and rows are as in [`Passes::lower`].
    pub fn states(&self, rows: &PackedRows, chosen: &[usize], keep: impl FnMut(BlockRecord)) -> Buffer {
        self.states_above(self.lower(rows, 0), rows, chosen, keep)
    }

    /// The same, where some blocks were passed already.
    pub fn states_above(&self, lower: Lower, rows: &PackedRows, chosen: &[usize], mut keep: impl FnMut(BlockRecord)) -> Buffer {
        (lower.blocks..=self.last()).fold(lower.x, |x, i| {
            let (x, tape) = self.block(i).forward(x, rows.places(), self.only(i, chosen));
            keep(BlockRecord(tape));
            x
        })
    }

    /// Hidden states of the chosen tokens, and what the way back needs.
    pub fn forward(&self, rows: PackedRows, chosen: Vec<usize>) -> (Buffer, Tape) {
        self.forward_above(self.lower(&rows, 0), rows, chosen)
    }

    /// The same, where some blocks were passed already: the way back ends above them.
    pub fn forward_above(&self, lower: Lower, rows: PackedRows, chosen: Vec<usize>) -> (Buffer, Tape) {
        let (mut x, below) = (lower.x, lower.blocks);
        let mut blocks = Vec::with_capacity(self.weights.blocks.len() - below);
        for i in below..=self.last() {
            let input = self.recompute.then(|| Buffer::of(&x));
            let (out, tape) = self.block(i).forward(x, rows.places(), self.only(i, &chosen));
            blocks.push(input.map_or_else(|| Kept::Tape(Box::new(tape)), Kept::Input));
            x = out;
        }
        (x, Tape { rows, chosen, below, blocks })
    }

    /// Adds what flows from the states' gradient into every parameter that a gradient is asked for.
    ///
    /// None is asked for in or below the blocks that [`Passes::forward_above`] left out.
    pub fn backward(&self, tape: Tape, d_states: &[f32], gradients: &mut Parameters<Vec<f32>>) {
        let Tape { rows, chosen, below, mut blocks } = tape;
        let frozen = gradients.frozen_blocks().max(below);
        let embedded = below == 0 && !gradients.embedding.is_empty();
        let mut flow = Buffer::of(d_states);
        while let Some(kept) = blocks.pop() {
            let i = below + blocks.len();
            if i < frozen {
                return;
            }
            let (block, chosen) = (self.block(i), self.only(i, &chosen));
            let tape = match kept {
                Kept::Tape(tape) => *tape,
                Kept::Input(x) => block.tape(x, rows.places(), chosen),
            };
            let needed = i > frozen || embedded;
            match block.backward(tape, flow, rows.places(), chosen, &mut gradients.blocks[i], needed) {
                Some(further) => flow = further,
                None => return,
            }
        }
        if !embedded {
            return;
        }
        let width = self.shape.width;
        let scale = self.shape.embedding_scale;
        for (&token, flow) in rows.tokens().iter().zip(flow.chunks_exact(width)) {
            let at = token as usize * width;
            add_scaled(&mut gradients.embedding[at..at + width], scale, flow);
        }
    }

    /// Whether another decoder's first blocks give the very same numbers: they are the same numbers in memory, in a decoder of the same kind.
    pub fn begins_as(&self, other: &Passes<'_>, blocks: usize) -> bool {
        let kind = |shape: &Shape| Shape { adapters: Vec::new(), tied: false, unused: [].into(), ..shape.clone() };
        let same_adapters = (0..blocks).all(|i| self.shape.adapters(i) == other.shape.adapters(i));
        let lists = |i: usize| [self.weights.blocks[i].numbers(), other.weights.blocks[i].numbers()];
        let same = |[one, other]: [Vec<Stored<'_>>; 2]| {
            one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| one.is_same(other))
        };
        same([vec![self.weights.embedding], vec![other.weights.embedding]])
            && kind(self.shape) == kind(other.shape)
            && self.rotaries.len() == other.rotaries.len()
            && self.rotaries.iter().zip(&other.rotaries).all(|(one, other)| one.is_same(other))
            && same_adapters
            && (0..blocks).map(lists).all(same)
    }

    fn last(&self) -> usize {
        self.weights.blocks.len() - 1
    }

    /// Behind the last attention, tokens that are not asked for have no further use.
    fn only<'c>(&self, block: usize, chosen: &'c [usize]) -> Option<&'c [usize]> {
        (block == self.last()).then_some(chosen)
    }

    pub(crate) fn block(&self, i: usize) -> Block<'_> {
        Block {
            shape: self.shape,
            window: self.shape.windows[i],
            rotary: self.shape.ropes[i].map(|rope| self.rotaries[rope]),
            weights: &self.weights.blocks[i],
            packed: self.packed.map(|packed| packed.block(i)),
            adapters: self.adapters.map(|adapters| adapters.block(i)),
        }
    }

    /// `[M, width]`.
    pub(crate) fn embed(&self, tokens: &[u32]) -> Buffer {
        let width = self.shape.width;
        let mut x = Buffer::any(tokens.len() * width);
        let scale = self.shape.embedding_scale;
        for (x, &token) in x.chunks_exact_mut(width).zip(tokens) {
            let first = token as usize * width;
            self.weights.embedding.read(first..first + width, x);
            x.iter_mut().for_each(|x| *x *= scale);
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
