//! Which modules of a base the settings name, by the rules of PEFT's `check_target_module_exists`.

use super::settings::{Layers, Names, Settings, Start};

/// The embeddings' module.
pub(crate) const EMBEDDINGS: &str = "model.embed_tokens";
/// The head's.
pub(crate) const HEAD: &str = "lm_head";

impl Settings {
    /// Whether a module (a projection, the head or the embeddings) gets an adapter.
    pub(crate) fn adapts(&self, module: &str) -> Result<bool, String> {
        if self.excluded.as_ref().map_or(Ok(false), |names| names.name(module))? {
            return Ok(false);
        }
        for (_, pattern) in &self.saved {
            if pattern.matches(module)? {
                return Ok(false);
            }
        }
        // A module that is named in full is taken whatever its layer.
        let in_full = matches!(&self.targets, Names::Ends(names) if names.iter().any(|name| name == module));
        Ok(in_full || (self.targets.name(module)? && self.layers.hold(module)?))
    }

    /// Whether a tensor of the base belongs to a module that is saved whole.
    pub(crate) fn saves(&self, tensor: &str) -> bool {
        self.saved.iter().any(|(end, _)| is_within(tensor, end))
    }

    /// The rank that a module's adapter has, and what its product is multiplied by.
    pub(crate) fn rank_and_scale(&self, module: &str, [outputs, inputs]: [usize; 2]) -> Result<(usize, f64), String> {
        let rank = self.ranks.of(module)?.unwrap_or(self.rank as f64);
        let alpha = self.alphas.of(module)?.unwrap_or(self.alpha);
        if !(rank >= 1.0 && rank.fract() == 0.0 && rank <= HIGHEST_RANK) {
            return Err(format!("{module} has a rank of {rank}, expected a whole number within 1..={HIGHEST_RANK}"));
        }
        let scale = alpha / if self.rank_stabilised { rank.sqrt() } else { rank };
        if !scale.is_finite() {
            return Err(format!("{module} has an alpha of {alpha}, expected a number"));
        }
        // PiSSA and OLoRA make no more columns than their matrix has, and leave the scale.
        let most = if self.start == Start::Nothing { usize::MAX } else { outputs.min(inputs) };
        Ok(((rank as usize).min(most), scale))
    }
}

/// Whether a tensor belongs to a module whose name ends so, which is how PEFT looks for modules to save.
pub(crate) fn is_within(tensor: &str, end: &str) -> bool {
    tensor.match_indices('.').any(|(at, _)| tensor[..at].ends_with(end))
}

impl Names {
    fn name(&self, module: &str) -> Result<bool, String> {
        match self {
            Self::Ends(names) => Ok(names
                .iter()
                .any(|name| module.strip_suffix(name.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('.')))),
            Self::Pattern(pattern) => pattern.matches(module),
            Self::AllLinear => Ok(module != HEAD && module != EMBEDDINGS),
        }
    }
}

impl Layers {
    fn hold(&self, module: &str) -> Result<bool, String> {
        if self.numbers.is_empty() {
            return Ok(true);
        }
        let mut number = None;
        if self.before.is_empty() {
            let parts: Vec<&str> = module.split('.').collect();
            // The first number that stands between two names, after two of them.
            number = (2..parts.len().saturating_sub(1)).find_map(|at| parts[at].parse().ok());
        }
        for pattern in &self.before {
            number = number.or(pattern.number(module)?);
        }
        Ok(number.is_some_and(|number| self.numbers.contains(&number)))
    }
}

/// Highest rank, as [`palinode_lm::Decoder::with_loaded_adapters`] has it.
const HIGHEST_RANK: f64 = 4096.0;
