//! Merges that stand for scores.
//!
//! A vocabulary of SentencePiece has no merges: of all neighbours that make a token, those with the highest score are joined first, the leftmost of equals.
//! Merges in the order of the scores of what they make do the same. They differ from llama.cpp only where tokens share a score, which is then settled by
//! the lower id and not by the place, and where a token has a part that is none.

use std::collections::HashMap;

/// Longest token of which merges are made, in bytes; Gemma's longest has 93.
pub(super) const LONGEST: usize = 1 << 9;

/// Pairs of tokens that make a token, best first. Tokens and scores are as many.
///
/// # Errors
/// The id of a token that is too long.
pub(super) fn merges(tokens: &[String], scores: &[f32]) -> Result<Vec<(String, String)>, usize> {
    let ids: HashMap<&str, usize> = tokens.iter().map(String::as_str).zip(0..).collect();
    let mut pairs = Vec::new();
    for (id, token) in tokens.iter().enumerate() {
        if token.len() > LONGEST {
            return Err(id);
        }
        let cuts = token.char_indices().skip(1).map(|(at, _)| token.split_at(at));
        pairs.extend(
            cuts.filter(|(left, right)| ids.contains_key(left) && ids.contains_key(right)).map(|(left, right)| (id, left, right)),
        );
    }
    // Of one token's pairs the one with the longer left part comes first, as transformers has it.
    pairs.sort_by(|(a, left, _), (b, other, _)| {
        scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)).then(other.len().cmp(&left.len()))
    });
    Ok(pairs.into_iter().map(|(_, left, right)| (left.to_owned(), right.to_owned())).collect())
}
