//! The sizes of a decoder, and where the families of today's models differ.

use serde::{Deserialize, Serialize};

use crate::error::LmError;

mod rope;

pub use rope::{LayerRope, Rope, RopeScaling};

/// The shape of a [`crate::Decoder`]: one decoder expresses Llama, Mistral, Qwen, Gemma, SmolLM and OLMo, each difference a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecoderConfig {
    /// Token ids V.
    pub vocabulary: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; `heads` is a multiple of it.
    pub kv_heads: usize,
    /// Width of one head, even; `width / heads` when absent.
    #[serde(default)]
    pub head_width: Option<usize>,
    /// Inner width of the gated feed-forward block.
    pub feed_forward: usize,
    /// Longest context, in tokens.
    pub context: usize,
    /// Base of the rotary frequencies.
    pub rope_base: f64,
    /// How rotary frequencies were stretched for longer contexts.
    #[serde(default)]
    pub rope_scaling: RopeScaling,
    /// The rotary positions of layers that [`LayerRope::Local`] names (Gemma 3, OLMo 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_rope: Option<Rope>,
    /// For each layer which rotary positions it has; [`LayerRope::Global`] where absent or past the end of the list (Gemma 3, SmolLM3, OLMo 3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layer_ropes: Vec<LayerRope>,
    /// ε of RMSNorm.
    pub norm_epsilon: f64,
    /// Whether the output matrix is the embedding.
    pub tied: bool,
    /// The nonlinearity of the gate.
    #[serde(default)]
    pub activation: Activation,
    /// Biases of the query, key and value projections (Qwen 2).
    #[serde(default)]
    pub qkv_bias: bool,
    /// Bias of the attention's output projection (Llama with `attention_bias`).
    #[serde(default)]
    pub output_bias: bool,
    /// Biases of the feed-forward projections (Llama with `mlp_bias`).
    #[serde(default)]
    pub mlp_bias: bool,
    /// RMSNorm of queries and keys: of each head (Qwen 3, Gemma 3), or as [`DecoderConfig::wide_qk_norm`] says.
    #[serde(default)]
    pub qk_norm: bool,
    /// With `qk_norm`: all query heads of a token are one vector to the norm, and all key heads another (OLMo 2 and 3).
    #[serde(default, skip_serializing_if = "is_no")]
    pub wide_qk_norm: bool,
    /// RMSNorm before attention and feed-forward; without them `post_norms` has those after (OLMo 2 and 3).
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub pre_norms: bool,
    /// RMSNorm after attention and feed-forward (Gemma 2 and 3, OLMo 2 and 3).
    #[serde(default)]
    pub post_norms: bool,
    /// Norm weights are stored as their distance from 1 (Gemma 2 and 3).
    #[serde(default)]
    pub norm_offset: bool,
    /// What embeddings are multiplied with (Gemma 2 and 3: the square root of the width).
    #[serde(default)]
    pub embedding_scale: Option<f64>,
    /// What queries are multiplied with; `head_width^(−1/2)` when absent.
    #[serde(default)]
    pub attention_scale: Option<f64>,
    /// Attention scores are held within ± this by a tanh (Gemma 2).
    #[serde(default)]
    pub attention_cap: Option<f64>,
    /// Logits are held within ± this by a tanh (Gemma 2).
    #[serde(default)]
    pub logit_cap: Option<f64>,
    /// For each layer the tokens it looks back over, its own among them; all, where absent or past the end of the list (Mistral, Gemma 2 and 3,
    /// OLMo 3).
    #[serde(default)]
    pub windows: Vec<Option<usize>>,
}

fn yes() -> bool {
    true
}

// What serde asks for takes references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_yes(flag: &bool) -> bool {
    *flag
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_no(flag: &bool) -> bool {
    !flag
}

