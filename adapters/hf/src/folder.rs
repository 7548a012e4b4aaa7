//! A model folder.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use burn::tensor::{DType, Device, Tensor, TensorData};
use palinode_gguf::Value;
use palinode_lm::{Decoder, DecoderConfig, LmError, Parameter, WeightSource};
use safetensors::Dtype;

use crate::{
    adapter::{Adaptation, Base},
    error::HfError,
    foreign::refuse_model,
    gguf::{GgufModel, Vocabulary, is_gguf},
    layout::{may_be_left, pieces, transpose},
    shards::{Shards, bounded, bounded_text},
    spec::{self, Spec},
    template::Template,
    tokenizer::FolderTokenizer,
    weights::Weights,
};

/// Longest `config.json` that is read.
pub(crate) const LONGEST_CONFIG: u64 = 1 << 20;

/// A folder whose configuration was read and whose tensors fit it. Nothing was loaded yet.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    spec: Spec,
    weights: Weights,
    parameters: Vec<Parameter>,
    /// Whether `config.json` says that the head is the embeddings.
    flagged_tied: bool,
    adaptation: Option<Adaptation>,
    unused: Vec<u32>,
}

/// Keys of a GGUF file, and their values.
type Keys = Vec<(String, Value)>;

/// The embeddings, and the head that may be the same.
const EMBEDDINGS: &str = "model.embed_tokens.weight";
pub(crate) const HEAD: &str = "lm_head.weight";

impl Folder {
    /// Reads `config.json` and the headers of the weights, or the header of a GGUF file, and compares all names and shapes. `device` holds nothing
    /// afterwards.
    ///
    /// # Errors
    /// Those of [`spec::parse`]; [`HfError::Gguf`] and [`HfError::Unsupported`] of a GGUF file; [`HfError::Io`], [`HfError::Format`] for a file that is missing or damaged; [`HfError::Tensors`] lists every
    /// missing, extra and mis-shaped tensor, and those of another type than F32, BF16 and F16.
    pub fn open(path: &Path, device: &Device) -> Result<Self, HfError> {
        if is_gguf(path) {
            let model = GgufModel::open(path)?;
            let mut spec = spec::parse(model.config(), path)?;
            spec.end_tokens.extend(model.ends());
            return Self::of(path, spec, Weights::Gguf(model), device);
        }
        refuse_model(path)?;
        let config_path = path.join("config.json");
        let text = bounded_text(&config_path, LONGEST_CONFIG)?;
        let mut spec = spec::parse(&text, &config_path)?;
        let generation = path.join("generation_config.json");
        if generation.is_file() {
            let text = bounded(&generation, LONGEST_CONFIG)?;
            let ends = spec::end_tokens(&String::from_utf8_lossy(&text), &generation, spec.config.vocabulary)?;
            spec.end_tokens.extend(ends);
        }
        Self::of(path, spec, Weights::Shards(Shards::open(path)?), device)
    }

    fn of(path: &Path, mut spec: Spec, weights: Weights, device: &Device) -> Result<Self, HfError> {
        spec.end_tokens.sort_unstable();
        spec.end_tokens.dedup();
        let flagged_tied = spec.config.tied;
        // A head of its own beside the embeddings wins over the flag, as in transformers 5.
        spec.config.tied = flagged_tied && weights.same(EMBEDDINGS, HEAD)?;
        let parameters = Decoder::parameters(&spec.config, device)?;
        let unused = Vec::new();
        let folder = Self { path: path.to_owned(), spec, weights, parameters, flagged_tied, adaptation: None, unused };
        folder.compare()?;
        Ok(folder)
    }

    /// The same folder with an adapter in PEFT's layout: [`Folder::load`] then gives the adapted model, low-rank adapters on projections beside
    /// their weights and everything else within them.
    ///
    /// # Errors
    /// [`HfError::Unsupported`] for settings that mean something that is not computed here; [`HfError::Field`], [`HfError::Format`],
    /// [`HfError::Tensors`] for folders that are damaged, or do not belong to this model; [`HfError::NotFinite`].
    pub fn with_adapter(mut self, adapter: &Path, device: &Device) -> Result<Self, HfError> {
        if self.adaptation.is_some() {
            return Err(LmError::Adapters("the folder has some already".into()).into());
        }
        let pieces = self.parameters.iter().flat_map(|parameter| pieces(&self.spec.config, parameter).pieces);
        let mut tensors: BTreeMap<_, _> = pieces.map(|piece| (piece.name, piece.shape)).collect();
        if let Some(shape) = tensors.get(EMBEDDINGS).cloned() {
            tensors.entry(HEAD.to_owned()).or_insert(shape);
        }
        let adaptation =
            Adaptation::open(adapter, &Base { tensors, tied: self.spec.config.tied, flagged_tied: self.flagged_tied })?;
        let touched = self.spec.config.tied && adaptation.changes_embeddings();
        self.adaptation = Some(adaptation);
        if touched && self.read(EMBEDDINGS)? != self.read(HEAD)? {
            self.spec.config.tied = false;
            self.parameters = Decoder::parameters(&self.spec.config, device)?;
        }
        Ok(self)
    }

