//! Fields of a JSON object.

use palinode_core::verifier::Verdict;

use super::{
    Judgement, TextVerifier,
    number::{Number, Tolerance},
    read_both,
};
use crate::rows::{Value, json_object};

/// Right when the fields of the answer's JSON object are the reference's. The object is the whole text, or its last one, as in a fenced block.
/// Numbers are compared as numbers (`1.0` is `1`), with all their digits; texts without the space around them.
#[derive(Debug, Clone, Default)]
pub struct Json {
    /// Fields that count; all of the reference's where empty.
    pub fields: Vec<String>,
    /// Whether some right fields earn their share, rather than nothing.
    pub partial: bool,
}

/// Most braces that are tried as the start of the last object.
const MAX_OBJECTS: usize = 64;

type Object = Vec<(String, Value)>;

impl TextVerifier for Json {
    fn judge(&self, answer: &str, reference: &str) -> Judgement {
        let named = |text| object(text).and_then(|object| self.named(object));
        match read_both((answer, object), (reference, named), shown) {
            Ok((found, wanted)) => self.compare(&found, &wanted),
            Err(judgement) => judgement,
        }
    }
}

impl Json {
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

    fn compare(&self, found: &Object, wanted: &Object) -> Judgement {
        let is_wrong = |(name, value): &&(String, Value)| !field_of(found, name).is_some_and(|found| same(found, value));
        let wrong: Vec<&str> = wanted.iter().filter(is_wrong).map(|(name, _)| name.as_str()).collect();
        let because = match wrong.as_slice() {
            [] => "all fields are the same".to_owned(),
            wrong => format!("{} of {} fields differ: {}", wrong.len(), wanted.len(), super::short(&wrong.join(", "))),
        };
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

fn field_of<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// The object that a text is, or its last one.
fn object(text: &str) -> Result<Object, String> {
    if let Ok(object) = json_object(text) {
        return Ok(object);
    }
    let end = text.rfind('}').ok_or("no JSON object")?;
    let whole = &text[..=end];
    // What starts inside of it does not end with it, so the first that can be read is the whole object.
    let starts = whole.rmatch_indices('{').take(MAX_OBJECTS);
    let mut objects = starts.filter_map(|(at, _)| json_object(&whole[at..]).ok());
    objects.next().ok_or_else(|| "no JSON object that can be read".into())
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

/// The fields for people.
fn shown(object: &Object) -> String {
    let value = |value: &Value| value.as_text().map_or_else(|| value.kind().to_owned(), |text| text.into_owned());
    let fields: Vec<String> = object.iter().map(|(name, of)| format!("{name}: {}", value(of))).collect();
    format!("{{{}}}", fields.join(", "))
}
