//! Which fields of a row are the problem, and what judges its answers.

use serde::{Deserialize, Serialize};

use crate::{error::TaskError, verifiers::VerifierConfig};

/// Which fields of a row are the prompt and the reference answer, and what judges answers by it.
///
/// A field is a key of a JSON object or a column; `reward_model.ground_truth` is a field of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// The problem's text.
    pub prompt: String,
    /// The reference answer.
    pub answer: String,
    /// What judges.
    pub verifier: VerifierConfig,
}

impl Layout {
    /// Names of the built-in layouts.
    pub const NAMES: [&str; 3] = ["plain", "gsm8k", "math"];

    /// `plain`: `prompt` and `answer`, the same text. `gsm8k`: `question` and `answer` (openai/gsm8k). `math`: `problem` and `solution`
    /// (hendrycks/competition_math).
    ///
    /// # Errors
    /// [`TaskError::UnknownName`] with the closest.
    pub fn named(name: &str) -> Result<Self, TaskError> {
        let layout = |prompt: &str, answer: &str, verifier| Self { prompt: prompt.into(), answer: answer.into(), verifier };
        Ok(match name {
            "plain" => layout("prompt", "answer", VerifierConfig::default()),
            "gsm8k" => layout("question", "answer", VerifierConfig::Gsm8k {}),
            "math" => layout("problem", "solution", VerifierConfig::Boxed { form: None }),
            other => return Err(TaskError::unknown_name("layout", other, &Self::NAMES)),
        })
    }
}

/// The plain layout.
impl Default for Layout {
    fn default() -> Self {
        Self { prompt: "prompt".into(), answer: "answer".into(), verifier: VerifierConfig::default() }
    }
}
