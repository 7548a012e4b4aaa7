//! Projections, x·W + bias, and their gradients.

use crate::{
    buffer::Buffer,
    matmul::{Into, Matrix, MatrixMut, Packed, product, product_packed, product_transposed, transposed_product},
    parameters::Projection,
    rows::add,
};

impl Projection<&[f32]> {
    /// `[N, inputs]` to `[N, outputs]`; by its packed matrix where there is one.
    pub(crate) fn forward(&self, x: &[f32], inputs: usize, packed: Option<&Packed>) -> Buffer {
        let outputs = self.weight.len() / inputs;
        let mut y = Buffer::any(x.len() / inputs * outputs);
        match self.bias {
            Some(bias) => {
                y.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias));
                self.multiply(&mut y, x, inputs, packed, Into::Add);
            }
            None => self.multiply(&mut y, x, inputs, packed, Into::Replace),
        }
        y
    }

    /// y ← y + x·W + bias.
    pub(crate) fn add_to(&self, y: &mut [f32], x: &[f32], inputs: usize, packed: Option<&Packed>) {
        if let Some(bias) = self.bias {
            y.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
        }
        self.multiply(y, x, inputs, packed, Into::Add);
    }

    /// dx = dy·Wᵀ.
    pub(crate) fn input_gradient(&self, dy: &[f32], inputs: usize) -> Buffer {
        let outputs = self.weight.len() / inputs;
        let mut dx = Buffer::any(dy.len() / outputs * inputs);
        let (dy, weight) = (Matrix::new(dy, outputs), Matrix::new(self.weight, outputs));
        product_transposed(dy, weight, 1.0, MatrixMut::new(&mut dx, inputs), Into::Replace);
        dx
    }

    fn multiply(&self, y: &mut [f32], x: &[f32], inputs: usize, packed: Option<&Packed>, into: Into) {
        let outputs = self.weight.len() / inputs;
        let (x, y) = (Matrix::new(x, inputs), MatrixMut::new(y, outputs));
        match packed {
            Some(packed) => product_packed(x, packed, y, into),
            None => product(x, Matrix::new(self.weight, outputs), 1.0, y, into),
        }
    }
}

impl Projection<Vec<f32>> {
    /// dW ← dW + xᵀ·dy, and the bias's gradient likewise.
    pub(crate) fn add_outer(&mut self, x: &[f32], dy: &[f32], inputs: usize) {
        let outputs = self.weight.len() / inputs;
        let (x, flow) = (Matrix::new(x, inputs), Matrix::new(dy, outputs));
        transposed_product(x, flow, 1.0, MatrixMut::new(&mut self.weight, outputs), Into::Add);
        if let Some(bias) = &mut self.bias {
            dy.chunks_exact(outputs).for_each(|row| add(bias, row));
        }
    }
}
