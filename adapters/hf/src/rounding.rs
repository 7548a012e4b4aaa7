//! What is lost when an adapted model is rounded to its folder's types.

use palinode_lm::Decoder;
use safetensors::Dtype;

use crate::{error::HfError, folder::Folder, save::to_bytes, shards::floats};

/// What rounding loses of what an adapter adds, over all tensors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rounding {
    /// Each tensor that is changed and stored in 16 bits, in the folder's order.
    pub tensors: Vec<RoundingLoss>,
}

/// What rounding loses of one tensor's change.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundingLoss {
    /// The folder's name of it.
    pub tensor: String,
    /// The type it is stored in.
    pub dtype: Dtype,
    /// Mean |change|, over its elements.
    pub added: f64,
    /// Mean |rounded − unrounded|.
    pub lost: f64,
    /// Largest |rounded − unrounded|.
    pub largest: f64,
    /// Elements.
    pub elements: usize,
}

impl RoundingLoss {
    /// The part of the change that rounding loses: [`lost`](Self::lost) over [`added`](Self::added).
    pub fn share(&self) -> f64 {
        self.lost / self.added
    }
}

impl Rounding {
    /// The part of all changes that rounding loses, each element counted once; `None` where nothing is rounded.
    pub fn share(&self) -> Option<f64> {
        let sum = |of: fn(&RoundingLoss) -> f64| self.tensors.iter().map(|loss| of(loss) * loss.elements as f64).sum::<f64>();
        (!self.tensors.is_empty()).then(|| sum(|loss| loss.lost) / sum(|loss| loss.added))
    }

    /// The tensor that loses the largest share.
    pub fn worst(&self) -> Option<&RoundingLoss> {
        self.tensors.iter().max_by(|a, b| a.share().total_cmp(&b.share()))
    }
}

impl Folder {
    /// What [`Folder::save`] loses of a model's change, from the folder without its adapter.
    ///
    /// # Errors
    /// As [`Folder::rounded`].
    pub fn rounding(&self, model: &Decoder) -> Result<Rounding, HfError> {
        let mut found = Rounding::default();
        self.each_tensor(model, |piece, values| {
            let dtype = self.dtype_of(&piece.name);
            if dtype == Dtype::F32 {
                return Ok(());
            }
            let base = self.read_base(&piece.name)?;
            let rounded = floats(dtype, &to_bytes(dtype, values)).unwrap_or_default();
            let mean = |differences: f64| differences / values.len() as f64;
            let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>();
            let added = mean(distance(values, &base));
            if added > 0.0 {
                let lost = mean(distance(&rounded, values));
                let largest = rounded.iter().zip(values).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
                found.tensors.push(RoundingLoss {
                    tensor: piece.name.clone(),
                    dtype,
                    added,
                    lost,
                    largest,
                    elements: values.len(),
                });
            }
            Ok(())
        })?;
        Ok(found)
    }
}
