//! Fields of a JSON object.

use std::fmt;

use serde_json::{Map, Value};

use super::{Judgement, TextVerifier, bounded, number::Number};
use palinode_core::verifier::Verdict;

/// Right when the fields of the answer's JSON object are the reference's. The object is the whole text, or its last one, as in a fenced block.
/// Numbers are compared as numbers (`1.0` is `1`), texts without the space around them.
#[derive(Debug, Clone, Default)]
pub struct Json {
    /// Fields that count; all of the reference's where empty.
    pub fields: Vec<String>,
    /// Whether some right fields earn their share, rather than nothing.
    pub partial: bool,
}

impl TextVerifier for Json {
    fn judge(&self, answer: &str, reference: &str) -> Judgement {
        let wanted = match bounded(reference).and_then(object).and_then(|object| self.named(object)) {
            Ok(wanted) => wanted,
            Err(reason) => return Judgement::failed(format!("the reference: {reason}")),
        };
        match bounded(answer).and_then(object) {
            Ok(found) => self.compare(&found, &wanted),
            Err(reason) => Judgement::unparseable(reason, Value::Object(wanted).to_string()),
        }
    }
}

impl Json {
    /// The fields of a reference that count.
    fn named(&self, mut object: Map<String, Value>) -> Result<Map<String, Value>, String> {
        let fields = if self.fields.is_empty() { object.keys().cloned().collect() } else { self.fields.clone() };
        if fields.is_empty() {
            return Err("an object without fields".into());
        }
        let mut take = |field: String| match object.remove(&field) {
            Some(value) => Ok((field, value)),
            None => Err(format!("no field \"{field}\"")),
        };
        fields.into_iter().map(&mut take).collect()
    }

    fn compare(&self, found: &Map<String, Value>, wanted: &Map<String, Value>) -> Judgement {
        let is_wrong = |(field, value): &(&String, &Value)| !found.get(*field).is_some_and(|found| same(found, value));
        let wrong: Vec<&str> = wanted.iter().filter(is_wrong).map(|(field, _)| field.as_str()).collect();
        let because = match wrong.as_slice() {
            [] => "all fields are the same".to_owned(),
            wrong => format!("{} of {} fields differ: {}", wrong.len(), wanted.len(), super::short(&wrong.join(", "))),
        };
        let shown = |object: &Map<String, Value>| Value::Object(object.clone()).to_string();
        let judgement = Judgement::of(wrong.is_empty(), shown(found), shown(wanted), because);
        match wanted.len() - wrong.len() {
            right if self.partial && right > 0 && !wrong.is_empty() => {
                let credit = right as f32 / wanted.len() as f32;
                Judgement { verdict: Verdict::partial(credit).unwrap_or(Verdict::Failed), ..judgement }
            }
            _ => judgement,
        }
    }
}

/// The object that a text is, or its last one.
fn object(text: &str) -> Result<Map<String, Value>, String> {
    let parse = |text: &str| serde_json::from_str::<Map<String, Value>>(text);
    let whole = match parse(text) {
        Ok(object) => return Ok(object),
        Err(error) => error,
    };
    let end = text.rfind('}').ok_or("no JSON object")?;
    // The last object starts at the brace that balances its last one: braces in strings may mislead, and then nothing parses.
    let mut depth = 0_usize;
    for (at, byte) in text[..=end].bytes().enumerate().rev() {
        match byte {
            b'}' => depth += 1,
            b'{' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return parse(&text[at..=end]).map_err(|error| format!("no JSON object: {error}"));
        }
    }
    Err(format!("no JSON object: {whole}"))
}

/// Equality of two values, numbers by amount; serde_json bounds their depth.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || same_number(a, b),
        (Value::String(a), Value::String(b)) => a.trim() == b.trim(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

fn same_number(a: impl fmt::Display, b: impl fmt::Display) -> bool {
    let read = |number: String| Number::read(&number);
    matches!((read(a.to_string()), read(b.to_string())), (Ok(a), Ok(b)) if a.same_amount(&b, &Default::default()))
}
