//! Causal attention of rows to themselves, forward and backward, and of new tokens to a cache.
//!
//! softmax(cap(scale·q·kᵀ))·v, where query heads share key and value heads (Vaswani et al. 2017, arXiv 1706.03762; Ainslie et al. 2023, arXiv
//! 2305.13245). The weights of whole rows are never stored: the way back makes them again from the logarithm of their sum (Dao et al. 2022, arXiv
//! 2205.14135).

use std::ops::Range;

use palinode_core::numbers::{exp, largest, ln, tanh};

use crate::{
    buffer::Buffer,
    matmul::{Into, Matrix, MatrixMut, product, product_transposed, transposed_product},
    shape::Shape,
    simd::{exp_and_sum, wide, wide_dot},
    tokens::Row,
};

/// Queries that are looked at together: their keys end where the last of them stands.
const QUERIES: usize = 64;

/// Columns whose scores are summed together in registers, and those of a vector.
const WIDE: usize = 64;
const NARROW: usize = 8;

/// Features that are mixed together in registers.
const MIXED: usize = 32;

/// One layer's attention.
#[derive(Clone, Copy)]
pub(crate) struct Attention<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) window: Option<usize>,
}

/// Some queries of one head of one row.
struct Block {
    /// Of the row.
    queries: Range<usize>,
    /// Keys that any of them sees.
    keys: Range<usize>,
}

/// What the way back needs of the way there, and the gradient of what the heads gave.
pub(crate) struct Given<'a> {
    pub(crate) out: &'a [f32],
    pub(crate) logarithms: &'a [f32],
    pub(crate) d_out: &'a [f32],
}

