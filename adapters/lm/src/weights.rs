//! Weights as safetensors, named by their path in the model.

use std::{collections::BTreeMap, fs, path::Path};

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Device, Tensor, TensorData},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{config::DecoderConfig, decoder::Decoder, error::LmError};

impl Decoder {
    /// Writes the weights as one safetensors file (f32).
    ///
    /// # Errors
    /// [`LmError::Io`] when the file can't be written.
    pub fn save(&self, path: &Path) -> Result<(), LmError> {
        let mut reader = Reader::default();
        self.visit(&mut reader);
        let views: Result<Vec<_>, _> = reader
            .tensors
            .iter()
            .map(|(name, (shape, bytes))| TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name, view)))
            .collect();
        let format = |e: safetensors::SafeTensorError| LmError::Format { path: path.into(), reason: e.to_string() };
        let bytes = safetensors::serialize(views.map_err(format)?, None).map_err(format)?;
        fs::write(path, bytes).map_err(|source| LmError::Io { path: path.into(), source })
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
        config.check()?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| LmError::Format { path: path.into(), reason: e.to_string() })?;
        let expected = shapes(config);
        let mut differences = Vec::new();
        for (name, shape) in &expected {
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
        if !differences.is_empty() {
            return Err(LmError::Tensors { path: path.into(), differences });
        }
        Ok(Self::new(config, 0, device)?.map(&mut Writer { file: &file, device, path: Vec::new() }))
    }
}

/// The names and shapes a model of these sizes has, without making it.
fn shapes(config: &DecoderConfig) -> BTreeMap<String, Vec<usize>> {
    let (width, head) = (config.width, config.head_width());
    let mut shapes =
        BTreeMap::from([("embedding".to_owned(), vec![config.vocabulary, width]), ("norm.weight".to_owned(), vec![width])]);
    if !config.tied {
        shapes.insert("output".into(), vec![width, config.vocabulary]);
    }
    for i in 0..config.layers {
        shapes.extend([
            (format!("blocks.{i}.attention_norm.weight"), vec![width]),
            (format!("blocks.{i}.attention.query_key_value"), vec![width, (config.heads + 2 * config.kv_heads) * head]),
            (format!("blocks.{i}.attention.output"), vec![config.heads * head, width]),
            (format!("blocks.{i}.mlp_norm.weight"), vec![width]),
            (format!("blocks.{i}.mlp.gate_up"), vec![width, 2 * config.feed_forward]),
            (format!("blocks.{i}.mlp.down"), vec![config.feed_forward, width]),
        ]);
    }
    shapes
}

/// Collects every parameter as little-endian f32.
#[derive(Default)]
struct Reader {
    path: Vec<String>,
    tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)>,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let bytes = value.to_data().iter::<f32>().flat_map(f32::to_le_bytes).collect();
        self.tensors.insert(self.path.join("."), (value.dims().to_vec(), bytes));
    }
}

/// Replaces every parameter by the file's tensor of the same name, which was checked before.
struct Writer<'a> {
    file: &'a SafeTensors<'a>,
    device: &'a Device,
    path: Vec<String>,
}

impl ModuleMapper for Writer<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Ok(view) = self.file.tensor(&self.path.join(".")) else { return param };
        let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let data = TensorData::new(values, view.shape().to_vec());
        param.map(|_| Tensor::from_data(data, self.device))
    }
}

#[cfg(test)]
mod tests;
