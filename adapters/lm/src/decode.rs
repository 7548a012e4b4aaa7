//! One token after another, on top of the cache.

use burn::{
    module::Param,
    tensor::{DType, Device, Int, Tensor, TensorData},
};
use palinode_core::{
    error::Error,
    policy::{Decode, Policy},
};

use crate::{
    cache::{KvCache, LayerCache, Part, Parts, Storage},
    decoder::Decoder,
    mask::{Masks, additive, visible},
};

impl Decode for Decoder {
    type Cache = KvCache;

    fn start(&self, prompts: &[&[u32]], samples: usize, capacity: usize) -> Result<(KvCache, Tensor<2>), Error> {
        if capacity > self.config().context {
            return Err(Error::Context { expected: self.config().context, got: capacity });
        }
        let columns = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
        if prompts.iter().any(|prompt| prompt.is_empty()) || columns == 0 {
            return Err(Error::Empty("a prompt"));
        }
        self.check_tokens(prompts.iter().flat_map(|prompt| prompt.iter().copied()))?;
        let read = prompts.iter().map(|prompt| prompt.len() as u64).sum();
        if let Some(ready) = self.ready(capacity).filter(|_| columns <= capacity) {
            let passes = ready.decoder();
            let (cache, states) = passes.prefill(prompts, samples, capacity);
            let logits = passes.logits(&states);
            let of_rows = logits.chunks_exact(self.config().vocabulary).flat_map(|row| core::iter::repeat_n(row, samples));
            let logits = self.logits_tensor(of_rows.flatten().copied().collect());
            return Ok((KvCache::new(Storage::Slices(cache, ready.clone()), capacity, read), logits));
        }
        let device = self.device();
        let padded = prompts.iter().flat_map(|p| p.iter().copied().chain(core::iter::repeat_n(0, columns - p.len())));
        let tokens = token_tensor(padded, prompts.len(), columns, &device);
        let rotations = self.rotary.sequence(columns, &device);
        let mut masks = Masks::new(|window| self.causal_mask(columns, window, &device));

        let mut x = self.embed(tokens);
        let mut layers = Vec::with_capacity(self.blocks.len());
        for (i, block) in self.blocks.iter().enumerate() {
            let mask = Some(masks.of(self.config().window(i), columns));
            let mut layer = LayerCache::empty(prompts.len(), self.config(), columns, (&device, x.dtype()));
            let (input, rotation) = (block.attention_input(&x), rotations.of(self.config().rope(i)));
            let attended = block.attention.cached(input, prompts.len(), rotation, mask, &mut layer, 0);
            x = block.finish(x, attended);
            layers.push(layer.repeated(samples, capacity));
        }
        let last =
            prompts.iter().enumerate().flat_map(|(p, prompt)| core::iter::repeat_n(p * columns + prompt.len() - 1, samples));
        let logits = self.logits(x.select(0, index_tensor(last, &device)));

        let per_row = || prompts.iter().flat_map(|prompt| core::iter::repeat_n(prompt.len(), samples));
        let part = Part {
            rows: (0..prompts.len() * samples).collect(),
            layers,
            columns,
            lengths: per_row().collect(),
            holds: per_row().map(|length| (0..columns).map(|column| column < length).collect()).collect(),
        };
        Ok((KvCache::new(Storage::Tensors(Parts::new(part)), capacity, read), logits))
    }

