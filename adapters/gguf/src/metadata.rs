//! What a file says of itself: keys and typed values.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::error::GgufError;

/// A value of the metadata, of the type that the file has it in.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// 8 bits without sign.
    U8(u8),
    /// 8 bits with sign.
    I8(i8),
    /// 16 bits without sign.
    U16(u16),
    /// 16 bits with sign.
    I16(i16),
    /// 32 bits without sign.
    U32(u32),
    /// 32 bits with sign.
    I32(i32),
    /// 64 bits without sign.
    U64(u64),
    /// 64 bits with sign.
    I64(i64),
    /// A number of 32 bits.
    F32(f32),
    /// A number of 64 bits.
    F64(f64),
    /// True or false.
    Bool(bool),
    /// A text.
    Text(String),
    /// Several values of one type.
    List(List),
}

/// Several values of one type. Lists of lists are refused, as llama.cpp does.
#[derive(Debug, Clone, PartialEq)]
pub enum List {
    /// 8 bits without sign.
    U8(Vec<u8>),
    /// 8 bits with sign.
    I8(Vec<i8>),
    /// 16 bits without sign.
    U16(Vec<u16>),
    /// 16 bits with sign.
    I16(Vec<i16>),
    /// 32 bits without sign.
    U32(Vec<u32>),
    /// 32 bits with sign.
    I32(Vec<i32>),
    /// 64 bits without sign.
    U64(Vec<u64>),
    /// 64 bits with sign.
    I64(Vec<i64>),
    /// Numbers of 32 bits.
    F32(Vec<f32>),
    /// Numbers of 64 bits.
    F64(Vec<f64>),
    /// Truths.
    Bool(Vec<bool>),
    /// Texts.
    Text(Vec<String>),
}

impl Value {
    /// A whole number of any width, where it is one.
    pub fn integer(&self) -> Option<i128> {
        Some(match self {
            Self::U8(value) => (*value).into(),
            Self::I8(value) => (*value).into(),
            Self::U16(value) => (*value).into(),
            Self::I16(value) => (*value).into(),
            Self::U32(value) => (*value).into(),
            Self::I32(value) => (*value).into(),
            Self::U64(value) => (*value).into(),
            Self::I64(value) => (*value).into(),
            _ => return None,
        })
    }

    /// What it is, in words.
    pub fn what(&self) -> &'static str {
        match self {
            Self::U8(_)
            | Self::U16(_)
            | Self::U32(_)
            | Self::U64(_)
            | Self::I8(_)
            | Self::I16(_)
            | Self::I32(_)
            | Self::I64(_) => "a whole number",
            Self::F32(_) | Self::F64(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Text(_) => "a text",
            Self::List(List::Text(_)) => "a list of texts",
            Self::List(List::F32(_) | List::F64(_)) => "a list of numbers",
            Self::List(List::Bool(_)) => "a list of true and false",
            Self::List(_) => "a list of whole numbers",
        }
    }
}

impl List {
    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(list) => list.len(),
            Self::I8(list) => list.len(),
            Self::U16(list) => list.len(),
            Self::I16(list) => list.len(),
            Self::U32(list) => list.len(),
            Self::I32(list) => list.len(),
            Self::U64(list) => list.len(),
            Self::I64(list) => list.len(),
            Self::F32(list) => list.len(),
            Self::F64(list) => list.len(),
            Self::Bool(list) => list.len(),
            Self::Text(list) => list.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whole numbers of any width, where they are such and 64 bits hold them.
    pub fn integers(&self) -> Option<Vec<i64>> {
        fn widened<T: Copy + Into<i64>>(list: &[T]) -> Vec<i64> {
            list.iter().map(|&value| value.into()).collect()
        }
        Some(match self {
            Self::U8(list) => widened(list),
            Self::I8(list) => widened(list),
            Self::U16(list) => widened(list),
            Self::I16(list) => widened(list),
            Self::U32(list) => widened(list),
            Self::I32(list) => widened(list),
            Self::U64(list) => list.iter().map(|&value| i64::try_from(value).ok()).collect::<Option<_>>()?,
            Self::I64(list) => list.clone(),
            _ => return None,
        })
    }
}

/// What a file says of itself, in its order. Typed getters give `None` for a key that is not there, and an error that names the key for a value of another
/// type.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metadata {
    path: PathBuf,
    entries: Vec<(String, Value)>,
    places: BTreeMap<String, usize>,
}

