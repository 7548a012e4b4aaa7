//! What a model must be able to do to be kept.

use std::{fmt, path::Path};

use burn::{module::Module, tensor::Device};
use palinode_lm::{trained_bytes, with_trained};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::TrainError;

/// A model that is kept in checkpoints: its weights become bytes, and come back.
///
/// # Contract
/// A model that is read from what another one wrote computes what that one did, bit for bit; so a run that is stopped and goes on ends as if it had never
/// stopped.
///
/// The methods about weights have defaults that write what is not frozen, in f32, named by its path in the model. They suit any model whose trained
/// parameters are in f32, or in a narrower type that every value has been rounded to.
pub trait Stored: Module {
    /// What a model is made from but its weights, such as its sizes: `model` in `checkpoints/model.json`.
    type Card: Serialize + DeserializeOwned + Clone + fmt::Debug + PartialEq;

    /// A model of this card, with the weights that [`Stored::weights`] gave; errors speak of `path`.
    ///
    /// The default of [`Stored::with_weights`] does the second half, where a model can be made of a card alone.
    ///
    /// # Errors
    /// [`TrainError::Model`], or [`TrainError::OwnModel`] for a cause of one's own. The bytes may be damaged, and of another model.
    fn read(card: &Self::Card, weights: &[u8], path: &Path, device: &Device) -> Result<Self, TrainError>;

    /// The weights that training changes.
    ///
    /// # Errors
    /// As [`Stored::read`].
    fn weights(&self) -> Result<Vec<u8>, TrainError> {
        Ok(trained_bytes(self)?)
    }

    /// This model with weights that [`Stored::weights`] gave for another one like it; errors speak of `path`.
    ///
    /// # Errors
    /// As [`Stored::read`].
    fn with_weights(self, weights: &[u8], path: &Path) -> Result<Self, TrainError> {
        Ok(with_trained(self, weights, path)?)
    }
}
