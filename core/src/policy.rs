//! What a model must offer: scoring with gradients, and decoding one token after another.

use burn_tensor::{Int, Tensor};

use crate::error::Error;

/// A distribution over the next token, scored at chosen positions: π_θ, or the frozen π_ref.
///
/// The two steps are apart so that logits exist for scored positions only, a chunk of tokens at a time, and never as a
/// `[B, T, V]` tensor (see [`crate::scoring`]).
///
/// # Contract
/// - Causal: the state at position t depends on tokens `0..=t` of its own row only. Rows are padded on the right, so padding
///   can't reach a real position.
/// - The reference is any `Policy` whose parameters carry no gradient; nothing asks for one.
///
/// `laws::Laws::policy` (feature `laws`) tries it.
pub trait Policy {
    /// Hidden states at the chosen positions.
    ///
    /// # Shapes
    /// `tokens: [B, T]`; `positions: [N]` indices into the flattened `B·T` tokens; returns `[N, H]`.
    fn states(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2>;

    /// Logits of the token that follows each state.
    ///
    /// # Shapes
    /// `states: [N, H]`; returns `[N, V]`.
    fn logits(&self, states: Tensor<2>) -> Tensor<2>;
}

impl<P: Policy + ?Sized> Policy for &P {
    fn states(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        (**self).states(tokens, positions)
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        (**self).logits(states)
    }
}

/// Decoding with a memory of what was already read, such as a KV cache.
///
/// # Contract
/// - Row `p·samples + s` of a cache holds sample `s` of prompt `p`; each prompt is read once, however many samples share it.
/// - `extend` appends to the named rows and to no other. The logits equal those of a full forward pass over the row's
///   tokens, within the backend's tolerance, whatever other rows are in the batch.
/// - Nothing that a row has read is read again.
///
/// `laws::Laws::decoding` (feature `laws`) tries the second.
pub trait Decode {
    /// What was read so far, for a batch of rows.
    type Cache;

    /// Reads the prompts and opens `samples` rows for each.
    ///
    /// # Shapes
    /// Returns the cache and the logits of the next token, `[P·samples, V]`.
    ///
    /// # Errors
    /// [`Error::Context`] when `capacity` tokens a row are more than the model can hold; [`Error::Token`] for an id that is not below V, where reading it
    /// would go wrong: callers learn V from the logits.
    fn start(&self, prompts: &[&[u32]], samples: usize, capacity: usize) -> Result<(Self::Cache, Tensor<2>), Error>;

    /// Appends `tokens[i]` to row `rows[i]`; `rows` ascend, and all `tokens[i]` have one length, at least 1.
    ///
    /// # Shapes
    /// Returns the logits of the token that follows, `[rows.len(), V]`.
    fn extend(&self, cache: &mut Self::Cache, rows: &[usize], tokens: &[&[u32]]) -> Tensor<2>;

    /// How many ids it reads, where it writes ids below `written`, the width of its logits: as many, unless it reads some that it never writes.
    fn readable(&self, written: usize) -> usize {
        written
    }
}

impl<D: Decode + ?Sized> Decode for &D {
    type Cache = D::Cache;

    fn readable(&self, written: usize) -> usize {
        (**self).readable(written)
    }

    fn start(&self, prompts: &[&[u32]], samples: usize, capacity: usize) -> Result<(Self::Cache, Tensor<2>), Error> {
        (**self).start(prompts, samples, capacity)
    }

    fn extend(&self, cache: &mut Self::Cache, rows: &[usize], tokens: &[&[u32]]) -> Tensor<2> {
        (**self).extend(cache, rows, tokens)
    }
}
