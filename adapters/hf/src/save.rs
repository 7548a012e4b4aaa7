//! A trained model, written as a folder that transformers loads.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use burn::tensor::Device;
use half::{bf16, f16};
use palinode_lm::{Decoder, Parameter};
use safetensors::{Dtype, View};

use crate::{
    error::HfError,
    folder::{Folder, LONGEST_CONFIG},
    layout::{Piece, pieces, transpose},
    shards::{bounded_text, floats},
    template::default_file,
    whole::{MARK, write_whole},
};

/// Files that belong to a model besides its weights, copied as they are.
pub(crate) const COPIED: [&str; 11] = [
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
    "chat_template.json",
];

/// The weights.
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// One tensor's bytes.
pub(crate) struct Bytes {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

/// Writes a safetensors file, with a mark by which palinode knows it again.
pub(crate) fn write(tensors: &[(String, Bytes)], path: &Path) -> Result<(), HfError> {
    let metadata = [("format", "pt"), (MARK, env!("CARGO_PKG_VERSION"))];
    let views = tensors.iter().map(|(name, bytes)| (name.as_str(), bytes));
    let owned = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    safetensors::serialize_to_file(views, Some(owned.into()), path)
        .map_err(|error| HfError::Format { path: path.to_owned(), reason: error.to_string() })?;
    in_order(path, metadata).map_err(|source| HfError::Io { path: path.to_owned(), source })
}

/// Puts the two entries of a header's metadata into their order, where the library wrote them the other way round: it takes them from a hash map, whose order
/// is another in each process, and the same weights are to be the same bytes.
fn in_order(path: &Path, [first, second]: [(&str, &str); 2]) -> io::Result<()> {
    let text =
        |(a, b): (&str, &str), (c, d): (&str, &str)| format!(r#"{{"__metadata__":{{"{a}":"{b}","{c}":"{d}"}}"#).into_bytes();
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut begins = vec![0; text(first, second).len()];
    file.seek(SeekFrom::Start(LENGTH_OF_HEADER))?;
    file.read_exact(&mut begins)?;
    if begins == text(second, first) {
        file.seek(SeekFrom::Start(LENGTH_OF_HEADER))?;
        file.write_all(&text(first, second))?;
    }
    Ok(())
}

/// Bytes before a header, which say how long it is.
const LENGTH_OF_HEADER: u64 = 8;

/// Copies a file's bytes, and not its permissions: where it came from may be read-only.
fn copy(from: &Path, to: &Path) -> Result<(), HfError> {
    let mut source = File::open(from).map_err(|source| HfError::Io { path: from.to_owned(), source })?;
    let copied = File::create(to).and_then(|mut target| io::copy(&mut source, &mut target));
    copied.map(drop).map_err(|source| HfError::Io { path: to.to_owned(), source })
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
    /// copied; of a GGUF file, what it says of them, and tensors in blocks as F32. What was loaded and not trained is written bit for bit. A folder that palinode wrote before is replaced, and is whole at any time.
    ///
    /// # Errors
    /// [`HfError::Io`]; [`HfError::Occupied`] for a folder that holds anything else, or is this one; [`HfError::Tensors`] as [`Folder::rounded`].
    pub fn save(&self, model: &Decoder, to: &Path) -> Result<(), HfError> {
        let real = |path: &Path| fs::canonicalize(path).ok();
        if real(to).is_some_and(|to| real(self.path()) == Some(to)) {
            let reason = "is the folder that the model came from, which stays as it is: save to another one".into();
            return Err(HfError::Occupied { path: to.to_owned(), reason });
        }
        let tensors = self.tensors(model)?;
        if let Some(model) = self.gguf() {
            let texts = model.texts()?;
            return write_whole(to, |part| {
                for (name, text) in texts {
                    let path = part.join(name);
                    fs::write(&path, text).map_err(|source| HfError::Io { path, source })?;
                }
                write(&tensors, &part.join(WEIGHTS))
            });
        }
        let untied = self.untied_config()?;
        write_whole(to, |part| {
            for name in COPIED {
                let from = self.path().join(name);
                if from.is_file() {
                    copy(&from, &part.join(name))?;
                }
            }
            // The one of several that counts; without the others it needs no folder.
            let default = default_file(self.path());
            if default.is_file() {
                copy(&default, &part.join("chat_template.jinja"))?;
            }
            if let Some(config) = &untied {
                let path = part.join("config.json");
                fs::write(&path, config).map_err(|source| HfError::Io { path, source })?;
            }
            write(&tensors, &part.join(WEIGHTS))
        })
    }

    /// All of a model's parameters as the folder's tensors.
    fn tensors(&self, model: &Decoder) -> Result<Vec<(String, Bytes)>, HfError> {
        let (mut tensors, mut differences) = (Vec::new(), Vec::new());
        self.each_tensor(model, |piece, values| {
            let dtype = self.dtype_of(&piece.name);
            let bytes = to_bytes(dtype, values);
            if !floats(dtype, &bytes).is_some_and(|all| all.iter().all(|x| x.is_finite())) {
                differences.push(format!("{} holds numbers that {dtype:?} can't", piece.name));
            }
            tensors.push((piece.name.clone(), Bytes { dtype, shape: piece.shape.clone(), bytes }));
            Ok(())
        })?;
        if differences.is_empty() { Ok(tensors) } else { Err(HfError::Tensors { path: self.path().to_owned(), differences }) }
    }

    /// Goes through a model's parameters as the folder's tensors.
    ///
    /// # Errors
    /// [`HfError::Tensors`] when the model has other parameters than the folder; the first of `take`.
    pub(crate) fn each_tensor(
        &self,
        model: &Decoder,
        mut take: impl FnMut(&Piece, &[f32]) -> Result<(), HfError>,
    ) -> Result<(), HfError> {
        let (mut differences, mut result) = (Vec::new(), Ok(()));
        model.read_parameters(|name, data| match self.parameters().iter().find(|parameter| parameter.name == name) {
            Some(parameter) if parameter.shape == data.shape().to_vec() => {
                let values: Vec<f32> = data.iter::<f32>().collect();
                if result.is_ok() {
                    result = self.unpack(parameter, &values, &mut take);
                }
            }
            _ => differences.push(format!("{name} of shape {:?} is not part of the folder's model", data.shape())),
        });
        result?;
        if differences.is_empty() { Ok(()) } else { Err(HfError::Tensors { path: self.path().to_owned(), differences }) }
    }

    /// Goes through the folder's tensors that a parameter holds.
    fn unpack(
        &self,
        parameter: &Parameter,
        values: &[f32],
        take: &mut impl FnMut(&Piece, &[f32]) -> Result<(), HfError>,
    ) -> Result<(), HfError> {
        let made_of = pieces(self.config(), parameter);
        let turned;
        let values = if made_of.transposed {
            turned = transpose(values, parameter.shape[0], parameter.shape[1]);
            turned.as_slice()
        } else {
            values
        };
        let mut rest = values;
        for piece in &made_of.pieces {
            let (own, behind) = rest.split_at(piece.shape.iter().product());
            rest = behind;
            take(piece, own)?;
        }
        Ok(())
    }

    /// `config.json` as the model needs it: with an untied head where the model has a head of its own now.
    fn untied_config(&self) -> Result<Option<String>, HfError> {
        if !self.is_untied_against_its_flag() {
            return Ok(None);
        }
        let path = self.path().join("config.json");
        let mut config: serde_json::Value = serde_json::from_str(&bounded_text(&path, LONGEST_CONFIG)?)
            .map_err(|error| HfError::Format { path, reason: format!("not JSON: {error}") })?;
        config["tie_word_embeddings"] = false.into();
        Ok(Some(format!("{config:#}\n")))
    }
}

/// Numbers as a tensor of this type; F32 for every type that models do not come in.
pub(crate) fn to_bytes(dtype: Dtype, values: &[f32]) -> Vec<u8> {
    match dtype {
        Dtype::BF16 => values.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect(),
        Dtype::F16 => values.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}