impl Attention<'_> {
    /// Whole rows: `projected: [M, (heads + 2·kv)·d]`, of all tokens of the rows.
    ///
    /// Returns what the heads give, `[M, heads·d]`, and for each token and head the logarithm of Σ e^score.
    pub(crate) fn forward(&self, projected: &[f32], rows: &[Row]) -> (Buffer, Buffer) {
        let (heads, head, stride) = (self.shape.heads, self.shape.head, self.shape.projected());
        let tokens = projected.len() / stride;
        let mut out = Buffer::any(tokens * heads * head);
        let mut logarithms = Buffer::any(tokens * heads);
        let mut room = Buffer::any(largest_block(rows));
        let mut together = Row::room(rows, stride);
        for row in rows {
            let projected = row.of(projected, stride, &mut together);
            self.each(row, |h, first, block| {
                let [rows, columns] = [block.queries.len(), block.keys.len()];
                let scores = &mut room[..rows * columns];
                self.scores(projected, h, block, scores);
                for ((query, token), scores) in block.queries.clone().zip(first..).zip(scores.chunks_exact_mut(columns)) {
                    let logarithm = wide_softmax(scores, self.seen(query, block), self.shape.attention_cap);
                    logarithms[token * heads + h] = logarithm;
                }
                let weights = Matrix::new(scores, columns);
                let values = self.part(projected, block.keys.start, columns, self.value(h));
                let at = first * heads * head + h * head;
                product(weights, values, 1.0, MatrixMut::within(&mut out[at..], [rows, head], heads * head), Into::Replace);
            });
        }
        (out, logarithms)
    }

    /// The gradient of `projected` from that of what the heads gave.
    pub(crate) fn backward(&self, projected: &[f32], rows: &[Row], given: Given<'_>) -> Buffer {
        let stride = self.shape.projected();
        let mut d_projected = Buffer::zeros(projected.len());
        let largest = largest_block(rows);
        let mut room = [largest, largest].map(Buffer::any);
        let [mut together, mut d_together] = [(); 2].map(|()| Row::room(rows, stride));
        for row in rows {
            let projected = row.of(projected, stride, &mut together);
            row.add_to(&mut d_projected, stride, &mut d_together, |d_projected| {
                self.each(row, |h, first, block| self.block_back(projected, [h, first], block, &given, &mut room, d_projected));
            });
        }
        d_projected
    }

    /// Adds to the gradient of a row's `projected` what flows through one block of one head, the first of whose queries stands at `first` among all tokens.
    fn block_back(
        &self,
        projected: &[f32],
        [h, first]: [usize; 2],
        block: &Block,
        given: &Given<'_>,
        [weights, d_scores]: &mut [Buffer; 2],
        d_projected: &mut [f32],
    ) {
        let (heads, head, stride) = (self.shape.heads, self.shape.head, self.shape.projected());
        let [rows, columns] = [block.queries.len(), block.keys.len()];
        let (weights, d_scores) = (&mut weights[..rows * columns], &mut d_scores[..rows * columns]);
        self.scores(projected, h, block, weights);
        let at = first * heads * head + h * head;
        let flow = Matrix::within(&given.d_out[at..], [rows, head], heads * head);
        let values = self.part(projected, block.keys.start, columns, self.value(h));
        product_transposed(flow, values, 1.0, MatrixMut::new(d_scores, columns), Into::Replace);
        let of_block = weights.chunks_exact_mut(columns).zip(d_scores.chunks_exact_mut(columns));
        for ((query, token), (weights, d_scores)) in block.queries.clone().zip(first..).zip(of_block) {
            let own = token * heads * head + h * head..token * heads * head + (h + 1) * head;
            let flow = wide_dot(&given.out[own.clone()], &given.d_out[own]);
            let known = [given.logarithms[token * heads + h], flow];
            softmax_back(weights, d_scores, self.seen(query, block), known, self.shape.attention_cap);
        }
        let (scale, first_key) = (self.shape.attention_scale, block.keys.start);
        let d_scores = Matrix::new(d_scores, columns);
        let mut into = |token: usize, rows: usize, column: usize, write: &mut dyn FnMut(MatrixMut<'_>)| {
            write(MatrixMut::within(&mut d_projected[token * stride + column..], [rows, head], stride));
        };
        let keys = self.part(projected, first_key, columns, self.key(h));
        into(block.queries.start, rows, h * head, &mut |d| product(d_scores, keys, scale, d, Into::Replace));
        let queries = self.part(projected, block.queries.start, rows, h * head);
        into(first_key, columns, self.key(h), &mut |d| transposed_product(d_scores, queries, scale, d, Into::Add));
        let weights = Matrix::new(weights, columns);
        into(first_key, columns, self.value(h), &mut |d| transposed_product(weights, flow, 1.0, d, Into::Add));
    }

    /// One new token to what a row's cache holds: `query: [heads·d]`; `keys: [kv, d, capacity]`; `values: [kv, capacity, d]`; `length` columns are
    /// filled, the token's own among them. `scores` is room for one head's.
    #[inline(always)]
    pub(crate) fn one(&self, query: &[f32], keys: &[f32], values: &[f32], length: usize, scores: &mut [f32], out: &mut [f32]) {
        let (head, group) = (self.shape.head, self.shape.group());
        let capacity = keys.len() / (self.shape.kv_heads * head);
        let first = self.window.map_or(0, |window| length.saturating_sub(window));
        for (h, (query, out)) in query.chunks_exact(head).zip(out.chunks_exact_mut(head)).enumerate() {
            let kv = h / group;
            score(query, self.shape.attention_scale, &keys[kv * head * capacity..][..head * capacity], length, scores);
            let visible = &mut scores[first..length];
            softmax(visible, 0..length - first, self.shape.attention_cap);
            mix(visible, &values[(kv * capacity + first) * head..], out);
        }
    }

    /// Every block of the queries of a row's own tokens, of every head; and where the first of them stands among all tokens.
    ///
    /// Blocks begin where they do in a row by itself: keys, and so sums, are cut at the same places whoever computed a part of the queries.
    fn each(&self, row: &Row, mut work: impl FnMut(usize, usize, &Block)) {
        let (shared, length) = (row.shared(), row.length());
        for first in (shared / QUERIES * QUERIES..length).step_by(QUERIES) {
            let queries = first.max(shared)..length.min(first + QUERIES);
            if queries.is_empty() {
                continue;
            }
            let from = self.window.map_or(0, |window| (first + 1).saturating_sub(window));
            let block = Block { keys: from..queries.end, queries };
            let token = row.token(block.queries.start);
            (0..self.shape.heads).for_each(|h| work(h, token, &block));
        }
    }

    /// The columns of a block that one of its queries sees.
    #[inline(always)]
    fn seen(&self, query: usize, block: &Block) -> Range<usize> {
        let from = self.window.map_or(0, |window| (query + 1).saturating_sub(window));
        from - block.keys.start..query + 1 - block.keys.start
    }

    fn scores(&self, projected: &[f32], h: usize, block: &Block, scores: &mut [f32]) {
        let queries = self.part(projected, block.queries.start, block.queries.len(), h * self.shape.head);
        let keys = self.part(projected, block.keys.start, block.keys.len(), self.key(h));
        let out = MatrixMut::new(scores, block.keys.len());
        product_transposed(queries, keys, self.shape.attention_scale, out, Into::Replace);
    }

    /// One head's numbers of some tokens.
    fn part<'p>(&self, projected: &'p [f32], token: usize, tokens: usize, column: usize) -> Matrix<'p> {
        let stride = self.shape.projected();
        Matrix::within(&projected[token * stride + column..], [tokens, self.shape.head], stride)
    }

    /// The column where the key of a query head begins.
    fn key(&self, h: usize) -> usize {
        (self.shape.heads + h / self.shape.group()) * self.shape.head
    }

    fn value(&self, h: usize) -> usize {
        self.key(h) + self.shape.kv_heads * self.shape.head
    }
}

