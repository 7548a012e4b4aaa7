//! A trained model, written as a folder that transformers loads.

use std::{borrow::Cow, collections::HashMap, fs, path::Path};

use burn::tensor::Device;
use half::{bf16, f16};
use palinode_lm::{Decoder, Parameter};
use safetensors::{Dtype, View};

use crate::{
    error::HfError,
    folder::Folder,
    layout::{pieces, transpose},
    shards::floats,
};

/// Files that belong to a model besides its weights, copied as they are.
const COPIED: [&str; 10] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
];

/// One tensor's bytes.
pub(crate) struct Bytes {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

/// Writes a safetensors file, under another name first, so that there is never half a file of this name.
pub(crate) fn write(tensors: &[(String, Bytes)], path: &Path) -> Result<(), HfError> {
    let part = path.with_extension("safetensors.part");
    let metadata = Some([("format".to_owned(), "pt".to_owned())].into());
    let views = tensors.iter().map(|(name, bytes)| (name.as_str(), bytes));
    safetensors::serialize_to_file(views, metadata, &part)
        .map_err(|error| HfError::Format { path: part.clone(), reason: error.to_string() })?;
    fs::rename(&part, path).map_err(|source| HfError::Io { path: path.to_owned(), source })
}

impl View for &Bytes {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

impl Folder {
    /// A model of this folder's sizes with every number rounded to the type that the folder has it in: what [`Folder::save`] would write, read back.
    ///
    /// # Errors
    /// [`HfError::Tensors`] when the model has other parameters than the folder, or numbers that the folder's types can't hold.
    pub fn rounded(&self, model: &Decoder, device: &Device) -> Result<Decoder, HfError> {
        let mut values = HashMap::new();
        for (name, bytes) in self.tensors(model)? {
            values.insert(name, floats(bytes.dtype, &bytes.bytes).unwrap_or_default());
        }
        self.assemble(device, &|name| Ok(values.get(name).cloned().unwrap_or_default()))
    }

    /// Writes a model of this folder's sizes to another folder, which is made: the original names and types, with configuration and tokenizer
    /// copied. What was loaded and not trained is written bit for bit.
    ///
    /// # Errors
    /// [`HfError::Io`]; [`HfError::Tensors`] as [`Folder::rounded`].
    pub fn save(&self, model: &Decoder, to: &Path) -> Result<(), HfError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| HfError::Io { path, source }
        };
        let tensors = self.tensors(model)?;
        fs::create_dir_all(to).map_err(io(to))?;
        for name in COPIED {
            let (from, to) = (self.path().join(name), to.join(name));
            if from.is_file() {
                fs::copy(&from, &to).map_err(io(&to))?;
            }
        }
        write(&tensors, &to.join("model.safetensors"))
    }

    /// All of a model's parameters as the folder's tensors.
    fn tensors(&self, model: &Decoder) -> Result<Vec<(String, Bytes)>, HfError> {
        let (mut tensors, mut differences) = (Vec::new(), Vec::new());
        model.read_parameters(|name, data| match self.parameters().iter().find(|parameter| parameter.name == name) {
            Some(parameter) if parameter.shape == data.shape().to_vec() => {
                let unpacked = self.unpack(parameter, &data.iter::<f32>().collect::<Vec<_>>());
                let held = |bytes: &Bytes| floats(bytes.dtype, &bytes.bytes).is_some_and(|all| all.iter().all(|x| x.is_finite()));
                let lost = unpacked.iter().filter(|(_, bytes)| !held(bytes));
                differences.extend(lost.map(|(name, bytes)| format!("{name} holds numbers that {:?} can't", bytes.dtype)));
                tensors.extend(unpacked);
            }
            _ => differences.push(format!("{name} of shape {:?} is not part of the folder's model", data.shape())),
        });
        if differences.is_empty() { Ok(tensors) } else { Err(HfError::Tensors { path: self.path().to_owned(), differences }) }
    }

    /// A parameter's values as the folder's tensors.
    fn unpack(&self, parameter: &Parameter, values: &[f32]) -> Vec<(String, Bytes)> {
        let made_of = pieces(self.config(), parameter);
        let turned;
        let values = if made_of.transposed {
            turned = transpose(values, parameter.shape[0], parameter.shape[1]);
            turned.as_slice()
        } else {
            values
        };
        let mut rest = values;
        made_of
            .pieces
            .into_iter()
            .map(|piece| {
                let (own, behind) = rest.split_at(piece.shape.iter().product());
                rest = behind;
                let dtype = self.dtype_of(&piece.name);
                let bytes = match dtype {
                    Dtype::BF16 => own.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect(),
                    Dtype::F16 => own.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect(),
                    _ => own.iter().flat_map(|x| x.to_le_bytes()).collect(),
                };
                (piece.name, Bytes { dtype, shape: piece.shape, bytes })
            })
            .collect()
    }
}
