//! Numbers and lists of any log, bounded.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::text::clip;

/// A number of the run; `None` where it is missing, null, not finite or absurdly large, and drawn as a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Num(pub(crate) Option<f64>);

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = match Value::deserialize(deserializer)? {
            Value::Null => None,
            Value::Number(number) => number.as_f64(),
            Value::String(text) if text.parse::<f64>().is_ok_and(|number| !number.is_finite()) => None,
            other => {
                let got = clip(&other.to_string(), 40);
                return Err(D::Error::custom(format!("expected a number or null, got {got}")));
            }
        };
        Ok(Self(number.filter(|number| number.is_finite() && number.abs() < ABSURD)))
    }
}

/// Reads a list that may be null, keeping its first `MAX_ATTEMPTS` entries.
pub(crate) fn per_attempt<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let mut list = Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default();
    list.truncate(MAX_ATTEMPTS);
    Ok(list)
}

/// Shows a string or number field; `None` when it is missing or something else.
pub(crate) fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(clip(text, 80)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// No attempt beyond this one is shown.
pub(crate) const MAX_ATTEMPTS: usize = 8;

/// Numbers from here on are treated as missing, so that no scale can overflow.
pub(crate) const ABSURD: f64 = 1e12;
