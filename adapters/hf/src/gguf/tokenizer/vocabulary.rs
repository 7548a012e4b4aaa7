//! What a file says of its tokenizer, checked.

use std::path::PathBuf;

use palinode_gguf::{GgufError, Metadata};

use super::{
    keys::{AFTER, BEFORE, ENDS, MODEL, NAMES, TEMPLATE, TEMPLATES, TOKENS},
    merging,
    split::{Cut, Split},
    tokens::{TokenType, tokens, types},
};

/// A tokenizer as a GGUF file describes it. All ids in it are of its tokens.
#[derive(Debug, Clone)]
pub(crate) struct Vocabulary {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    /// Texts by id; no two are the same, and none is empty.
    pub(super) tokens: Vec<String>,
    /// As many as tokens.
    pub(super) types: Vec<TokenType>,
    /// Ids by the names that templates have for them.
    pub(super) named: Vec<(&'static str, u32)>,
    /// Ids that end an answer.
    pub(super) ends: Vec<u32>,
    /// What stands before a text that is of no chat template, and after it.
    pub(super) before: Option<u32>,
    pub(super) after: Option<u32>,
    pub(super) template: Option<String>,
}

/// How texts become tokens.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Texts are cut into words, words into bytes, and bytes are merged.
    Bytes {
        split: Split,
        /// Pairs of tokens that make a token, first the ones that are merged first.
        merges: Vec<(String, String)>,
    },
    /// Characters are joined by the scores of what they make, and what is no token becomes bytes.
    Scores {
        /// As many as tokens, all finite.
        scores: Vec<f32>,
        /// Whether a space is put before a text, and after a special token.
        prefix: bool,
    },
}

impl Vocabulary {
    /// Reads a file's keys for a model of this many token ids.
    ///
    /// # Errors
    /// [`GgufError::Key`] names the key, what is wrong with it, and what would be right.
    pub(crate) fn of(metadata: &Metadata, vocabulary: usize) -> Result<Self, GgufError> {
        let tokens = tokens(metadata, vocabulary)?;
        let (types, end_texts) = types(metadata, &tokens)?;
        let (kind, begins) = match metadata.text(MODEL)?.ok_or_else(|| metadata.missing(MODEL))? {
            "gpt2" => merging::bytes(metadata, &tokens)?,
            "llama" => (merging::scores(metadata, &tokens)?, true),
            other => return Err(metadata.wrong(MODEL, format!("is {other:?}; accepted are gpt2 and llama"))),
        };
        let named = named(metadata, tokens.len(), matches!(kind, Kind::Scores { .. }))?;
        let ends = ends(&named, end_texts);
        let before = around(metadata, BEFORE, begins, &named, NAMES[0])?;
        let after = around(metadata, AFTER, false, &named, NAMES[1])?;
        let template = template(metadata)?;
        Ok(Self { path: metadata.path().to_owned(), kind, tokens, types, named, ends, before, after, template })
    }

    /// Ids that end an answer: those that the file names, then those of control tokens that llama.cpp knows for ends by their texts. (llama.cpp ends at
    /// those of code models too, such as `<|fim_pad|>`.)
    pub(crate) fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// What transformers 5.24 reads otherwise in this file; here llama.cpp is followed.
    pub(crate) fn differences(&self) -> Vec<String> {
        let what = match &self.kind {
            Kind::Bytes { split, .. } => match (split.cut, split.whole_words) {
                (Cut::DigitsAndWords, _) => {
                    "it does not cut every digit by itself, so that numbers after white space, and digits such as ², may get other ids"
                }
                (Cut::Default, _) => "it cuts as GPT-2 does, so that punctuation and numbers may get other ids",
                (_, true) => "it merges words that are tokens already, of which a few may get other ids",
                (Cut::Words | Cut::Threes | Cut::Lines, false) => return Vec::new(),
            },
            Kind::Scores { prefix: true, .. } => {
                "it puts a space before texts by another rule, so that what begins with a space or follows a special token may get other ids"
            }
            Kind::Scores { prefix: false, .. } => {
                "it takes the sign ▁ for a space and cuts long rows of spaces in another order, so that such texts may get other ids"
            }
        };
        vec![format!("transformers 5 reads the tokenizer of this GGUF file otherwise: {what}; here it is read as llama.cpp does")]
    }
}

/// Ids by name, in the order of the names.
fn named(metadata: &Metadata, tokens: usize, with_scores: bool) -> Result<Vec<(&'static str, u32)>, GgufError> {
    let mut named = Vec::new();
    for name in NAMES {
        match metadata.unsigned(name.key)? {
            Some(id) if id >= tokens as u64 => {
                let reason = format!("is {id}, and {TOKENS} has {tokens}: it must be the id of one of them");
                return Err(metadata.wrong(name.key, reason));
            }
            Some(id) => named.push((name.name, id as u32)),
            None => {
                let default = name.with_scores.filter(|id| with_scores && (*id as usize) < tokens);
                named.extend(default.map(|id| (name.name, id)));
            }
        }
    }
    Ok(named)
}

/// The token that is put before or after texts, where the file says so or, without a word of it, `default`.
fn around(
    metadata: &Metadata,
    key: &str,
    default: bool,
    named: &[(&'static str, u32)],
    of: super::keys::Name,
) -> Result<Option<u32>, GgufError> {
    if !metadata.flag(key)?.unwrap_or(default) {
        return Ok(None);
    }
    let id = named.iter().find(|(name, _)| *name == of.name).map(|(_, id)| *id);
    let missing = || metadata.wrong(of.key, format!("is missing, and texts are to have that token: set it, or {key} to false"));
    id.map(Some).ok_or_else(missing)
}

/// Ids that end an answer: those that keys name, and those that look so.
fn ends(named: &[(&'static str, u32)], end_texts: Vec<u32>) -> Vec<u32> {
    let by_name = ENDS.iter().filter_map(|name| named.iter().find(|(own, _)| own == name)).map(|(_, id)| *id);
    let mut ends = Vec::new();
    for id in by_name.chain(end_texts) {
        if !ends.contains(&id) {
            ends.push(id);
        }
    }
    ends
}

fn template(metadata: &Metadata) -> Result<Option<String>, GgufError> {
    match (metadata.text(TEMPLATE)?, metadata.texts(TEMPLATES)?) {
        (None, Some(names)) if !names.is_empty() => {
            let reason = format!("names templates, and none is the default: write the one that is meant to {TEMPLATE}");
            Err(metadata.wrong(TEMPLATES, reason))
        }
        (template, _) => Ok(template.map(str::to_owned)),
    }
}
