//! A GGUF file in the place of a model folder, and the way back.
//!
//! What the file says becomes the `config.json` that the folder would have, and its tensors get the names and values that they have there: so a file is a
//! folder to all that follows. llama.cpp's converter is what is undone: <https://github.com/ggml-org/llama.cpp/tree/master/conversion>.

use std::{collections::BTreeMap, fs, io::Read as _, path::Path, sync::Arc};

use palinode_file_kind::FileKind;
use palinode_gguf::{File, Kind, Value};
use safetensors::Dtype;

use self::{
    architecture::Architecture,
    names::{to_file, to_folder},
    rows::turned_back,
};
use crate::{error::HfError, template::Template, tokenizer::FolderTokenizer};

mod architecture;
mod config;
mod header;
mod names;
mod rope;
mod rows;
mod tokenizer;
mod write;

pub(crate) use tokenizer::Vocabulary;

/// A file whose header was read and translated. Nothing was loaded yet.
#[derive(Debug, Clone)]
pub(crate) struct GgufModel {
    file: Arc<File>,
    architecture: &'static Architecture,
    config: String,
    places: BTreeMap<String, Place>,
}

/// A tensor of the file, and what was done to it when the file was made.
#[derive(Debug, Clone)]
struct Place {
    tensor: String,
    /// The heads whose rows were put into another order, where they were.
    heads: Option<usize>,
    /// Whether 1 was added.
    shifted: bool,
}

/// Whether a path is a file that begins as GGUF files do.
pub(crate) fn is_gguf(path: &Path) -> bool {
    let start = || -> std::io::Result<bool> {
        let mut start = Vec::new();
        let file = fs::File::open(path)?;
        if !file.metadata()?.is_file() {
            return Ok(false);
        }
        file.take(FileKind::START as u64).read_to_end(&mut start)?;
        Ok(FileKind::of_start(&start) == Some(FileKind::Gguf))
    };
    start().unwrap_or(false)
}

/// The length in bytes of a GGUF file's header, which says all of a model but its numbers; `None` for a folder, or a file that can't be read.
pub fn header_length(path: &Path) -> Option<u64> {
    is_gguf(path).then(|| File::open(path).ok()).flatten().map(|file| file.header_length())
}

impl GgufModel {
    /// Reads a file's header.
    ///
    /// # Errors
    /// [`HfError::Gguf`] for a file that is damaged, or of keys that are missing or make no sense; [`HfError::Unsupported`] for an architecture, or a kind of
    /// file, that is not one of ours.
    pub(crate) fn open(path: &Path) -> Result<Self, HfError> {
        let file = File::open(path)?;
        refuse_parts(&file)?;
        let architecture = Architecture::of(&file)?;
        let config = format!("{:#}\n", config::config(architecture, &file)?);
        let heads = |name: &str| file.metadata().unsigned(&architecture.key(name));
        let query_heads = heads("attention.head_count")?.unwrap_or(1) as usize;
        let key_heads = heads("attention.head_count_kv")?.map_or(query_heads, |heads| heads as usize);
        let mut places = BTreeMap::new();
        for tensor in file.tensors().filter(|tensor| tensor.name() != rope::FACTORS) {
            let name = to_folder(tensor.name(), architecture.post_norms);
            let place = Place {
                tensor: tensor.name().to_owned(),
                heads: architecture.heads_in_turn(&name, [query_heads, key_heads]),
                shifted: architecture.shifts(&name),
            };
            if let Some(heads) = place.heads
                && !heads.checked_mul(2).is_some_and(|halves| tensor.shape()[0].is_multiple_of(halves))
            {
                let reason = format!("has {} rows, expected an even number for each of {heads} heads", tensor.shape()[0]);
                return Err(refuse(&file, tensor.name(), reason));
            }
            if let Some(other) = places.insert(name.clone(), place) {
                return Err(refuse(&file, tensor.name(), format!("is {name} in a folder, and so is {}", other.tensor)));
            }
        }
        Ok(Self { file: Arc::new(file), architecture, config, places })
    }

    /// The file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The `config.json` that a folder of this model has.
    pub(crate) fn config(&self) -> &str {
        &self.config
    }

    /// The tokenizer as the file describes it.
    pub(crate) fn vocabulary(&self) -> Result<Vocabulary, HfError> {
        Ok(Vocabulary::of(self.file.metadata(), self.token_ids())?)
    }

