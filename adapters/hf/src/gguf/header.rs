//! What a file says of a model besides its tokenizer: the keys that `config` reads, the other way round.

use std::path::Path;

use palinode_gguf::{Kind, List, Metadata, Value};
use palinode_lm::{DecoderConfig, RopeScaling};
use serde_json::{Value as Json, to_value};

use super::architecture::Architecture;
use crate::error::HfError;

/// By this key palinode knows a file that it wrote.
const MARK: &str = "palinode.version";

/// Keys of a file that this code sets, and does not take over from another.
const OWN: [&str; 5] =
    ["general.architecture", "general.type", "general.file_type", "general.quantization_version", "general.alignment"];

/// The version of the block formats.
const QUANTISATION: u32 = 2;

/// A file's metadata; `given` is what another file, of which the model came, says of it.
pub(crate) fn header(
    to: &Path,
    architecture: &Architecture,
    config: &DecoderConfig,
    kind: Kind,
    (name, given): (&str, Option<&Metadata>),
) -> Metadata {
    let mut metadata = Metadata::of(to);
    let mut set = |key: &str, value: Value| drop(metadata.set(key, value));
    set("general.architecture", Value::Text(architecture.name.into()));
    set("general.type", Value::Text("model".into()));
    set("general.name", Value::Text(name.into()));
    let general = given.into_iter().flat_map(Metadata::iter).filter(|(key, _)| key.starts_with("general.") && !OWN.contains(key));
    for (key, value) in general {
        set(key, value.clone());
    }
    set("general.file_type", Value::U32(file_type(kind)));
    if !kind.is_plain() {
        set("general.quantization_version", Value::U32(QUANTISATION));
    }
    set(MARK, Value::Text(env!("CARGO_PKG_VERSION").into()));
    for (key, value) in of_model(config, architecture) {
        set(&architecture.key(key), value);
    }
    metadata
}

/// The number of a file whose matrices are of this type: `LlamaFileType` in `gguf-py/gguf/constants.py` of llama.cpp.
fn file_type(kind: Kind) -> u32 {
    match kind {
        Kind::F16 => 1,
        Kind::Q8_0 => 7,
        Kind::BF16 => 32,
        _ => 0,
    }
}

/// Keys of the architecture.
fn of_model(config: &DecoderConfig, architecture: &Architecture) -> Vec<(&'static str, Value)> {
    let count = |count: usize| Value::U32(u32::try_from(count).unwrap_or(u32::MAX));
    let number = |number: f64| Value::F32(number as f32);
    let head_width = count(config.head_width());
    let mut keys = vec![
        ("block_count", count(config.layers)),
        ("context_length", count(context(config, architecture))),
        ("embedding_length", count(config.width)),
        ("feed_forward_length", count(config.feed_forward)),
        ("attention.head_count", count(config.heads)),
        ("attention.head_count_kv", count(config.kv_heads)),
        ("attention.layer_norm_rms_epsilon", number(config.norm_epsilon)),
        ("attention.key_length", head_width.clone()),
        ("attention.value_length", head_width.clone()),
        ("rope.dimension_count", head_width),
        ("rope.freq_base", number(config.rope_base)),
        ("vocab_size", count(config.vocabulary)),
    ];
    if let RopeScaling::Linear { factor } = config.rope_scaling {
        keys.push(("rope.scaling.type", Value::Text("linear".into())));
        keys.push(("rope.scaling.factor", number(factor)));
    }
    if let Some(local) = config.local_rope {
        keys.push(("rope.freq_base_swa", number(local.base)));
    }
    if let Some(window) = config.windows.iter().flatten().next().filter(|_| architecture.windows) {
        let slides = (0..config.layers).map(|layer| config.window(layer).is_some()).collect();
        keys.push(("attention.sliding_window", count(*window)));
        if architecture.lists_windows() {
            keys.push(("attention.sliding_window_pattern", Value::List(List::Bool(slides))));
        }
    }
    for (key, cap) in [("attn_logit_softcapping", config.attention_cap), ("final_logit_softcapping", config.logit_cap)] {
        keys.extend(cap.map(|cap| (key, number(cap))));
    }
    keys
}

/// The longest context in which llama.cpp's architecture computes what the model does: one that knows no windows sees what they see up to their width.
pub(crate) fn context(config: &DecoderConfig, architecture: &Architecture) -> usize {
    let narrowest = config.windows.iter().flatten().min().copied().filter(|_| !architecture.windows);
    narrowest.map_or(config.context, |window| window.min(config.context))
}

/// Refuses a model of which a file says something else, which `read` is: no architecture of llama.cpp computes it.
///
/// # Errors
/// [`HfError::Unsupported`] names every field.
pub(crate) fn refuse_others(
    to: &Path,
    architecture: &Architecture,
    ours: &DecoderConfig,
    read: &DecoderConfig,
) -> Result<(), HfError> {
    let plain = |config: &DecoderConfig| {
        let windows =
            (0..config.layers).map(|layer| config.window(layer).filter(|&window| window < context(config, architecture)));
        let windows = windows.filter(|_| architecture.windows).collect();
        to_value(DecoderConfig {
            head_width: Some(config.head_width()),
            attention_scale: Some(config.attention_scale()),
            context: context(config, architecture),
            windows,
            ..config.clone()
        })
    };
    let (Ok(Json::Object(ours)), Ok(Json::Object(read))) = (plain(ours), plain(read)) else { return Ok(()) };
    let keys = ours.keys().chain(read.keys().filter(|key| !ours.contains_key(*key)));
    let differing = keys.filter(|key| !alike(ours.get(*key).unwrap_or(&Json::Null), read.get(*key).unwrap_or(&Json::Null)));
    let shown = |value: Option<&Json>| value.unwrap_or(&Json::Null).to_string();
    let differing: Vec<String> =
        differing.map(|key| format!("{key} = {} (there {})", shown(ours.get(key)), shown(read.get(key)))).collect();
    if differing.is_empty() {
        return Ok(());
    }
    Err(HfError::Unsupported {
        path: to.to_owned(),
        what: format!(
            "a model with {}, which llama.cpp's architecture \"{}\" can't say,",
            differing.join(", "),
            architecture.name
        ),
        supported: "models as their makers publish them, or a folder in Hugging Face layout".into(),
    })
}

/// Whether two values are the same, as far as numbers of 32 bits tell.
fn alike(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len() && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| alike(value, other)))
        }
        _ => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= 1e-6 * one.abs(),
            _ => one == other,
        },
    }
}
