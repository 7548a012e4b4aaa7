//! What kind of decoder it is.

use std::sync::Arc;

/// The function on the gate of the feed-forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// x·σ(x)
    Silu,
    /// The tangent approximation of GELU.
    GeluTanh,
}

/// Sizes and switches of a decoder, as `palinode_lm::DecoderConfig` explains them.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Ids.
    pub vocabulary: usize,
    /// Numbers of a hidden state.
    pub width: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each is shared by heads / kv_heads query heads.
    pub kv_heads: usize,
    /// Width of one head.
    pub head: usize,
    /// Inner width of the feed-forward.
    pub inner: usize,
    /// One for each layer: the tokens it looks back over, its own included.
    pub windows: Vec<Option<usize>>,
    /// One for each layer: which of the rotary tables its queries and keys are turned by, if any.
    pub ropes: Vec<Option<usize>>,
    /// ε of every norm.
    pub norm_epsilon: f32,
    /// What is added to a norm's weight: 0, or 1.
    pub norm_offset: f32,
    /// Whether logits are taken with the embedding.
    pub tied: bool,
    /// Function on the gate.
    pub activation: Gate,
    /// Bias of queries, keys and values.
    pub qkv_bias: bool,
    /// Bias after attention.
    pub output_bias: bool,
    /// Biases of the feed-forward.
    pub mlp_bias: bool,
    /// Norms on queries and keys.
    pub qk_norm: bool,
    /// Those norms see all heads of a token at once.
    pub wide_qk_norm: bool,
    /// Norms before attention and feed-forward.
    pub pre_norms: bool,
    /// Norms after attention and feed-forward.
    pub post_norms: bool,
    /// Factor on embeddings.
    pub embedding_scale: f32,
    /// Factor on q·k.
    pub attention_scale: f32,
    /// Soft cap of attention scores.
    pub attention_cap: Option<f32>,
    /// Soft cap of logits.
    pub logit_cap: Option<f32>,
    /// Ids that no token has: their logits are −∞.
    pub unused: Arc<[u32]>,
}

impl Shape {
    /// Numbers that queries, keys and values of one token take.
    pub(crate) fn projected(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head
    }

    /// Numbers that the heads of one token give.
    pub(crate) fn attended(&self) -> usize {
        self.heads * self.head
    }

    /// Numbers that a norm of queries or keys sees at once, of a token with so many heads.
    pub(crate) fn normed(&self, heads: usize) -> usize {
        if self.wide_qk_norm { heads * self.head } else { self.head }
    }

    /// Query heads that share a key and value head.
    pub(crate) fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}
