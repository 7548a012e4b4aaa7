//! One optimiser step over micro-batches.

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::{AdamWConfig, GradientsParams, ModuleOptimizer},
    tensor::Tensor,
};
use palinode_core::policy::{Decode, Policy};

use crate::workers::Workers;

/// A model that can be trained: it is scored, it decodes, and burn knows its parameters.
pub trait Trainable: Policy + Decode + Module + Sync {}

impl<M: Policy + Decode + Module + Sync> Trainable for M {}

/// A model and its AdamW state. The model is held without gradients; each micro-batch differentiates a copy of its own.
pub struct Learner<M> {
    model: M,
    optimizer: ModuleOptimizer,
    clip: f64,
}

/// AdamW's settings (Loshchilov & Hutter 2019, arXiv 1711.05101).
#[derive(Debug, Clone, Copy)]
pub struct AdamW {
    /// Decay rates of the first and second moment.
    pub betas: [f32; 2],
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Largest norm of the whole gradient.
    pub clip: f64,
}

/// What a step measured.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport<R> {
    /// Sum of the micro-batches' losses.
    pub loss: f64,
    /// Norm of the whole gradient, before clipping.
    pub grad_norm: f64,
    /// What each micro-batch returned besides its loss, in order.
    pub extras: Vec<R>,
}

impl<M: Module + Sync> Learner<M> {
    /// A learner with fresh optimiser state.
    pub fn new(model: M, settings: AdamW) -> Self {
        let optimizer = AdamWConfig::new()
            .with_beta_1(settings.betas[0])
            .with_beta_2(settings.betas[1])
            .with_epsilon(1e-8)
            .with_weight_decay(settings.weight_decay)
            .init();
        Self { model: model.valid(), optimizer, clip: settings.clip }
    }

    /// The model, without gradients.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model, taken out.
    pub fn into_model(self) -> M {
        self.model
    }

    /// Sums the gradients of all micro-batches in their order, clips the sum by its norm, and takes one AdamW step.
    ///
    /// `loss` gets a differentiable copy of the model and one micro-batch; it returns that part of the loss and anything else worth keeping.
    /// When loss or gradient are not finite, the model is left as it was and the report says so.
    pub fn step<T: Sync, R: Send>(
        &mut self,
        micro_batches: &[T],
        learning_rate: f64,
        workers: &Workers,
        loss: impl Fn(&M, &T) -> (Tensor<1>, R) + Sync,
    ) -> StepReport<R> {
        self.step_along(micro_batches, learning_rate, workers, |model, batch| {
            let (loss, extra) = loss(model, batch);
            (Slope::of(&loss, model), extra)
        })
    }

    /// As [`Learner::step`], where `slope` takes the gradient itself.
    pub fn step_along<T: Sync, R: Send>(
        &mut self,
        micro_batches: &[T],
        learning_rate: f64,
        workers: &Workers,
        slope: impl Fn(&M, &T) -> (Slope, R) + Sync,
    ) -> StepReport<R> {
        let parts = workers.map(micro_batches, |batch| slope(&self.model.clone().train(), batch));
        let (mut losses, mut gradients, mut extras) = (0.0, Vec::new(), Vec::new());
        for (slope, extra) in parts {
            losses += slope.loss;
            gradients.push(slope.gradients);
            extras.push(extra);
        }
        let mut sum = GradientSum { parts: &mut gradients, total: GradientsParams::new(), squares: Some(0.0) };
        self.model.visit(&mut sum);
        let (mut total, grad_norm) = (sum.total, sum.squares.unwrap_or_default().sqrt());
        if losses.is_finite() && grad_norm.is_finite() {
            if grad_norm > self.clip {
                self.model.visit(&mut GradientScale { gradients: &mut total, factor: self.clip / (grad_norm + 1e-6) });
            }
            self.model = self.optimizer.step(learning_rate, self.model.clone().train(), total).valid();
        }
        StepReport { loss: losses, grad_norm, extras }
    }
}

/// A loss and its gradient.
pub struct Slope {
    /// The loss.
    pub loss: f64,
    /// Its gradient.
    pub gradients: GradientsParams,
}

