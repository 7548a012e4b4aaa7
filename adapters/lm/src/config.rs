//! The sizes of a decoder.

use serde::{Deserialize, Serialize};

use crate::error::LmError;

/// The sizes of a [`crate::Decoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderConfig {
    /// Token ids V.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Query heads; `width` is a multiple of it, and the quotient is even.
    pub heads: usize,
    /// Key and value heads; `heads` is a multiple of it.
    pub kv_heads: usize,
    /// Inner width of the SwiGLU block.
    pub feed_forward: usize,
    /// Longest context, in tokens.
    pub context: usize,
    /// Base of the rotary frequencies.
    pub rope_base: f64,
    /// ε of RMSNorm.
    pub norm_epsilon: f64,
    /// Whether the output matrix is the embedding.
    pub tied: bool,
}

impl DecoderConfig {
    /// A model of the usual proportions: feed-forward 8/3 of the width (rounded up to a multiple of 8), as many key heads as query
    /// heads, untied.
    pub fn small(vocabulary: usize, width: usize, layers: usize, heads: usize, context: usize) -> Self {
        Self {
            vocabulary,
            width,
            layers,
            heads,
            kv_heads: heads,
            feed_forward: (width * 8).div_ceil(3).next_multiple_of(8),
            context,
            rope_base: 10_000.0,
            norm_epsilon: 1e-6,
            tied: false,
        }
    }

    /// Width of one head.
    pub fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Refuses sizes that no model can have, before anything is allocated.
    ///
    /// # Errors
    /// [`LmError::Config`] names the field, what it must be and what it is.
    pub fn check(&self) -> Result<(), LmError> {
        let refuse =
            |name, expected: &str, got: usize| Err(LmError::Config { name, expected: expected.into(), got: got.to_string() });
        for (name, value, high) in [
            ("vocabulary", self.vocabulary, 1 << 24),
            ("width", self.width, 1 << 16),
            ("layers", self.layers, 1 << 10),
            ("heads", self.heads, 1 << 10),
            ("kv_heads", self.kv_heads, 1 << 10),
            ("feed_forward", self.feed_forward, 1 << 18),
            ("context", self.context, 1 << 24),
        ] {
            if value == 0 || value > high {
                return refuse(name, &format!("within 1..={high}"), value);
            }
        }
        if !self.width.is_multiple_of(self.heads) || !self.head_width().is_multiple_of(2) {
            return refuse("width", &format!("an even multiple of heads ({})", self.heads), self.width);
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return refuse("heads", &format!("a multiple of kv_heads ({})", self.kv_heads), self.heads);
        }
        for (name, value) in [("rope_base", self.rope_base), ("norm_epsilon", self.norm_epsilon)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(LmError::Config { name, expected: "a positive number".into(), got: value.to_string() });
            }
        }
        Ok(())
    }
}
