//! Where a model's tensors come from: safetensors files, or a GGUF file. Both have them by the names of the folder.

use safetensors::Dtype;

use crate::{error::HfError, gguf::GgufModel, shards::Shards};

/// The tensors of a model.
#[derive(Debug, Clone)]
pub(crate) enum Weights {
    /// Of a folder.
    Shards(Shards),
    /// Of a file.
    Gguf(GgufModel),
}

impl Weights {
    pub(crate) fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Shards(shards) => Box::new(shards.names()),
            Self::Gguf(model) => Box::new(model.names()),
        }
    }

    /// Shape and type of a tensor; of one in blocks, F32, which holds all that they say.
    pub(crate) fn info(&self, name: &str) -> Option<(&[usize], Dtype)> {
        match self {
            Self::Shards(shards) => shards.info(name),
            Self::Gguf(model) => model.info(name),
        }
    }

    /// The name that a tensor has where it is stored, for people.
    pub(crate) fn called(&self, name: &str) -> String {
        match self {
            Self::Shards(_) => name.to_owned(),
            Self::Gguf(model) => model.called(name),
        }
    }

    /// Whether two tensors hold the same numbers, or one of them is not there.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn same(&self, one: &str, other: &str) -> Result<bool, HfError> {
        match (self.info(one), self.info(other)) {
            (Some((shape, _)), Some((of_other, _))) => Ok(shape == of_other && self.read(one)? == self.read(other)?),
            _ => Ok(true),
        }
    }

    /// The numbers of a tensor, in f32. Its size was compared with its file's when the header was read.
    ///
    /// # Errors
    /// [`HfError::NotFinite`]; [`HfError::Io`] and others of a file that changed meanwhile.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>, HfError> {
        match self {
            Self::Shards(shards) => shards.read(name),
            Self::Gguf(model) => model.read(name),
        }
    }
}