/// The nonlinearity of a gated feed-forward block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x · sigmoid(x): SwiGLU, Shazeer 2020, arXiv 2002.05202.
    #[default]
    Silu,
    /// GELU by its tanh approximation: GeGLU.
    GeluTanh,
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
            head_width: None,
            feed_forward: (width * 8).div_ceil(3).next_multiple_of(8),
            context,
            rope_base: 10_000.0,
            rope_scaling: RopeScaling::None,
            local_rope: None,
            layer_ropes: Vec::new(),
            norm_epsilon: 1e-6,
            tied: false,
            activation: Activation::Silu,
            qkv_bias: false,
            output_bias: false,
            mlp_bias: false,
            qk_norm: false,
            wide_qk_norm: false,
            pre_norms: true,
            post_norms: false,
            norm_offset: false,
            embedding_scale: None,
            attention_scale: None,
            attention_cap: None,
            logit_cap: None,
            windows: Vec::new(),
        }
    }

    /// Factor on q·k.
    pub fn attention_scale(&self) -> f64 {
        self.attention_scale.unwrap_or((self.head_width() as f64).sqrt().recip())
    }

    /// Width of one head.
    pub fn head_width(&self) -> usize {
        self.head_width.unwrap_or(self.width / self.heads.max(1))
    }

    /// Tokens that a layer looks back over; all when `None`.
    pub fn window(&self, layer: usize) -> Option<usize> {
        self.windows.get(layer).copied().flatten()
    }

    /// All rotary positions that layers may have: the global ones, and the local ones where there are some.
    pub fn ropes(&self) -> impl Iterator<Item = Rope> {
        [Rope { base: self.rope_base, scaling: self.rope_scaling }].into_iter().chain(self.local_rope)
    }

    /// Which of [`DecoderConfig::ropes`] a layer has; `None` where it has none.
    pub fn rope(&self, layer: usize) -> Option<usize> {
        match self.layer_ropes.get(layer).copied().unwrap_or_default() {
            LayerRope::Global => Some(0),
            LayerRope::Local => Some(1),
            LayerRope::None => None,
        }
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
        match self.head_width {
            Some(width) if width == 0 || width > 1 << 12 || !width.is_multiple_of(2) => {
                return refuse("head_width", "even, and within 2..=4096", width);
            }
            None if !self.width.is_multiple_of(self.heads) || !self.head_width().is_multiple_of(2) => {
                return refuse("width", &format!("an even multiple of heads ({})", self.heads), self.width);
            }
            _ => {}
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return refuse("heads", &format!("a multiple of kv_heads ({})", self.kv_heads), self.heads);
        }
        if let Some(&window) = self.windows.iter().flatten().find(|&&window| window == 0) {
            return refuse("windows", "at least 1", window);
        }
        self.ropes().try_for_each(|rope| rope.check())?;
        for (name, value) in [
            ("norm_epsilon", self.norm_epsilon),
            ("embedding_scale", self.embedding_scale.unwrap_or(1.0)),
            ("attention_scale", self.attention_scale.unwrap_or(1.0)),
            ("attention_cap", self.attention_cap.unwrap_or(1.0)),
            ("logit_cap", self.logit_cap.unwrap_or(1.0)),
        ] {
            check_positive(name, value)?;
        }
        self.check_kinds()
    }

    /// Refuses switches that contradict each other.
    fn check_kinds(&self) -> Result<(), LmError> {
        let refuse = |name, expected: &str, got: &str| Err(LmError::Config { name, expected: expected.into(), got: got.into() });
        if self.layer_ropes.contains(&LayerRope::Local) && self.local_rope.is_none() {
            return refuse("local_rope", "given, since layers are local", "nothing");
        }
        if self.wide_qk_norm && !self.qk_norm {
            return refuse("qk_norm", "true with wide_qk_norm", "false");
        }
        if !self.pre_norms && !self.post_norms {
            return refuse("post_norms", "true without pre_norms", "false");
        }
        Ok(())
    }
}

fn check_positive(name: &'static str, value: f64) -> Result<(), LmError> {
    match value.is_finite() && value > 0.0 {
        true => Ok(()),
        false => Err(LmError::Config { name, expected: "a positive number".into(), got: value.to_string() }),
    }
}