    fn compare(&self) -> Result<(), HfError> {
        let (mut expected, mut differences) = (Vec::new(), Vec::new());
        for piece in self.parameters.iter().flat_map(|parameter| pieces(&self.spec.config, parameter).pieces) {
            match self.weights.info(self.stored(&piece.name)) {
                None if piece.name == HEAD => differences.push(format!(
                    "{HEAD} is missing (config.json says that it is no copy of the embeddings; where it is one, set tie_word_embeddings to true)"
                )),
                None => differences.push(format!("{} is missing", self.weights.called(&piece.name))),
                Some((shape, _)) if shape != piece.shape => {
                    differences.push(format!("{} has shape {shape:?}, expected {:?}", self.weights.called(&piece.name), piece.shape));
                }
                Some((_, Dtype::F32 | Dtype::BF16 | Dtype::F16)) => {}
                Some((_, dtype)) => differences.push(format!("{} is {dtype:?}, expected F32, BF16 or F16", piece.name)),
            }
            expected.push(piece.name);
        }
        expected.sort_unstable();
        let known = |name: &str| expected.binary_search_by(|held| held.as_str().cmp(name)).is_ok();
        let extra = self.weights.names().filter(|name| !known(name) && !may_be_left(&self.spec.config, name));
        differences.extend(extra.map(|name| format!("{} is not part of the model", self.weights.called(name))));
        if differences.is_empty() { Ok(()) } else { Err(HfError::Tensors { path: self.path.clone(), differences }) }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The model's sizes.
    pub fn config(&self) -> &DecoderConfig {
        &self.spec.config
    }

    /// Ids that end an answer, ascending: those of `config.json` and of `generation_config.json`; of a GGUF file those that its keys name, and its control
    /// tokens that llama.cpp knows for ends by their texts.
    pub fn end_tokens(&self) -> &[u32] {
        &self.spec.end_tokens
    }

    /// The family, one of [`spec::FAMILIES`].
    pub(crate) fn family(&self) -> &str {
        &self.spec.family
    }

    /// The GGUF file that stands in the place of a folder.
    pub(crate) fn gguf(&self) -> Option<&GgufModel> {
        match &self.weights {
            Weights::Shards(_) => None,
            Weights::Gguf(model) => Some(model),
        }
    }

    /// The tokenizer as a GGUF file holds it, and what a reader of that should know.
    pub(crate) fn tokenizer_metadata(&self) -> Result<(Keys, Vec<String>), HfError> {
        match &self.weights {
            Weights::Gguf(model) => Ok((model.tokenizer_metadata(), Vec::new())),
            Weights::Shards(_) if !self.has_tokenizer() => Ok((Vec::new(), Vec::new())),
            Weights::Shards(_) => {
                let (vocabulary, notes) = Vocabulary::of_folder(&self.path, &self.tokenizer()?, self.end_tokens())?;
                Ok((vocabulary.metadata(), notes))
            }
        }
    }

    /// The tokenizer.
    ///
    /// # Errors
    /// Those of [`FolderTokenizer::load`]; of a GGUF file [`HfError::Gguf`] names the key.
    pub fn tokenizer(&self) -> Result<FolderTokenizer, HfError> {
        match &self.weights {
            Weights::Shards(_) => FolderTokenizer::load(&self.tokenizer_path(), self.spec.config.vocabulary),
            Weights::Gguf(model) => model.tokenizer(),
        }
    }

    /// Whether there is a tokenizer beside the weights, which can be asked for their own sake.
    pub fn has_tokenizer(&self) -> bool {
        match &self.weights {
            Weights::Shards(_) => self.tokenizer_path().is_file(),
            Weights::Gguf(model) => model.has_tokenizer(),
        }
    }

    fn tokenizer_path(&self) -> PathBuf {
        self.path.join("tokenizer.json")
    }

    /// The chat template, if there is one.
    ///
    /// # Errors
    /// Those of [`Template::of`]; of a GGUF file [`HfError::Gguf`] and [`HfError::Template`].
    pub fn template(&self) -> Result<Option<Template>, HfError> {
        match &self.weights {
            Weights::Shards(_) => Template::of(&self.path),
            Weights::Gguf(model) => model.template(),
        }
    }

    /// The adapter that [`Folder::with_adapter`] put on, if there is one.
    pub fn adaptation(&self) -> Option<&Adaptation> {
        self.adaptation.as_ref()
    }

    /// What a reader of the folder should know: none as a rule.
    pub fn notes(&self) -> Vec<String> {
        let own = self.flagged_tied && !self.spec.config.tied && self.adaptation.is_none();
        let note = "config.json says that the head is the embeddings (tie_word_embeddings), and the file has a head of its own; both are kept, as \
            transformers 5 does (version 4 drops the head)";
        own.then(|| format!("{}: {note}", self.path.display())).into_iter().collect()
    }

    /// Whether `config.json` ties what is two tensors here.
    pub(crate) fn is_untied_against_its_flag(&self) -> bool {
        self.flagged_tied && !self.spec.config.tied
    }

    /// The same folder, whose models know which of their ids have no token in this tokenizer ([`Decoder::with_unused`]). Ids that end an answer mean
    /// something to the model, and are kept.
    pub fn with_tokens_of(self, tokenizer: &FolderTokenizer) -> Self {
        let unused = tokenizer.unused().into_iter().filter(|id| !self.end_tokens().contains(id)).collect();
        Self { unused, ..self }
    }

    /// Ids that no token has; none before [`Folder::with_tokens_of`].
    pub fn unused(&self) -> &[u32] {
        &self.unused
    }

    /// The parameters of the decoder, in its order.
    pub(crate) fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The type that a tensor is stored in.
    pub(crate) fn dtype_of(&self, tensor: &str) -> Dtype {
        self.weights.info(self.stored(tensor)).map_or(Dtype::F32, |(_, dtype)| dtype)
    }

    /// Where the folder has a tensor: of embeddings and a head that are one, under either name.
    fn stored<'a>(&self, tensor: &'a str) -> &'a str {
        let other = match tensor {
            EMBEDDINGS => HEAD,
            HEAD => EMBEDDINGS,
            _ => return tensor,
        };
        if self.flagged_tied && self.weights.info(tensor).is_none() { other } else { tensor }
    }

    /// The numbers of a tensor of the base, without what an adapter changes.
    pub(crate) fn read_base(&self, tensor: &str) -> Result<Vec<f32>, HfError> {
        self.weights.read(self.stored(tensor))
    }

    fn read(&self, tensor: &str) -> Result<Vec<f32>, HfError> {
        match &self.adaptation {
            Some(adaptation) => adaptation.adapt(tensor, || self.read_base(tensor)),
            None => self.read_base(tensor),
        }
    }

    /// The model, in f32 whatever its files hold; [`Decoder::cast`] makes others of it.
    ///
    /// # Errors
    /// [`HfError::Io`]; [`HfError::NotFinite`] names a tensor that holds NaN or infinity.
    pub fn load(&self, device: &Device) -> Result<Decoder, HfError> {
        let model = self.assemble(device, &|tensor| self.read(tensor))?;
        let beside = self.adaptation.as_ref().map_or(Ok(Vec::new()), Adaptation::low_rank)?;
        Ok(if beside.is_empty() { model } else { model.with_loaded_adapters(&beside, 0.0)? })
    }

    /// A model whose tensors, by the folder's names, come from `read`.
    pub(crate) fn assemble(&self, device: &Device, read: &dyn Fn(&str) -> Result<Vec<f32>, HfError>) -> Result<Decoder, HfError> {
        let model = Decoder::from_source(&self.spec.config, &mut Source { config: &self.spec.config, read, device })?;
        Ok(model.with_unused(self.unused.iter().copied())?)
    }
}