    /// # Panics
    /// When a row would grow past the capacity given to `start`.
    fn extend(&self, cache: &mut KvCache, rows: &[usize], tokens: &[&[u32]]) -> Tensor<2> {
        let new = tokens.first().map_or(0, |tokens| tokens.len());
        let capacity = cache.capacity();
        let device = self.device();
        let parts = match &mut cache.kept {
            Storage::Tensors(parts) => parts,
            Storage::Slices(slices, ready) => {
                let longest = rows.iter().map(|&row| slices.lengths()[row] + new).max().unwrap_or(0);
                assert!(longest <= capacity, "{longest} tokens exceed the cache's capacity of {capacity}");
                let passes = ready.decoder();
                let states = passes.extend(slices, rows, &tokens.concat());
                let logits = passes.logits(&states).into_vec();
                cache.count(rows.len() * new);
                return self.logits_tensor(logits);
            }
        };
        let part = parts.part_of(rows);
        part.make_room(new);
        let Part { rows: held_rows, layers, columns, lengths, holds } = part;
        let (filled, together) = (*columns, held_rows.len());

        // Rows that are still in the part but do not grow get placeholder columns that nobody looks at.
        let mut given = rows.iter().zip(tokens).peekable();
        let fed: Vec<Option<&&[u32]>> =
            held_rows.iter().map(|row| given.next_if(|(r, _)| *r == row).map(|(_, tokens)| tokens)).collect();
        let longest =
            lengths.iter().zip(&fed).filter(|(_, fed)| fed.is_some()).map(|(length, _)| length + new).max().unwrap_or(0);
        assert!(longest <= capacity, "{longest} tokens exceed the cache's capacity of {capacity}");
        let flat = fed.iter().flat_map(|row| (0..new).map(move |i| row.map_or(0, |tokens| tokens[i])));
        let tokens = token_tensor(flat, together, new, &device);
        for (held, fed) in holds.iter_mut().zip(&fed) {
            held.resize(filled + new, fed.is_some());
        }
        let starts: Vec<usize> = lengths.iter().map(|&length| length.min(self.config().context - new)).collect();
        let rotations = self.rotary.rows(&starts, new, &device);

        let mut x = self.embed(tokens);
        let mut masks = Masks::new(|window| self.extension_mask(holds, lengths, filled, new, window, &device));
        for (i, (block, layer)) in self.blocks.iter().zip(layers).enumerate() {
            let mask = masks.of(self.config().window(i), longest);
            let (input, rotation) = (block.attention_input(&x), rotations.of(self.config().rope(i)));
            let attended = block.attention.cached(input, together, rotation, mask, layer, filled);
            x = block.finish(x, attended);
        }
        *columns += new;
        for (length, fed) in lengths.iter_mut().zip(&fed) {
            *length += if fed.is_some() { new } else { 0 };
        }
        let asked = fed.iter().enumerate().filter(|(_, fed)| fed.is_some()).map(|(i, _)| i * new + new - 1);
        let x = if new == 1 && rows.len() == together { x } else { x.select(0, index_tensor(asked, &device)) };
        cache.count(together * new);
        self.logits(x)
    }
}

impl Decoder {
    fn check_tokens(&self, mut tokens: impl Iterator<Item = u32>) -> Result<(), Error> {
        let (what, expected) = ("a prompt", self.config().vocabulary);
        tokens.try_for_each(|got| match got as usize >= expected {
            true => Err(Error::Token { what, expected, got }),
            false if self.unused().binary_search(&got).is_ok() => Err(Error::NoToken { what, got }),
            false => Ok(()),
        })
    }

    /// `[N, V]`.
    fn logits_tensor(&self, logits: Vec<f32>) -> Tensor<2> {
        let vocabulary = self.config().vocabulary;
        let rows = logits.len() / vocabulary;
        Tensor::from_data(TensorData::new(logits, [rows, vocabulary]), (&self.device(), DType::F32))
    }

    fn device(&self) -> Device {
        Param::val(&self.embedding).device()
    }

    /// `[R or 1, 1, group·new, filled + new]`, or nothing where every new token may see every column.
    ///
    /// `holds` says which columns hold a token of a row, `lengths` how many tokens it had before, in the first `filled` columns.
    fn extension_mask(
        &self,
        holds: &[Vec<bool>],
        lengths: &[usize],
        filled: usize,
        new: usize,
        window: Option<usize>,
        device: &Device,
    ) -> Option<Tensor<4>> {
        let holes = lengths.iter().any(|&length| length < filled) || holds.iter().any(|held| held.last() == Some(&false));
        if new == 1 && !holes && window.is_none() {
            return None;
        }
        let columns = filled + new;
        let group = self.config().heads / self.config().kv_heads;
        let rows = if holes { holds.len() } else { 1 };
        let mut seen = Vec::with_capacity(rows * group * new * columns);
        for (held, &length) in holds.iter().zip(lengths).take(rows) {
            for query in (0..group * new).map(|query| query % new) {
                let mut position = 0;
                seen.extend((0..columns).map(|key| {
                    let own = key == filled + query;
                    let sees = held[key] && visible(length + query, position, window);
                    position += usize::from(held[key]);
                    // A placeholder row looks at itself, so that its softmax has something to hold.
                    own || sees
                }));
            }
        }
        Some(additive(seen.into_iter(), [rows, 1, group * new, columns], device))
    }
}

fn token_tensor(tokens: impl Iterator<Item = u32>, rows: usize, columns: usize, device: &Device) -> Tensor<2, Int> {
    let values: Vec<i32> = tokens.map(|token| token as i32).collect();
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

fn index_tensor(indices: impl Iterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = indices.map(|index| index as i32).collect();
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}

#[cfg(test)]
mod tests;
