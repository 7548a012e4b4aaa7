//! `config.json`, as written by transformers 4 (`rope_theta`, `rope_scaling`, `torch_dtype`) and 5 (`rope_parameters`, `dtype`).

use std::path::Path;

use palinode_lm::{Activation, DecoderConfig, RopeScaling};
use safetensors::Dtype;
use serde_json::Value;

use crate::{error::HfError, fields::Fields};

/// The families that are supported, by their `model_type`.
pub const FAMILIES: [&str; 5] = ["llama", "mistral", "qwen2", "qwen3", "gemma2"];

/// What `config.json` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// One of [`FAMILIES`].
    pub family: String,
    /// The model.
    pub config: DecoderConfig,
    /// The type that its weights are stored in, where it says so.
    pub dtype: Option<Dtype>,
    /// Ids that end an answer.
    pub end_tokens: Vec<u32>,
}

/// Reads a `config.json`.
///
/// # Errors
/// [`HfError::Format`] when it is no JSON object; [`HfError::Unsupported`] for another family, rope, activation or quantisation;
/// [`HfError::Field`] for a field that is missing or of the wrong kind, or for a token id beyond the vocabulary; [`HfError::Lm`] for sizes that make no model.
pub fn parse(text: &str, path: &Path) -> Result<Spec, HfError> {
    let fields = Fields::parse(text, path)?;
    let family = fields.text("model_type")?.ok_or_else(|| fields.wrong("model_type", "is missing"))?;
    if !FAMILIES.contains(&family) {
        return Err(fields.unsupported(format!("model_type \"{family}\""), &FAMILIES));
    }
    if let Some(Value::Array(names)) = fields.value("architectures") {
        let causal = |name: &Value| name.as_str().is_some_and(|name| name.ends_with("ForCausalLM"));
        if !names.is_empty() && !names.iter().any(causal) {
            let what = format!("architecture {}", Value::from(names.clone()));
            return Err(fields.unsupported(what, &["those whose names end in ForCausalLM"]));
        }
    }
    if fields.value("quantization_config").is_some() {
        return Err(fields.unsupported("a quantised model (quantization_config)".into(), &["weights in F32, BF16 or F16"]));
    }
    let config = decoder(family, &fields)?;
    config.check()?;
    let end_tokens = end_tokens_of(&fields, config.vocabulary)?;
    Ok(Spec { family: family.to_owned(), dtype: dtype(&fields)?, end_tokens, config })
}

/// The `eos_token_id` of a `generation_config.json`.
pub(crate) fn end_tokens(text: &str, path: &Path, vocabulary: usize) -> Result<Vec<u32>, HfError> {
    end_tokens_of(&Fields::parse(text, path)?, vocabulary)
}

/// `eos_token_id`; neither it nor the other ids beside it may lie beyond the vocabulary.
fn end_tokens_of(fields: &Fields<'_>, vocabulary: usize) -> Result<Vec<u32>, HfError> {
    for name in ["bos_token_id", "pad_token_id"] {
        // Many files say -1 where there is none.
        if fields.value(name).and_then(Value::as_i64).is_none_or(|id| id >= 0) {
            fields.ids_below(name, vocabulary)?;
        }
    }
    fields.ids_below("eos_token_id", vocabulary)
}

/// What the families share, and where they differ. Defaults are those of transformers' configuration classes.
fn decoder(family: &str, fields: &Fields<'_>) -> Result<DecoderConfig, HfError> {
    let gemma = family == "gemma2";
    let size = |name: &str| fields.size(name)?.ok_or_else(|| fields.wrong(name, "is missing"));
    let (width, layers, heads) = (size("hidden_size")?, size("num_hidden_layers")?, size("num_attention_heads")?);
    let context = fields.size("max_position_embeddings")?.unwrap_or(match family {
        "llama" => 2048,
        "gemma2" => 8192,
        "mistral" => 4096 * 32,
        _ => 32_768,
    });
    let head_width = fields.size("head_dim")?.or(match family {
        "qwen3" => Some(128),
        "gemma2" => Some(256),
        _ => None,
    });
    let attention_bias = fields.flag("attention_bias")?.unwrap_or(false);
    let (rope_base, rope_scaling) = rope(fields, context)?;
    // Gemma 2 writes each of these only where it differs from its default.
    let capped = |name: &str, default: f64| if gemma { fields.number_or(name, Some(default)) } else { Ok(None) };
    let query_scalar = if gemma { fields.number_or("query_pre_attn_scalar", Some(256.0))? } else { None };
    Ok(DecoderConfig {
        vocabulary: size("vocab_size")?,
        width,
        layers,
        heads,
        kv_heads: fields.size("num_key_value_heads")?.unwrap_or(match family {
            "gemma2" => 4,
            "mistral" => 8,
            _ => heads,
        }),
        head_width,
        feed_forward: size("intermediate_size")?,
        context,
        rope_base,
        rope_scaling,
        norm_epsilon: fields.number("rms_norm_eps")?.unwrap_or(1e-6),
        tied: fields.flag("tie_word_embeddings")?.unwrap_or(gemma),
        activation: activation(family, fields)?,
        qkv_bias: family == "qwen2" || (family != "mistral" && attention_bias),
        output_bias: !matches!(family, "qwen2" | "mistral") && attention_bias,
        mlp_bias: family == "llama" && fields.flag("mlp_bias")?.unwrap_or(false),
        qk_norm: family == "qwen3",
        post_norms: gemma,
        norm_offset: gemma,
        embedding_scale: gemma.then(|| (width as f64).sqrt()),
        attention_scale: query_scalar.map(|scalar| scalar.sqrt().recip()),
        attention_cap: capped("attn_logit_softcapping", 50.0)?,
        logit_cap: capped("final_logit_softcapping", 30.0)?,
        windows: windows(family, layers, fields)?,
    })
}

