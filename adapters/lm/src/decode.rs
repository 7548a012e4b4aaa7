//! One token after another, on top of the cache.

use burn::{
    module::Param,
    tensor::{Device, Int, Tensor, TensorData},
};
use palinode_core::{
    error::Error,
    policy::{Decode, Policy},
};

use crate::{
    cache::{KvCache, LayerCache, Part},
    decoder::{Decoder, MASKED},
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
        check_vocabulary(prompts.iter().flat_map(|prompt| prompt.iter().copied()), self.config().vocabulary)?;
        let device = self.device();
        let padded = prompts.iter().flat_map(|p| p.iter().copied().chain(core::iter::repeat_n(0, columns - p.len())));
        let tokens = token_tensor(padded, prompts.len(), columns, &device);
        let rotation = self.rotary.sequence(columns, &device);
        let mask = self.causal_mask(columns, &device);

        let mut x = self.embed(tokens);
        let mut layers = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let mut layer = LayerCache::empty(prompts.len(), self.config(), columns, (&device, x.dtype()));
            let normed = block.attention_norm.forward(x.clone());
            let attended = block.attention.cached(normed, prompts.len(), &rotation, Some(mask.clone()), &mut layer, 0);
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
        Ok((KvCache::new(part, capacity, prompts.iter().map(|p| p.len() as u64).sum()), logits))
    }

    /// # Panics
    /// When a row would grow past the capacity given to `start`.
    fn extend(&self, cache: &mut KvCache, rows: &[usize], tokens: &[Vec<u32>]) -> Tensor<2> {
        let new = tokens.first().map_or(0, Vec::len);
        let capacity = cache.capacity();
        let device = self.device();
        let part = cache.part_of(rows);
        assert!(part.columns + new <= capacity, "{} tokens exceed the cache's capacity of {capacity}", part.columns + new);

        // Rows that are still in the part but do not grow get placeholder columns that nobody looks at.
        let mut given = rows.iter().zip(tokens).peekable();
        let fed: Vec<Option<&Vec<u32>>> =
            part.rows.iter().map(|row| given.next_if(|(r, _)| *r == row).map(|(_, tokens)| tokens)).collect();
        let flat = fed.iter().flat_map(|row| (0..new).map(move |i| row.map_or(0, |tokens| tokens[i])));
        let tokens = token_tensor(flat, part.rows.len(), new, &device);
        for (held, fed) in part.holds.iter_mut().zip(&fed) {
            held.resize(part.columns + new, fed.is_some());
        }
        let mask = self.extension_mask(part, new, &device);
        let starts: Vec<usize> = part.lengths.iter().map(|&length| length.min(self.config().context - new)).collect();
        let rotation = self.rotary.rows(&starts, new, &device);

        let mut x = self.embed(tokens);
        for (block, layer) in self.blocks.iter().zip(&mut part.layers) {
            let normed = block.attention_norm.forward(x.clone());
            let attended = block.attention.cached(normed, part.rows.len(), &rotation, mask.clone(), layer, part.columns);
            x = block.finish(x, attended);
        }
        part.columns += new;
        for (length, fed) in part.lengths.iter_mut().zip(&fed) {
            *length += if fed.is_some() { new } else { 0 };
        }
        let decoded = part.rows.len() * new;
        let asked = fed.iter().enumerate().filter(|(_, fed)| fed.is_some()).map(|(i, _)| i * new + new - 1);
        let x = if new == 1 && rows.len() == part.rows.len() { x } else { x.select(0, index_tensor(asked, &device)) };
        cache.count(decoded);
        self.logits(x)
    }
}

impl Decoder {
    fn device(&self) -> Device {
        Param::val(&self.embedding).device()
    }

    /// `[R or 1, 1, group·new, columns + new]`, or nothing where every new token may see every column.
    fn extension_mask(&self, part: &Part, new: usize, device: &Device) -> Option<Tensor<4>> {
        let holes = part.has_holes() || part.holds.iter().any(|held| held.last() == Some(&false));
        if new == 1 && !holes {
            return None;
        }
        let columns = part.columns + new;
        let group = self.config().heads / self.config().kv_heads;
        let rows = if holes { part.rows.len() } else { 1 };
        let mut values = Vec::with_capacity(rows * group * new * columns);
        for held in &part.holds[..rows] {
            for query in 0..group * new {
                let own = part.columns + query % new;
                // A placeholder row looks at itself, so that its softmax has something to hold.
                values.extend((0..columns).map(|key| if key == own || (key < own && held[key]) { 0.0 } else { MASKED }));
            }
        }
        Some(Tensor::from_data(TensorData::new(values, [rows, 1, group * new, columns]), device))
    }
}

fn check_vocabulary(tokens: impl Iterator<Item = u32>, vocabulary: usize) -> Result<(), Error> {
    for token in tokens {
        if token as usize >= vocabulary {
            return Err(Error::Token { what: "a prompt", expected: vocabulary, got: token });
        }
    }
    Ok(())
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
