//! Tokens: their texts, and what each is for.

use std::collections::HashMap;

use palinode_gguf::{GgufError, Metadata};

use super::keys::{TOKENS, TYPES};

/// Longest token, in bytes.
const LONGEST: usize = 1 << 12;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenType {
    /// Found by merging alone, as all are that are not cut out of a text.
    Normal,
    /// Stands for what no token is; cut out of a text before anything else.
    Unknown,
    /// Cut out of a text before anything else, and left out of an answer's text.
    Control,
    /// Cut out of a text before anything else.
    Own,
    /// Stands for nothing.
    Unused,
    /// Stands for a byte, in a vocabulary with scores.
    Byte,
}

impl TokenType {
    /// By its number in files; unknown numbers are as good as normal.
    fn of(number: i64) -> Self {
        match number {
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::Own,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => Self::Normal,
        }
    }

    /// Its number in files.
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Normal => 1,
            Self::Unknown => 2,
            Self::Control => 3,
            Self::Own => 4,
            Self::Unused => 5,
            Self::Byte => 6,
        }
    }
}

/// Texts of tokens that end an answer, whatever the keys say, as in llama.cpp.
const END_TEXTS: [&str; 22] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];

/// Whether llama.cpp takes a token for an end by its text.
pub(super) fn looks_like_end(text: &str) -> bool {
    END_TEXTS.contains(&text)
}

/// The texts of tokens, for a model of this many ids; one without a text gets the one that llama.cpp gives it.
pub(super) fn tokens(metadata: &Metadata, vocabulary: usize) -> Result<Vec<String>, GgufError> {
    let given = metadata.texts(TOKENS)?.ok_or_else(|| metadata.missing(TOKENS))?;
    if given.is_empty() || given.len() > vocabulary {
        let reason = format!(
            "has {} tokens, and the model has {vocabulary} ids: there must be at least one, and no more than ids",
            given.len()
        );
        return Err(metadata.wrong(TOKENS, reason));
    }
    let named = |(id, text): (usize, &String)| if text.is_empty() { format!("[EMPTY_{id}]") } else { text.clone() };
    let tokens: Vec<String> = given.iter().enumerate().map(named).collect();
    let mut ids = HashMap::with_capacity(tokens.len());
    for (id, token) in tokens.iter().enumerate() {
        if token.len() > LONGEST {
            let reason = format!("has a token of {} bytes, with id {id}; at most {LONGEST} make sense", token.len());
            return Err(metadata.wrong(TOKENS, reason));
        }
        if let Some(other) = ids.insert(token.as_str(), id) {
            let reason = format!("has {token:?} twice, with ids {other} and {id}: each token must have a text of its own");
            return Err(metadata.wrong(TOKENS, reason));
        }
    }
    Ok(tokens)
}

/// What each token is for, and the ids of those that look like ends.
pub(super) fn types(metadata: &Metadata, tokens: &[String]) -> Result<(Vec<TokenType>, Vec<u32>), GgufError> {
    let given = metadata.integers(TYPES)?;
    let mut types = match &given {
        None => vec![TokenType::Normal; tokens.len()],
        Some(given) => {
            same_length(metadata, TYPES, given.len(), tokens.len())?;
            given.iter().copied().map(TokenType::of).collect()
        }
    };
    let mut ends = Vec::new();
    for ((token_type, text), id) in types.iter_mut().zip(tokens).zip(0..) {
        if !looks_like_end(text) {
            continue;
        }
        // llama.cpp takes what looks like an end for one and cuts it out of texts, also where the file says that it is none, as with </s> of HTML in
        // vocabularies of Qwen and Gemma. Such a token is cut here too, and ends nothing.
        match *token_type {
            TokenType::Normal if given.is_none() => *token_type = TokenType::Control,
            TokenType::Normal | TokenType::Unused | TokenType::Byte => *token_type = TokenType::Own,
            TokenType::Unknown | TokenType::Control | TokenType::Own => {}
        }
        if *token_type == TokenType::Control {
            ends.push(id);
        }
    }
    Ok((types, ends))
}

/// Refuses a list that has not one value a token.
pub(super) fn same_length(metadata: &Metadata, key: &str, found: usize, tokens: usize) -> Result<(), GgufError> {
    let reason = || format!("has {found} values, and {TOKENS} has {tokens}: there must be one a token");
    if found == tokens { Ok(()) } else { Err(metadata.wrong(key, reason())) }
}