    /// Ids that end an answer; none where the tokenizer is none of ours, which is said where it is asked for.
    pub(crate) fn ends(&self) -> Vec<u32> {
        self.vocabulary().map_or_else(|_| Vec::new(), |vocabulary| vocabulary.ends().to_vec())
    }

    /// How many ids the model has.
    fn token_ids(&self) -> usize {
        self.file.tensor("token_embd.weight").map_or(0, |tensor| tensor.shape()[0])
    }

    /// The tokenizer.
    pub(crate) fn tokenizer(&self) -> Result<FolderTokenizer, HfError> {
        FolderTokenizer::of_vocabulary(&self.vocabulary()?, self.token_ids())
    }

    /// Whether the file holds a tokenizer.
    pub(crate) fn has_tokenizer(&self) -> bool {
        self.file.metadata().get("tokenizer.ggml.model").is_some()
    }

    /// The files that a folder of this model has besides its weights, by their names.
    pub(crate) fn texts(&self) -> Result<Vec<(&'static str, String)>, HfError> {
        let mut texts = vec![("config.json", self.config.clone())];
        if self.has_tokenizer() {
            texts.extend(self.vocabulary()?.files()?);
        }
        Ok(texts)
    }

    /// What the file says of its tokenizer, chat template among it.
    pub(crate) fn tokenizer_metadata(&self) -> Vec<(String, Value)> {
        let own = self.file.metadata().iter().filter(|(key, _)| key.starts_with("tokenizer."));
        own.map(|(key, value)| (key.to_owned(), value.clone())).collect()
    }

    /// The chat template, if there is one.
    pub(crate) fn template(&self) -> Result<Option<Template>, HfError> {
        let vocabulary = self.vocabulary()?;
        let tokens = vocabulary.names().map(|(name, text)| (name.to_owned(), text.into())).collect();
        vocabulary.template().map(|source| Template::parse(source, tokens, self.file.path().to_owned())).transpose()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    pub(crate) fn info(&self, name: &str) -> Option<(&[usize], Dtype)> {
        let tensor = self.file.tensor(&self.places.get(name)?.tensor)?;
        let dtype = match tensor.kind() {
            Kind::F16 => Dtype::F16,
            Kind::BF16 => Dtype::BF16,
            _ => Dtype::F32,
        };
        Some((tensor.shape(), dtype))
    }

    /// What the file calls a tensor, whether it has it or not.
    pub(crate) fn called(&self, name: &str) -> String {
        match self.places.get(name) {
            Some(place) => place.tensor.clone(),
            None => to_file(name, self.architecture.post_norms).unwrap_or_else(|| name.to_owned()),
        }
    }

    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>, HfError> {
        let Some(place) = self.places.get(name) else {
            return Err(refuse(&self.file, &self.called(name), "is missing".into()));
        };
        let mut values = self.file.read(&place.tensor)?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(HfError::NotFinite { path: self.file.path().to_owned(), tensor: place.tensor.clone() });
        }
        if place.shifted {
            values.iter_mut().for_each(|value| *value -= 1.0);
        }
        Ok(match (place.heads, self.file.tensor(&place.tensor)) {
            (Some(heads), Some(tensor)) => turned_back(&values, tensor.shape()[0], heads),
            _ => values,
        })
    }
}

/// Refuses what is no whole model.
fn refuse_parts(file: &File) -> Result<(), HfError> {
    let metadata = file.metadata();
    let unsupported = |what: String, supported: &str| {
        Err(HfError::Unsupported { path: file.path().to_owned(), what, supported: supported.into() })
    };
    if let Some(parts) = metadata.unsigned("split.count")?.filter(|&parts| parts > 1) {
        let supported = "whole files: join the parts with `llama-gguf-split --merge FIRST WHOLE`";
        return unsupported(format!("one of {parts} parts of a model"), supported);
    }
    match metadata.text("general.type")? {
        None | Some("model") => Ok(()),
        Some("adapter") => unsupported("an adapter as GGUF".into(), "adapters as folders in the layout of Python's peft"),
        Some(kind) => unsupported(format!("a file of type \"{kind}\""), "files of type \"model\""),
    }
}

fn refuse(file: &File, tensor: &str, reason: String) -> HfError {
    palinode_gguf::GgufError::Tensor { path: file.path().to_owned(), tensor: tensor.to_owned(), reason }.into()
}
