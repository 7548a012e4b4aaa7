//! What is done to a decoder with adapters: putting them in, dropout, merging, taking them out.

use burn::{
    module::{Module, Param},
    tensor::{DType, Device, Tensor, TensorData},
};
use palinode_core::rng::{RandomKey, Stream};
use serde::{Deserialize, Serialize};

use crate::{
    config::DecoderConfig,
    decoder::{Block, Decoder},
    error::LmError,
    linear::Linear,
    lora_layers::LoraLayers,
    low_rank::{LoraTarget, LowRank},
};

/// Which projections get an adapter, and how large it is.
///
/// W + (alpha / rank)·A·B, with A random and B zero at the start, so that nothing changes until something is learned.
///
/// # Source
/// Hu et al. 2021, arXiv 2106.09685.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// Inner width r.
    pub rank: usize,
    /// Numerator of the scale alpha / rank.
    pub alpha: f64,
    /// Share of an adapter's inputs that is dropped while it is differentiated (see [`Decoder::with_dropout`]).
    #[serde(default)]
    pub dropout: f64,
    /// The projections.
    pub targets: Vec<LoraTarget>,
    /// The blocks.
    #[serde(default)]
    pub layers: LoraLayers,
}

impl LoraConfig {
    /// Adapters of one rank on every projection of every block, with alpha twice the rank.
    pub fn on_all(rank: usize) -> Self {
        Self { rank, alpha: 2.0 * rank as f64, dropout: 0.0, targets: LoraTarget::ALL.to_vec(), layers: LoraLayers::All }
    }

    /// Numbers of such adapters on a model of these sizes; 0 for blocks that it does not have.
    pub fn parameters(&self, sizes: &DecoderConfig) -> usize {
        let targets = LoraTarget::ALL.into_iter().filter(|target| self.targets.contains(target));
        let numbers = targets.map(|target| target.shape(sizes).into_iter().sum::<usize>() * self.rank);
        numbers.sum::<usize>() * self.layers.numbers(sizes.layers).map_or(0, |layers| layers.len())
    }

    /// The blocks that get adapters, of a model of these sizes.
    ///
    /// # Errors
    /// [`LmError::Config`] for a rank, alpha, dropout, targets or layers that such a model can't have.
    pub fn blocks(&self, sizes: &DecoderConfig) -> Result<Vec<usize>, LmError> {
        self.check()?;
        self.layers.numbers(sizes.layers)
    }

    fn check(&self) -> Result<(), LmError> {
        let refuse = |name, expected: &str, got: String| Err(LmError::Config { name, expected: expected.to_owned(), got });
        if self.rank == 0 || self.rank > HIGHEST_RANK {
            return refuse("the adapters' rank", "within 1..=4096", self.rank.to_string());
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return refuse("the adapters' alpha", "a positive number", self.alpha.to_string());
        }
        check_dropout(self.dropout)?;
        if self.targets.is_empty() {
            return refuse("the adapters' targets", "at least one projection", "none".into());
        }
        Ok(())
    }
}

const HIGHEST_RANK: usize = 1 << 12;

fn check_dropout(dropout: f64) -> Result<(), LmError> {
    if (0.0..1.0).contains(&dropout) {
        return Ok(());
    }
    Err(LmError::Config { name: "the adapters' dropout", expected: "within [0, 1)".into(), got: dropout.to_string() })
}

/// The numbers of one adapter.
#[derive(Debug, Clone)]
pub struct Adapter {
    /// The block.
    pub layer: usize,
    /// The projection.
    pub target: LoraTarget,
    /// A, `[inputs, r]`.
    pub a: TensorData,
    /// B, `[r, outputs]`.
    pub b: TensorData,
    /// What x·A·B is multiplied by: alpha / r, as a rule.
    pub scale: f64,
}

