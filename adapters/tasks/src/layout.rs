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
pub struct Layout {
    /// The problem.
    pub prompt: String,
    /// The reference answer.
    pub answer: String,
    /// What judges.
    pub verifier: VerifierConfig,
    /// Whether a reference that holds one number has it as in 1.234,5. It is read as 1234.5; answers are read as they are.
    #[serde(default)]
    pub decimal_comma: bool,
}

impl Layout {
    /// Names of the built-in layouts.
    pub const NAMES: [&str; 7] = ["plain", "gsm8k", "math", "verl", "trl", "openai", "reasoning-gym"];

    /// | name | fields | judged by |
    /// |---|---|---|
    /// | `plain` | `prompt` and `answer` | `exact` |
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
        let layout = |prompt: &str, answer: &str, verifier| {
            let (prompt, answer) = (prompt.into(), answer.into());
            Self { prompt, answer, verifier, decimal_comma: false }
        };
        Ok(match name {
            "plain" => layout("prompt", "answer", VerifierConfig::default()),
            "gsm8k" => layout("question", "answer", VerifierConfig::Gsm8k {}),
            "math" => layout("problem", "solution", VerifierConfig::Boxed { form: None }),
            "verl" => layout("prompt", "reward_model.ground_truth", VerifierConfig::Math { form: None }),
            "trl" => layout("prompt", "solution", VerifierConfig::Math { form: None }),
            "openai" => layout("messages", "messages", VerifierConfig::default()),
            "reasoning-gym" => layout("question", "answer", VerifierConfig::default()),
            other => return Err(TaskError::unknown_name("layout", other, &Self::NAMES)),
        })
    }
}

/// The plain layout.
impl Default for Layout {
    fn default() -> Self {
        Self { prompt: "prompt".into(), answer: "answer".into(), verifier: VerifierConfig::default(), decimal_comma: false }
    }
}

#[cfg(test)]
mod tests;
