//! One JSON object a line, or a JSON array of objects.

use std::{
    borrow::Cow,
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
    Fault, Row, RowPlace, Value,
    text::{Unmarked, unmarked, utf8},
};

mod array;

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
    /// Whether the file is one array, over whatever lines.
    is_array: bool,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(source: R) -> Result<Self, Fault> {
        let mut reader = Self { source: BufReader::new(unmarked(source)?), line: 0, bytes: Vec::new(), is_array: false };
        reader.is_array = reader.starts_array()?;
        Ok(reader)
    }

    pub(super) fn next(&mut self) -> Result<Option<Row>, Fault> {
        while if self.is_array { self.read_item()? } else { self.read_line()? } {
            let place = RowPlace::Line(self.line);
            let wrong = |reason| Fault::At(place, reason);
            let text = utf8(&self.bytes).map_err(wrong)?.trim();
            if !text.is_empty() {
                let row = row(text).map_err(wrong)?;
                self.line += if self.is_array { self.bytes.iter().filter(|&&byte| byte == b'\n').count() } else { 0 };
                return Ok(Some(Row::new(place, row)));
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
            return Err(Fault::At(RowPlace::Line(self.line), format!("longer than {MAX_LINE} bytes")));
        }
        Ok(read > 0)
    }

    /// Bytes that it holds.
    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.bytes.capacity() + self.source.capacity()
    }
}

/// The members of a line's object. What Python writes for no number is null here, and a comma after the object may stay.
fn row(text: &str) -> Result<Vec<(String, Value)>, String> {
    let text = text.strip_suffix(',').filter(|text| text.trim_end().ends_with('}')).unwrap_or(text);
    object(text, 1).or_else(|reason| match without_nan(text) {
        Cow::Owned(text) => object(&text, 1).map_err(|_| reason),
        Cow::Borrowed(_) => Err(reason),
    })
}

/// The text with `null` for each `NaN` and `Infinity` outside of strings.
fn without_nan(text: &str) -> Cow<'_, str> {
    let (mut out, mut rest, mut in_string, mut changed) = (String::new(), text, false, false);
    while let Some(at) = rest.find(['"', '\\', 'N', 'I', '-']) {
        let found = &rest[at..];
        let nan = ["NaN", "Infinity", "-Infinity"].into_iter().find(|nan| !in_string && found.starts_with(nan));
        let taken = match (nan, found.as_bytes()[0]) {
            (Some(nan), _) => nan.len(),
            (None, b'\\') => 1 + found[1..].chars().next().map_or(0, char::len_utf8),
            (None, byte) => {
                in_string ^= byte == b'"';
                1
            }
        };
        out.push_str(&rest[..at]);
        out.push_str(nan.map_or(&found[..taken], |_| "null"));
        (rest, changed) = (&found[taken..], changed || nan.is_some());
    }
    if changed { Cow::Owned(out + rest) } else { Cow::Borrowed(text) }
}

/// The value that a text in JSON is; no object in it names a member twice.
///
/// # Errors
/// Why the text is none.
pub fn json_value(text: &str) -> Result<Value, String> {
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
        Some(b'{') if text[1..].trim_start().starts_with('\'') => {
            "this looks like a dictionary as Python prints it; write it with json.dumps".into()
        }
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
