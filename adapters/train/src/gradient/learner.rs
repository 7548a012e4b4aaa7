//! One optimiser step over micro-batches.

use core::ops::Range;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};
use burn_optim::GradientsParams;

use palinode_core::{precision::widen, scoring::TokenScores};

use crate::{
    error::{Cause, TrainError},
    gradient::{host::squares, masters::Masters, optimizer::Optimizer, workers::Workers},
};

/// A model and the optimiser that steps it. The model is held without gradients; each micro-batch differentiates a copy of its own.
pub struct Learner<M> {
    model: M,
    /// What the optimiser works on, where it is not the model itself.
    masters: Option<Masters<M>>,
    optimizer: Box<dyn Optimizer<M>>,
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

impl<R> StepReport<R> {
    /// Refuses a step of which loss or gradient are not finite; the model is as it was before it.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] says which of them, and where.
    pub fn require_finite(&self, stage: &str, step: usize) -> Result<(), TrainError> {
        for (what, value) in [("the loss", self.loss), ("the gradient's norm", self.grad_norm)] {
            if !value.is_finite() {
                return Err(TrainError::NotFinite { what, value, stage: stage.to_owned(), step });
            }
        }
        Ok(())
    }
}

impl<M: Module> Learner<M> {
    /// A learner of a model, by an optimiser that has not taken a step: settings of [`AdamW`](crate::gradient::optimizer::AdamW), or any other in a box.
    pub fn new(model: M, optimizer: impl Into<Box<dyn Optimizer<M>>>) -> Self {
        let model = model.valid();
        Self { masters: Masters::of(&model), model, optimizer: optimizer.into() }
    }

    /// A learner that goes on where another one was: `state` is what [`Learner::optimizer_bytes`] gave there, `masters` a copy of
    /// [`Learner::masters`].
    ///
    /// # Errors
    /// What does not fit the model or the optimiser.
    pub fn resume(
        model: M,
        optimizer: impl Into<Box<dyn Optimizer<M>>>,
        state: &[u8],
        masters: Option<M>,
    ) -> Result<Self, Cause> {
        let mut learner = Self::new(model, optimizer);
        learner.optimizer.restore(state, &learner.model)?;
        match (&mut learner.masters, masters) {
            (None, None) => {}
            (Some(held), Some(model)) => held.model = model,
            (Some(_), None) => return Err("the f32 copies of a narrower model's weights are missing".into()),
            (None, Some(_)) => return Err("there are f32 copies of weights that are f32 themselves".into()),
        }
        Ok(learner)
    }

    /// The optimiser's state: of AdamW, a safetensors file.
    ///
    /// # Errors
    /// Those of [`Optimizer::to_bytes`].
    pub fn optimizer_bytes(&self) -> Result<Vec<u8>, Cause> {
        self.optimizer.to_bytes()
    }

    /// What the optimiser works on in f32, where the model itself is narrower.
    pub fn masters(&self) -> Option<&M> {
        self.masters.as_ref().map(|masters| &masters.model)
    }

    /// The model, without gradients.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model, taken out.
    pub fn into_model(self) -> M {
        self.model
    }
}

impl<M: Module + Sync> Learner<M> {
    /// Sums the gradients of all micro-batches in their order, clips the sum by its norm, and takes one step of the optimiser.
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
        let (mut losses, mut total, mut extras) = (0.0, GradientsParams::new(), Vec::new());
        let gradient = |batch: &T| slope(&self.model.clone().train(), batch);
        workers.fold(micro_batches, gradient, |(slope, extra)| {
            losses += slope.loss;
            total = add_gradients(&self.model, std::mem::take(&mut total), slope.gradients);
            extras.push(extra);
        });
        let mut norm = GradientNorm { gradients: &total, squares: 0.0 };
        self.model.visit(&mut norm);
        let (grad_norm, largest) = (norm.squares.sqrt(), self.optimizer.largest_norm());
        if losses.is_finite() && grad_norm.is_finite() {
            if grad_norm > largest {
                self.model.visit(&mut GradientScale { gradients: &mut total, factor: largest / (grad_norm + 1e-6) });
            }
            match &mut self.masters {
                None => self.model = self.optimizer.step(self.model.clone(), learning_rate, total),
                Some(masters) => {
                    masters.model = self.optimizer.step(masters.model.clone(), learning_rate, total);
                    self.model = masters.rounded();
                }
            }
        }
        StepReport { loss: losses, grad_norm, extras }
    }
}

