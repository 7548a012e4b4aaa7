//! JSON: the fields of an object, the items of an array, or one other value.

use palinode_core::verifier::Verdict;
use palinode_math::doubt;
use palinode_rows::{Value, json_value};
use serde_json::value::RawValue;

use super::{
    ByReference, Judgement, TextVerifier, by_read,
    number::{Number, Tolerance},
};

/// Right when the fields of the answer's JSON object are the reference's, or the items of its array, or where the reference is any other JSON value, this
/// value. The object or array is the whole text, or its last one that can be read, whatever stands around it; but where `or`, `and` or a comma joins it to
/// another one, or `not` stands before it, there is none. Numbers are compared as numbers (`1.0` is
/// `1`), with all their digits; texts without the space around them.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Json {
    /// Fields of an object that count; all of the reference's where empty.
    pub fields: Vec<String>,
    /// Whether some right fields or items earn their share, rather than nothing.
    pub partial: bool,
}

/// Bytes that may be read in vain in search of objects: several times the longest text.
const MAX_IN_VAIN: usize = 1 << 19;

type Object = Vec<(String, Value)>;

impl TextVerifier for Json {
    fn by(&self, reference: &str) -> ByReference {
        let compare = Compare { partial: self.partial };
        by_read(
            reference,
            |text| self.wanted(text),
            shown,
            move |answer, wanted| Ok(compare.values(&like(wanted, answer)?, wanted)),
        )
    }
}

impl Json {
    /// Of objects only these fields count, or all of the reference's where none is named; with part of the reward for a part, or without.
    pub fn new(fields: Vec<String>, partial: bool) -> Self {
        Self { fields, partial }
    }

    /// What counts of a reference: the value that it is, or else its last object or array.
    fn wanted(&self, text: &str) -> Result<Value, String> {
        let whole = json_value(text).ok();
        let found = match whole {
            Some(value) => Some(value),
            None => last(text, "{", is_object)?.map_or_else(|| last(text, "{[", is_list), |found| Ok(Some(found)))?,
        };
        match found.ok_or("no JSON value")? {
            Value::Object(object) => self.named(object).map(Value::Object),
            _ if !self.fields.is_empty() => Err("no JSON object, whose fields are to be compared".into()),
            value => Ok(value),
        }
    }

    /// The fields of a reference that count.
    fn named(&self, object: Object) -> Result<Object, String> {
        if object.is_empty() {
            return Err("an object without fields".into());
        }
        if let Some(missing) = self.fields.iter().find(|field| field_of(&object, field).is_none()) {
            return Err(format!("no field \"{missing}\""));
        }
        let counts = |(name, _): &(String, Value)| self.fields.is_empty() || self.fields.contains(name);
        Ok(object.into_iter().filter(counts).collect())
    }
}

/// How two values are compared.
#[derive(Clone, Copy)]
struct Compare {
    partial: bool,
}

impl Compare {
    fn values(self, found: &Value, wanted: &Value) -> Judgement {
        match (found, wanted) {
            (Value::Object(object), Value::Object(fields)) => {
                let is_wrong = |(name, value): &&(String, Value)| !field_of(object, name).is_some_and(|found| same(found, value));
                let wrong: Vec<&str> = fields.iter().filter(is_wrong).map(|(name, _)| name.as_str()).collect();
                self.share((found, wanted), wrong.len(), fields.len(), &format!("fields differ: {}", wrong.join(", ")))
            }
            (Value::List(items), Value::List(others)) => {
                let length = items.len().max(others.len());
                let alike = items.iter().zip(others).filter(|(a, b)| same(a, b)).count();
                self.share((found, wanted), length - alike, length, "items differ")
            }
            _ => self.share((found, wanted), usize::from(!same(found, wanted)), 1, "values differ"),
        }
    }

    /// The judgement where so many of all parts are wrong.
    fn share(self, (found, wanted): (&Value, &Value), wrong: usize, all: usize, because: &str) -> Judgement {
        let because = if wrong == 0 { "the same JSON".to_owned() } else { format!("{wrong} of {all} {}", super::short(because)) };
        let judgement = Judgement::of(wrong == 0, shown(found), shown(wanted), because);
        if !self.partial || wrong == 0 || wrong == all {
            return judgement;
        }
        let credit = (all - wrong) as f32 / all as f32;
        Judgement { verdict: Verdict::partial(credit).unwrap_or(Verdict::Failed), ..judgement }
    }
}

/// The value in an answer that is of the kind of the reference.
fn like(wanted: &Value, text: &str) -> Result<Value, String> {
    let whole = json_value(text).ok();
    let found = match wanted {
        Value::Object(_) => whole.filter(is_object).map_or_else(|| last(text, "{", is_object), |whole| Ok(Some(whole)))?,
        Value::List(_) => whole.filter(is_list).map_or_else(|| last(text, "{[", is_list), |whole| Ok(Some(whole)))?,
        _ => whole.filter(|value| value.kind() == wanted.kind()),
    };
    let missing = match wanted {
        Value::Object(_) => "no JSON object that can be read".to_owned(),
        Value::List(_) => "no JSON array that can be read".to_owned(),
        other => format!("not {} in JSON", other.kind()),
    };
    found.ok_or(missing)
}

fn is_object(value: &Value) -> bool {
    matches!(value, Value::Object(_))
}

fn is_list(value: &Value) -> bool {
    matches!(value, Value::List(_))
}

fn field_of<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// The last value of a kind that begins with one of these brackets and stands in no other; one without fields or items only where no other is there.
///
/// # Errors
/// Why the last one is not what the text gives.
fn last(text: &str, opening: &str, is_kind: impl Fn(&Value) -> bool) -> Result<Option<Value>, String> {
    let (mut at, mut in_vain) = (0, 0);
    // Where the last one stands, and where a different one before it ends.
    let (mut place, mut other) = (0..0, None);
    let (mut found, mut empty) = (None, None);
    while let Some(start) = text[at..].find(|c| opening.contains(c)).map(|behind| at + behind) {
        let rest = &text[start..];
        let (length, value) = match serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>().next() {
            Some(Ok(raw)) => (raw.get().len(), json_value(raw.get()).ok()),
            Some(Err(error)) => {
                in_vain += read(rest, &error);
                (1, None)
            }
            None => (1, None),
        };
        at = start + length;
        match value.filter(&is_kind) {
            Some(Value::Object(fields)) if fields.is_empty() => empty = Some(Value::Object(fields)),
            Some(value) => {
                other = found.filter(|before| !same(before, &value)).map(|_| place.end);
                place = start..at;
                found = Some(value);
            }
            None => {}
        }
        if in_vain > MAX_IN_VAIN {
            break;
        }
    }
    match doubt(text, other, place) {
        Some(reason) if found.is_some() => Err(reason.to_owned()),
        _ => Ok(found.or(empty)),
    }
}

/// How many bytes of a text were read before an error.
fn read(text: &str, error: &serde_json::Error) -> usize {
    let lines: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    lines + error.column()
}

/// Equality of two values, numbers by amount; their depth is bounded.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || same_number(a, b),
        (Value::Text(a), Value::Text(b)) => a.trim() == b.trim(),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| field_of(b, name).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

fn same_number(a: &str, b: &str) -> bool {
    matches!((Number::read(a), Number::read(b)), (Ok(a), Ok(b)) if a.same_amount(&b, &Tolerance::default()))
}

/// The value for people.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, of)| format!("{name}: {}", shown(of))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => other.as_text().map_or_else(|| other.kind().to_owned(), |text| text.into_owned()),
    }
}
