//! What was read so far: keys and values of a batch of rows, in preallocated columns.

use std::sync::Arc;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::{config::DecoderConfig, ready::Ready};

/// Keys and values of one layer, `[R, kv_heads, capacity, d]` each.
#[derive(Debug, Clone)]
pub(crate) struct LayerCache {
    key: Tensor<4>,
    value: Tensor<4>,
}

impl LayerCache {
    /// No column filled yet.
    pub(crate) fn empty(rows: usize, config: &DecoderConfig, capacity: usize, options: (&Device, DType)) -> Self {
        let zeros = || Tensor::zeros([rows, config.kv_heads, capacity, config.head_width()], options);
        Self { key: zeros(), value: zeros() }
    }

    /// The same columns with each row `copies` times, and room for `capacity` columns.
    pub(crate) fn repeated(self, copies: usize, capacity: usize) -> Self {
        let repeat = |filled: Tensor<4>| {
            let [rows, heads, columns, width] = filled.dims();
            let room = Tensor::<4>::zeros([rows * copies, heads, capacity, width], (&filled.device(), filled.dtype()));
            let copied = filled.unsqueeze_dim::<5>(1).expand([rows, copies, heads, columns, width]);
            let copied = copied.reshape([rows * copies, heads, columns, width]);
            room.slice_assign([0..rows * copies, 0..heads, 0..columns, 0..width], copied)
        };
        Self { key: repeat(self.key), value: repeat(self.value) }
    }

    /// Writes new columns after the first `columns` and returns all that are now filled.
    pub(crate) fn append(&mut self, key: Tensor<4>, value: Tensor<4>, columns: usize) -> (Tensor<4>, Tensor<4>) {
        let [rows, heads, new, width] = key.dims();
        let ranges = [0..rows, 0..heads, columns..columns + new, 0..width];
        self.key.inplace(|all| all.slice_assign(ranges.clone(), key));
        self.value.inplace(|all| all.slice_assign(ranges, value));
        let filled = [0..rows, 0..heads, 0..columns + new, 0..width];
        (self.key.clone().slice(filled.clone()), self.value.clone().slice(filled))
    }

    fn capacity(&self) -> usize {
        self.key.dims()[2]
    }

    fn widened(self, capacity: usize) -> Self {
        if self.capacity() < capacity { self.repeated(1, capacity) } else { self }
    }

    fn select(&self, rows: &[usize]) -> Self {
        let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
        let rows = Tensor::<1, Int>::from_data(TensorData::new(rows.clone(), [rows.len()]), &self.key.device());
        Self { key: self.key.clone().select(0, rows.clone()), value: self.value.clone().select(0, rows) }
    }

    fn join(parts: Vec<Self>) -> Self {
        // A part that made room has more columns than the others.
        let widest = parts.iter().map(Self::capacity).max().unwrap_or(0);
        let (keys, values) = parts.into_iter().map(|part| part.widened(widest)).map(|part| (part.key, part.value)).unzip();
        Self { key: Tensor::cat(keys, 0), value: Tensor::cat(values, 0) }
    }
}

/// Rows that are decoded together: they share the number of filled columns.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The rows of the whole cache that stand here, in order.
    pub(crate) rows: Vec<usize>,
    pub(crate) layers: Vec<LayerCache>,
    /// Filled columns.
    pub(crate) columns: usize,
    /// Tokens each row has read: the position of its next one.
    pub(crate) lengths: Vec<usize>,
    /// Which columns hold a token of the row; the others are padding or belong to rows that went on.
    pub(crate) holds: Vec<Vec<bool>>,
}

impl Part {
    /// Makes room for `new` more columns. Columns can run ahead of the rows' tokens when rows grow in turns.
    pub(crate) fn make_room(&mut self, new: usize) {
        let needed = self.columns + new;
        if self.layers.first().is_some_and(|layer| layer.capacity() < needed) {
            let layers = core::mem::take(&mut self.layers);
            self.layers = layers.into_iter().map(|layer| layer.widened(needed.next_power_of_two())).collect();
        }
    }

