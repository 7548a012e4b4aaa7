//! The class that transformers 5.24 makes a folder's tokenizer of, and how it differs from `tokenizer.json`.
//!
//! Some classes build their normalizer, pre-tokenizer and decoder anew, of which the file keeps only vocabulary, merges and post-processor.
//! This library follows the file, as the `tokenizers` library does, and transformers 4 wherever the file is its own. Where the class of
//! transformers 5 reads it otherwise, [`Class::differences`] says so.

use std::path::Path;

use serde_json::{Value, json};

use crate::{error::HfError, fields::Fields, shards::bounded_text, special::LONGEST};

/// The class of a folder's tokenizer in transformers 5.24.
#[derive(Debug, Default)]
pub(crate) struct Class {
    /// As the files name it, without `Fast`.
    declared: Option<String>,
    /// The one that is taken, where it builds its parts anew.
    rebuilt: Option<String>,
    config: Value,
}

impl Class {
    /// Reads `tokenizer_config.json`, and of `config.json` the family and a class, where they can be read. `tokenizer` is the text of
    /// `tokenizer.json`.
    ///
    /// # Errors
    /// [`HfError::Io`], [`HfError::Format`], [`HfError::Field`] for a `tokenizer_config.json` that is damaged.
    pub(crate) fn of(folder: &Path, tokenizer: &[u8]) -> Result<Self, HfError> {
        let path = folder.join("tokenizer_config.json");
        let text = if path.is_file() { bounded_text(&path, LONGEST)? } else { "{}".into() };
        let config = Fields::parse(&text, &path)?;
        // What is wrong with config.json is said where the model is read.
        let model = bounded_text(&folder.join("config.json"), LONGEST).ok();
        let model: Value = model.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let family = model["model_type"].as_str().unwrap_or_default();
        let declared = config.text("tokenizer_class")?.or(model["tokenizer_class"].as_str());
        let declared = declared.map(|name| name.strip_suffix("Fast").unwrap_or(name).to_owned());
        let bytes = tokenizer.windows(BYTES.len()).any(|window| window == BYTES);
        let rebuilt = taken(family, declared.as_deref(), bytes).filter(|name| REBUILT.contains(name)).map(str::to_owned);
        let config = json!({"add_prefix_space": config.value("add_prefix_space"), "legacy": config.value("legacy"),
            "add_bos_token": config.value("add_bos_token")});
        Ok(Self { declared, rebuilt, config })
    }

