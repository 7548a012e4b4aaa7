//! Prompt and reference of a row.

use palinode_rows::{Row, Value};
use palinode_text::{Conversation, Message, Role};

use super::{Layout, decimal::with_point};
use crate::{
    error::hint,
    messages::{messages, messages_in_text},
    verifiers::{VerifierConfig, short},
};

/// Where messages that end in the user's have their answer.
const BESIDE_MESSAGES: &str = "answer";
/// What a conversation may stand beside, and can't be put to a model here.
const TOOLS: &str = "tools";

impl Layout {
    /// The fields that are needed.
    pub(crate) fn paths(&self) -> [&str; 2] {
        [&self.prompt, &self.answer]
    }

    /// The fields that matter where they are there.
    pub(crate) fn further_paths(&self) -> Vec<&str> {
        [BESIDE_MESSAGES, TOOLS].into_iter().chain(self.solution_path()).collect()
    }

    /// The field of a worked solution, where that is none of the others.
    fn solution_path(&self) -> Option<&str> {
        self.solution.as_deref().filter(|path| !self.paths().contains(path))
    }

    /// The worked solution of a row, where it has one.
    ///
    /// # Errors
    /// What stands there instead, as a clause.
    pub(crate) fn solution_of(&self, row: &Row) -> Result<Option<String>, String> {
        let Some(name) = self.solution_path() else { return Ok(None) };
        match row.at(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Some(other) => other
                .as_text()
                .map(|text| Some(text.into_owned()))
                .ok_or_else(|| format!("\"{name}\" is {}, not a string", other.kind())),
        }
    }

    /// Whether a row has the fields at all: the first one tells a wrong layout.
    ///
    /// # Errors
    /// What the row has instead.
    pub(crate) fn check(&self, row: &Row) -> Result<(), String> {
        let lacking = self.paths().into_iter().find(|path| row.at(path).is_none());
        lacking.map_or(Ok(()), |path| Err(self.missing(path, row)))
    }

    /// Prompt and reference of a row.
    ///
    /// # Errors
    /// What is wrong with them, as a clause.
    pub(crate) fn read(&self, row: &Row) -> Result<(Conversation, String), String> {
        let name = &self.prompt;
        let field = row.at(name).ok_or_else(|| self.missing(name, row))?;
        let in_text = match field {
            Value::Text(text) => messages_in_text(text.trim()).map_err(|reason| format!("\"{name}\" {reason}"))?,
            _ => None,
        };
        let items = match (field, &in_text) {
            (Value::List(items), _) | (_, Some(items)) => items,
            (Value::Text(text), None) => {
                if text.trim().is_empty() {
                    return Err(format!("\"{name}\" is empty"));
                }
                // As the file has it, white space and all: a message of the same text is put to a model so too.
                return Ok((text.as_str().into(), self.reference(row)?));
            }
            (other, _) => return Err(format!("\"{name}\" is {}, not a string or a list of messages", other.kind())),
        };
        if row.at(TOOLS).is_some_and(|tools| !is_nothing(tools)) {
            return Err(format!("\"{TOOLS}\" can't be put to a model here"));
        }
        let mut messages = messages(items).map_err(|reason| format!("\"{name}\": {reason}"))?;
        let answer = match &self.answer == name {
            true => self.reference_of(&mut messages, row)?,
            false => self.reference(row)?,
        };
        let conversation = Conversation::new(messages).map_err(|reason| format!("\"{name}\": {reason}"))?;
        Ok((conversation, answer))
    }

    /// The assistant's last message, which is taken off; or the field beside messages that end in the user's.
    fn reference_of(&self, messages: &mut Vec<Message>, row: &Row) -> Result<String, String> {
        if let Some(last) = messages.pop_if(|last| last.role == Role::Assistant) {
            return match last.content.trim() {
                "" => Err(format!("\"{}\": the assistant's last message is empty", self.answer)),
                text => Ok(self.pointed(text)),
            };
        }
        let beside = row.at(BESIDE_MESSAGES).ok_or_else(|| {
            format!(
                "\"{}\" ends in the user's message; name the field of its answer, which \"{BESIDE_MESSAGES}\" is not",
                self.prompt
            )
        })?;
        self.text_of(beside, BESIDE_MESSAGES)
    }

