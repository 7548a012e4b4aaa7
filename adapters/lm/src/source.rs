//! Where a model's parameters come from.

use burn::tensor::{DType, Device, Tensor, TensorData};
use palinode_core::rng::{RandomKey, Stream};

use crate::error::LmError;

/// Gives each parameter of a [`crate::Decoder`] by its name: a generator of random numbers, a file, a file of another layout.
///
/// A model asks in a fixed order, once for each parameter, and says what shape it must have. Matrices are `[inputs, outputs]`, and multiply from the
/// right; embeddings are `[vocabulary, width]`. A source names the type of what it gives: a device may make half precision by default.
pub trait WeightSource {
    /// Why a parameter can't be given.
    type Error: From<LmError>;

    /// A matrix.
    ///
    /// # Errors
    /// When there is no such matrix of this shape.
    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Tensor<2>, Self::Error>;

    /// A vector; `start` is its value where nothing was learned yet.
    ///
    /// # Errors
    /// When there is no such vector of this length.
    fn vector(&mut self, name: &str, length: usize, start: f32) -> Result<Tensor<1>, Self::Error>;
}

/// A parameter that a model asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// `[inputs, outputs]`, or a length.
    pub shape: Vec<usize>,
}

/// Writes down what is asked for, and gives next to nothing.
pub(crate) struct Recorder<'a> {
    pub(crate) asked: Vec<Parameter>,
    pub(crate) device: &'a Device,
}

impl WeightSource for Recorder<'_> {
    type Error = LmError;

    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Result<Tensor<2>, LmError> {
        self.asked.push(Parameter { name: name.to_owned(), shape: shape.to_vec() });
        Ok(Tensor::zeros([1, 1], self.device))
    }

    fn vector(&mut self, name: &str, length: usize, _: f32) -> Result<Tensor<1>, LmError> {
        self.asked.push(Parameter { name: name.to_owned(), shape: vec![length] });
        Ok(Tensor::zeros([1], self.device))
    }
}

/// Random weights in f32, a pure function of the seed: embeddings from N(0, 1), matrices from N(0, 1/(3·inputs)).
pub(crate) struct Random<'a> {
    pub(crate) seed: u64,
    pub(crate) device: &'a Device,
    pub(crate) drawn: u32,
}

impl WeightSource for Random<'_> {
    type Error = LmError;

    fn matrix(&mut self, name: &str, [rows, columns]: [usize; 2]) -> Result<Tensor<2>, LmError> {
        self.drawn += 1;
        let deviation = if name == "embedding" { 1.0 } else { (3.0 * rows as f64).sqrt().recip() };
        let key = RandomKey { problem: self.drawn, ..RandomKey::new(self.seed, Stream::Init) };
        let values: Vec<f32> =
            (0..rows * columns).map(|i| RandomKey { token: i as u32, ..key }.normal() * deviation as f32).collect();
        Ok(Tensor::from_data(TensorData::new(values, [rows, columns]), (self.device, DType::F32)))
    }

    fn vector(&mut self, _: &str, length: usize, start: f32) -> Result<Tensor<1>, LmError> {
        Ok(Tensor::full([length], start, (self.device, DType::F32)))
    }
}
