//! What a row holds.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::RowPlace;

/// A row: names and their values, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it is in its file.
    pub place: RowPlace,
    fields: Vec<(String, Value)>,
}

impl Row {
    pub(super) fn new(place: RowPlace, fields: Vec<(String, Value)>) -> Self {
        Self { place, fields }
    }

    /// The value of a dotted path such as `reward_model.ground_truth` or `answers.0`. A name that holds dots itself comes before the parts
    /// of a path.
    pub fn at(&self, field: &str) -> Option<&Value> {
        within(&self.fields, field)
    }

    /// The top-level names.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text; so are dates and times in ISO 8601, and every value of CSV and TSV.
    Text(String),
    /// A number, with its own digits as written.
    Number(String),
    /// A truth value.
    Bool(bool),
    /// No value.
    Null,
    /// Values in order.
    List(Vec<Value>),
    /// Names and their values, in the order of the file.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// A text, or a number or truth value as it is written; `None` for null, lists and objects.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(Cow::Borrowed(text)),
            Self::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The value as JSON. A number that JSON has no form for is null.
    pub fn to_json(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let join = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Text(text) => quoted(text),
            Self::Number(digits) if serde_json::from_str::<&RawValue>(digits).is_ok() => digits.clone(),
            Self::Bool(truth) => truth.to_string(),
            Self::Number(_) | Self::Null => "null".into(),
            Self::List(items) => format!("[{}]", join(items.iter().map(Self::to_json).collect())),
            Self::Object(fields) => {
                let member = |(name, value): &(String, Self)| format!("{}: {}", quoted(name), value.to_json());
                format!("{{{}}}", join(fields.iter().map(member).collect()))
            }
        }
    }

    /// Its kind with an article, to be put in a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Number(_) => "a number",
            Self::Bool(_) => "a boolean",
            Self::Null => "null",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    fn at(&self, path: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => within(fields, path),
            Self::List(items) => match path.split_once('.') {
                Some((index, rest)) => items.get(index.parse::<usize>().ok()?)?.at(rest),
                None => items.get(path.parse::<usize>().ok()?),
            },
            _ => None,
        }
    }
}

/// The value of the longest name that begins the path, and of the rest of the path in it.
fn within<'a>(fields: &'a [(String, Value)], path: &str) -> Option<&'a Value> {
    let named = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let parts = || path.rmatch_indices('.').find_map(|(dot, _)| named(&path[..dot])?.at(&path[dot + 1..]));
    named(path).or_else(parts)
}
