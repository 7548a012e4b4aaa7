//! Cross-entropy on examples: one step of the optimiser.

use burn::tensor::Tensor;
use palinode_core::{
    batch::TokenBatch, kl::Divergence, precision::ordered_sum, rng::RandomKey, scoring::Scoring, trajectory::Trajectory,
};

use super::example::Example;
use crate::{
    error::TrainError,
    gradient::{
        chunked::{chunk_of, differentiate},
        learner::{Learner, StepReport},
        workers::Workers,
    },
    trainable::{Trainable, device_of},
};

/// What steps of cross-entropy share.
pub struct Teacher<'a, M> {
    /// The threads.
    pub workers: &'a Workers,
    /// Examples scored together; the loss does not depend on it.
    pub micro_batch: usize,
    /// Ids that the model knows.
    pub vocabulary: usize,
    /// A frozen model that holds first attempts in place, where there is one.
    pub anchor: Option<&'a M>,
    /// Draws what adapters drop of their inputs, where they drop any.
    pub dropout: Option<RandomKey>,
}

impl<M: Trainable> Teacher<'_, M> {
    /// One step of cross-entropy, a mean over the learned tokens, in nats; with an anchor, plus the mean KL(anchor‖model) over the tokens of first attempts.
    ///
    /// Neighbours of the same number of attempts are scored together: examples are best sorted by that.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a model without parameters.
    pub fn step(&self, learner: &mut Learner<M>, examples: &[Example], learning_rate: f64) -> Result<StepReport<()>, TrainError> {
        let device = device_of(learner.model())?;
        let learned: usize = examples.iter().map(Example::learned_tokens).sum();
        let anchored: usize = examples.iter().map(|example| example.trajectory().attempts()[0].tokens().len()).sum();
        let alike = examples.chunk_by(|a, b| a.attempts() == b.attempts());
        let micro_batches: Vec<(usize, &[Example])> =
            alike.flat_map(|run| run.chunks(self.micro_batch.max(1))).enumerate().collect();
        let scoring = Scoring::default().in_chunks(chunk_of(self.vocabulary));
        Ok(learner.step_along(&micro_batches, learning_rate, self.workers, |model, &(place, examples)| {
            let noisy = self.dropout.and_then(|key| model.with_dropout(RandomKey { sample: place as u16, ..key }));
            let model = noisy.as_ref().unwrap_or(model);
            let trajectories: Vec<&Trajectory> = examples.iter().map(Example::trajectory).collect();
            let batch = TokenBatch::new(&trajectories, &device).expect("examples of one number of attempts");
            let spread = |weights: Vec<f64>| batch.spread(&weights).expect("one weight an attempt");
            let learn = spread(examples.iter().flat_map(Example::weights).collect());
            let first = |example: &Example| (0..example.attempts()).map(|k| f64::from(u8::from(k == 0))).collect::<Vec<_>>();
            let anchor = spread(examples.iter().flat_map(first).collect());
            let anchored_to = self.anchor.map(|anchor| (anchor, Divergence::Forward));
            let (slope, _) = differentiate(model, anchored_to, &batch, &scoring, |scores, tokens| {
                let of = |weights: &Tensor<1>| weights.clone().slice([tokens.clone()]);
                let entropy = ordered_sum(scores.logprob.clone() * of(&learn)).neg().div_scalar(learned.max(1) as f64);
                match &scores.kl {
                    None => entropy,
                    Some(kl) => entropy + ordered_sum(kl.clone() * of(&anchor)).div_scalar(anchored as f64),
                }
            });
            (slope, ())
        }))
    }
}
