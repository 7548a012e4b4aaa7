//! `config.json`, as written by transformers 4 (`rope_theta`, `rope_scaling`, `torch_dtype`) and 5 (`rope_parameters`, `dtype`).

use std::path::Path;

use palinode_lm::{Activation, DecoderConfig, LayerRope};
use safetensors::Dtype;
use serde_json::Value;

use crate::{error::HfError, fields::Fields};

mod layers;
mod rope;

use layers::{Layers, layers};
use rope::{Ropes, ropes};

/// The families that are supported, by their `model_type`.
pub const FAMILIES: [&str; 9] = ["llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "smollm3", "olmo2", "olmo3"];

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
    if family == "gemma3" {
        let what = "model_type \"gemma3\", a model of texts and pictures,".into();
        return Err(fields.unsupported(what, &[TEXT_OF_GEMMA]));
    }
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

/// How the text model of a larger one becomes a folder of its own.
const TEXT_OF_GEMMA: &str = "\"gemma3_text\": where `model` is the one of texts and pictures in transformers, give `text = \
    Gemma3ForCausalLM(model.config.text_config)` its weights, `text.model.load_state_dict(model.model.language_model.state_dict())`, and save that with \
    `text.save_pretrained(FOLDER)`, the tokenizer beside it";

/// What the families share, and where they differ. Defaults are those of transformers' configuration classes.
fn decoder(family: &str, fields: &Fields<'_>) -> Result<DecoderConfig, HfError> {
    let (gemma, olmo) = (matches!(family, "gemma2" | "gemma3_text"), matches!(family, "olmo2" | "olmo3"));
    let size = |name: &str| fields.size(name)?.ok_or_else(|| fields.wrong(name, "is missing"));
    let (width, count, heads) = (size("hidden_size")?, size("num_hidden_layers")?, size("num_attention_heads")?);
    let context = fields.size("max_position_embeddings")?.unwrap_or(match family {
        "llama" | "olmo2" | "olmo3" => 2048,
        "gemma2" => 8192,
        "mistral" | "gemma3_text" => 4096 * 32,
        _ => 32_768,
    });
    let head_width = fields.size("head_dim")?.or(match family {
        "qwen3" => Some(128),
        "gemma2" | "gemma3_text" => Some(256),
        _ => None,
    });
    let attention_bias = fields.flag("attention_bias")?.unwrap_or(false);
    let Ropes { global, local } = ropes(family, fields, context)?;
    let Layers { windows, ropes } = layers(family, count, fields, local.is_some())?;
    let [attention_cap, logit_cap] = caps(family, fields)?;
    let query_scalar = if gemma { fields.number_or("query_pre_attn_scalar", Some(256.0))? } else { None };
    Ok(DecoderConfig {
        vocabulary: size("vocab_size")?,
        width,
        layers: count,
        heads,
        kv_heads: fields.size("num_key_value_heads")?.unwrap_or(match family {
            "gemma2" | "gemma3_text" => 4,
            "mistral" => 8,
            "smollm3" if !fields.all().contains_key("num_key_value_heads") => 4,
            _ => heads,
        }),
        head_width,
        feed_forward: size("intermediate_size")?,
        context,
        rope_base: global.base,
        rope_scaling: global.scaling,
        local_rope: local.filter(|_| ropes.contains(&LayerRope::Local)),
        layer_ropes: ropes,
        norm_epsilon: fields.number("rms_norm_eps")?.unwrap_or(if olmo { 1e-5 } else { 1e-6 }),
        tied: fields.flag("tie_word_embeddings")?.unwrap_or(gemma || family == "smollm3"),
        activation: activation(family, fields)?,
        qkv_bias: family == "qwen2" || (family != "mistral" && attention_bias),
        output_bias: !matches!(family, "qwen2" | "mistral") && attention_bias,
        mlp_bias: matches!(family, "llama" | "smollm3") && fields.flag("mlp_bias")?.unwrap_or(false),
        qk_norm: olmo || matches!(family, "qwen3" | "gemma3_text"),
        wide_qk_norm: olmo,
        pre_norms: !olmo,
        post_norms: gemma || olmo,
        norm_offset: gemma,
        embedding_scale: gemma.then(|| (width as f64).sqrt()),
        attention_scale: query_scalar.map(|scalar| scalar.sqrt().recip()),
        attention_cap,
        logit_cap,
        windows,
    })
}

/// Soft caps of attention's scores and of logits.
fn caps(family: &str, fields: &Fields<'_>) -> Result<[Option<f64>; 2], HfError> {
    let [attention, logit] = ["attn_logit_softcapping", "final_logit_softcapping"];
    match family {
        // Gemma 2 writes each of these only where it differs from its default.
        "gemma2" => Ok([fields.number_or(attention, Some(50.0))?, fields.number_or(logit, Some(30.0))?]),
        "gemma3_text" => {
            if fields.number(attention)?.is_some() {
                let what = format!("{attention} in a gemma3_text");
                return Err(fields.unsupported(
                    what,
                    &["null, as in all published ones: transformers 5.24 reads another value and does not use it"],
                ));
            }
            if fields.flag("use_bidirectional_attention")?.unwrap_or(false) {
                let what = "use_bidirectional_attention, with which a token sees those behind it,".into();
                return Err(fields.unsupported(what, &["models that write one token after another"]));
            }
            Ok([None, fields.number(logit)?])
        }
        _ => Ok([None, None]),
    }
}

fn activation(family: &str, fields: &Fields<'_>) -> Result<Activation, HfError> {
    let (name, default) = match family {
        "gemma2" if fields.value("hidden_activation").is_none() => ("hidden_act", "gelu_pytorch_tanh"),
        "gemma2" | "gemma3_text" => ("hidden_activation", "gelu_pytorch_tanh"),
        _ => ("hidden_act", "silu"),
    };
    match fields.text(name)?.unwrap_or(default) {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        other => Err(fields.unsupported(format!("{name} \"{other}\""), &["silu", "gelu_pytorch_tanh"])),
    }
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
