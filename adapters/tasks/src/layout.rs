//! Which fields of a row are the problem, and what judges its answers.

use serde::{Deserialize, Serialize};

use crate::{error::TaskError, verifiers::VerifierConfig};

mod decimal;
mod reading;

pub(crate) use decimal::has_decimal_comma;

/// Which fields of a row are the prompt and the reference answer, and what judges answers by it.
///
/// A field is a key of a JSON object or a column; `reward_model.ground_truth` is a field of a field. A prompt is a text, or a list of messages with
/// `role` and `content` that ends in the user's: a [`Conversation`](palinode_text::Conversation). Where both fields are the same list of messages, the
/// assistant's last message is the reference; a list that ends in the user's has it in the field `answer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Layout {
    /// The problem.
    pub prompt: String,
    /// The reference answer.
    pub answer: String,
    /// A worked solution beside the answer, where a row has one: what supervised steps teach. The verifier has to find it right.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub solution: Option<String>,
    /// What judges.
    pub verifier: VerifierConfig,
    /// Whether a reference that holds one number has it as in 1.234,5. It is read as 1234.5; answers are read as they are.
    #[serde(default)]
    pub decimal_comma: bool,
}

impl Layout {
    /// The prompt in one field, the reference answer in another, and what judges; without worked solutions and decimal commas.
    pub fn new(prompt: impl Into<String>, answer: impl Into<String>, verifier: VerifierConfig) -> Self {
        Self { prompt: prompt.into(), answer: answer.into(), solution: None, verifier, decimal_comma: false }
    }

    /// Names of the built-in layouts.
    pub const NAMES: [&str; 7] = ["plain", "gsm8k", "math", "verl", "trl", "openai", "reasoning-gym"];

    /// The layout of this name, of those that are built in.
    ///
    /// | name | fields | judged by |
    /// |---|---|---|
    /// | `plain` | `prompt` and `answer`; `solution` where there is one | `exact` |
    /// | `gsm8k` | `question` and `answer` (openai/gsm8k) | `gsm8k` |
    /// | `math` | `problem` and `solution` (hendrycks/competition_math) | `boxed` |
    /// | `verl` | `prompt` and `reward_model.ground_truth` | `math` |
    /// | `trl` | `prompt` and `solution`, as its accuracy reward has them | `math` |
    /// | `openai` | `messages`, with the answer in them or in `answer` | `exact` |
    /// | `reasoning-gym` | `question` and `answer` | `exact` |
    ///
    /// verl itself judges by the row's `data_source`, which is not looked at: numbers and formulas are what most of its data sets hold.
    ///
    /// # Errors
    /// [`TaskError::UnknownName`] with the closest.
    pub fn named(name: &str) -> Result<Self, TaskError> {
        Ok(match name {
            "plain" => Self::default(),
            "gsm8k" => Self::new("question", "answer", VerifierConfig::Gsm8k {}),
            "math" => Self::new("problem", "solution", VerifierConfig::Boxed { form: None }),
            "verl" => Self::new("prompt", "reward_model.ground_truth", VerifierConfig::Math { form: None }),
            "trl" => Self::new("prompt", "solution", VerifierConfig::Math { form: None }),
            "openai" => Self::new("messages", "messages", VerifierConfig::default()),
            "reasoning-gym" => Self::new("question", "answer", VerifierConfig::default()),
            other => return Err(TaskError::unknown_name("layout", other, &Self::NAMES)),
        })
    }
}

/// The plain layout.
impl Default for Layout {
    fn default() -> Self {
        Self { solution: Some("solution".into()), ..Self::new("prompt", "answer", VerifierConfig::default()) }
    }
}

#[cfg(test)]
mod tests;