/// Puts parameters together from the folder's tensors, one parameter in memory at a time.
struct Source<'a> {
    config: &'a DecoderConfig,
    read: &'a dyn Fn(&str) -> Result<Vec<f32>, HfError>,
    device: &'a Device,
}

impl Source<'_> {
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, HfError> {
        let parameter = Parameter { name: name.to_owned(), shape: shape.to_vec() };
        let made_of = pieces(self.config, &parameter);
        let values = match made_of.pieces.as_slice() {
            // As it is: the largest tensors are one piece, and need not be in memory twice.
            [only] => (self.read)(&only.name)?,
            pieces => {
                let mut values = Vec::with_capacity(shape.iter().product());
                for piece in pieces {
                    values.extend((self.read)(&piece.name)?);
                }
                values
            }
        };
        Ok(if made_of.transposed { transpose(&values, shape[1], shape[0]) } else { values })
    }
}

impl WeightSource for Source<'_> {
    type Error = HfError;

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Tensor<2>, HfError> {
        Ok(Tensor::from_data(TensorData::new(self.read(name, &shape)?, shape), (self.device, DType::F32)))
    }

    fn vector(&mut self, name: &str, length: usize, _: f32) -> Result<Tensor<1>, HfError> {
        Ok(Tensor::from_data(TensorData::new(self.read(name, &[length])?, [length]), (self.device, DType::F32)))
    }
}
