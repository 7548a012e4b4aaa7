//! Projections, x·W + bias and what adapters add, and their gradients.

use crate::{
    buffer::Buffer,
    low_rank::{self, Drawn, Inner, InnerGradient, PackedLowRank},
    matmul::{Into, Matrix, MatrixMut, Packed, product_packed, product_stored, product_stored_transposed, transposed_product},
    parameters::Projection,
    rows::add,
    stored::Stored,
};

/// A projection that is multiplied with: by its packed matrices, where there are some.
pub(crate) struct Linear<'a> {
    pub(crate) weights: &'a Projection<Stored<'a>>,
    pub(crate) inputs: usize,
    pub(crate) packed: Option<&'a Packed>,
    pub(crate) low_rank: Option<&'a PackedLowRank>,
}

impl Linear<'_> {
    fn outputs(&self) -> usize {
        self.weights.weight.len() / self.inputs
    }

    /// `[N, inputs]` to `[N, outputs]`, and what adapters have between A and B.
    pub(crate) fn forward(&self, x: &[f32], drawn: Drawn<'_>) -> (Buffer, Inner) {
        let outputs = self.outputs();
        let mut y = Buffer::any(x.len() / self.inputs * outputs);
        match self.weights.bias {
            Some(bias) => {
                y.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias.plain()));
                self.multiply(&mut y, x, Into::Add);
            }
            None => self.multiply(&mut y, x, Into::Replace),
        }
        let inner = self.adapt(&mut y, x, drawn);
        (y, inner)
    }

    /// y ← y + what [`Linear::forward`] gives; returns the adapters' part as that does.
    pub(crate) fn add_to(&self, y: &mut [f32], x: &[f32], drawn: Drawn<'_>) -> Inner {
        if let Some(bias) = self.weights.bias {
            y.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias.plain()));
        }
        self.multiply(y, x, Into::Add);
        self.adapt(y, x, drawn)
    }

    /// What adapters have between A and B, alone.
    pub(crate) fn between(&self, x: &[f32], drawn: Drawn<'_>) -> Inner {
        low_rank::between(&self.weights.adapters, self.low_rank, x, self.inputs, drawn)
    }

    /// The gradient of what adapters have between A and B from that of the output.
    pub(crate) fn inner_gradient(&self, dy: &[f32]) -> InnerGradient {
        low_rank::inner_gradient(&self.weights.adapters, dy, self.outputs())
    }

    /// dx = dy·Wᵀ, and what flows through adapters: by what they have between A and B, and its gradient.
    pub(crate) fn input_gradient(&self, dy: &[f32], inner: (&Inner, &InnerGradient)) -> Buffer {
        let (inputs, outputs) = (self.inputs, self.outputs());
        let mut dx = Buffer::any(dy.len() / outputs * inputs);
        product_stored_transposed(Matrix::new(dy, outputs), self.weights.weight, MatrixMut::new(&mut dx, inputs), Into::Replace);
        low_rank::add_input_gradient(&self.weights.adapters, inner, inputs, &mut dx);
        dx
    }

    fn multiply(&self, y: &mut [f32], x: &[f32], into: Into) {
        let outputs = self.outputs();
        let (x, y) = (Matrix::new(x, self.inputs), MatrixMut::new(y, outputs));
        match self.packed {
            Some(packed) => product_packed(x, packed, 1.0, y, into),
            None => product_stored(x, self.weights.weight, y, into),
        }
    }

    fn adapt(&self, y: &mut [f32], x: &[f32], drawn: Drawn<'_>) -> Inner {
        low_rank::forward(&self.weights.adapters, self.low_rank, x, self.inputs, y, drawn)
    }
}

impl Projection<Vec<f32>> {
    /// dW ← dW + xᵀ·dy, and the gradients of bias and adapters likewise, where they are asked for. `inner` is what adapters have between A and B,
    /// and its gradient.
    pub(crate) fn add_outer(&mut self, x: &[f32], dy: &[f32], inner: (&Inner, &InnerGradient), inputs: usize) {
        if !self.weight.is_empty() {
            let outputs = self.weight.len() / inputs;
            let (x, flow) = (Matrix::new(x, inputs), Matrix::new(dy, outputs));
            transposed_product(x, flow, 1.0, MatrixMut::new(&mut self.weight, outputs), Into::Add);
        }
        if let Some(bias) = self.bias.as_mut().filter(|bias| !bias.is_empty()) {
            dy.chunks_exact(bias.len()).for_each(|row| add(bias, row));
        }
        low_rank::add_outer(&mut self.adapters, [x, dy], inner, inputs);
    }
}
