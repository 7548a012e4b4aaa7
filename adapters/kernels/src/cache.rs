//! What was read so far, and one token after another on top of it.

use crate::{
    attention::Attention,
    buffer::Buffer,
    decoder::Passes,
    low_rank::Drawn,
    rows::gather,
    shape::Shape,
    simd::wide,
    tokens::{PackedRows, Row},
};

/// Keys and values of every row, at places of their own: rows grow independently of each other.
#[derive(Debug, Clone)]
pub struct Cache {
    layers: Vec<Layer>,
    /// Tokens that each row has read.
    lengths: Vec<usize>,
    capacity: usize,
}

/// One layer's keys `[R, kv, d, capacity]` and values `[R, kv, capacity, d]`: scores run along the tokens, outputs along the features.
#[derive(Debug, Clone)]
struct Layer {
    keys: Buffer,
    values: Buffer,
}

impl Cache {
    /// Tokens that each row has read.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }
}

impl Passes<'_> {
    /// Reads the prompts once each, what several of them begin with once for all, and opens `samples` rows for each, of at most `capacity` tokens; returns the states of their last tokens,
    /// `[P, width]`.
    ///
    /// No prompt is empty or longer than the capacity, which is within the rotary tables.
    pub fn prefill(&self, prompts: &[&[u32]], samples: usize, capacity: usize) -> (Cache, Buffer) {
        let rows = PackedRows::sharing(prompts.iter().copied());
        let last: Vec<usize> = prompts.iter().enumerate().map(|(row, prompt)| rows.place(row, prompt.len() - 1)).collect();
        // Whole vectors of columns.
        let capacity = capacity.next_multiple_of(8);
        let mut layers = Vec::with_capacity(self.weights.blocks.len());
        let states = self.states(&rows, &last, |kept| {
            layers.push(Layer::repeated(self.shape, kept.projected(), rows.rows(), samples, capacity));
        });
        let lengths = prompts.iter().flat_map(|prompt| core::iter::repeat_n(prompt.len(), samples)).collect();
        (Cache { layers, lengths, capacity }, states)
    }

    /// Appends `new` tokens to each of the named rows, given one row after another; returns the states of the last of each, `[R, width]`.
    ///
    /// No row grows beyond the capacity, and the decoder is the one that began the cache.
    pub fn extend(&self, cache: &mut Cache, rows: &[usize], tokens: &[u32]) -> Buffer {
        let new = tokens.len() / rows.len().max(1);
        let attended_width = self.shape.attended();
        let positions: Vec<usize> = rows.iter().flat_map(|&row| cache.lengths[row]..cache.lengths[row] + new).collect();
        let last: Vec<usize> = (1..=rows.len()).map(|row| row * new - 1).collect();
        let (mut x, mut scores) = (self.embed(tokens), Buffer::any(cache.capacity));
        let stride = self.shape.projected();
        for (i, layer) in cache.layers.iter_mut().enumerate() {
            let block = self.block(i);
            let projected = block.project(&x, &positions, Drawn(None)).numbers;
            let only_last = i + 1 == self.weights.blocks.len() && new > 1;
            let mut attended = Buffer::any(rows.len() * new * attended_width);
            let attention = block.attention();
            let of_rows = projected.chunks_exact(new * stride).zip(attended.chunks_exact_mut(new * attended_width)).zip(rows);
            for ((projected, attended), &row) in of_rows {
                let (keys, values) = layer.row(row, cache.lengths.len());
                let from = if only_last { new - 1 } else { 0 };
                read(attention, projected, attended, [keys, values, &mut scores], [cache.lengths[row], from]);
            }
            x = if only_last {
                block.finish(gather(&x, self.shape.width, &last), &gather(&attended, attended_width, &last), Drawn(None)).out
            } else {
                block.finish(x, &attended, Drawn(None)).out
            };
        }
        rows.iter().for_each(|&row| cache.lengths[row] += new);
        x
    }
}

impl Layer {
    /// What a pass over prompts projected, `samples` times each. Columns that no token fills yet hold anything: nobody looks at what they give.
    fn repeated(shape: &Shape, projected: &[f32], rows: &[Row], samples: usize, capacity: usize) -> Self {
        let prompts = rows.len();
        let numbers = shape.kv_heads * shape.head * capacity;
        let [mut keys, mut values] = [(); 2].map(|()| Buffer::any(prompts * samples * numbers));
        let stride = shape.projected();
        let copies = keys.chunks_exact_mut(samples * numbers).zip(values.chunks_exact_mut(samples * numbers));
        for ((keys, values), row) in copies.zip(rows) {
            let (first_keys, other_keys) = keys.split_at_mut(numbers);
            let (first_values, other_values) = values.split_at_mut(numbers);
            let tokens = row.tokens().map(|token| &projected[token * stride..(token + 1) * stride]);
            for (column, token) in tokens.enumerate() {
                write(shape, &token[shape.attended()..], first_keys, first_values, column);
            }
            other_keys.chunks_exact_mut(numbers).for_each(|copy| copy.copy_from_slice(first_keys));
            other_values.chunks_exact_mut(numbers).for_each(|copy| copy.copy_from_slice(first_values));
        }
        Self { keys, values }
    }

    fn row(&mut self, row: usize, rows: usize) -> (&mut [f32], &mut [f32]) {
        let numbers = self.keys.len() / rows;
        let own = row * numbers..(row + 1) * numbers;
        (&mut self.keys[own.clone()], &mut self.values[own])
    }
}

wide! {
    /// Puts a row's new tokens after the `filled` columns of its cache, and gives what their heads make of it, but for tokens before `from`.
    fn read<'a>(attention: Attention<'a>, projected: &'a [f32], attended: &'a mut [f32], room: [&'a mut [f32]; 3], places: [usize; 2]) -> () {
        let [keys, values, scores] = room;
        let [filled, from] = places;
        let (shape, width) = (attention.shape, attention.shape.attended());
        let tokens = projected.chunks_exact(shape.projected()).zip(attended.chunks_exact_mut(width)).enumerate();
        for (i, (token, out)) in tokens {
            write(shape, &token[width..], keys, values, filled + i);
            if i >= from {
                attention.one(&token[..width], keys, values, filled + i + 1, scores, out);
            }
        }
    }
}

/// Puts one token's keys and values into a column.
#[inline(always)]
fn write(shape: &Shape, key_value: &[f32], keys: &mut [f32], values: &mut [f32], column: usize) {
    let (heads, head) = (shape.kv_heads, shape.head);
    let capacity = keys.len() / (heads * head);
    let (key, value) = key_value.split_at(heads * head);
    for (keys, &key) in keys.chunks_exact_mut(capacity).zip(key) {
        keys[column] = key;
    }
    for (values, value) in values.chunks_exact_mut(capacity * head).zip(value.chunks_exact(head)) {
        values[column * head..(column + 1) * head].copy_from_slice(value);
    }
}
