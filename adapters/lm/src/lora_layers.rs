//! Which blocks of a decoder get adapters.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::LmError;

/// No model has more blocks: what is written may not make a list that fills memory.
const MOST: usize = 1 << 12;

/// The blocks that get adapters, as PEFT's `layers_to_transform` has them. As text: `all`, `last 10`, or numbers from 0 and ranges without their end, such
/// as `20..30` or `0,4..8`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LoraLayers {
    /// Every one.
    #[default]
    All,
    /// So many at the end.
    Last(usize),
    /// Those of these numbers, from 0, in order and each once.
    Only(Vec<usize>),
}

impl LoraLayers {
    /// The numbers of the blocks, from 0, in a model that has `layers`.
    ///
    /// # Errors
    /// [`LmError::Config`] for none, or for one that the model does not have.
    pub fn numbers(&self, layers: usize) -> Result<Vec<usize>, LmError> {
        let refuse = |expected: String| Err(LmError::Config { name: "the adapters' layers", expected, got: self.to_string() });
        match self {
            Self::All => Ok((0..layers).collect()),
            Self::Last(count) if (1..=layers).contains(count) => Ok((layers - count..layers).collect()),
            Self::Last(_) => refuse(format!("within 1..={layers} of the last, which is what the model has")),
            Self::Only(numbers) if numbers.is_empty() => refuse("at least one".into()),
            Self::Only(numbers) if numbers.iter().all(|&number| number < layers) => Ok(numbers.clone()),
            Self::Only(_) => refuse(format!("within 0..{layers}, which are those of the model")),
        }
    }
}

impl FromStr for LoraLayers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("layers are `all`, `last 10`, or numbers below {MOST} such as `20..30` or `0,4..8`, not `{text}`");
        let number = |part: &str| part.trim().parse::<usize>().ok().filter(|&number| number <= MOST).ok_or_else(wrong);
        let text = text.trim();
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some(count) = text.strip_prefix("last ") {
            return Ok(Self::Last(number(count)?));
        }
        let mut numbers = Vec::new();
        for part in text.split(',') {
            match part.split_once("..") {
                Some((from, end)) => numbers.extend(number(from)?..number(end)?),
                None => numbers.push(number(part)?),
            }
            if numbers.len() > MOST {
                return Err(wrong());
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() { Err(wrong()) } else { Ok(Self::Only(numbers)) }
    }
}

impl TryFrom<String> for LoraLayers {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<LoraLayers> for String {
    fn from(layers: LoraLayers) -> Self {
        layers.to_string()
    }
}

/// As it is read, with neighbours as ranges.
impl fmt::Display for LoraLayers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Last(count) => write!(f, "last {count}"),
            Self::Only(numbers) => {
                let runs = numbers.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
                    [one] => one.to_string(),
                    _ => format!("{}..{}", run[0], run[run.len() - 1] + 1),
                });
                f.write_str(&runs.collect::<Vec<_>>().join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for (text, layers, of_six) in [
            ("all", LoraLayers::All, Some(vec![0, 1, 2, 3, 4, 5])),
            ("last 2", LoraLayers::Last(2), Some(vec![4, 5])),
            ("1..4", LoraLayers::Only(vec![1, 2, 3]), Some(vec![1, 2, 3])),
            ("0,2..4", LoraLayers::Only(vec![0, 2, 3]), Some(vec![0, 2, 3])),
            ("5..7", LoraLayers::Only(vec![5, 6]), None),
            ("last 7", LoraLayers::Last(7), None),
            ("last 0", LoraLayers::Last(0), None),
        ] {
            assert_eq!((text.parse(), layers.to_string().as_str()), (Ok(layers.clone()), text));
            assert_eq!(layers.numbers(6).ok(), of_six, "{text}");
        }
        assert_eq!(" 3 , 1..3,2".parse(), Ok(LoraLayers::Only(vec![1, 2, 3])));
    }

    #[test]
    fn nonsense_is_refused_and_fills_no_memory() {
        for text in ["", "last", "last -1", "4..2", "0..99999999999", "1,,2", "a..b", "-3", &"0..4096,".repeat(1000)] {
            let error = text.parse::<LoraLayers>().unwrap_err();
            assert!(error.contains("`20..30`"), "{error}");
        }
        assert!(LoraLayers::Only(vec![]).numbers(4).is_err());
    }
}
