//! A model written as a GGUF file.

use std::{borrow::Cow, fs, path::Path};

use palinode_gguf::{Kind, Metadata, Tensor, Writer};
use palinode_lm::Decoder;

use super::{
    GgufModel,
    architecture::Architecture,
    header::{context, header, refuse_others},
    names::to_file,
    rope,
    rows::turned,
};
use crate::{
    error::HfError,
    folder::Folder,
    layout::pieces,
    spec,
    whole::{PART, beside},
};

/// What a model is written with.
struct Plan {
    architecture: &'static Architecture,
    metadata: Metadata,
    tensors: Vec<Tensor>,
    factors: Option<Vec<f32>>,
    notes: Vec<String>,
}

impl Folder {
    /// Writes a model of this folder's sizes as a GGUF file for llama.cpp: matrices of type `kind` (F32, F16, BF16 or Q8_0), all else in F32, with the folder's
    /// tokenizer and chat template. Rows that are no whole blocks are written in F16. What stands there is replaced once the file is whole.
    /// Gives what a reader of the file should know, as sentences: where llama.cpp reads some texts otherwise.
    ///
    /// # Errors
    /// [`HfError::Unsupported`] for a family, or settings of one, that llama.cpp has no architecture for, and for tokenizers it can't name; [`HfError::Gguf`]
    /// for numbers that the type can't hold; [`HfError::Tensors`] when the model has other parameters than the folder; [`HfError::Io`].
    pub fn write_gguf(&self, model: &Decoder, kind: Kind, to: &Path) -> Result<Vec<String>, HfError> {
        let io = |source| HfError::Io { path: to.to_owned(), source };
        let part = beside(to, PART);
        let written = self.gguf_plan(kind, &part).and_then(|plan| self.write_plan(model, plan, &part));
        match written {
            Ok(notes) => fs::rename(&part, to).map(|()| notes).map_err(io),
            Err(error) => {
                // What is there of it is no file of ours to keep; that it may not be there is no other error.
                drop(fs::remove_file(&part));
                Err(error)
            }
        }
    }

    fn gguf_plan(&self, kind: Kind, part: &Path) -> Result<Plan, HfError> {
        let family = self.family();
        let architecture = Architecture::of_family(family).ok_or_else(|| HfError::Unsupported {
            path: self.path().to_owned(),
            what: format!("a model of family \"{family}\" as a GGUF file"),
            supported: Architecture::families(),
        })?;
        let config = self.config();
        let name = self.name().unwrap_or_else(|| family.to_owned());
        let given = self.gguf().map(|model| model.file().metadata());
        let mut metadata = header(part, architecture, config, kind, (&name, given));
        let (keys, mut notes) = self.tokenizer_metadata()?;
        let context = context(config, architecture);
        if context < config.context {
            notes.push(format!(
                "llama.cpp's architecture \"{}\" has no windows: the file says that the context is {context} tokens long instead of {}, within which both \
                 compute the same",
                architecture.name, config.context
            ));
        }
        for (key, value) in keys {
            metadata.set(&key, value);
        }
        let factors = rope::factors(config.rope_base, config.head_width(), &config.rope_scaling);
        let mut tensors: Vec<Tensor> =
            factors.iter().map(|factors| Tensor::new(rope::FACTORS, &[factors.len()], Kind::F32)).collect();
        for piece in self.parameters().iter().flat_map(|parameter| pieces(config, parameter).pieces) {
            let name = file_name(&piece.name, architecture, self.path())?;
            let matrix = piece.shape.len() == 2;
            let whole = piece.shape.last().is_some_and(|row| row.is_multiple_of(kind.block_values()));
            let kind = match (matrix, whole) {
                (false, _) => Kind::F32,
                (true, true) => kind,
                (true, false) => Kind::F16,
            };
            tensors.push(Tensor::new(&name, &piece.shape, kind));
        }
        Ok(Plan { architecture, metadata, tensors, factors, notes })
    }

    fn write_plan(&self, model: &Decoder, plan: Plan, part: &Path) -> Result<Vec<String>, HfError> {
        let Plan { architecture, metadata, tensors, factors, notes } = plan;
        let mut writer = Writer::create(part, &metadata, tensors)?;
        if let Some(factors) = factors {
            writer.put(rope::FACTORS, &factors)?;
        }
        writer.flush()?;
        // What the file says must be this model, before hours go into its numbers.
        let read = GgufModel::open(part)?;
        refuse_others(self.path(), architecture, self.config(), &spec::parse(read.config(), part)?.config)?;
        let (heads, key_heads) = (self.config().heads, self.config().kv_heads);
        self.each_tensor(model, |piece, values| {
            let values = match architecture.heads_in_turn(&piece.name, [heads, key_heads]) {
                Some(heads) => Cow::Owned(turned(values, piece.shape[0], heads)),
                None if architecture.shifts(&piece.name) => values.iter().map(|value| value + 1.0).collect(),
                None => Cow::Borrowed(values),
            };
            Ok(writer.put(&file_name(&piece.name, architecture, self.path())?, &values)?)
        })?;
        writer.finish()?;
        Ok(notes)
    }
}

fn file_name(name: &str, architecture: &Architecture, path: &Path) -> Result<String, HfError> {
    to_file(name, architecture.post_norms).ok_or_else(|| HfError::Unsupported {
        path: path.to_owned(),
        what: format!("tensor {name} in a GGUF file"),
        supported: "those that llama.cpp has a name for".into(),
    })
}
