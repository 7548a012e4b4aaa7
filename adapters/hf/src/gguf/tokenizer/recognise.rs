//! Which of llama.cpp's ways of cutting and merging a folder's tokenizer has, by its parts.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    build::{SPACE, normalizer},
    split::{Cut, Split, WORDS},
};
use crate::class::kind;

/// A tokenizer's parts, as the `tokenizers` library writes them.
#[derive(Deserialize)]
pub(super) struct Parts {
    normalizer: Value,
    pre_tokenizer: Value,
    pub(super) model: Model,
}

/// Its model; what a kind of model does not have is left out.
#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Model {
    #[serde(rename = "type")]
    kind: String,
    pub(super) unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    byte_fallback: bool,
    ignore_merges: bool,
    /// Pairs of tokens that make a token, first the ones that are merged first.
    pub(super) merges: Vec<(String, String)>,
}

impl Default for Model {
    fn default() -> Self {
        let (kind, merges) = ("none".to_owned(), Vec::new());
        let (unk_token, continuing_subword_prefix, end_of_word_suffix) = (None, None, None);
        Self {
            kind,
            unk_token,
            continuing_subword_prefix,
            end_of_word_suffix,
            byte_fallback: false,
            ignore_merges: false,
            merges,
        }
    }
}

/// What was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Words of bytes are merged. `composed` says that texts are composed first (NFC), which llama.cpp never does.
    Bytes { split: Split, composed: bool },
    /// Characters are merged, and become bytes where they are no token.
    Characters {
        /// Whether a space is put before a text and after a special token.
        prefix: bool,
        /// Whether a space is put before a text alone, which llama.cpp never does: what begins with a special token gets the same ids.
        first: bool,
    },
}

impl Parts {
    /// Which way it goes.
    ///
    /// # Errors
    /// What there is that llama.cpp has no name for.
    pub(super) fn way(&self) -> Result<Way, String> {
        let Model { kind: of, continuing_subword_prefix, end_of_word_suffix, byte_fallback, .. } = &self.model;
        let marks = [continuing_subword_prefix, end_of_word_suffix];
        if of != "BPE" || marks.into_iter().flatten().any(|mark| !mark.is_empty()) {
            return Err(format!("a model of type {of}{}", if of == "BPE" { " with marks within words" } else { "" }));
        }
        let steps = steps(&self.pre_tokenizer);
        match (steps.contains(&bytes()), byte_fallback) {
            (true, _) => self.of_bytes(&steps),
            (false, true) => self.of_characters(),
            (false, false) => Err("a vocabulary that has no ids for some texts (`byte_fallback`)".into()),
        }
    }

    fn of_bytes(&self, own: &[Value]) -> Result<Way, String> {
        let Some(cut) = Cut::ALL.into_iter().find(|cut| steps(&cut.pre_tokenizer()) == own) else {
            return Err(format!("the pre-tokenizer {}", kind(&self.pre_tokenizer)));
        };
        let whole = self.model.ignore_merges;
        let split = Split::cutting(cut, whole)
            .ok_or_else(|| format!("the pre-tokenizer {} with `ignore_merges` set to {whole}", kind(&self.pre_tokenizer)))?;
        match flat(&self.normalizer, "normalizers").as_slice() {
            [] => Ok(Way::Bytes { split, composed: false }),
            [only] if only["type"] == "NFC" => Ok(Way::Bytes { split, composed: true }),
            _ => Err(format!("the normalizer {}", kind(&self.normalizer))),
        }
    }

    fn of_characters(&self) -> Result<Way, String> {
        let normalizers = flat(&self.normalizer, "normalizers");
        let spaces = flat(&self.pre_tokenizer, "pretokenizers");
        // The spaces at which Gemma's would split are gone by then.
        let splits = |step: &Value| step["type"] == "Split" && step["pattern"]["String"] == " ";
        let known = [false, true].into_iter().find(|prefix| flat(&normalizer(*prefix), "normalizers") == normalizers);
        match (known, spaces.as_slice()) {
            (Some(prefix), []) => Ok(Way::Characters { prefix, first: false }),
            (Some(prefix), [only]) if splits(only) => Ok(Way::Characters { prefix, first: false }),
            (None, [only]) if normalizers.is_empty() && only["type"] == "Metaspace" && only["split"] == false => {
                match (only["replacement"].as_str(), only["prepend_scheme"].as_str()) {
                    (Some(SPACE), Some("never")) => Ok(Way::Characters { prefix: false, first: false }),
                    (Some(SPACE), Some("first")) => Ok(Way::Characters { prefix: false, first: true }),
                    _ => Err(format!("the pre-tokenizer {}", kind(only))),
                }
            }
            _ => Err(format!("the normalizer {} before the pre-tokenizer {}", kind(&self.normalizer), kind(&self.pre_tokenizer))),
        }
    }
}

/// The steps of a part, in one row.
fn flat(part: &Value, list: &str) -> Vec<Value> {
    match part[list].as_array() {
        Some(steps) => steps.iter().flat_map(|step| flat(step, list)).collect(),
        None if part.is_null() => Vec::new(),
        None => vec![part.clone()],
    }
}

/// The steps of a pre-tokenizer, each in one spelling.
fn steps(part: &Value) -> Vec<Value> {
    let split = |pattern: &str| json!({"cuts": SPELLINGS.iter().fold(pattern.to_owned(), |pattern, (other, one)| pattern.replace(other, one))});
    let step = |step: Value| match step["type"].as_str() {
        Some("ByteLevel") if step["add_prefix_space"] == false => {
            let words = (step["use_regex"] != false).then(|| split(WORDS));
            words.into_iter().chain([bytes()]).collect()
        }
        Some("Digits") if step["individual_digits"] == true => vec![split(r"\p{N}")],
        Some("Split") if step["behavior"] == "Isolated" && step["invert"] != true => {
            step["pattern"]["Regex"].as_str().map_or_else(|| vec![step.clone()], |pattern| vec![split(pattern)])
        }
        _ => vec![step],
    };
    flat(part, "pretokenizers").into_iter().flat_map(step).collect()
}

/// The step that writes bytes as characters.
fn bytes() -> Value {
    json!("bytes")
}

/// Spellings of contractions, and the ones that they are compared in.
const SPELLINGS: [(&str, &str); 3] = [
    ("(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])", "(?i:'s|'t|'re|'ve|'m|'ll|'d)"),
    ("(?i:'(?:s|t|re|ve|m|ll|d))", "(?i:'s|'t|'re|'ve|'m|'ll|'d)"),
    ("'(?:[sdmt]|ll|ve|re)", "'s|'t|'re|'ve|'m|'ll|'d"),
];
