//! One JSON object a line.

use std::{
    collections::HashSet,
    fmt,
    io::{BufRead, BufReader, Read},
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    Fault, Place, Row, Value,
    text::{Unmarked, unmarked, utf8},
};

/// Longer lines are no problems but a file without line ends; a line is held in memory.
const MAX_LINE: usize = 1 << 20;
/// Values are read by recursion, which must not exhaust the stack.
const MAX_DEPTH: usize = 32;

/// The rows of a JSONL source.
#[derive(Debug)]
pub(super) struct Reader<R> {
    source: BufReader<Unmarked<R>>,
    line: usize,
    bytes: Vec<u8>,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(source: R) -> Result<Self, Fault> {
        Ok(Self { source: BufReader::new(unmarked(source)?), line: 0, bytes: Vec::new() })
    }

    pub(super) fn next(&mut self) -> Result<Option<Row>, Fault> {
        while self.read_line()? {
            let place = Place::Line(self.line);
            let wrong = |reason| Fault::At(place, reason);
            let text = utf8(&self.bytes).map_err(wrong)?.trim();
            if !text.is_empty() {
                return Ok(Some(Row::new(place, object(text, 1).map_err(wrong)?)));
            }
        }
        Ok(None)
    }

    /// Whether there was another line, which is then in `bytes`.
    fn read_line(&mut self) -> Result<bool, Fault> {
        self.bytes.clear();
        self.line += 1;
        let read = self.source.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut self.bytes)?;
        if read > MAX_LINE {
            let hint = if self.bytes.trim_ascii_start().starts_with(b"[") { "; write one object a line" } else { "" };
            return Err(Fault::At(Place::Line(self.line), format!("longer than {MAX_LINE} bytes{hint}")));
        }
        Ok(read > 0)
    }

    /// Bytes that it holds.
    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.bytes.capacity() + self.source.capacity()
    }
}

/// The value that a text in JSON is; no object in it names a member twice.
///
/// # Errors
/// Why the text is none.
pub(crate) fn json_value(text: &str) -> Result<Value, String> {
    let raw: &RawValue = parse(text)?;
    value(raw.get(), 1)
}

/// The members of an object; values in it are at the given depth.
fn object(text: &str, depth: usize) -> Result<Vec<(String, Value)>, String> {
    let Members(members) = parse(text)?;
    let mut names = HashSet::with_capacity(members.len());
    if let Some((name, _)) = members.iter().find(|(name, _)| !names.insert(name.as_str())) {
        return Err(format!("{name:?} is there twice"));
    }
    members.iter().map(|(name, raw)| Ok((name.clone(), value(raw.get(), depth)?))).collect()
}

fn value(text: &str, depth: usize) -> Result<Value, String> {
    if depth >= MAX_DEPTH && text.starts_with(['[', '{']) {
        return Err(format!("nested deeper than {MAX_DEPTH} levels"));
    }
    Ok(match text.as_bytes().first() {
        Some(b'"') => Value::Text(parse(text)?),
        Some(b'[') => {
            let items: Vec<&RawValue> = parse(text)?;
            Value::List(items.into_iter().map(|raw| value(raw.get(), depth + 1)).collect::<Result<_, _>>()?)
        }
        Some(b'{') => Value::Object(object(text, depth + 1)?),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        _ => Value::Number(text.into()),
    })
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| reason(text, &error))
}

fn reason(text: &str, error: &serde_json::Error) -> String {
    match text.as_bytes().first() {
        Some(b'[') if text.ends_with(']') => "this looks like a JSON array; write one object a line".into(),
        Some(b'[') => "this looks like a JSON array over several lines; write one object a line".into(),
        Some(b'{') if error.is_eof() => {
            "this looks like a JSON object over several lines, or cut off; write one object a line".into()
        }
        _ if error.is_data() => "not a JSON object; write one object a line".into(),
        _ => {
            let whole = error.to_string();
            let what = whole.split_once(" at line ").map_or(whole.as_str(), |(what, _)| what);
            format!("not JSON: {what} at byte {}", error.column())
        }
    }
}

/// The members of an object in order, duplicates included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests;
