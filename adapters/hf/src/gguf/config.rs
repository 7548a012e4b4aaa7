//! The `config.json` that the folder of a file would have.

use palinode_gguf::{File, Kind, Metadata, Value as Given};
use palinode_lm::RopeScaling;
use serde_json::{Map, Value, json};

use super::{architecture::Architecture, rope};
use crate::{error::HfError, fields::beyond};

/// Most layers whose kinds are listed, as many as a decoder may have.
const MOST_LAYERS: u64 = 1 << 10;

/// How configurations call the gate of all Gemmas.
const GELU: &str = "gelu_pytorch_tanh";

/// Keys that would mean something that is not computed here, where they are there and not this.
const REFUSED: [(&str, f64); 6] = [
    ("expert_count", 0.0),
    ("logit_scale", 1.0),
    ("residual_scale", 1.0),
    ("embedding_scale", 1.0),
    ("attention.scale", 0.0),
    ("attention.clamp_kqv", 0.0),
];

/// The configuration, in the spelling that transformers 4 and 5 read.
///
/// # Errors
/// [`HfError::Gguf`] names a key that is missing or makes no sense; [`HfError::Unsupported`] what is not computed here.
pub(crate) fn config(architecture: &Architecture, file: &File) -> Result<Value, HfError> {
    let keys = Keys { architecture, metadata: file.metadata() };
    keys.refuse()?;
    let embedding = file.tensor("token_embd.weight");
    let Some(&[vocabulary, _]) = embedding.map(|tensor| tensor.shape()) else {
        return Err(super::refuse(file, "token_embd.weight", "is missing, or no matrix: a vocabulary alone is no model".into()));
    };
    let [width, layers, heads] = ["embedding_length", "block_count", "attention.head_count"].map(|name| keys.size(name));
    let (width, layers, heads) = (width?, layers?, heads?);
    let head_width = keys.head_width(width, heads)?;
    let has = |name: &str| file.tensor(name).is_some();
    let mut config = Map::new();
    let mut set = |name: &str, value: Value| drop(config.insert(name.to_owned(), value));
    set("model_type", architecture.family.into());
    set("architectures", json!([architecture.class]));
    set("vocab_size", vocabulary.into());
    set("hidden_size", width.into());
    set("intermediate_size", keys.size("feed_forward_length")?.into());
    set("num_hidden_layers", layers.into());
    set("num_attention_heads", heads.into());
    set("num_key_value_heads", keys.optional("attention.head_count_kv")?.unwrap_or(heads).into());
    set("head_dim", head_width.into());
    set("max_position_embeddings", keys.size("context_length")?.into());
    set("rms_norm_eps", keys.number("attention.layer_norm_rms_epsilon")?.into());
    set("tie_word_embeddings", (!has("output.weight")).into());
    set("attention_bias", has("blk.0.attn_output.bias").into());
    set("mlp_bias", has("blk.0.ffn_gate.bias").into());
    set("hidden_act", "silu".into());
    set("use_cache", true.into());
    set("torch_dtype", dtype(embedding.map(|tensor| tensor.kind())).into());
    for (name, value) in keys.rotary(file, head_width)? {
        set(name, value);
    }
    for (name, value) in keys.ids(vocabulary)? {
        set(name, value);
    }
    for (name, value) in keys.own(layers, head_width, width / heads)? {
        set(name, value);
    }
    Ok(Value::Object(config))
}

/// The type that a folder of this model is written in.
fn dtype(embedding: Option<Kind>) -> &'static str {
    match embedding {
        Some(Kind::F16) => "float16",
        Some(Kind::BF16) => "bfloat16",
        _ => "float32",
    }
}

