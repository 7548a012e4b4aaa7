//! Does this device compute what the method needs? Each check measures one difference that must be small.
//!
//! Training runs the first two at its start; `palinode doctor` runs all four. They exist because GPU backends have been silently wrong
//! here: fusion with cached decoding (burn #5257), gradients where only some parameters have one (burn #5162).

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::Tensor,
};
use palinode_core::{
    backend::Tolerance,
    batch::TokenBatch,
    rng::{RandomKey, Stream},
    rollout::rollout,
    sampling::Sampling,
    scoring::{Scoring, TokenScores, score_tokens},
    task::{Problem, Split},
    trajectory::{Group, Trajectory},
    turns::MultiTurnTask,
    verifier::{Verdict, Verifier},
};

use crate::{
    episodes::{episodes_of, sampled},
    error::TrainError,
    gradient::{
        chunked::{chunk_of, differentiate},
        learner::list_gradients,
    },
    play::rollout_config,
    trainable::{Trainable, device_of, vocabulary},
};

/// What a check measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Check {
    /// What was compared.
    pub name: &'static str,
    /// The largest difference.
    pub measured: f32,
    /// The largest difference allowed.
    pub bound: f32,
}

impl Check {
    /// Whether the difference is a number, and small enough.
    pub fn passes(&self) -> bool {
        self.measured <= self.bound
    }

    /// This check, if it passes.
    ///
    /// # Errors
    /// [`TrainError::Check`] when it does not pass.
    pub fn require(self) -> Result<Self, TrainError> {
        if self.passes() {
            Ok(self)
        } else {
            Err(TrainError::Check { check: self.name, measured: self.measured, bound: self.bound })
        }
    }
}

/// The largest difference that a run allows between the log-probabilities of sampling and of training, nats: 0.01, or 64 units of rounding of the model's
/// narrowest weights, which is 0.5 in bf16, where a logit near 20 is rounded by up to 1/16. What decodes wrongly is off by nats.
pub fn parity_bound<M: Module>(model: &M) -> f32 {
    let mut widest = RoundingUnit { unit: 0.0 };
    model.visit(&mut widest);
    (64.0 * widest.unit as f32).max(1e-2)
}

struct RoundingUnit {
    unit: f64,
}

impl ModuleVisitor for RoundingUnit {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.unit = self.unit.max(param.val().dtype().finfo().map_or(0.0, |info| info.epsilon));
    }
}

/// Problems, and episodes of each, that a check plays.
const PROBLEMS: u64 = 4;
const SAMPLES: usize = 2;

/// What these episodes earn does not matter, and a task's verifier may be slow.
struct Unjudged;

impl Verifier for Unjudged {
    fn verify(&self, _: &Problem, _: &[u32]) -> Verdict {
        Verdict::Unparseable
    }
}

/// Episodes of a model, to compare ways of scoring them.
pub struct Checks<'a, M> {
    model: &'a M,
    groups: Vec<Group>,
    scoring: Scoring,
    micro_batch: usize,
}

impl<'a, M: Trainable> Checks<'a, M> {
    /// Plays a few episodes at a temperature.
    ///
    /// # Errors
    /// Those of [`rollout`].
    pub fn new(model: &'a M, task: &dyn MultiTurnTask, attempts: usize, temperature: f64) -> Result<Self, TrainError> {
        let problems: Vec<Problem> = (0..PROBLEMS).map(|index| task.problem(0, Split::Train, index)).collect();
        let sampling = Sampling::temperature(temperature)?;
        let config = rollout_config(task, attempts, SAMPLES, sampling)?;
        let groups = rollout(model, &Unjudged, &problems, &config, RandomKey::new(0, Stream::User))?;
        let chunk = chunk_of(vocabulary(model)?);
        let scoring = Scoring::at(sampling.scoring_temperature()).in_chunks(chunk);
        Ok(Self { model, groups, scoring, micro_batch: usize::MAX })
    }

    /// The same, scored so many episodes at a time: no check is to need more memory than training.
    pub fn in_micro_batches(self, episodes: usize) -> Self {
        Self { micro_batch: episodes.max(1), ..self }
    }

    /// All four, with the bounds of a device.
    ///
    /// # Errors
    /// As [`Checks::cached_decoding`].
    pub fn all(&self, tolerance: Tolerance) -> Result<[Check; 4], TrainError> {
        Ok([
            self.cached_decoding(tolerance.logprob)?,
            self.sampler_and_trainer(tolerance.logprob)?,
            self.frozen_parameters(tolerance.gradient)?,
            self.determinism(tolerance.gradient)?,
        ])
    }