fn activation(family: &str, fields: &Fields<'_>) -> Result<Activation, HfError> {
    let (name, default) = match family {
        "gemma2" if fields.value("hidden_activation").is_some() => ("hidden_activation", "gelu_pytorch_tanh"),
        "gemma2" => ("hidden_act", "gelu_pytorch_tanh"),
        _ => ("hidden_act", "silu"),
    };
    match fields.text(name)?.unwrap_or(default) {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        other => Err(fields.unsupported(format!("{name} \"{other}\""), &["silu", "gelu_pytorch_tanh"])),
    }
}

/// The tokens each layer looks back over.
fn windows(family: &str, layers: usize, fields: &Fields<'_>) -> Result<Vec<Option<usize>>, HfError> {
    // A list of `layer_types` is only believed when it is as long as there are layers; `config.check` bounds their number.
    let listed = match fields.value("layer_types") {
        Some(Value::Array(types)) if types.len() == layers && family != "mistral" => Some(types),
        Some(Value::Array(types)) if types.len() != layers => {
            return Err(fields.wrong("layer_types", &format!("lists {} layers, and there are {layers}", types.len())));
        }
        _ => None,
    };
    let window = match family {
        "mistral" | "gemma2" => fields.size_or("sliding_window", Some(4096))?,
        "qwen2" | "qwen3" if fields.flag("use_sliding_window")?.unwrap_or(false) => {
            fields.size_or("sliding_window", Some(4096))?
        }
        _ => None,
    };
    let first = fields.size("max_window_layers")?.unwrap_or(28);
    let slides = |layer: usize| match (listed, family) {
        (Some(types), _) => types[layer] == "sliding_attention",
        (None, "mistral") => true,
        (None, "gemma2") => layer.is_multiple_of(2),
        (None, _) => layer >= first,
    };
    if window.is_none() || layers > 1 << 10 {
        return Ok(Vec::new());
    }
    Ok((0..layers).map(|layer| window.filter(|_| slides(layer))).collect())
}

/// The base of the rotary frequencies, and their scaling.
fn rope(fields: &Fields<'_>, context: usize) -> Result<(f64, RopeScaling), HfError> {
    let (nested, name) = match (fields.nested("rope_parameters")?, fields.nested("rope_scaling")?) {
        (Some(parameters), _) => (Some(parameters), "rope_parameters"),
        (None, scaling) => (scaling, "rope_scaling"),
    };
    let base = match &nested {
        Some(nested) => nested.number("rope_theta")?,
        None => None,
    };
    let base = base.map_or_else(|| fields.number("rope_theta"), |base| Ok(Some(base)))?.unwrap_or(10_000.0);
    for holder in nested.iter().chain([fields]) {
        if holder.number("partial_rotary_factor")?.is_some_and(|factor| factor != 1.0) {
            return Err(fields.unsupported("partial_rotary_factor".into(), &["rotation of whole heads"]));
        }
    }
    let Some(nested) = nested else { return Ok((base, RopeScaling::None)) };
    let kind = match nested.text("rope_type")? {
        Some(kind) => kind,
        None => nested.text("type")?.unwrap_or("default"),
    };
    let needed = |field: &str| nested.number(field)?.ok_or_else(|| nested.wrong(field, &format!("is missing in {name}")));
    let scaling = match kind {
        // Within the trained context, dynamic scaling leaves frequencies as they are; longer contexts are refused.
        "default" | "dynamic" => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor: needed("factor")? },
        "llama3" => RopeScaling::Llama3 {
            factor: needed("factor")?,
            low: needed("low_freq_factor")?,
            high: needed("high_freq_factor")?,
            original_context: nested.size("original_max_position_embeddings")?.unwrap_or(context),
        },
        other => {
            return Err(fields.unsupported(format!("rope type \"{other}\""), &["default", "linear", "dynamic", "llama3"]));
        }
    };
    Ok((base, scaling))
}

fn dtype(fields: &Fields<'_>) -> Result<Option<Dtype>, HfError> {
    let name = match fields.text("dtype")? {
        Some(name) => Some(name),
        None => fields.text("torch_dtype")?,
    };
    match name {
        None => Ok(None),
        Some("float32") => Ok(Some(Dtype::F32)),
        Some("bfloat16") => Ok(Some(Dtype::BF16)),
        Some("float16") => Ok(Some(Dtype::F16)),
        Some(other) => Err(fields.unsupported(format!("dtype \"{other}\""), &["float32", "bfloat16", "float16"])),
    }
}
