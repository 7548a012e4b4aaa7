//! A loss over tokens, differentiated a chunk of logits at a time.
//!
//! Automatic differentiation keeps what a backward pass will need: for a vocabulary of 150 000, logits and distribution of every scored token at once.
//! But the loss is a sum over tokens, and all of them meet the model again at their hidden states. So each chunk is differentiated down to its states
//! and forgotten; what flowed into the states is then sent through the rest of the model, once.

use core::ops::Range;

use burn::{
    optim::GradientsParams,
    tensor::{Int, Tensor},
};
use palinode_core::{
    batch::TokenBatch,
    logprob::{Scoring, TokenScores, score_states, score_tokens},
    policy::Policy,
};

use crate::{
    learner::{Slope, add_gradients},
    trainable::Trainable,
};

/// Logits that may exist at once, in numbers: 64 MiB of f32 for each tensor of that size.
const LOGITS: usize = 1 << 24;

/// Tokens of one chunk for a vocabulary of this size.
pub fn chunk_of(vocabulary: usize) -> usize {
    (LOGITS / vocabulary.max(1)).clamp(16, Scoring::default().chunk)
}

/// The gradient of a loss that is a sum over the policy-written tokens of a batch, and the scores without theirs.
///
/// `loss` gets the scores of a range of those tokens, and returns their part of the loss. Peak memory grows with `scoring.chunk` · V, not with the
/// number of tokens times V. A batch of one chunk takes the direct way.
pub fn differentiate<M: Trainable, R: Policy>(
    model: &M,
    reference: Option<&R>,
    batch: &TokenBatch,
    scoring: &Scoring,
    loss: impl Fn(&TokenScores, Range<usize>) -> Tensor<1>,
) -> (Slope, TokenScores) {
    let (count, chunk) = (batch.scored(), scoring.chunk.max(1));
    if count <= chunk && !model.recomputes() {
        let scores = score_tokens(model, reference, batch, scoring);
        let slope = Slope::of(&loss(&scores, 0..count), model);
        return (slope, TokenScores { logprob: scores.logprob.inner(), kl: scores.kl.map(Tensor::inner) });
    }
    let (states, back) = model.states_and_back(batch.tokens(), batch.positions());
    let reference = reference.map(|model| (model, model.states(batch.tokens(), batch.positions())));
    let (mut total, mut gradients) = (0.0, GradientsParams::new());
    let (mut logprobs, mut kls, mut arrived) = (Vec::new(), Vec::new(), Vec::new());
    for start in (0..count).step_by(chunk) {
        let tokens = start..count.min(start + chunk);
        let leaf = states.clone().slice([tokens.clone()]).autodiff().require_grad();
        let frozen = reference.as_ref().map(|(model, states)| (*model, states.clone().slice([tokens.clone()])));
        let targets: Tensor<1, Int> = batch.targets().slice([tokens.clone()]);
        let scores = score_states(model, leaf.clone(), frozen, targets, scoring);
        let part = loss(&scores, tokens);
        total += part.clone().into_scalar::<f64>();
        let mut flow = part.backward();
        arrived.push(leaf.grad_remove(&mut flow).unwrap_or_else(|| leaf.inner().zeros_like()));
        gradients = add_gradients(model, gradients, GradientsParams::from_grads(flow, model));
        logprobs.push(scores.logprob.inner());
        kls.extend(scores.kl.map(Tensor::inner));
    }
    gradients = add_gradients(model, gradients, back(Tensor::cat(arrived, 0)));
    let kl = (!kls.is_empty()).then(|| Tensor::cat(kls, 0));
    (Slope { loss: total, gradients }, TokenScores { logprob: Tensor::cat(logprobs, 0), kl })
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use palinode_core::{
        attempt::{Attempt, StopReason},
        kl::KlEstimator,
        objective,
        rng::{RandomKey, Stream},
        trajectory::Trajectory,
        verifier::Verdict,
    };
    use palinode_lm::{Decoder, DecoderConfig, LoraConfig};

    use super::*;
    use crate::learner::list_gradients;

    fn batch() -> TokenBatch {
        let attempt = |tokens: Vec<u32>| {
            let logprobs = vec![0.0; tokens.len()];
            Attempt::new(tokens, logprobs, StopReason::FixedLength, Verdict::Wrong).unwrap()
        };
        let episode = |a, b| Trajectory::new(vec![1, 2], vec![9], vec![attempt(a), attempt(b)]).unwrap();
        let episodes = [episode(vec![3, 4, 5], vec![6]), episode(vec![7], vec![8, 1, 0])];
        TokenBatch::new(&episodes.each_ref(), &palinode_flex::device()).unwrap()
    }

    /// Whatever the chunk, activations kept or computed again, tied or not, all parameters or a few: the same loss, the same scores, the same gradient.
    #[test]
    fn the_chunk_changes_nothing() {
        let batch = batch();
        let sizes = DecoderConfig::small(11, 8, 2, 2, 16);
        let new = |tied, seed| Decoder::new(&DecoderConfig { tied, ..sizes.clone() }, seed, &palinode_flex::device()).unwrap();
        let adapted = new(false, 3).with_adapters(&LoraConfig::on_all(2), 1).unwrap();
        let key = RandomKey::new(1, Stream::User);
        let dropping = new(false, 3).with_adapters(&LoraConfig { dropout: 0.3, ..LoraConfig::on_all(2) }, 1).unwrap();
        let dropping = dropping.with_dropout(key).unwrap();
        for model in [new(false, 1), new(true, 2), adapted, dropping] {
            let (model, reference) = (model.train(), new(false, 9));
            let spread = |values: &[f32]| batch.spread(values).unwrap();
            let (advantages, betas) = (spread(&[1.0, -0.5, 2.0, 0.3]), spread(&[0.1, 0.2, 0.3, 0.4]));
            let run = |model: &Decoder, chunk| {
                let scoring = Scoring { chunk, kl: KlEstimator::Exact, temperature: 0.8 };
                let (slope, scores) = differentiate(model, Some(&reference), &batch, &scoring, |scores, tokens| {
                    objective::loss(scores, advantages.clone().slice([tokens.clone()]), betas.clone().slice([tokens]), 2)
                });
                let list = |tensor: Tensor<1>| tensor.into_data().iter::<f32>().collect::<Vec<_>>();
                (slope.loss, list_gradients(model, slope.gradients), list(scores.logprob), list(scores.kl.unwrap()))
            };
            let (whole, again) = (run(&model, 4096), model.clone().with_recomputation(true));
            assert!(whole.1.iter().flatten().flatten().any(|x| x.abs() > 1e-3));
            for (model, chunk) in [(&model, 1), (&model, 3), (&model, 7), (&again, 4096), (&again, 3)] {
                let parts = run(model, chunk);
                assert!((whole.0 - parts.0).abs() < 1e-5);
                for (a, b) in [(&whole.2, &parts.2), (&whole.3, &parts.3)] {
                    assert!(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5));
                }
                for (a, b) in whole.1.iter().zip(&parts.1) {
                    match (a, b) {
                        (None, None) => {}
                        (Some(a), Some(b)) => assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5), "{a:?} {b:?}"),
                        _ => panic!("a parameter has a gradient in one way only"),
                    }
                }
            }
        }
    }

    #[test]
    fn chunks_shrink_as_vocabularies_grow() {
        assert_eq!([13, 150_000, 1 << 24].map(chunk_of), [4096, 111, 16]);
    }
}