    /// Log-probabilities by cached decoding against those of one full forward pass, nats.
    ///
    /// # Errors
    /// [`TrainError::Core`] when the episodes can't be laid out.
    pub fn cached_decoding(&self, bound: f32) -> Result<Check, TrainError> {
        let full = self.scored(|batch| score_tokens(self.model, None::<&M>, batch, &self.scoring).logprob)?;
        Ok(Check { name: "cached decoding = full forward", measured: self.gap(full), bound })
    }

    /// Log-probabilities while sampling against those that training differentiates, nats.
    ///
    /// # Errors
    /// As [`Checks::cached_decoding`].
    pub fn sampler_and_trainer(&self, bound: f32) -> Result<Check, TrainError> {
        let model = self.model.clone().train();
        let loss = |scores: &TokenScores, _| scores.logprob.clone().sum();
        let trained = self.scored(|batch| differentiate(&model, None, batch, &self.scoring, loss).1.logprob)?;
        Ok(Check { name: "sampler = trainer", measured: self.gap(trained), bound })
    }

    /// Gradients of some parameters while the others are frozen, against the same with none frozen; relative to the largest.
    ///
    /// # Errors
    /// As [`Checks::cached_decoding`].
    pub fn frozen_parameters(&self, bound: f32) -> Result<Check, TrainError> {
        let all = self.gradients(&self.model.clone().train())?;
        let some = self.gradients(&self.model.clone().train().map(&mut FreezeEverySecond { seen: 0 }))?;
        let differences: Vec<f32> = all
            .iter()
            .zip(&some)
            .filter(|(_, some)| some.is_some())
            .map(|(all, some)| distance(all.as_deref(), some.as_deref()))
            .collect();
        // No gradient at all is as wrong as another one, and so is a gradient of what is frozen.
        let kept = differences.len();
        let measured = if kept == 0 || kept == all.len() { f32::NAN } else { differences.into_iter().fold(0.0, worse) };
        Ok(Check { name: "gradients with frozen parameters", measured, bound })
    }

    /// Gradients against themselves, computed again.
    ///
    /// # Errors
    /// As [`Checks::cached_decoding`].
    pub fn determinism(&self, bound: f32) -> Result<Check, TrainError> {
        let model = self.model.clone().train();
        let (once, again) = (self.gradients(&model)?, self.gradients(&model)?);
        let measured = once.iter().zip(&again).map(|(a, b)| distance(a.as_deref(), b.as_deref())).fold(0.0, worse);
        Ok(Check { name: "the same gradients twice", measured, bound })
    }

    fn gap(&self, scored: Vec<f32>) -> f32 {
        logprob_gap(&episodes_of(&self.groups).collect::<Vec<_>>(), scored.into_iter())
    }

    /// What a way of scoring gives for the tokens of all episodes.
    fn scored(&self, score: impl Fn(&TokenBatch) -> Tensor<1>) -> Result<Vec<f32>, TrainError> {
        let episodes: Vec<&Trajectory> = episodes_of(&self.groups).collect();
        let mut all = Vec::new();
        for part in episodes.chunks(self.micro_batch) {
            all.extend(score(&TokenBatch::new(part, &device_of(self.model)?)?).into_data().iter::<f32>());
        }
        Ok(all)
    }

    /// Gradient of the mean log-probability for every parameter that has one, in the order of the model.
    fn gradients(&self, model: &M) -> Result<Vec<Option<Vec<f32>>>, TrainError> {
        let episodes: Vec<&Trajectory> = episodes_of(&self.groups).collect();
        let batch = TokenBatch::new(&episodes, &device_of(self.model)?)?;
        let count = batch.scored().max(1) as f64;
        let mean = |scores: &TokenScores, _| scores.logprob.clone().sum().div_scalar(count);
        let (slope, _) = differentiate(model, None, &batch, &self.scoring, mean);
        Ok(list_gradients(model, slope.gradients))
    }
}

/// The largest difference between the log-probabilities of sampling and those scored for the same tokens, nats.
pub(crate) fn logprob_gap(episodes: &[&Trajectory], scored: impl Iterator<Item = f32>) -> f32 {
    sampled(episodes).into_iter().zip(scored).map(|(a, b)| (a - b).abs()).fold(0.0, worse)
}