    /// The tokens that the class gives where no file does.
    pub(crate) fn defaults(&self) -> &'static [(&'static str, &'static str)] {
        match self.rebuilt.as_deref() {
            Some("LlamaTokenizer" | "CodeLlamaTokenizer") => {
                &[("unk_token", "<unk>"), ("bos_token", "<s>"), ("eos_token", "</s>")]
            }
            Some("GemmaTokenizer") => &[
                ("unk_token", "<unk>"),
                ("bos_token", "<bos>"),
                ("eos_token", "<eos>"),
                ("pad_token", "<pad>"),
                ("mask_token", "<mask>"),
            ],
            Some("Qwen2Tokenizer") => {
                &[("unk_token", "<|endoftext|>"), ("eos_token", "<|endoftext|>"), ("pad_token", "<|endoftext|>")]
            }
            Some("GPT2Tokenizer") => {
                &[("unk_token", "<|endoftext|>"), ("bos_token", "<|endoftext|>"), ("eos_token", "<|endoftext|>")]
            }
            Some("GPTNeoXTokenizer") => &[
                ("unk_token", "<|endoftext|>"),
                ("bos_token", "<|endoftext|>"),
                ("eos_token", "<|endoftext|>"),
                ("pad_token", "<|padding|>"),
            ],
            _ => &[],
        }
    }

    /// What transformers reads otherwise than the file says; `begins` is whether the file puts a token before a text.
    pub(crate) fn differences(&self, file: &Parts, begins: bool) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(name) = &self.rebuilt {
            match self.parts() {
                Some(built) => {
                    let differ: Vec<String> = ["normalizer", "pre-tokenizer", "decoder"]
                        .iter()
                        .zip(built.0.iter().zip(&file.0))
                        .filter(|(part, (built, held))| !same(name, part, built, held))
                        .map(|(part, (built, held))| format!("its {part} is {}, in tokenizer.json {}", kind(built), kind(held)))
                        .collect();
                    if !differ.is_empty() {
                        found.push(format!(
                            "transformers 5 builds {name} anew, and some texts may get other ids there: {}; here the file is followed, as \
                             transformers 4 and the tokenizers library do",
                            differ.join("; ")
                        ));
                    }
                }
                None => found.push(format!(
                    "transformers 5 may build {name} anew, otherwise than tokenizer.json says; here the file is followed, as the \
                     tokenizers library does"
                )),
            }
        }
        let asked = self.config["add_bos_token"].as_bool().filter(|_| self.declared.as_deref().is_some_and(reads_beginning));
        if let Some(asked) = asked.filter(|asked| *asked != begins) {
            let [puts, what] = if asked { ["puts none", "puts one"] } else { ["puts one", "puts none"] };
            found.push(format!(
                "tokenizer_config.json says add_bos_token = {asked}, and tokenizer.json {puts} before a text: here and in transformers 5 the \
                 file is followed; transformers 4 {what}"
            ));
        }
        found
    }

    /// What the class builds, where it is known.
    fn parts(&self) -> Option<Parts> {
        let prefix = self.config["add_prefix_space"].as_bool();
        let bytes = |prefix: bool, regex: bool| json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": regex});
        Some(Parts(match self.rebuilt.as_deref()? {
            name @ ("LlamaTokenizer" | "CodeLlamaTokenizer") => {
                let legacy = name == "LlamaTokenizer" && self.config["legacy"].as_bool().unwrap_or(false);
                let scheme = if prefix == Some(false) {
                    "never"
                } else if legacy {
                    "always"
                } else {
                    "first"
                };
                let mut decoders = vec![spaces_back(), json!({"type": "ByteFallback"}), json!({"type": "Fuse"})];
                if prefix != Some(false) {
                    decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
                }
                let marks = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false});
                [Value::Null, marks, json!({"type": "Sequence", "decoders": decoders})]
            }
            "GemmaTokenizer" => [
                json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"}),
                json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false}),
                json!({"type": "Sequence", "decoders": [spaces_back(), {"type": "ByteFallback"}, {"type": "Fuse"}]}),
            ],
            "Qwen2Tokenizer" => {
                let split = json!({"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": false});
                let pieces = json!({"type": "Sequence", "pretokenizers": [split, bytes(prefix.unwrap_or(false), false)]});
                [json!({"type": "NFC"}), pieces, bytes(true, true)]
            }
            "GPT2Tokenizer" => [Value::Null, bytes(prefix.unwrap_or(false), true), bytes(true, true)],
            "GPTNeoXTokenizer" => [json!({"type": "NFC"}), bytes(prefix.unwrap_or(false), true), bytes(true, true)],
            _ => return None,
        }))
    }
}

/// Normalizer, pre-tokenizer and decoder.
#[derive(Debug)]
pub(crate) struct Parts(pub(crate) [Value; 3]);

/// The class that `AutoTokenizer` takes for a family and the class that its files name; `bytes` is whether `tokenizer.json` cuts texts into bytes.
fn taken<'a>(family: &str, declared: Option<&'a str>, bytes: bool) -> Option<&'a str> {
    match (family, declared) {
        // These are never what they say.
        ("mistral", _) => None,
        ("qwen2", _) => Some("Qwen2Tokenizer"),
        (_, Some("LlamaTokenizer")) if bytes => None,
        (_, Some(name)) => Some(name),
        ("qwen3", None) => Some("Qwen2Tokenizer"),
        ("gemma2" | "gemma3_text", None) => Some("GemmaTokenizer"),
        (_, None) => None,
    }
}

/// Whether transformers 4 puts a beginning before a text by `add_bos_token` alone.
fn reads_beginning(class: &str) -> bool {
    matches!(class, "LlamaTokenizer" | "CodeLlamaTokenizer" | "GemmaTokenizer" | "CohereTokenizer")
}

fn spaces_back() -> Value {
    json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "})
}