    fn select(&self, indices: &[usize]) -> Self {
        Self {
            rows: indices.iter().map(|&i| self.rows[i]).collect(),
            layers: self.layers.iter().map(|layer| layer.select(indices)).collect(),
            columns: self.columns,
            lengths: indices.iter().map(|&i| self.lengths[i]).collect(),
            holds: indices.iter().map(|&i| self.holds[i].clone()).collect(),
        }
    }
}

/// The KV cache of a batch of episodes.
#[derive(Debug, Clone)]
pub struct KvCache {
    pub(crate) kept: Storage,
    capacity: usize,
    tokens_read: u64,
}

/// Where keys and values are.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// In tensors.
    Tensors(Parts),
    /// In the slices of `palinode_kernels`, with the weights that they come from.
    Slices(palinode_kernels::Cache, Arc<Ready>),
}

impl KvCache {
    pub(crate) fn new(kept: Storage, capacity: usize, tokens_read: u64) -> Self {
        Self { kept, capacity, tokens_read }
    }

    /// Tokens that went through the model for this cache: prompts once each, and then each new token of each decoded row.
    pub fn tokens_read(&self) -> u64 {
        self.tokens_read
    }

    pub(crate) fn count(&mut self, tokens: usize) {
        self.tokens_read += tokens as u64;
    }

    /// Columns a row can hold.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }
}

/// The rows of a cache, in parts.
///
/// Rows that no longer grow are set aside once they are a quarter of the batch, and taken back when they grow again.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    parts: Vec<Part>,
}

impl Parts {
    pub(crate) fn new(part: Part) -> Self {
        Self { parts: vec![part] }
    }

    /// The part that holds all of `rows`, and few others.
    pub(crate) fn part_of(&mut self, rows: &[usize]) -> &mut Part {
        let held = |part: &Part| rows.iter().all(|row| part.rows.binary_search(row).is_ok());
        let index = match self.parts.iter().position(held) {
            Some(index) => index,
            None => self.join_all(),
        };
        let part = &self.parts[index];
        if rows.len() * 4 <= part.rows.len() * 3 {
            let part = self.parts.swap_remove(index);
            let (kept, left): (Vec<usize>, Vec<usize>) =
                (0..part.rows.len()).partition(|&i| rows.binary_search(&part.rows[i]).is_ok());
            self.parts.push(part.select(&left));
            self.parts.push(part.select(&kept));
            let last = self.parts.len() - 1;
            return &mut self.parts[last];
        }
        &mut self.parts[index]
    }

    /// Makes one part of all, rows in ascending order.
    fn join_all(&mut self) -> usize {
        let parts = core::mem::take(&mut self.parts);
        let columns = parts.iter().map(|part| part.columns).max().unwrap_or(0);
        let rows: Vec<usize> = parts.iter().flat_map(|part| part.rows.iter().copied()).collect();
        let lengths: Vec<usize> = parts.iter().flat_map(|part| part.lengths.iter().copied()).collect();
        let mut holds: Vec<Vec<bool>> = parts.iter().flat_map(|part| part.holds.iter().cloned()).collect();
        holds.iter_mut().for_each(|row| row.resize(columns, false));
        let depth = parts.first().map_or(0, |part| part.layers.len());
        let mut by_part: Vec<_> = parts.into_iter().map(|part| part.layers.into_iter()).collect();
        let layers = (0..depth).map(|_| LayerCache::join(by_part.iter_mut().filter_map(Iterator::next).collect())).collect();
        let joined = Part { rows, layers, columns, lengths, holds };
        let mut order: Vec<usize> = (0..joined.rows.len()).collect();
        order.sort_by_key(|&i| joined.rows[i]);
        self.parts.push(if order.is_sorted() { joined } else { joined.select(&order) });
        0
    }
}
