//! Which tokens a token may look at.

use burn::tensor::{DType, Device, Tensor, TensorData};

/// A score that softmax turns into exactly zero, and that stays finite in any sum.
const MASKED: f32 = -1e9;

/// Whether a query at one position may see a key at another: not after it, and within the layer's window.
///
/// Sliding windows: Beltagy et al. 2020, arXiv 2004.05150; a window of w tokens counts the query's own.
pub(crate) fn visible(query: usize, key: usize, window: Option<usize>) -> bool {
    key <= query && window.is_none_or(|window| query - key < window)
}

/// A mask to be added to scores, `shape: [rows, 1, queries, keys]`, from what may be seen, in that order.
pub(crate) fn additive(visible: impl Iterator<Item = bool>, shape: [usize; 4], device: &Device) -> Tensor<4> {
    let values: Vec<f32> = visible.map(|visible| if visible { 0.0 } else { MASKED }).collect();
    Tensor::from_data(TensorData::new(values, shape), (device, DType::F32))
}

/// One mask a distinct window, made when it is first asked for.
pub(crate) struct Masks<M, F> {
    made: Vec<(Option<usize>, M)>,
    make: F,
}

impl<M: Clone, F: Fn(Option<usize>) -> M> Masks<M, F> {
    pub(crate) fn new(make: F) -> Self {
        Self { made: Vec::new(), make }
    }

    /// The mask of a layer that looks back over `window` tokens, of which none is further away than `longest`.
    pub(crate) fn of(&mut self, window: Option<usize>, longest: usize) -> M {
        let window = window.filter(|&window| window < longest);
        if let Some((_, mask)) = self.made.iter().find(|(made, _)| *made == window) {
            return mask.clone();
        }
        let mask = (self.make)(window);
        self.made.push((window, mask.clone()));
        mask
    }
}
