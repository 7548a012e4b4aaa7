//! Verifiers as settings.

use std::{fmt, str::FromStr, sync::Arc};

use palinode_math::Form;
use serde::{Deserialize, Serialize};

use super::{All, Boxed, Choice, Exact, Gsm8k, Json, Math, Numeric, Pattern, TextVerifier, Weighted};
use crate::error::TaskError;

/// How deep combinations may nest.
const MAX_DEPTH: usize = 4;
const OPTIONS: u8 = 10;

/// A verifier by kind, as in `verifier = { kind = "numeric", relative = 0.01 }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum VerifierConfig {
    /// [`Exact`].
    Exact {
        /// Whether `Yes` is `yes`.
        #[serde(default)]
        ignore_case: bool,
    },
    /// [`Numeric`]: right within `absolute + relative |reference|`.
    Numeric {
        /// In the unit of the answer.
        #[serde(default)]
        absolute: f64,
        /// A share of the reference.
        #[serde(default)]
        relative: f64,
        /// Whether the last number of a text counts, rather than a text that is one number.
        #[serde(default)]
        last: bool,
    },
    /// [`Gsm8k`].
    Gsm8k {},
    /// [`Boxed`].
    Boxed {
        /// The form that answers must have; that of the reference where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        form: Option<Form>,
    },
    /// [`Math`].
    Math {
        /// As of [`Boxed`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        form: Option<Form>,
    },
    /// [`Choice`].
    Choice {
        /// Letters, from A on.
        #[serde(default = "options")]
        options: u8,
    },
    /// [`Pattern`].
    Pattern {
        /// A regular expression whose last match counts; left out, the reference is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pattern: Option<String>,
        /// What judges the match; the same text where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        then: Option<Box<VerifierConfig>>,
    },
    /// [`Json`].
    Json {
        /// Fields of an object that count; all where empty.
        #[serde(default)]
        fields: Vec<String>,
        /// Whether some right fields, or items of an array, earn their share.
        #[serde(default)]
        partial: bool,
    },
    /// [`All`].
    All {
        /// Each must find the answer right.
        parts: Vec<VerifierConfig>,
    },
    /// [`Weighted`].
    Weighted {
        /// Verifiers with weights.
        parts: Vec<Part>,
    },
}

/// A verifier and its weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Above 0, in any unit.
    pub weight: f32,
    /// The verifier.
    pub verifier: VerifierConfig,
}

impl VerifierConfig {
    /// Kinds that need no settings.
    pub const NAMES: [&str; 8] = ["exact", "numeric", "gsm8k", "boxed", "math", "choice", "pattern", "json"];

    /// The verifier.
    ///
    /// # Errors
    /// [`TaskError::Size`] or [`TaskError::Verifier`] names the setting that makes no sense.
    pub fn build(&self) -> Result<Arc<dyn TextVerifier>, TaskError> {
        self.build_at(0)
    }

    fn build_at(&self, depth: usize) -> Result<Arc<dyn TextVerifier>, TaskError> {
        if depth > MAX_DEPTH {
            return Err(TaskError::Verifier(format!("verifiers nest more than {MAX_DEPTH} deep")));
        }
        let build = |part: &VerifierConfig| part.build_at(depth + 1);
        Ok(match self {
            Self::Exact { ignore_case } => Arc::new(Exact { ignore_case: *ignore_case }),
            Self::Numeric { absolute, relative, last } => {
                let numeric = Numeric::within(*absolute, *relative)?;
                Arc::new(if *last { numeric.last() } else { numeric })
            }
            Self::Gsm8k {} => Arc::new(Gsm8k),
            Self::Boxed { form } => Arc::new(Boxed { form: *form }),
            Self::Math { form } => Arc::new(Math { form: *form }),
            Self::Choice { options } => Arc::new(Choice::new(*options)?),
            Self::Pattern { pattern: Some(pattern), then } => {
                let then = then.as_deref().map_or_else(|| Ok(Arc::new(Exact::default()) as _), build)?;
                Arc::new(Pattern::new(pattern, then)?)
            }
            Self::Pattern { pattern: None, then: None } => Arc::new(Pattern::of_reference()),
            Self::Pattern { pattern: None, then: Some(_) } => {
                return Err(TaskError::Verifier("`then` judges what a pattern finds: give `pattern` too".into()));
            }
            Self::Json { fields, partial } => Arc::new(Json { fields: fields.clone(), partial: *partial }),
            Self::All { parts } => Arc::new(All::new(parts.iter().map(build).collect::<Result<_, _>>()?)?),
            Self::Weighted { parts } => {
                let part = |part: &Part| Ok((part.weight, build(&part.verifier)?));
                Arc::new(Weighted::new(parts.iter().map(part).collect::<Result<_, TaskError>>()?)?)
            }
        })
    }

    /// Its regular expressions, and those of its parts; `None` where references are expressions.
    pub(crate) fn patterns(&self) -> Vec<Option<&str>> {
        match self {
            Self::Pattern { pattern, then } => {
                let then = then.iter().flat_map(|then| then.patterns());
                [pattern.as_deref()].into_iter().chain(then).collect()
            }
            Self::All { parts } => parts.iter().flat_map(Self::patterns).collect(),
            Self::Weighted { parts } => parts.iter().flat_map(|part| part.verifier.patterns()).collect(),
            _ => Vec::new(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Exact { .. } => "exact",
            Self::Numeric { .. } => "numeric",
            Self::Gsm8k {} => "gsm8k",
            Self::Boxed { .. } => "boxed",
            Self::Math { .. } => "math",
            Self::Choice { .. } => "choice",
            Self::Pattern { .. } => "pattern",
            Self::Json { .. } => "json",
            Self::All { .. } => "all",
            Self::Weighted { .. } => "weighted",
        }
    }
}

impl Default for VerifierConfig {
    fn default() -> Self {
        Self::Exact { ignore_case: false }
    }
}

/// The kind.
impl fmt::Display for VerifierConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// By the name of its kind, with default settings.
impl FromStr for VerifierConfig {
    type Err = TaskError;

    fn from_str(name: &str) -> Result<Self, TaskError> {
        Ok(match name {
            "exact" => Self::default(),
            "numeric" => Self::Numeric { absolute: 0.0, relative: 0.0, last: false },
            "gsm8k" => Self::Gsm8k {},
            "boxed" => Self::Boxed { form: None },
            "math" => Self::Math { form: None },
            "choice" => Self::Choice { options: OPTIONS },
            "pattern" => Self::Pattern { pattern: None, then: None },
            "json" => Self::Json { fields: Vec::new(), partial: false },
            "all" => {
                return Err(TaskError::Verifier(
                    "`all` needs parts: { kind = \"all\", parts = [{ kind = \"boxed\" }, …] }".into(),
                ));
            }
            "weighted" => {
                let form = "{ kind = \"weighted\", parts = [{ weight = 1, verifier = { kind = \"boxed\" } }, …] }";
                return Err(TaskError::Verifier(format!("`weighted` needs parts: {form}")));
            }
            other => return Err(TaskError::unknown_name("verifier", other, &Self::NAMES)),
        })
    }
}

fn options() -> u8 {
    OPTIONS
}