/// Whether a part of the file does what the class builds. A field that decoding to bytes does not read may differ.
fn same(class: &str, part: &str, built: &Value, held: &Value) -> bool {
    let plain = |value: &Value| match value["type"].as_str() {
        Some("ByteLevel") if part == "decoder" => json!("ByteLevel"),
        // Its normalizer has left no space to split at.
        Some("Split") if class == "GemmaTokenizer" => Value::Null,
        Some("Sequence") if ["normalizers", "pretokenizers"].iter().any(|list| value[*list] == json!([])) => Value::Null,
        _ => without_defaults(value),
    };
    plain(built) == plain(held)
}

/// A part without the fields that some versions leave out.
fn without_defaults(part: &Value) -> Value {
    match part {
        Value::Array(list) => list.iter().map(without_defaults).collect(),
        // Two ways to write the same pattern.
        Value::String(text) => text.replace(r"(?i:'(?:s|t|re|ve|m|ll|d))", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)").into(),
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, value)| {
                !matches!((name.as_str(), value), ("trim_offsets", _) | ("use_regex", Value::Bool(true)))
            });
            Value::Object(kept.map(|(name, value)| (name.clone(), without_defaults(value))).collect())
        }
        _ => part.clone(),
    }
}

/// A part in a few words.
pub(crate) fn kind(part: &Value) -> String {
    let name = part["type"].as_str().unwrap_or("none");
    let list = ["normalizers", "pretokenizers", "decoders"].iter().find_map(|list| part[*list].as_array());
    match (list, part["prepend_scheme"].as_str()) {
        (Some(list), _) => format!("{name}({})", list.iter().map(kind).collect::<Vec<_>>().join(", ")),
        (None, Some(scheme)) => format!("{name} ({scheme})"),
        (None, None) => match part["pattern"]["Regex"].as_str() {
            Some(pattern) if pattern.chars().count() > 40 => {
                format!("{name} by {}…", pattern.chars().take(40).collect::<String>())
            }
            Some(pattern) => format!("{name} by {pattern}"),
            None => name.to_owned(),
        },
    }
}

const BYTES: &[u8] = b"\"ByteLevel\"";
/// Classes with parts of their own; all others read the file as it is.
const REBUILT: [&str; 52] = [
    "AlbertTokenizer",
    "BartTokenizer",
    "BarthezTokenizer",
    "BertTokenizer",
    "BigBirdTokenizer",
    "BlenderbotTokenizer",
    "CLIPTokenizer",
    "CamembertTokenizer",
    "CodeGenTokenizer",
    "CodeLlamaTokenizer",
    "CohereTokenizer",
    "DebertaTokenizer",
    "DebertaV2Tokenizer",
    "DistilBertTokenizer",
    "EsmcTokenizer",
    "FunnelTokenizer",
    "GPT2Tokenizer",
    "GPTNeoXTokenizer",
    "GemmaTokenizer",
    "HerbertTokenizer",
    "LasrTokenizer",
    "LayoutLMv2Tokenizer",
    "LayoutLMv3Tokenizer",
    "LayoutXLMTokenizer",
    "LlamaTokenizer",
    "LukeTokenizer",
    "MBart50Tokenizer",
    "MBartTokenizer",
    "MLukeTokenizer",
    "MPNetTokenizer",
    "MarkupLMTokenizer",
    "MobileBertTokenizer",
    "NllbTokenizer",
    "NougatTokenizer",
    "OpenAIGPTTokenizer",
    "PegasusTokenizer",
    "Qwen2Tokenizer",
    "Qwen3_5Tokenizer",
    "ReformerTokenizer",
    "RemBertTokenizer",
    "RoFormerTokenizer",
    "RobertaTokenizer",
    "SeamlessM4TTokenizer",
    "Siglip2Tokenizer",
    "SplinterTokenizer",
    "SqueezeBertTokenizer",
    "T5Tokenizer",
    "UdopTokenizer",
    "WhisperTokenizer",
    "XGLMTokenizer",
    "XLMRobertaTokenizer",
    "XLNetTokenizer",
];
/// How Qwen 2 cuts texts.
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
