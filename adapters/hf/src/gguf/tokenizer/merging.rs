//! What is merged into what: lists of merges, or scores.

use std::collections::{HashMap, HashSet};

use palinode_gguf::{GgufError, Metadata};

use super::{
    keys::{MERGES, PRE, PREFIX, SCORES, TOKENS},
    split::Split,
    tokens::same_length,
    vocabulary::Kind,
};

/// A vocabulary of bytes, and whether its texts begin with a token where the file doesn't say.
pub(super) fn bytes(metadata: &Metadata, tokens: &[String]) -> Result<(Kind, bool), GgufError> {
    let split = Split::named(metadata.text(PRE)?).map_err(|reason| metadata.wrong(PRE, reason))?;
    let given = metadata.texts(MERGES)?.ok_or_else(|| metadata.missing(MERGES))?;
    if given.len() > 4 * (tokens.len() + 16) {
        let reason = format!("has {} merges, more than {} tokens can use", given.len(), tokens.len());
        return Err(metadata.wrong(MERGES, reason));
    }
    let known: HashSet<&str> = tokens.iter().map(String::as_str).collect();
    let mut places = HashMap::with_capacity(given.len());
    let mut merges = Vec::with_capacity(given.len());
    for (place, merge) in given.iter().enumerate() {
        let wrong = |reason: String| metadata.wrong(MERGES, format!("has {merge:?} in place {place}: {reason}"));
        // A part may begin with the space that is looked for.
        let first = merge.chars().next().map_or(0, char::len_utf8);
        let at = merge[first..].find(' ').ok_or_else(|| wrong("it must be two tokens with a space between".into()))?;
        let (left, right) = (&merge[..first + at], &merge[first + at + 1..]);
        for part in [left, right, &[left, right].concat()] {
            if !known.contains(part) {
                return Err(wrong(format!("{part:?} is no token, and must be in {TOKENS}")));
            }
        }
        // Of two the first counts, as in llama.cpp.
        if places.insert((left, right), place).is_none() {
            merges.push((left.to_owned(), right.to_owned()));
        }
    }
    Ok((Kind::Bytes { split, merges }, split.begins))
}

/// A vocabulary with scores.
pub(super) fn scores(metadata: &Metadata, tokens: &[String]) -> Result<Kind, GgufError> {
    let given = metadata.floats(SCORES)?.ok_or_else(|| metadata.missing(SCORES))?;
    same_length(metadata, SCORES, given.len(), tokens.len())?;
    if let Some(id) = given.iter().position(|score| !score.is_finite()) {
        return Err(metadata.wrong(SCORES, format!("has a score that is not finite, of the token with id {id}")));
    }
    let known: HashSet<&str> = tokens.iter().map(String::as_str).collect();
    if let Some(byte) = (0..=u8::MAX).map(byte_token).find(|byte| !known.contains(byte.as_str())) {
        let reason = format!("lacks {byte}: a vocabulary with scores needs a token for every byte, or some texts have no ids");
        return Err(metadata.wrong(TOKENS, reason));
    }
    let scores = given.iter().map(|&score| score as f32).collect();
    Ok(Kind::Scores { scores, prefix: metadata.flag(PREFIX)?.unwrap_or(true) })
}

/// The token of a byte in a vocabulary with scores.
pub(super) fn byte_token(byte: u8) -> String {
    format!("<0x{byte:02X}>")
}
