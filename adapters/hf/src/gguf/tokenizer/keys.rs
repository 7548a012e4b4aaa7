//! The keys of a tokenizer in GGUF files.
//!
//! Source: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, and `llama-arch.cpp` of llama.cpp for those that are not there.

pub(super) const MODEL: &str = "tokenizer.ggml.model";
pub(super) const PRE: &str = "tokenizer.ggml.pre";
pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
pub(super) const TYPES: &str = "tokenizer.ggml.token_type";
pub(super) const SCORES: &str = "tokenizer.ggml.scores";
pub(super) const MERGES: &str = "tokenizer.ggml.merges";
pub(super) const PREFIX: &str = "tokenizer.ggml.add_space_prefix";
pub(super) const BEFORE: &str = "tokenizer.ggml.add_bos_token";
pub(super) const AFTER: &str = "tokenizer.ggml.add_eos_token";
pub(super) const TEMPLATE: &str = "tokenizer.chat_template";
pub(super) const TEMPLATES: &str = "tokenizer.chat_templates";

/// A token that has a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    /// Where its id stands.
    pub(super) key: &'static str,
    /// What templates call it.
    pub(super) name: &'static str,
    /// Its id in a vocabulary with scores that has no such key.
    pub(super) with_scores: Option<u32>,
}

/// Tokens with names; one key is spelled so.
pub(super) const NAMES: [Name; 9] = [
    Name { key: "tokenizer.ggml.bos_token_id", name: "bos_token", with_scores: Some(1) },
    Name { key: "tokenizer.ggml.eos_token_id", name: "eos_token", with_scores: Some(2) },
    Name { key: "tokenizer.ggml.unknown_token_id", name: "unk_token", with_scores: Some(0) },
    Name { key: "tokenizer.ggml.seperator_token_id", name: "sep_token", with_scores: None },
    Name { key: "tokenizer.ggml.padding_token_id", name: "pad_token", with_scores: None },
    Name { key: "tokenizer.ggml.cls_token_id", name: "cls_token", with_scores: None },
    Name { key: "tokenizer.ggml.mask_token_id", name: "mask_token", with_scores: None },
    Name { key: "tokenizer.ggml.eot_token_id", name: "eot_token", with_scores: None },
    Name { key: "tokenizer.ggml.eom_token_id", name: "eom_token", with_scores: None },
];

/// Names of tokens that end an answer; the last two are known to GGUF files only.
pub(super) const ENDS: [&str; 3] = ["eos_token", "eot_token", "eom_token"];
