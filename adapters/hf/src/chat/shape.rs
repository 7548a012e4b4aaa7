//! What a chat template puts around answers, learnt from conversations that are made up.

use palinode_text::Tokenizer;

use super::{history, turns::Turns};
use crate::{error::HfError, fields::beyond, tokenizer::FolderTokenizer};

/// What stands around answers, in ids, and what a person should know of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// Ids that end an answer; the first is the one that the template itself writes.
    pub(super) ends: Vec<u32>,
    /// What is put after an answer that was cut off: the end, and what the template writes before it.
    pub(super) closing: Vec<u32>,
    /// What the template writes before the end.
    pub(super) before_end: String,
    /// What stands between that and the next answer.
    pub(super) revision: Vec<u32>,
    /// How earlier turns differ from what was written.
    pub(super) notes: Vec<String>,
    /// The same, of problems that bring a system message of their own.
    pub(super) system_notes: Vec<String>,
}

/// Two problems and two answers that have nothing in common: what surrounds them must not depend on them.
const PROBES: [[&str; 2]; 2] =
    [["alpha", "first-probe-of-palinode"], ["Quite another question, 2 + 2?", "4, says the second probe of palinode"]];

impl Shape {
    /// Learns what a template writes; `ends` are the ids that are known to end an answer.
    ///
    /// # Errors
    /// [`HfError::Template`] when no turn ends, or when what stands between two attempts depends on them.
    pub(super) fn of(turns: &Turns<'_>, mut ends: Vec<u32>) -> Result<Self, HfError> {
        let named = turns.template.end_token().and_then(|token| turns.tokenizer.id(token));
        if let Some(end) = named {
            if end as usize >= turns.tokenizer.len() {
                return Err(turns.refuse(&format!("`eos_token` {}", beyond(end, turns.tokenizer.len()))));
            }
            ends.retain(|&id| id != end);
            ends.push(end);
        }
        let behind = behind_answers(turns)?;
        let mut shape = Self::split(turns, &behind, &ends)?;
        let end = shape.closing.last().copied();
        ends.retain(|&id| Some(id) != end);
        shape.ends = end.into_iter().chain(ends).collect();
        shape.notes = history::notes(turns, &shape, &behind, named)?;
        shape.system_notes = history::system_notes(turns, &behind);
        Ok(shape)
    }

    /// The ids after an answer, in two: up to its end, which the policy writes and which else closes it, and the revision instruction.
    fn split(turns: &Turns<'_>, behind: &str, ends: &[u32]) -> Result<Self, HfError> {
        let tokenizer = turns.tokenizer;
        let ids = tokenizer.encode(behind);
        let ids = ids.map_err(|error| turns.refuse(&format!("what the chat template puts after an answer: {error}")))?;
        let silent = |id: &u32| tokenizer.stands_alone(*id) || tokenizer.decode_all(&[*id]).trim().is_empty();
        // Some templates end turns with a token that no configuration names: it is the first of what follows an answer.
        let known = ids.iter().position(|id| ends.contains(id)).filter(|&end| ids[..end].iter().all(silent));
        let end =
            known.or_else(|| ids.iter().position(|&id| tokenizer.stands_alone(id)).filter(|&end| ids[..end].iter().all(silent)));
        let Some(end) = end else {
            let reason = if ids.iter().any(|id| ends.contains(id) || tokenizer.stands_alone(*id)) {
                "the chat template writes something between an answer and its end"
            } else {
                "the chat template puts no token after an answer that could end it"
            };
            return Err(turns.refuse(reason));
        };
        // As they are in a whole conversation: some tokenizers mark the beginning of a text.
        let [[problem, answer], _] = PROBES;
        let whole = tokenizer.encode(&turns.text(problem, &[answer])?)?;
        let from_behind = ids[end..].iter().filter(|&&id| id == ids[end]).count();
        let place = whole.iter().enumerate().filter(|&(_, &id)| id == ids[end]).map(|(place, _)| place).nth_back(from_behind - 1);
        let Some(place) = place else { return Err(turns.refuse("an answer's end depends on the conversation")) };
        let before_end = behind.find(&tokenizer.token(ids[end])).map_or("", |at| &behind[..at]).to_owned();
        let before = last_of(tokenizer, &before_end, &whole[..place]);
        Ok(Self { closing: [before, &[ids[end]]].concat(), revision: whole[place + 1..].to_vec(), before_end, ..Self::default() })
    }
}

/// The text that follows an answer, up to where the next begins.
fn behind_answers(turns: &Turns<'_>) -> Result<String, HfError> {
    let mut common: Option<String> = None;
    for [problem, answer] in PROBES {
        let second = turns.text(problem, &[answer])?;
        let third = turns.text(problem, &[answer, answer])?;
        let Some(at) = second.rfind(answer) else {
            return Err(turns.refuse("the chat template leaves out what was answered before"));
        };
        let behind = &second[at + answer.len()..];
        if !third.ends_with(behind) || common.as_deref().is_some_and(|common| common != behind) {
            return Err(turns.refuse("what the chat template puts between two attempts depends on them, and must not"));
        }
        common = Some(behind.to_owned());
    }
    Ok(common.unwrap_or_default())
}

/// The last of these ids, those of this text.
fn last_of<'a>(tokenizer: &FolderTokenizer, written: &str, ids: &'a [u32]) -> &'a [u32] {
    let text = |ids: &[u32]| tokenizer.decode_all(ids);
    // With the id before them, since some tokenizers drop the space that a text begins with.
    let fits = |&from: &usize| from > 0 && text(&ids[from - 1..]) == text(&ids[from - 1..from]) + written;
    let from = (ids.len().saturating_sub(written.len())..=ids.len()).rev().find(fits);
    &ids[from.unwrap_or(ids.len())..]
}