/// Soft caps, and what holds where a file does not say.
type Caps = [(&'static str, Option<f64>); 2];

/// Names and values of a configuration.
type Named = Vec<(&'static str, Value)>;

/// The keys of an architecture.
struct Keys<'a> {
    architecture: &'a Architecture,
    metadata: &'a Metadata,
}

impl Keys<'_> {
    /// Refuses what is not computed here.
    fn refuse(&self) -> Result<(), HfError> {
        for (name, harmless) in REFUSED {
            let key = self.architecture.key(name);
            let given = match self.metadata.get(&key) {
                None => continue,
                Some(Given::F32(number)) => f64::from(*number),
                Some(value) => value.integer().map_or(f64::NAN, |number| number as f64),
            };
            if given != harmless {
                return Err(self.unsupported(format!("{key} = {given}"), &format!("{harmless}, or none")));
            }
        }
        let causal = self.architecture.key("attention.causal");
        match self.metadata.flag(&causal)? {
            Some(false) => Err(self.unsupported(format!("{causal} = false"), "models that write one token after another")),
            _ => Ok(()),
        }
    }

    fn unsupported(&self, what: String, supported: &str) -> HfError {
        HfError::Unsupported { path: self.metadata.path().to_owned(), what, supported: supported.into() }
    }

    fn optional(&self, name: &str) -> Result<Option<u64>, HfError> {
        Ok(self.metadata.unsigned(&self.architecture.key(name))?)
    }

    /// A size that must be there, and at least 1.
    fn size(&self, name: &str) -> Result<u64, HfError> {
        let key = self.architecture.key(name);
        match self.optional(name)? {
            None => Err(self.metadata.missing(&key).into()),
            Some(0) => Err(self.metadata.wrong(&key, "is 0, expected at least 1").into()),
            Some(size) => Ok(size),
        }
    }

    /// A number, as the shortest decimal that is this number in the file's type: what it was before it was written.
    fn optional_number(&self, name: &str) -> Result<Option<f64>, HfError> {
        let key = self.architecture.key(name);
        let number = self.metadata.float(&key)?;
        if number.is_some_and(|number| !number.is_finite()) {
            return Err(self.metadata.wrong(&key, "is no finite number").into());
        }
        Ok(match self.metadata.get(&key) {
            Some(Given::F32(short)) => short.to_string().parse().ok(),
            _ => number,
        })
    }

    fn number(&self, name: &str) -> Result<f64, HfError> {
        self.optional_number(name)?.ok_or_else(|| self.metadata.missing(&self.architecture.key(name)).into())
    }

    /// The width of a head, which all that is said of it must agree on.
    fn head_width(&self, width: u64, heads: u64) -> Result<u64, HfError> {
        let head_width = self.optional("attention.key_length")?.unwrap_or(width / heads);
        for name in ["attention.value_length", "rope.dimension_count"] {
            if let Some(other) = self.optional(name)?.filter(|&other| other != head_width) {
                let what = format!("{} = {other} where a head of keys has {head_width}", self.architecture.key(name));
                return Err(self.unsupported(what, "heads of one width that are turned whole"));
            }
        }
        Ok(head_width)
    }

    /// The base of the rotary frequencies and their scaling.
    fn rotary(&self, file: &File, head_width: u64) -> Result<Named, HfError> {
        let base = self.optional_number("rope.freq_base")?.unwrap_or(10_000.0);
        let mut named: Named = vec![("rope_theta", base.into())];
        let kind = self.metadata.text(&self.architecture.key("rope.scaling.type"))?.unwrap_or("linear");
        // An older name for a stretching of all frequencies; 0 means none.
        let factor = match self.optional_number("rope.scaling.factor")? {
            None => self.optional_number("rope.scale_linear")?,
            factor => factor,
        };
        let stretched = factor.filter(|&factor| factor != 0.0 && factor != 1.0 && kind != "none");
        if file.tensor(rope::FACTORS).is_some() {
            let divisors = file.read(rope::FACTORS)?;
            let scaling = (divisors.len() as u64 == head_width / 2).then(|| rope::scaling(base, &divisors)).flatten();
            let Some(RopeScaling::Llama3 { factor, low, high, original_context }) = scaling.filter(|_| stretched.is_none())
            else {
                let what = format!("a tensor {} with these divisors of frequencies", rope::FACTORS);
                return Err(self.unsupported(what, "those of Llama 3's stretching, one for each pair of a head's features"));
            };
            named.push((
                "rope_scaling",
                json!({"rope_type": "llama3", "factor": factor, "low_freq_factor": low, "high_freq_factor": high,
                    "original_max_position_embeddings": original_context}),
            ));
        }
        match (kind, stretched) {
            ("linear" | "none", None) => {}
            ("linear", Some(factor)) => named.push(("rope_scaling", json!({"rope_type": "linear", "factor": factor}))),
            (kind, _) => {
                let what = format!("{} \"{kind}\"", self.architecture.key("rope.scaling.type"));
                return Err(self.unsupported(what, "none, linear, and Llama 3's"));
            }
        }
        Ok(named)
    }

    /// Ids with a meaning; several may end an answer.
    fn ids(&self, vocabulary: usize) -> Result<Named, HfError> {
        let id = |name: &str| -> Result<Option<u64>, HfError> {
            let key = format!("tokenizer.ggml.{name}_token_id");
            match self.metadata.unsigned(&key)? {
                Some(id) if id >= vocabulary as u64 => {
                    let reason = beyond(u32::try_from(id).unwrap_or(u32::MAX), vocabulary);
                    Err(self.metadata.wrong(&key, reason).into())
                }
                id => Ok(id),
            }
        };
        let mut named = Named::new();
        for (name, key) in [("bos_token_id", "bos"), ("pad_token_id", "padding")] {
            named.extend(id(key)?.map(|id| (name, id.into())));
        }
        let mut ends: Vec<u64> = Vec::new();
        for key in ["eos", "eot", "eom"] {
            ends.extend(id(key)?.filter(|id| !ends.contains(id)));
        }
        match ends.as_slice() {
            [] => {}
            [end] => named.push(("eos_token_id", (*end).into())),
            ends => named.push(("eos_token_id", json!(ends))),
        }
        Ok(named)
    }

    /// What is a family's own. llama.cpp takes the scale of Gemma's attention from the number of layers: the largest size of a generation has another than its
    /// heads' width.
    fn own(&self, layers: u64, head_width: u64, by_width: u64) -> Result<Named, HfError> {
        let (attention_cap, logit_cap) = ("attn_logit_softcapping", "final_logit_softcapping");
        Ok(match self.architecture.name {
            "gemma2" => {
                let attention = if layers == 46 { by_width } else { head_width };
                let caps = self.gemma(attention, [(attention_cap, Some(50.0)), (logit_cap, Some(30.0))])?;
                [caps, self.windows(layers, Some(4096), 2)?].concat()
            }
            "gemma3" => {
                let attention = if layers == 62 { by_width } else { head_width };
                let caps = self.gemma(attention, [(attention_cap, None), (logit_cap, None)])?;
                let local = self.optional_number("rope.freq_base_swa")?.unwrap_or(10_000.0);
                [caps, self.windows(layers, None, 6)?, vec![("rope_local_base_freq", local.into())]].concat()
            }
            "olmo2" if self.optional("attention.sliding_window")?.is_some() => {
                let family: Named = vec![("model_type", "olmo3".into()), ("architectures", json!(["Olmo3ForCausalLM"]))];
                [family, self.windows(layers, None, 4)?].concat()
            }
            "smollm3" => {
                self.listed(layers)?;
                // Every fourth layer, of all that there are.
                let turned: Vec<u8> = (1..=layers).map(|layer| u8::from(!layer.is_multiple_of(4))).collect();
                vec![("no_rope_layers", json!(turned)), ("use_sliding_window", false.into()), ("sliding_window", Value::Null)]
            }
            _ => Named::new(),
        })
    }

    /// Refuses more layers than can be listed.
    fn listed(&self, layers: u64) -> Result<(), HfError> {
        let key = self.architecture.key("block_count");
        match layers {
            0..=MOST_LAYERS => Ok(()),
            _ => Err(self.metadata.wrong(&key, format!("is {layers}, expected {MOST_LAYERS} at most")).into()),
        }
    }

    /// What is Gemma's own; `attention` is the inverse square of attention's scale.
    fn gemma(&self, attention: u64, caps: Caps) -> Result<Named, HfError> {
        let mut named: Named =
            vec![("hidden_act", GELU.into()), ("hidden_activation", GELU.into()), ("query_pre_attn_scalar", attention.into())];
        for (cap, default) in caps {
            let value = self.optional_number(cap)?.or(default).filter(|&cap| cap != 0.0);
            named.push((cap, value.map_or(Value::Null, Value::from)));
        }
        Ok(named)
    }

    /// Which layers have a window, and how wide it is: all but every `every`th, where the file does not say.
    fn windows(&self, layers: u64, default: Option<u64>, every: u64) -> Result<Named, HfError> {
        let key = self.architecture.key("attention.sliding_window_pattern");
        let window = self.optional("attention.sliding_window")?.or(default).filter(|&window| window > 0);
        self.listed(layers)?;
        let slides: Vec<bool> = match self.metadata.get(&key) {
            Some(Given::List(_)) => {
                let listed = self.metadata.flags(&key)?.unwrap_or_default();
                if (listed.len() as u64) < layers {
                    return Err(self
                        .metadata
                        .wrong(&key, format!("lists {} layers, and there are {layers}", listed.len()))
                        .into());
                }
                listed[..layers as usize].to_vec()
            }
            _ => {
                let every = self.metadata.unsigned(&key)?.unwrap_or(every);
                (0..layers).map(|layer| every == 0 || layer % every < every - 1).collect()
            }
        };
        let kind = |slides: &bool| if *slides && window.is_some() { "sliding_attention" } else { "full_attention" };
        let kinds: Vec<&str> = slides.iter().map(kind).collect();
        Ok(vec![("sliding_window", window.map_or(Value::Null, Value::from)), ("layer_types", json!(kinds))])
    }
}
