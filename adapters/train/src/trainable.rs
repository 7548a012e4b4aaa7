//! What a model must be able to do to be trained.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Int, Tensor},
};
use burn_optim::GradientsParams;
use palinode_core::{
    batch::TokenBatch,
    kl::Divergence,
    policy::Policy,
    rng::RandomKey,
    sampler::Sampler,
    scoring::{Scoring, TokenScores},
};
use sha2::{Digest, Sha256};

use crate::{
    error::TrainError,
    gradient::learner::{Loss, Slope},
};

/// How the gradient of hidden states becomes that of the parameters below them.
pub type Backward<'a> = Box<dyn FnOnce(Tensor<2>) -> GradientsParams + 'a>;

/// A model that can be trained: it is scored, it writes answers, and burn knows its parameters.
///
/// One that [decodes](palinode_core::policy::Decode) writes answers by that; one whose answers are sampled by an engine elsewhere implements [`Sampler`]
/// itself, and hands the engine its weights whenever a step has changed them. A copy of a model samples as the model does.
///
/// The methods have defaults that suit any model; a large one can do better.
pub trait Trainable: Policy + Sampler + Module + Sync {
    /// What KL is measured against: this model, before it is trained. Where only adapters are trained, the same weights without them, so that
    /// there is one model in memory.
    fn reference(&self) -> Self {
        self.clone()
    }

    /// The same model with its dropout drawn by this key, to be differentiated for one micro-batch; `None` when it has none.
    fn with_dropout(&self, key: RandomKey) -> Option<Self> {
        let _ = key;
        None
    }

    /// Hidden states as [`Policy::states`] gives them, but without gradients, and the way back from their gradient to that of the parameters.
    ///
    /// Called on a model that is being differentiated. This keeps all activations in between; a model may keep fewer and compute the others again.
    fn states_and_back(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> (Tensor<2>, Backward<'_>) {
        keep_all(self, tokens, positions)
    }

    /// The gradient of a loss over tokens, and the scores without theirs, by passes of the model's own: what [`differentiate`] finds, up to rounding.
    ///
    /// `None`, the default, leaves it to automatic differentiation; so may a model with such passes, for a batch that they can't take.
    ///
    /// [`differentiate`]: crate::gradient::chunked::differentiate
    fn own_passes(
        &self,
        reference: Option<(&Self, Divergence)>,
        batch: &TokenBatch,
        scoring: &Scoring,
        loss: &Loss<'_>,
    ) -> Option<(Slope, TokenScores)> {
        let _ = (reference, batch, scoring, loss);
        None
    }

    /// The log-probability of each policy-written token of a batch by such passes, without a gradient: what [`score_tokens`] finds, up to rounding.
    ///
    /// `None` as above.
    ///
    /// [`score_tokens`]: palinode_core::scoring::score_tokens
    fn own_logprobs(&self, batch: &TokenBatch, scoring: &Scoring) -> Option<Vec<f32>> {
        let _ = (batch, scoring);
        None
    }

    /// Whether [`Trainable::states_and_back`] keeps less than all, and is to be used even where memory seems to suffice.
    fn recomputes(&self) -> bool {
        false
    }
}

pub(crate) fn keep_all<M: Trainable>(model: &M, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> (Tensor<2>, Backward<'_>) {
    let states = model.states(tokens, positions);
    let value = states.clone().inner();
    let back = move |gradient: Tensor<2>| {
        // Where nothing below the states is trained, nothing flows on.
        if !states.is_tracked() {
            return GradientsParams::new();
        }
        GradientsParams::from_grads((states * gradient.autodiff()).sum().backward(), model)
    };
    (value, Box::new(back))
}

/// Numbers that a step would change: those of parameters that are not frozen.
pub fn trainable<M: Module>(model: &M) -> usize {
    let mut count = CountTrainable { numbers: 0 };
    model.clone().train().visit(&mut count);
    count.numbers
}

struct CountTrainable {
    numbers: usize,
}

impl ModuleVisitor for CountTrainable {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        self.numbers += if tensor.is_require_grad() { tensor.shape().num_elements() } else { 0 };
    }
}

/// The device a model's scores live on.
///
/// # Errors
/// [`TrainError::Config`] for a model that has no parameters, and so lives nowhere.
pub(crate) fn device_of<M: Trainable>(model: &M) -> Result<Device, TrainError> {
    let expected = || TrainError::Config { name: "parameters of the model", expected: "at least 1".into(), got: "0".into() };
    model.devices().into_iter().next().map(Device::without_autodiff).ok_or_else(expected)
}

/// Ids that a model knows: the width of its logits.
///
/// # Errors
/// [`TrainError::Config`] for a model without parameters.
pub fn vocabulary<M: Trainable>(model: &M) -> Result<usize, TrainError> {
    let device = device_of(model)?;
    let states = model.states(Tensor::zeros([1, 1], &device), Tensor::zeros([1], &device));
    Ok(model.logits(states).dims()[1])
}

/// SHA-256 over every parameter's bits, in the order of the model: two models have the same only when no number differs.
pub fn fingerprint<M: Module>(model: &M) -> String {
    let mut hash = HashParameters(Sha256::new());
    model.visit(&mut hash);
    hex(&hash.0.finalize())
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct HashParameters(Sha256);

impl ModuleVisitor for HashParameters {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data();
        self.0.update(format!("{:?} {:?}", data.shape(), data.dtype()));
        self.0.update(data.as_bytes());
    }
}