impl Slope {
    /// The gradient of a loss with respect to a model's parameters.
    pub fn of<M: Module>(loss: &Tensor<1>, model: &M) -> Self {
        Self { loss: loss.clone().into_scalar::<f64>(), gradients: GradientsParams::from_grads(loss.backward(), model) }
    }
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

/// The sum of two gradients of a model.
pub(crate) fn add_gradients<M: Module>(model: &M, a: GradientsParams, b: GradientsParams) -> GradientsParams {
    let mut sum = GradientSum { parts: &mut [a, b], total: GradientsParams::new(), squares: None };
    model.visit(&mut sum);
    sum.total
}

/// The gradient of every parameter that has one, in the order of the model.
pub fn list_gradients<M: Module>(model: &M, gradients: GradientsParams) -> Vec<Option<Vec<f32>>> {
    let mut list = GradientList { gradients, found: Vec::new() };
    model.visit(&mut list);
    list.found
}

/// Copies gradients to the host.
struct GradientList {
    gradients: GradientsParams,
    found: Vec<Option<Vec<f32>>>,
}

impl ModuleVisitor for GradientList {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.remove::<D>(param.id);
        self.found.push(gradient.map(|gradient| gradient.into_data().iter::<f32>().collect()));
    }
}

/// Adds the micro-batches' gradients, first to last.
struct GradientSum<'a> {
    parts: &'a mut [GradientsParams],
    total: GradientsParams,
    /// Of the sum, where it is asked for.
    squares: Option<f64>,
}

impl ModuleVisitor for GradientSum<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradients = self.parts.iter_mut().filter_map(|part| part.remove::<D>(param.id));
        if let Some(sum) = gradients.reduce(|a, b| a + b) {
            if let Some(squares) = &mut self.squares {
                *squares += sum.clone().square().sum().into_scalar::<f64>();
            }
            self.total.register(param.id, sum);
        }
    }
}

/// Multiplies every gradient by a factor.
struct GradientScale<'a> {
    gradients: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for GradientScale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}

#[cfg(test)]
mod tests {
    use palinode_lm::{Decoder, DecoderConfig, LoraConfig};

    use super::*;

    fn parameters(model: &Decoder) -> Vec<(String, Vec<f32>)> {
        let mut all = Vec::new();
        model.read_parameters(|name, data| all.push((name.to_owned(), data.iter::<f32>().collect())));
        all
    }

    /// With adapters, the reference is the same weights with them off: after training those are what they were, bit for bit.
    #[test]
    fn only_adapters_change_and_the_reference_stays_what_it_was() {
        let sizes = DecoderConfig::small(11, 8, 2, 2, 16);
        let base = Decoder::new(&sizes, 1, &palinode_flex::device()).unwrap();
        let config = LoraConfig::on_all(2);
        let model = base.clone().with_adapters(&config, 7).unwrap();
        let numbers = |adapters: Vec<palinode_lm::Adapter>| -> Vec<Vec<f32>> {
            adapters.iter().flat_map(|adapter| [&adapter.a, &adapter.b]).map(|data| data.iter::<f32>().collect()).collect()
        };
        let before = numbers(model.adapters());
        assert_eq!(trainable(&model), before.iter().map(Vec::len).sum::<usize>());
        assert_eq!((trainable(&base), trainable(&base.clone().no_grad())), (base.num_params(), 0));

        let mut learner = Learner::new(model, AdamW { betas: [0.9, 0.95], weight_decay: 0.1, clip: 1.0 });
        let workers = Workers::new(2).unwrap();
        for _ in 0..3 {
            let report = learner.step(&[3i32, 5], 1e-2, &workers, |model, id| {
                let tokens = Tensor::<1, burn::tensor::Int>::from_data([*id, 1], &palinode_flex::device()).reshape([1, 2]);
                let positions = Tensor::from_data([1], &palinode_flex::device());
                (model.logits(model.states(tokens, positions)).square().mean(), ())
            });
            assert!(report.grad_norm > 0.0);
        }
        let trained = learner.into_model();
        // The first step moves B alone, since B is zero; then A moves too.
        assert!(numbers(trained.adapters()).iter().zip(&before).all(|(now, before)| now != before));
        assert_eq!(parameters(&trained.without_adapters()), parameters(&base));
    }
}