    fn reference(&self, row: &Row) -> Result<String, String> {
        let name = &self.answer;
        self.text_of(row.at(name).ok_or_else(|| self.missing(name, row))?, name)
    }

    /// A reference: a text, a number or a truth value, the assistant's only message, or what JSON is judged by.
    fn text_of(&self, value: &Value, name: &str) -> Result<String, String> {
        let text = match value {
            Value::Number(digits) if digits == "NaN" => None,
            Value::List(items) => only_message(items).map(Into::into),
            other => other.as_text(),
        };
        let text = match (text, value) {
            (Some(text), _) => text,
            (None, Value::List(_) | Value::Object(_)) if judges_json(&self.verifier) => value.to_json().into(),
            (None, Value::List(items)) => {
                let hint = match items.as_slice() {
                    [only] if only.as_text().is_some() => format!("; \"{name}.0\" is its only item"),
                    _ => "; the verifier `json` judges by lists and objects".into(),
                };
                return Err(format!("\"{name}\" is a list, not a string{hint}"));
            }
            (None, Value::Number(_)) => return Err(format!("\"{name}\" is no number (NaN)")),
            (None, other) => return Err(format!("\"{name}\" is {}, not a string", other.kind())),
        };
        match text.trim() {
            "" => Err(format!("\"{name}\" is empty")),
            text => Ok(self.pointed(text)),
        }
    }

    fn pointed(&self, text: &str) -> String {
        if self.decimal_comma { with_point(text).into_owned() } else { text.to_owned() }
    }

    /// Says what the row has instead, and what may have been meant.
    fn missing(&self, name: &str, row: &Row) -> String {
        const SHOWN: usize = 8;
        let keys: Vec<&str> = row.keys().take(SHOWN).collect();
        let fits = |layout: &Self| {
            let all_there = row.at(&layout.prompt).is_some() && row.at(&layout.answer).is_some();
            all_there && (&layout.prompt, &layout.answer) != (&self.prompt, &self.answer) && name != layout.prompt
        };
        let marked = row.at("answer").and_then(Value::as_text).is_some_and(|answer| answer.contains("####"));
        let other = Self::NAMES.into_iter().find(|other| match *other {
            "gsm8k" if !marked => false,
            other => Self::named(other).is_ok_and(|layout| fits(&layout)),
        });
        let hint = match other {
            Some(other) => format!(" (these are the fields of the layout `{other}`)"),
            None => hint(name, keys.iter().copied()),
        };
        let there: Vec<String> = keys.iter().map(|key| format!("\"{}\"", short(key))).collect();
        format!("no field \"{name}\"{hint}; there are {}", if there.is_empty() { "none".into() } else { there.join(", ") })
    }
}

/// What the assistant says, where that is all.
fn only_message(items: &[Value]) -> Option<String> {
    let mut messages = messages(items).ok().filter(|messages| messages.len() == 1)?;
    messages.pop().filter(|message| message.role == Role::Assistant).map(|message| message.content)
}

/// Whether a verifier reads references as JSON.
fn judges_json(verifier: &VerifierConfig) -> bool {
    match verifier {
        VerifierConfig::Json { .. } => true,
        VerifierConfig::Pattern { then: Some(then), .. } => judges_json(then),
        VerifierConfig::All { parts } => parts.iter().any(judges_json),
        VerifierConfig::Weighted { parts } => parts.iter().any(|part| judges_json(&part.verifier)),
        _ => false,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Text(text) => matches!(text.trim(), "" | "[]" | "null"),
        _ => false,
    }
}