/// Scores of the largest block of queries of some rows.
fn largest_block(rows: &[Row]) -> usize {
    let longest = rows.iter().map(Row::length).max().unwrap_or(0);
    longest.min(QUERIES) * longest
}

/// Turns one query's scores into weights, zero where it sees nothing; returns the logarithm of Σ e^score.
#[inline(always)]
fn softmax(scores: &mut [f32], seen: Range<usize>, cap: Option<f32>) -> f32 {
    let (hidden, visible) = scores.split_at_mut(seen.start);
    let (visible, later) = visible.split_at_mut(seen.end - seen.start);
    hidden.fill(0.0);
    later.fill(0.0);
    if let Some(limit) = cap {
        for score in visible.iter_mut() {
            *score = limit * tanh(*score / limit);
        }
    }
    let shift = largest(visible);
    let total = exp_and_sum(visible, shift);
    let share = total.recip();
    for weight in visible.iter_mut() {
        *weight *= share;
    }
    shift + ln(total)
}

wide! {
    /// As [`softmax`].
    fn wide_softmax<'a>(scores: &'a mut [f32], seen: Range<usize>, cap: Option<f32>) -> f32 {
        softmax(scores, seen, cap)
    }

    /// Turns one query's scores into weights again, and the weights' gradient into that of the scores: w ⊙ (dw − Σ w·dw), times the cap's slope. `known`
    /// is the logarithm of Σ e^score, and Σ w·dw, which is also output · its gradient.
    fn softmax_back<'a>(weights: &'a mut [f32], d_scores: &'a mut [f32], seen: Range<usize>, known: [f32; 2], cap: Option<f32>) -> () {
        let [logarithm, along] = known;
        for part in [0..seen.start, seen.end..weights.len()] {
            weights[part.clone()].fill(0.0);
            d_scores[part].fill(0.0);
        }
        for (weight, d_score) in weights[seen.clone()].iter_mut().zip(&mut d_scores[seen]) {
            let (score, slope) = match cap {
                None => (*weight, 1.0),
                Some(limit) => {
                    let t = tanh(*weight / limit);
                    (limit * t, 1.0 - t * t)
                }
            };
            *weight = exp(score - logarithm);
            *d_score = *weight * (*d_score - along) * slope;
        }
    }
}

/// scale · query·keys of the first `length` columns, `keys: [d, capacity]`, a few vectors of columns at a time in registers.
///
/// A few columns more than are filled make whole vectors; nobody looks at what they give.
#[inline(always)]
fn score(query: &[f32], scale: f32, keys: &[f32], length: usize, scores: &mut [f32]) {
    let capacity = keys.len() / query.len();
    let mut column = 0;
    while length - column > WIDE {
        score_columns::<WIDE>(query, scale, &keys[column..], capacity, &mut scores[column..]);
        column += WIDE;
    }
    while column < length {
        score_columns::<NARROW>(query, scale, &keys[column..], capacity, &mut scores[column..]);
        column += NARROW;
    }
}

#[inline(always)]
fn score_columns<const N: usize>(query: &[f32], scale: f32, keys: &[f32], capacity: usize, scores: &mut [f32]) {
    let mut sums = [0.0f32; N];
    for (&feature, keys) in query.iter().zip(keys.chunks(capacity)) {
        let keys: &[f32; N] = keys.first_chunk().expect("capacities are whole vectors");
        for column in 0..N {
            sums[column] += feature * keys[column];
        }
    }
    for (score, sum) in scores[..N].iter_mut().zip(sums) {
        *score = scale * sum;
    }
}

/// Σ_t weight_t · value_t, `values: [t, d]`, a few vectors of features at a time in registers.
#[inline(always)]
fn mix(weights: &[f32], values: &[f32], out: &mut [f32]) {
    let head = out.len();
    let mut feature = 0;
    while head - feature >= MIXED {
        mix_features::<MIXED>(weights, &values[feature..], head, &mut out[feature..]);
        feature += MIXED;
    }
    while head - feature >= NARROW {
        mix_features::<NARROW>(weights, &values[feature..], head, &mut out[feature..]);
        feature += NARROW;
    }
    while feature < head {
        mix_features::<1>(weights, &values[feature..], head, &mut out[feature..]);
        feature += 1;
    }
}

#[inline(always)]
fn mix_features<const N: usize>(weights: &[f32], values: &[f32], head: usize, out: &mut [f32]) {
    let mut sums = [0.0f32; N];
    for (&weight, value) in weights.iter().zip(values.chunks(head)) {
        let value: &[f32; N] = value.first_chunk().expect("a value has its head's width");
        for feature in 0..N {
            sums[feature] += weight * value[feature];
        }
    }
    out[..N].copy_from_slice(&sums);
}