/// A part of a loss that is a sum over tokens: that of a range of them, by their scores.
pub type Loss<'a> = dyn Fn(&TokenScores, Range<usize>) -> Tensor<1> + 'a;

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

/// The sum of two gradients of a model, in f32 at least.
pub(crate) fn add_gradients<M: Module>(model: &M, a: GradientsParams, b: GradientsParams) -> GradientsParams {
    let mut sum = GradientSum { parts: [a, b], total: GradientsParams::new() };
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

/// Adds two gradients.
struct GradientSum {
    parts: [GradientsParams; 2],
    total: GradientsParams,
}

impl ModuleVisitor for GradientSum {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradients = self.parts.iter_mut().filter_map(|part| part.remove::<D>(param.id)).map(widen);
        if let Some(sum) = gradients.reduce(|a, b| a + b) {
            self.total.register(param.id, sum);
        }
    }
}

/// The sum of a gradient's squares.
struct GradientNorm<'a> {
    gradients: &'a GradientsParams,
    squares: f64,
}

impl ModuleVisitor for GradientNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.squares += squares(gradient);
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
    use crate::{
        gradient::optimizer::AdamW,
        trainable::{Trainable, fingerprint, trainable},
    };
    use burn::tensor::FloatDType;
    use palinode_core::policy::Policy;

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

        let mut learner = Learner::new(model, AdamW::new([0.9, 0.95], 0.1, 1.0).unwrap());
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
        assert_eq!(fingerprint(&trained.reference()), fingerprint(&base));
        assert_ne!(fingerprint(&trained), fingerprint(&base));
    }

    #[test]
    fn what_is_not_finite_is_named() {
        let report = |loss, grad_norm| StepReport::<()> { loss, grad_norm, extras: Vec::new() };
        let refused = |loss, grad_norm| match report(loss, grad_norm).require_finite("warm start", 3) {
            Err(TrainError::NotFinite { what, value, stage, step: 3 }) if stage == "warm start" => Some((what, value)),
            _ => None,
        };
        assert!(report(0.53, 2.0).require_finite("warm start", 3).is_ok());
        assert_eq!(refused(0.53, f64::INFINITY), Some(("the gradient's norm", f64::INFINITY)));
        assert_eq!(refused(f64::INFINITY, f64::NAN), Some(("the loss", f64::INFINITY)));
    }

    /// Steps that are smaller than the last bit of a bf16 weight add up, since the optimiser works on f32 copies.
    #[test]
    fn small_steps_add_up_in_half_precision() {
        let sizes = DecoderConfig::small(11, 8, 2, 2, 16);
        let base = Decoder::new(&sizes, 1, &palinode_flex::device()).unwrap().cast(FloatDType::BF16);
        let adapted = base.clone().with_adapters(&LoraConfig::on_all(2), 7).unwrap();
        for (model, steps, changed) in [(base.clone(), 1, 0.0..=0.0), (base.clone(), 60, 0.8..=1.0), (adapted, 1, 0.9..=1.0)] {
            let frozen = fingerprint(&model.reference());
            let before = parameters(&model);
            let all = trainable(&model) == model.num_params();
            let mut learner = Learner::new(model, AdamW::new([0.0, 0.0], 0.0, 1e9).unwrap());
            for _ in 0..steps {
                // Without moments a step is the learning rate in the gradient's direction: 60 of them are 0.06, one is lost in weights near 1.
                learner.step(&[()], 1e-3, &Workers::new(1).unwrap(), |model, ()| {
                    let tokens = Tensor::<1, burn::tensor::Int>::from_data([3, 1], &palinode_flex::device()).reshape([1, 2]);
                    (model.logits(model.states(tokens, Tensor::from_data([1], &palinode_flex::device()))).square().sum(), ())
                });
            }
            let after = learner.into_model();
            let change = |name: &str| -> f64 {
                let of = |list: &[(String, Vec<f32>)]| list.iter().find(|(held, _)| held.ends_with(name)).unwrap().1.clone();
                let (before, after) = (of(&before), of(&parameters(&after)));
                before.iter().zip(&after).filter(|(a, b)| a != b).count() as f64 / before.len() as f64
            };
            if all {
                assert!(changed.contains(&change("norm.weight")), "{steps}: {}", change("norm.weight"));
            } else {
                assert_eq!(fingerprint(&after.reference()), frozen);
                assert!(changed.contains(&change("adapters.0.b")), "{}", change("adapters.0.b"));
            }
        }
    }
}