impl Metadata {
    /// Nothing yet, of a file that errors are to name.
    pub fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    /// The file that it is of.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keys and values, in the file's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// A value, whatever its type.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.places.get(key).map(|&place| &self.entries[place].1)
    }

    /// Sets a value, in its old place where there was one; gives what was there.
    pub fn set(&mut self, key: &str, value: Value) -> Option<Value> {
        match self.places.get(key) {
            Some(&place) => Some(std::mem::replace(&mut self.entries[place].1, value)),
            None => {
                self.places.insert(key.to_owned(), self.entries.len());
                self.entries.push((key.to_owned(), value));
                None
            }
        }
    }

    /// A text.
    ///
    /// # Errors
    /// [`GgufError::Key`] for a value of another type; so do all that follow.
    pub fn text(&self, key: &str) -> Result<Option<&str>, GgufError> {
        self.read(key, "a text", |value| if let Value::Text(text) = value { Some(text.as_str()) } else { None })
    }

    /// A whole number of at least 0, whatever its width.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn unsigned(&self, key: &str) -> Result<Option<u64>, GgufError> {
        self.read(key, "a whole number of at least 0", |value| value.integer().and_then(|value| value.try_into().ok()))
    }

    /// A number of 32 or 64 bits.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn float(&self, key: &str) -> Result<Option<f64>, GgufError> {
        self.read(key, "a number", |value| match value {
            Value::F32(number) => Some((*number).into()),
            Value::F64(number) => Some(*number),
            _ => None,
        })
    }

    /// True or false.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn flag(&self, key: &str) -> Result<Option<bool>, GgufError> {
        self.read(key, "true or false", |value| if let Value::Bool(flag) = value { Some(*flag) } else { None })
    }

    /// A list of texts.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn texts(&self, key: &str) -> Result<Option<&[String]>, GgufError> {
        self.read(key, "a list of texts", |value| match value {
            Value::List(List::Text(texts)) => Some(texts.as_slice()),
            _ => None,
        })
    }

    /// A list of numbers of 32 or 64 bits.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn floats(&self, key: &str) -> Result<Option<Cow<'_, [f64]>>, GgufError> {
        self.read(key, "a list of numbers", |value| match value {
            Value::List(List::F32(list)) => Some(list.iter().map(|&number| number.into()).collect()),
            Value::List(List::F64(list)) => Some(list.as_slice().into()),
            _ => None,
        })
    }

    /// A list of whole numbers, whatever their width.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn integers(&self, key: &str) -> Result<Option<Vec<i64>>, GgufError> {
        self.read(key, "a list of whole numbers", |value| if let Value::List(list) = value { list.integers() } else { None })
    }

    /// A list of true and false.
    ///
    /// # Errors
    /// [`GgufError::Key`].
    pub fn flags(&self, key: &str) -> Result<Option<&[bool]>, GgufError> {
        self.read(key, "a list of true and false", |value| match value {
            Value::List(List::Bool(list)) => Some(list.as_slice()),
            _ => None,
        })
    }

    /// That a key which is needed is not there.
    pub fn missing(&self, key: &str) -> GgufError {
        self.wrong(key, "is missing")
    }

    /// That the value of a key can't be used.
    pub fn wrong(&self, key: &str, reason: impl Into<String>) -> GgufError {
        GgufError::Key { path: self.path.clone(), key: key.to_owned(), reason: reason.into() }
    }

    fn read<'a, T>(&'a self, key: &str, expected: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, GgufError> {
        let wrong = |value: &Value| self.wrong(key, format!("must be {expected}, and is {}", value.what()));
        self.get(key).map(|value| read(value).ok_or_else(|| wrong(value))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_type_is_refused_by_its_key() {
        let mut metadata = Metadata::of("model.gguf".as_ref());
        metadata.set("a", Value::U16(7));
        metadata.set("b", Value::I32(-1));
        metadata.set("c", Value::List(List::U64(vec![u64::MAX])));
        assert_eq!(metadata.unsigned("a").unwrap(), Some(7));
        assert_eq!(metadata.unsigned("absent").unwrap(), None);
        let refused = [metadata.text("a").unwrap_err(), metadata.unsigned("b").unwrap_err(), metadata.integers("c").unwrap_err()];
        let messages = refused.map(|error| error.to_string());
        assert_eq!(messages[0], "model.gguf: metadata key `a` must be a text, and is a whole number");
        assert_eq!(messages[1], "model.gguf: metadata key `b` must be a whole number of at least 0, and is a whole number");
        assert_eq!(messages[2], "model.gguf: metadata key `c` must be a list of whole numbers, and is a list of whole numbers");
    }

    #[test]
    fn what_is_set_again_keeps_its_place() {
        let mut metadata = Metadata::default();
        metadata.set("a", Value::Bool(true));
        metadata.set("b", Value::F32(0.5));
        assert_eq!(metadata.set("a", Value::Bool(false)), Some(Value::Bool(true)));
        let keys: Vec<&str> = metadata.iter().map(|(key, _)| key).collect();
        assert_eq!((keys, metadata.flag("a").unwrap(), metadata.float("b").unwrap()), (vec!["a", "b"], Some(false), Some(0.5)));
    }
}
