//! Rotary positions: their frequencies, how these are stretched, and which layer has which.

use serde::{Deserialize, Serialize};

use super::check_positive;
use crate::error::LmError;

/// How rotary frequencies are stretched.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RopeScaling {
    /// Not at all. Dynamic scaling is this too, within the context that the model was trained on.
    #[default]
    None,
    /// All alike: frequency / factor.
    Linear {
        /// Stretch.
        factor: f64,
    },
    /// Long waves by the factor, short ones not, those between in between (Llama 3).
    Llama3 {
        /// Stretch of long waves.
        factor: f64,
        /// Waves longer than `original_context / low` are long.
        low: f64,
        /// Waves shorter than `original_context / high` are short.
        high: f64,
        /// The context before stretching.
        original_context: usize,
    },
    /// Features by how often they turn within the original context: those that turn often not at all, those that turn seldom by the factor, those
    /// between in between; cosines and sines are multiplied besides (YaRN: Peng et al. 2023, arXiv 2309.00071).
    Yarn {
        /// Stretch of features that turn seldom.
        factor: f64,
        /// What cosines and sines are multiplied with; twice that is in q·k, once on each side.
        magnitude: f64,
        /// Turns from which on a feature is kept.
        fast: f64,
        /// Turns up to which a feature is stretched by the whole factor.
        slow: f64,
        /// The context before stretching.
        original_context: usize,
    },
}

impl RopeScaling {
    /// The magnitude that YaRN recommends: 0.1·ln(factor) + 1, and 1 where nothing is stretched (arXiv 2309.00071, equation 22).
    pub fn yarn_magnitude(factor: f64) -> f64 {
        if factor > 1.0 { 0.1 * libm::log(factor) + 1.0 } else { 1.0 }
    }
}

/// Rotary positions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rope {
    /// Base of the frequencies.
    pub base: f64,
    /// How they are stretched.
    #[serde(default)]
    pub scaling: RopeScaling,
}

/// Which rotary positions a layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerRope {
    /// Those of `rope_base` and `rope_scaling`.
    #[default]
    Global,
    /// Those of `local_rope`.
    Local,
    /// None: queries and keys are not turned (Kazemnejad et al. 2023, arXiv 2305.19466).
    None,
}

impl Rope {
    /// Refuses what makes no frequencies.
    pub(super) fn check(&self) -> Result<(), LmError> {
        let [factor, low, between] = match self.scaling {
            RopeScaling::None => [1.0; 3],
            RopeScaling::Linear { factor } => [factor, 1.0, 1.0],
            RopeScaling::Llama3 { factor, low, high, .. } => [factor, low, high - low],
            RopeScaling::Yarn { factor, fast, slow, magnitude, original_context } => {
                check_positive("rope_scaling's magnitude", magnitude)?;
                check_positive("rope_scaling's original_context", original_context as f64)?;
                if self.base <= 1.0 {
                    let expected = "above 1 with YaRN".into();
                    return Err(LmError::Config { name: "rope_base", expected, got: self.base.to_string() });
                }
                [factor, slow, fast - slow]
            }
        };
        for (name, value) in [
            ("rope_base", self.base),
            ("rope_scaling's factor", factor),
            ("rope_scaling's low", low),
            ("rope_scaling's high − low", between),
        ] {
            check_positive(name, value)?;
        }
        Ok(())
    }
}
