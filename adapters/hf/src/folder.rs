//! A model folder.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use palinode_lm::{Decoder, DecoderConfig, Parameter, WeightSource};
use safetensors::Dtype;

use crate::{
    error::HfError,
    layout::{may_be_left, pieces, transpose},
    shards::{Shards, bounded, bounded_text},
    spec::{self, Spec},
};

/// Longest `config.json` that is read.
const LONGEST_CONFIG: u64 = 1 << 20;

/// A folder whose configuration was read and whose tensors fit it. Nothing was loaded yet.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    spec: Spec,
    shards: Shards,
    parameters: Vec<Parameter>,
}

impl Folder {
    /// Reads `config.json` and the headers of the weights, and compares all names and shapes. `device` holds nothing afterwards.
    ///
    /// # Errors
    /// Those of [`spec::parse`]; [`HfError::Io`], [`HfError::Format`] for a file that is missing or damaged; [`HfError::Tensors`] lists every
    /// missing, extra and mis-shaped tensor, and those of another type than F32, BF16 and F16.
    pub fn open(path: &Path, device: &Device) -> Result<Self, HfError> {
        let config_path = path.join("config.json");
        let text = bounded_text(&config_path, LONGEST_CONFIG)?;
        let mut spec = spec::parse(&text, &config_path)?;
        let generation = path.join("generation_config.json");
        if generation.is_file() {
            let ends = spec::end_tokens(&String::from_utf8_lossy(&bounded(&generation, LONGEST_CONFIG)?), &generation)?;
            spec.end_tokens.extend(ends);
            spec.end_tokens.sort_unstable();
            spec.end_tokens.dedup();
        }
        let shards = Shards::open(path)?;
        let parameters = Decoder::parameters(&spec.config, device)?;
        let folder = Self { path: path.to_owned(), spec, shards, parameters };
        folder.compare()?;
        Ok(folder)
    }

    fn compare(&self) -> Result<(), HfError> {
        let (mut expected, mut differences) = (Vec::new(), Vec::new());
        for piece in self.parameters.iter().flat_map(|parameter| pieces(&self.spec.config, parameter).pieces) {
            match self.shards.info(&piece.name) {
                None => differences.push(format!("{} is missing", piece.name)),
                Some((shape, _)) if shape != piece.shape => {
                    differences.push(format!("{} has shape {shape:?}, expected {:?}", piece.name, piece.shape));
                }
                Some((_, Dtype::F32 | Dtype::BF16 | Dtype::F16)) => {}
                Some((_, dtype)) => differences.push(format!("{} is {dtype:?}, expected F32, BF16 or F16", piece.name)),
            }
            expected.push(piece.name);
        }
        expected.sort_unstable();
        let known = |name: &str| expected.binary_search_by(|held| held.as_str().cmp(name)).is_ok();
        let extra = self.shards.names().filter(|name| !known(name) && !may_be_left(&self.spec.config, name));
        differences.extend(extra.map(|name| format!("{name} is not part of the model")));
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

    /// Ids that end an answer: those of `config.json` and of `generation_config.json`.
    pub fn end_tokens(&self) -> &[u32] {
        &self.spec.end_tokens
    }

    /// The parameters of the decoder, in its order.
    pub(crate) fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The type that a tensor is stored in.
    pub(crate) fn dtype_of(&self, tensor: &str) -> Dtype {
        self.shards.info(tensor).map_or(Dtype::F32, |(_, dtype)| dtype)
    }

    /// The model, in f32 whatever its files hold; [`Decoder::cast`] makes others of it.
    ///
    /// # Errors
    /// [`HfError::Io`]; [`HfError::NotFinite`] names a tensor that holds NaN or infinity.
    pub fn load(&self, device: &Device) -> Result<Decoder, HfError> {
        self.assemble(device, &|tensor| self.shards.read(tensor))
    }

    /// A model whose tensors, by the folder's names, come from `read`.
    pub(crate) fn assemble(&self, device: &Device, read: &dyn Fn(&str) -> Result<Vec<f32>, HfError>) -> Result<Decoder, HfError> {
        Decoder::from_source(&self.spec.config, &mut Source { config: &self.spec.config, read, device })
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
        let mut values = Vec::with_capacity(shape.iter().product());
        for piece in &made_of.pieces {
            values.extend((self.read)(&piece.name)?);
        }
        Ok(if made_of.transposed { transpose(&values, shape[1], shape[0]) } else { values })
    }
}

impl WeightSource for Source<'_> {
    type Error = HfError;

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Tensor<2>, HfError> {
        Ok(Tensor::from_data(TensorData::new(self.read(name, &shape)?, shape), self.device))
    }

    fn vector(&mut self, name: &str, length: usize, _: f32) -> Result<Tensor<1>, HfError> {
        Ok(Tensor::from_data(TensorData::new(self.read(name, &[length])?, [length]), self.device))
    }
}
