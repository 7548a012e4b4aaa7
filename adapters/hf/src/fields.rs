//! A JSON object whose fields are read one by one, with errors that name them.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::HfError;

/// The fields of an object; `null` counts as absent, except where a reader asks for the difference.
pub(crate) struct Fields<'a> {
    fields: Map<String, Value>,
    path: &'a Path,
}

/// Why an id can't be used, and what to do about it.
pub(crate) fn beyond(id: u32, vocabulary: usize) -> String {
    format!(
        "is token id {id}, and the model has {vocabulary} ids (0 to {}): a token was added, and the embeddings were not resized to hold it; resize \
         them (resize_token_embeddings in transformers), or name a token that the model has",
        vocabulary - 1
    )
}

impl<'a> Fields<'a> {
    pub(crate) fn parse(text: &str, path: &'a Path) -> Result<Self, HfError> {
        let format = |reason: String| HfError::Format { path: path.to_owned(), reason };
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Ok(Self { fields, path }),
            Ok(_) => Err(format("not a JSON object".into())),
            Err(error) => Err(format(format!("not JSON: {error}"))),
        }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// All of them, also those that are `null`.
    pub(crate) fn all(&self) -> &Map<String, Value> {
        &self.fields
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// An object inside of this one.
    pub(crate) fn nested(&self, name: &str) -> Result<Option<Self>, HfError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self { fields: fields.clone(), path: self.path })),
            Some(_) => Err(self.wrong(name, "must be an object")),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, HfError> {
        self.read(name, "must be a string", Value::as_str)
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, HfError> {
        self.read(name, "must be true or false", Value::as_bool)
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, HfError> {
        self.read(name, "must be a number", Value::as_f64)
    }

    pub(crate) fn size(&self, name: &str) -> Result<Option<usize>, HfError> {
        let whole = |value: &Value| value.as_u64().and_then(|size| usize::try_from(size).ok());
        self.read(name, "must be a whole number of at least 0", whole)
    }

    /// A size that is `default` when it is absent, and none when it is `null`.
    pub(crate) fn size_or(&self, name: &str, default: Option<usize>) -> Result<Option<usize>, HfError> {
        if self.fields.contains_key(name) { self.size(name) } else { Ok(default) }
    }

    /// A number that is `default` when it is absent, and none when it is `null`.
    pub(crate) fn number_or(&self, name: &str, default: Option<f64>) -> Result<Option<f64>, HfError> {
        if self.fields.contains_key(name) { self.number(name) } else { Ok(default) }
    }

    /// Token ids: none, one, or a list.
    pub(crate) fn ids(&self, name: &str) -> Result<Vec<u32>, HfError> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let found: Option<Vec<u32>> = match self.value(name) {
            None => Some(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(id).collect(),
            Some(value) => id(value).map(|id| vec![id]),
        };
        found.ok_or_else(|| self.wrong(name, "must be a token id, or a list of them"))
    }

    /// Token ids of a model that has `vocabulary` of them.
    pub(crate) fn ids_below(&self, name: &str, vocabulary: usize) -> Result<Vec<u32>, HfError> {
        let ids = self.ids(name)?;
        match ids.iter().find(|&&id| id as usize >= vocabulary) {
            None => Ok(ids),
            Some(id) => Err(self.wrong(name, &beyond(*id, vocabulary))),
        }
    }

    pub(crate) fn wrong(&self, field: &str, reason: &str) -> HfError {
        HfError::Field { path: self.path.to_owned(), field: field.to_owned(), reason: reason.to_owned() }
    }

    pub(crate) fn unsupported(&self, what: String, supported: &[&str]) -> HfError {
        HfError::Unsupported { path: self.path.to_owned(), what, supported: supported.join(", ") }
    }

    fn read<'b, T>(&'b self, name: &str, expected: &str, read: impl Fn(&'b Value) -> Option<T>) -> Result<Option<T>, HfError> {
        self.value(name).map(|value| read(value).ok_or_else(|| self.wrong(name, expected))).transpose()
    }
}