impl Adapter {
    /// Refuses factors that do not fit a projection of these inputs and outputs.
    fn check(&self, [inputs, outputs]: [usize; 2]) -> Result<(), LmError> {
        let (layer, name) = (self.layer, self.target.name());
        let refuse = |what: String| Err(LmError::Adapters(format!("layer {layer}, {name}: {what}")));
        let rank = self.a.shape().to_vec().get(1).copied().unwrap_or(0);
        if rank == 0 || rank > HIGHEST_RANK {
            return refuse(format!("a rank of {rank}, expected within 1..={HIGHEST_RANK}"));
        }
        if !self.scale.is_finite() {
            return refuse(format!("a scale of {}, expected a number", self.scale));
        }
        for (data, expected) in [(&self.a, [inputs, rank]), (&self.b, [rank, outputs])] {
            let got = data.shape().to_vec();
            if got != expected {
                return refuse(format!("shape {got:?}, expected {expected:?}"));
            }
        }
        Ok(())
    }
}

impl Decoder {
    /// The same model with fresh adapters, and all else frozen; what it computes has not changed yet.
    ///
    /// # Errors
    /// [`LmError::Config`] for a rank, an alpha, targets or layers that make no adapter, or when the model has adapters already.
    pub fn with_adapters(self, config: &LoraConfig, seed: u64) -> Result<Self, LmError> {
        let layers = config.blocks(self.config())?;
        let mut drawn = 0;
        self.adapt(config.dropout, |layer, target, [inputs, outputs], device| {
            if !config.targets.contains(&target) || !layers.contains(&layer) {
                return Ok(None);
            }
            drawn += 1;
            let key = RandomKey { step: 1, problem: drawn, ..RandomKey::new(seed, Stream::Init) };
            let deviation = (3.0 * inputs as f64).sqrt().recip() as f32;
            let values: Vec<f32> =
                (0..inputs * config.rank).map(|i| RandomKey { token: i as u32, ..key }.normal() * deviation).collect();
            let a = Tensor::from_data(TensorData::new(values, [inputs, config.rank]), (device, DType::F32));
            let b = Tensor::zeros([config.rank, outputs], (device, DType::F32));
            Ok(Some(Factors { a, b, scale: config.alpha / config.rank as f64 }))
        })
    }

    /// The same model with these adapters, each of its own rank and scale, and all else frozen. `dropout` is that of [`Decoder::with_dropout`].
    ///
    /// # Errors
    /// As [`Decoder::with_adapters`]; [`LmError::Adapters`] when one does not fit the model, or none does.
    pub fn with_loaded_adapters(self, adapters: &[Adapter], dropout: f64) -> Result<Self, LmError> {
        check_dropout(dropout)?;
        let mut used = 0;
        let model = self.adapt(dropout, |layer, target, shape, device| {
            let Some(adapter) = adapters.iter().find(|adapter| (adapter.layer, adapter.target) == (layer, target)) else {
                return Ok(None);
            };
            used += 1;
            adapter.check(shape)?;
            let [a, b] = [&adapter.a, &adapter.b].map(|data| Tensor::from_data(data.clone(), (device, DType::F32)));
            Ok(Some(Factors { a, b, scale: adapter.scale }))
        })?;
        match adapters.len() {
            0 => Err(LmError::Adapters("there are none".into())),
            all if used < all => Err(LmError::Adapters(format!("{} of {all} have no place in this model", all - used))),
            _ => Ok(model),
        }
    }

    /// The same model without its adapters: what it was before, sharing its weights' memory.
    pub fn without_adapters(&self) -> Self {
        let mut bare = self.clone();
        bare.blocks.iter_mut().flat_map(|block| projections(block)).for_each(|(_, linear)| linear.adapters.clear());
        bare
    }

    /// The same model with its adapters' dropout drawn by this key, to differentiate one micro-batch; `None` when they have none.
    ///
    /// Each adapter sees its inputs with a share of them set to zero and the others scaled up; a frozen projection sees all.
    pub fn with_dropout(&self, key: RandomKey) -> Option<Self> {
        let (mut noisy, mut drawn, mut drops) = (self.clone(), 0, false);
        for adapter in noisy.blocks.iter_mut().flat_map(|block| projections(block)).flat_map(|(_, linear)| &mut linear.adapters) {
            drawn += 1;
            adapter.noise = (adapter.dropout > 0.0).then_some(RandomKey { problem: drawn, ..key });
            drops |= adapter.noise.is_some();
        }
        drops.then_some(noisy)
    }

