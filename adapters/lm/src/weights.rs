//! Weights as safetensors, named by their path in the model.

use std::{collections::BTreeMap, fs, path::Path};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Tensor, TensorData},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

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
        let mut tensors = BTreeMap::new();
        self.read_parameters(|name, data| {
            let bytes: Vec<u8> = data.iter::<f32>().flat_map(f32::to_le_bytes).collect();
            tensors.insert(name.to_owned(), (data.shape().to_vec(), bytes));
        });
        let views: Result<Vec<_>, _> = tensors
            .iter()
            .map(|(name, (shape, bytes))| TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name, view)))
            .collect();
        let format = |e: safetensors::SafeTensorError| LmError::Format { path: path.into(), reason: e.to_string() };
        let bytes = safetensors::serialize(views.map_err(format)?, None).map_err(format)?;
        fs::write(path, bytes).map_err(|source| LmError::Io { path: path.into(), source })
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

    fn parse(config: &DecoderConfig, bytes: &[u8], path: &Path, device: &Device) -> Result<Self, LmError> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| LmError::Format { path: path.into(), reason: e.to_string() })?;
        let expected = Self::parameters(config, device)?;
        let mut differences = Vec::new();
        for Parameter { name, shape } in &expected {
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
        let extra = file.names().into_iter().filter(|name| !expected.iter().any(|parameter| parameter.name == *name));
        differences.extend(extra.map(|name| format!("{name} is not part of the model")));
        if !differences.is_empty() {
            return Err(LmError::Tensors { path: path.into(), differences });
        }
        Self::from_source(config, &mut File { file: &file, path, device })
    }
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
        let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Ok(Tensor::from_data(TensorData::new(values, shape), self.device))
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

#[cfg(test)]
mod tests;