/// The larger of two differences, where NaN is the largest.
pub fn worse(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) }
}

/// The largest difference relative to the largest entry; NaN when one gradient is missing.
fn distance(a: Option<&[f32]>, b: Option<&[f32]>) -> f32 {
    let (Some(a), Some(b)) = (a, b) else { return if a.is_none() && b.is_none() { 0.0 } else { f32::NAN } };
    let size = a.iter().map(|x| x.abs()).fold(f32::MIN_POSITIVE, worse);
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / size).fold(0.0, worse)
}

struct FreezeEverySecond {
    seen: usize,
}

impl ModuleMapper for FreezeEverySecond {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.seen += 1;
        if self.seen.is_multiple_of(2) { param.set_require_grad(false) } else { param }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::FloatDType;
    use palinode_core::{
        backend::Backend,
        error::Error,
        policy::{Decode, Policy},
    };
    use palinode_lm::{Decoder, DecoderConfig};
    use palinode_tasks::Ledger;
    use palinode_text::TextTask;

    use super::*;

    fn model(task: &dyn TextTask) -> Decoder {
        let context = crate::play::context(task, 2).unwrap();
        let sizes = DecoderConfig { kv_heads: 1, ..DecoderConfig::small(task.dialogue().tokenizer().len(), 16, 2, 2, context) };
        Decoder::new(&sizes, 1, &palinode_flex::device()).unwrap()
    }

    #[test]
    fn the_cpu_passes_all_checks() {
        let task = Ledger::new(4, 0.5).unwrap();
        let model = model(&task);
        for check in Checks::new(&model, &task, 2, 0.7).unwrap().all(palinode_flex::Flex.tolerance(FloatDType::F32)).unwrap() {
            assert!(check.passes(), "{check:?}");
        }
    }

    /// A decoder whose cache forgets a little, as a broken kernel would make it.
    #[derive(Module, Debug)]
    struct Forgetful {
        inner: Decoder,
    }

    impl Policy for Forgetful {
        fn states(&self, tokens: Tensor<2, burn::tensor::Int>, positions: Tensor<1, burn::tensor::Int>) -> Tensor<2> {
            self.inner.states(tokens, positions)
        }

        fn logits(&self, states: Tensor<2>) -> Tensor<2> {
            self.inner.logits(states)
        }
    }

    impl Decode for Forgetful {
        type Cache = <Decoder as Decode>::Cache;

        fn start(&self, prompts: &[&[u32]], samples: usize, capacity: usize) -> Result<(Self::Cache, Tensor<2>), Error> {
            self.inner.start(prompts, samples, capacity)
        }

        fn extend(&self, cache: &mut Self::Cache, rows: &[usize], tokens: &[&[u32]]) -> Tensor<2> {
            let logits = self.inner.extend(cache, rows, tokens);
            logits.clone() + logits.mul_scalar(0.05)
        }
    }

    impl Trainable for Forgetful {}

    #[test]
    fn wrong_decoding_is_found() {
        let task = Ledger::new(4, 0.5).unwrap();
        let model = Forgetful { inner: model(&task) };
        let checks = Checks::new(&model, &task, 2, 1.0).unwrap();
        let tolerance = palinode_flex::Flex.tolerance(FloatDType::F32);
        for check in [checks.cached_decoding(tolerance.logprob).unwrap(), checks.sampler_and_trainer(tolerance.logprob).unwrap()]
        {
            assert!(!check.passes(), "{check:?}");
            assert!(matches!(check.require(), Err(TrainError::Check { .. })));
        }
        assert!(checks.determinism(0.0).unwrap().passes());
    }

    #[test]
    fn the_bound_follows_the_rounding_of_the_weights() {
        let model = model(&Ledger::new(4, 0.5).unwrap());
        let bounds =
            [FloatDType::F64, FloatDType::F32, FloatDType::F16, FloatDType::BF16].map(|d| parity_bound(&model.clone().cast(d)));
        assert_eq!(bounds, [1e-2, 1e-2, 0.0625, 0.5]);
    }

    #[test]
    fn not_a_number_never_passes() {
        assert!(!Check { name: "", measured: f32::NAN, bound: 1.0 }.passes());
        assert!(distance(Some(&[1.0, f32::NAN]), Some(&[1.0, 2.0])).is_nan());
        assert!(distance(Some(&[1.0]), None).is_nan());
        assert_eq!(distance(Some(&[4.0, 1.0]), Some(&[4.0, 2.0])), 0.25);
    }
}