    /// The same function with the adapters folded into the weights, which can be trained again.
    pub fn merge_adapters(self) -> Self {
        let mut merged = self.valid();
        for (_, linear) in merged.blocks.iter_mut().flat_map(|block| projections(block)) {
            for adapter in std::mem::take(&mut linear.adapters) {
                let added = adapter.a.val().matmul(adapter.b.val()).mul_scalar(adapter.scale);
                let [inputs, outputs] = added.dims();
                linear.weight = linear.weight.clone().map(|weight| {
                    let columns = [0..inputs, adapter.at..adapter.at + outputs];
                    let sum = weight.clone().slice(columns.clone()) + added.cast(weight.dtype());
                    weight.slice_assign(columns, sum)
                });
            }
        }
        merged.set_require_grad(true)
    }

    /// Its adapters, block after block, in the order of [`LoraTarget::ALL`].
    pub fn adapters(&self) -> Vec<Adapter> {
        let mut model = self.clone();
        let blocks = model.blocks.iter_mut().enumerate();
        let linears = blocks.flat_map(|(layer, block)| projections(block).into_iter().map(move |(_, linear)| (layer, linear)));
        linears
            .flat_map(|(layer, linear)| linear.adapters.iter().map(move |adapter| (layer, adapter)))
            .map(|(layer, adapter)| Adapter {
                layer,
                target: adapter.target,
                a: adapter.a.val().into_data(),
                b: adapter.b.val().into_data(),
                scale: adapter.scale,
            })
            .collect()
    }

    /// Puts an adapter wherever `make` gives one, asked for each projection in turn with its `[inputs, outputs]`.
    fn adapt(
        mut self,
        dropout: f64,
        mut make: impl FnMut(usize, LoraTarget, [usize; 2], &Device) -> Result<Option<Factors>, LmError>,
    ) -> Result<Self, LmError> {
        if self.blocks.iter_mut().flat_map(|block| projections(block)).any(|(_, linear)| !linear.adapters.is_empty()) {
            return Err(LmError::Adapters("the model has some already".into()));
        }
        let sizes = self.config().clone();
        let mut model = self.set_require_grad(false);
        for (layer, block) in model.blocks.iter_mut().enumerate() {
            for (targets, linear) in projections(block) {
                let (device, mut behind) = (linear.weight.val().device(), 0);
                for target in targets {
                    let [inputs, outputs] = target.shape(&sizes);
                    let at = behind;
                    behind += outputs;
                    if let Some(Factors { a, b, scale }) = make(layer, *target, [inputs, outputs], &device)? {
                        let [a, b] = [a, b].map(|factor| Param::from_tensor(factor.cast(linear.weight.val().dtype())));
                        linear.adapters.push(LowRank { a, b, scale, at, target: *target, dropout, noise: None });
                    }
                }
            }
        }
        Ok(model)
    }
}

/// A, `[inputs, r]`, B, `[r, outputs]`, and what their product is multiplied by.
struct Factors {
    a: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
}

/// A block's projections, and the targets that stand in each, in the order of their columns.
fn projections(block: &mut Block) -> [(&'static [LoraTarget], &mut Linear); 4] {
    [
        (&[LoraTarget::QProj, LoraTarget::KProj, LoraTarget::VProj], &mut block.attention.query_key_value),
        (&[LoraTarget::OProj], &mut block.attention.output),
        (&[LoraTarget::GateProj, LoraTarget::UpProj], &mut block.mlp.gate_up),
        (&[LoraTarget::DownProj], &mut block.mlp.down),
    ]
}

#[cfg(test)]
mod tests;
