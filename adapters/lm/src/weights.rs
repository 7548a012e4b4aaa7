//! Weights as safetensors, named by their path in the model.

use std::{borrow::Cow, collections::BTreeMap, fs, path::Path};

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{DType, Device, Tensor, TensorData},
};
use safetensors::{Dtype, SafeTensors, View};

use crate::{
    config::DecoderConfig,
    decoder::Decoder,
    error::LmError,
    source::{Parameter, WeightSource},
};

impl Decoder {
    /// Writes the weights as one safetensors file (f32).
    ///
    /// # Errors
    /// [`LmError::Io`] when the file can't be written.
    pub fn save(&self, path: &Path) -> Result<(), LmError> {
        let bytes = bytes(self, |_| true)?;
        fs::write(path, bytes).map_err(|source| LmError::Io { path: path.into(), source })
    }

    /// The bytes of such a file without what is frozen: of a model with adapters, only those.
    ///
    /// # Errors
    /// [`LmError::Format`] when the format can't hold the tensors.
    pub fn trained_bytes(&self) -> Result<Vec<u8>, LmError> {
        trained_bytes(self)
    }

    /// The same model with the values that [`Decoder::trained_bytes`] gave for another one like it; errors speak of `path`.
    ///
    /// # Errors
    /// [`LmError::Format`] for damaged bytes; [`LmError::Tensors`] lists every missing, extra and mis-shaped tensor.
    pub fn with_trained(self, bytes: &[u8], path: &Path) -> Result<Self, LmError> {
        with_trained(self, bytes, path)
    }

    /// Hands every parameter to `read`, by the names that [`Decoder::parameters`] lists, one at a time.
    pub fn read_parameters(&self, read: impl FnMut(&str, TensorData)) {
        self.visit(&mut Reader { path: Vec::new(), read });
    }

    /// Reads weights written by [`Decoder::save`] into a model of the given sizes.
    ///
    /// # Errors
    /// [`LmError::Config`]; [`LmError::Io`]; [`LmError::Format`] for a damaged file; [`LmError::Tensors`] lists every missing, extra and
    /// mis-shaped tensor.
    pub fn load(config: &DecoderConfig, path: &Path, device: &Device) -> Result<Self, LmError> {
        let bytes = fs::read(path).map_err(|source| LmError::Io { path: path.into(), source })?;
        Self::parse(config, &bytes, path, device)
    }

    /// As [`Decoder::load`], from the bytes of such a file, which an application may have embedded.
    ///
    /// # Errors
    /// As [`Decoder::load`], with `<memory>` for the path.
    pub fn from_bytes(config: &DecoderConfig, bytes: &[u8], device: &Device) -> Result<Self, LmError> {
        Self::parse(config, bytes, Path::new("<memory>"), device)
    }

    /// As [`Decoder::from_bytes`], with `path` in errors.
    ///
    /// # Errors
    /// As [`Decoder::load`].
    pub fn parse(config: &DecoderConfig, bytes: &[u8], path: &Path, device: &Device) -> Result<Self, LmError> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| LmError::Format { path: path.into(), reason: e.to_string() })?;
        let expected = Self::parameters(config, device)?;
        let expected = expected.into_iter().map(|Parameter { name, shape }| (name, shape)).collect();
        compare(&file, &expected, path)?;
        Self::from_source(config, &mut File { file: &file, path, device })
    }
}

/// The parameters of any model that are not frozen, as a safetensors file (f32), named by their path in the model.
///
/// # Errors
/// [`LmError::Format`] when the format can't hold the tensors.
pub fn trained_bytes<M: Module>(model: &M) -> Result<Vec<u8>, LmError> {
    let trained = trained(model);
    bytes(model, |name| trained.contains_key(name))
}

/// A model with the values that [`trained_bytes`] gave for another one like it; errors speak of `path`.
///
/// # Errors
/// [`LmError::Format`] for damaged bytes; [`LmError::Tensors`] lists every missing, extra and mis-shaped tensor.
pub fn with_trained<M: Module>(model: M, bytes: &[u8], path: &Path) -> Result<M, LmError> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| LmError::Format { path: path.into(), reason: e.to_string() })?;
    let trained = trained(&model);
    compare(&file, &trained, path)?;
    Ok(model.map(&mut Replace { path: Vec::new(), file: &file, trained: &trained }))
}

