//! Low-rank adapters: a few trainable numbers beside a projection's frozen weights.

use burn::{
    module::{Module, Param},
    tensor::{Tensor, TensorData},
};
use palinode_core::rng::RandomKey;
use palinode_kernels::{Adapter, Dropout};
use serde::{Deserialize, Serialize};

use crate::config::DecoderConfig;

/// A projection of a block, by the name it has in most model folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoraTarget {
    /// Queries.
    QProj,
    /// Keys.
    KProj,
    /// Values.
    VProj,
    /// Attention's output.
    OProj,
    /// Feed-forward gate.
    GateProj,
    /// Feed-forward in.
    UpProj,
    /// Feed-forward out.
    DownProj,
}

impl LoraTarget {
    /// All of them, in the order in which they stand in a block.
    pub const ALL: [Self; 7] = [Self::QProj, Self::KProj, Self::VProj, Self::OProj, Self::GateProj, Self::UpProj, Self::DownProj];

    /// Inputs and outputs of the projection.
    pub(crate) fn shape(self, sizes: &DecoderConfig) -> [usize; 2] {
        let (width, inner) = (sizes.width, sizes.feed_forward);
        let (queries, keys) = (sizes.heads * sizes.head_width(), sizes.kv_heads * sizes.head_width());
        match self {
            Self::QProj => [width, queries],
            Self::KProj | Self::VProj => [width, keys],
            Self::OProj => [queries, width],
            Self::GateProj | Self::UpProj => [width, inner],
            Self::DownProj => [inner, width],
        }
    }

    /// The name, as in `self_attn.q_proj`.
    pub fn name(self) -> &'static str {
        match self {
            Self::QProj => "q_proj",
            Self::KProj => "k_proj",
            Self::VProj => "v_proj",
            Self::OProj => "o_proj",
            Self::GateProj => "gate_proj",
            Self::UpProj => "up_proj",
            Self::DownProj => "down_proj",
        }
    }
}

/// One adapter: adds scale · x·A·B to some columns of a projection.
#[derive(Module, Debug)]
pub(crate) struct LowRank {
    pub(crate) a: Param<Tensor<2>>, // [inputs, r]
    pub(crate) b: Param<Tensor<2>>, // [r, outputs]
    pub(crate) scale: f64,
    /// First of the projection's columns that it adds to.
    pub(crate) at: usize,
    #[module(skip)]
    pub(crate) target: LoraTarget,
    pub(crate) dropout: f64,
    /// Draws what is dropped; without it nothing is.
    #[module(skip)]
    pub(crate) noise: Option<RandomKey>,
}

impl LowRank {
    /// `[N, inputs]` to `[N, outputs]`, the adapter's own.
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = match self.noise {
            Some(key) => self.drop_some(x, key),
            None => x,
        };
        x.matmul(self.a.val()).matmul(self.b.val()).mul_scalar(self.scale)
    }

    /// Inputs with some set to zero, and the others made larger, so that their mean stays.
    pub(crate) fn drop_some(&self, x: Tensor<2>, key: RandomKey) -> Tensor<2> {
        let [rows, inputs] = x.dims();
        let mut factors = vec![0.0; rows * inputs];
        Dropout { share: self.dropout, key }.factors(0, &mut factors);
        let options = (&x.device().without_autodiff(), x.dtype());
        x * Tensor::<2>::from_data(TensorData::new(factors, [rows, inputs]), options)
    }

    /// What `palinode_kernels` needs to know of it.
    pub(crate) fn shape(&self) -> Adapter {
        let dropout = self.noise.map(|key| Dropout { share: self.dropout, key });
        let (rank, outputs) = (self.a.dims()[1], self.outputs());
        Adapter { rank, at: self.at, outputs, scale: self.scale as f32, dropout }
    }

    fn outputs(&self) -> usize {
        self.b.dims()[1]
    }
}

/// What adapters, in the order of their columns, add to a projection's `width` outputs: `[N, width]`.
pub(crate) fn added(adapters: &[LowRank], x: &Tensor<2>, width: usize) -> Tensor<2> {
    let rows = x.dims()[0];
    let zeros = |columns: usize| Tensor::<2>::zeros([rows, columns], (&x.device(), x.dtype()));
    let (mut parts, mut filled) = (Vec::new(), 0);
    for adapter in adapters {
        if adapter.at > filled {
            parts.push(zeros(adapter.at - filled));
        }
        parts.push(adapter.forward(x.clone()));
        filled = adapter.at + adapter.outputs();
    }
    if filled < width {
        parts.push(zeros(width - filled));
    }
    if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 1) }
}