/// Names and shapes of the parameters that are not frozen.
fn trained<M: Module>(model: &M) -> BTreeMap<String, Vec<usize>> {
    let mut found = FindTrained { path: Vec::new(), trained: BTreeMap::new() };
    model.clone().train().visit(&mut found);
    found.trained
}

fn bytes<M: Module>(model: &M, keep: impl Fn(&str) -> bool) -> Result<Vec<u8>, LmError> {
    let mut found = FindKept { path: Vec::new(), keep, kept: Vec::new() };
    model.visit(&mut found);
    let bytes = safetensors::serialize(found.kept, None);
    bytes.map_err(|e| LmError::Format { path: "<memory>".into(), reason: e.to_string() })
}

/// Refuses a file that holds other tensors than the expected ones, in f32.
fn compare(file: &SafeTensors<'_>, expected: &BTreeMap<String, Vec<usize>>, path: &Path) -> Result<(), LmError> {
    let mut differences = Vec::new();
    for (name, shape) in expected {
        match file.tensor(name) {
            Err(_) => differences.push(format!("{name} is missing")),
            Ok(view) if view.dtype() != Dtype::F32 => {
                differences.push(format!("{name} is {:?}, expected F32", view.dtype()));
            }
            Ok(view) if view.shape() != shape => {
                differences.push(format!("{name} has shape {:?}, expected {shape:?}", view.shape()));
            }
            Ok(_) => {}
        }
    }
    let extra = file.names().into_iter().filter(|name| !expected.contains_key(*name));
    differences.extend(extra.map(|name| format!("{name} is not part of the model")));
    if differences.is_empty() { Ok(()) } else { Err(LmError::Tensors { path: path.into(), differences }) }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// A file whose tensors were checked before.
struct File<'a> {
    file: &'a SafeTensors<'a>,
    path: &'a Path,
    device: &'a Device,
}

impl File<'_> {
    fn read<const D: usize>(&self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, LmError> {
        let view = self.file.tensor(name).map_err(|e| LmError::Format { path: self.path.into(), reason: e.to_string() })?;
        Ok(Tensor::from_data(TensorData::new(floats(view.data()), shape), (self.device, DType::F32)))
    }
}

impl WeightSource for File<'_> {
    type Error = LmError;

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Tensor<2>, LmError> {
        self.read(name, shape)
    }

    fn vector(&mut self, name: &str, length: usize, _: f32) -> Result<Tensor<1>, LmError> {
        self.read(name, [length])
    }
}

/// Reads every parameter, one after another.
struct Reader<F> {
    path: Vec<String>,
    read: F,
}

impl<F: FnMut(&str, TensorData)> ModuleVisitor for Reader<F> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        (self.read)(&self.path.join("."), param.val().into_data());
    }
}

/// Finds what a file is to hold.
struct FindKept<F> {
    path: Vec<String>,
    keep: F,
    kept: Vec<(String, Late)>,
}

impl<F: Fn(&str) -> bool> ModuleVisitor for FindKept<F> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.join(".");
        if (self.keep)(&name) {
            let tensor = param.val();
            self.kept.push((name, Late { shape: tensor.dims().to_vec(), read: Box::new(move || tensor.to_data()) }));
        }
    }
}

/// A tensor whose bytes are made when they are written: not of all tensors at once.
struct Late {
    shape: Vec<usize>,
    read: Box<dyn Fn() -> TensorData>,
}

impl View for Late {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned((self.read)().iter::<f32>().flat_map(f32::to_le_bytes).collect())
    }

    fn data_len(&self) -> usize {
        size_of::<f32>() * self.shape.iter().product::<usize>()
    }
}

struct FindTrained {
    path: Vec<String>,
    trained: BTreeMap<String, Vec<usize>>,
}

impl ModuleVisitor for FindTrained {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.val().is_require_grad() {
            self.trained.insert(self.path.join("."), param.dims().to_vec());
        }
    }
}

/// Puts a file's values in place of those that are trained; the file was checked before.
struct Replace<'a> {
    path: Vec<String>,
    file: &'a SafeTensors<'a>,
    trained: &'a BTreeMap<String, Vec<usize>>,
}

impl ModuleMapper for Replace<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.join(".");
        match self.file.tensor(&name) {
            Ok(view) if self.trained.contains_key(&name) => {
                let values = TensorData::new(floats(view.data()), view.shape().to_vec());
                param.map(|old| Tensor::from_data(values, (&old.device(), old.dtype())))
            }
            _ => param,
        }
    }
}

#[cfg(test)]
mod tests;
