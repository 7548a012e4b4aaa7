//! A loss over tokens, differentiated a chunk of logits at a time.
//!
//! Automatic differentiation keeps what a backward pass will need: for a vocabulary of 150 000, logits and distribution of every scored token at once.
//! But the loss is a sum over tokens, and all of them meet the model again at their hidden states. So each chunk is differentiated down to its states
//! and forgotten; what flowed into the states is then sent through the rest of the model, once.

use core::ops::Range;

use burn::tensor::{Int, Tensor};
use burn_optim::GradientsParams;
use palinode_core::{
    batch::TokenBatch,
    kl::Divergence,
    logprob::{log_distribution, of_targets},
    scoring::{Scoring, TokenScores, score_states},
};

use crate::{
    gradient::learner::{Slope, add_gradients},
    trainable::Trainable,
};

/// Logits that may exist at once, in numbers: 64 MiB of f32 for each tensor of that size.
const LOGITS: usize = 1 << 24;

/// Tokens of one chunk for a vocabulary of this size.
pub fn chunk_of(vocabulary: usize) -> usize {
    (LOGITS / vocabulary.max(1)).clamp(16, Scoring::default().chunk())
}

/// The gradient of a loss that is a sum over the policy-written tokens of a batch, and the scores without theirs.
///
/// `loss` gets the scores of a range of those tokens, and returns their part of the loss; `kl` in them is the divergence that was asked for: the reverse
/// one by the estimator of [`Scoring`], the forward one over the whole vocabulary. Peak memory
/// grows with [`Scoring::chunk`] · V, not with the number of tokens times V. A batch of one chunk takes the direct way, and a model that has passes of
/// its own ([`Trainable::own_passes`]) takes those.
pub fn differentiate<M: Trainable>(
    model: &M,
    reference: Option<(&M, Divergence)>,
    batch: &TokenBatch,
    scoring: &Scoring,
    loss: impl Fn(&TokenScores, Range<usize>) -> Tensor<1>,
) -> (Slope, TokenScores) {
    match model.own_passes(reference, batch, scoring, &loss) {
        Some(found) => found,
        None => automatically(model, reference, batch, scoring, loss),
    }
}

fn automatically<M: Trainable>(
    model: &M,
    reference: Option<(&M, Divergence)>,
    batch: &TokenBatch,
    scoring: &Scoring,
    loss: impl Fn(&TokenScores, Range<usize>) -> Tensor<1>,
) -> (Slope, TokenScores) {
    let (count, chunk) = (batch.scored(), scoring.chunk());
    if count <= chunk && !model.recomputes() {
        let states = |model: &M| model.states(batch.tokens(), batch.positions());
        let frozen = reference.map(|(model, divergence)| (model, states(model), divergence));
        let scores = scores(model, states(model), frozen, batch.targets(), scoring);
        let slope = Slope::of(&loss(&scores, 0..count), model);
        return (slope, TokenScores { logprob: scores.logprob.inner(), kl: scores.kl.map(Tensor::inner) });
    }
    let (states, back) = model.states_and_back(batch.tokens(), batch.positions());
    let reference = reference.map(|(model, divergence)| (model, model.states(batch.tokens(), batch.positions()), divergence));
    let (mut total, mut gradients) = (0.0, GradientsParams::new());
    let (mut logprobs, mut kls, mut arrived) = (Vec::new(), Vec::new(), Vec::new());
    let all_targets = batch.targets();
    for start in (0..count).step_by(chunk) {
        let tokens = start..count.min(start + chunk);
        let leaf = states.clone().slice([tokens.clone()]).autodiff().require_grad();
        let of_chunk = |states: &Tensor<2>| states.clone().slice([tokens.clone()]);
        let frozen = reference.as_ref().map(|(model, states, divergence)| (*model, of_chunk(states), *divergence));
        let targets: Tensor<1, Int> = all_targets.clone().slice([tokens.clone()]);
        let scores = scores(model, leaf.clone(), frozen, targets, scoring);
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

/// Scores of tokens whose hidden states are known.
fn scores<M: Trainable>(
    model: &M,
    states: Tensor<2>,
    reference: Option<(&M, Tensor<2>, Divergence)>,
    targets: Tensor<1, Int>,
    scoring: &Scoring,
) -> TokenScores {
    let Some((reference, frozen, Divergence::Forward)) = reference else {
        let reference = reference.map(|(model, states, _)| (model, states));
        return score_states(model, states, reference, targets, scoring);
    };
    let distribution = log_distribution(model.logits(states), scoring.temperature.value());
    let frozen = log_distribution(reference.logits(frozen), scoring.temperature.value());
    TokenScores { kl: Some(Divergence::Forward.exact(distribution.clone(), frozen)), logprob: of_targets(distribution, targets) }
}

#[cfg(test)]
mod tests {
    use burn::{
        module::{Module, ModuleMapper, Param},
        tensor::FloatDType,
    };
    use palinode_core::{
        attempt::{Attempt, StopReason},
        kl::KlEstimator,
        objective,
        rng::{RandomKey, Stream},
        sampling::Temperature,
        scoring::score_tokens,
        trajectory::Trajectory,
        verifier::Verdict,
    };
    use palinode_lm::{Activation, Decoder, DecoderConfig, LayerRope, LoraConfig, LoraTarget, Rope, RopeScaling};

    use super::*;
    use crate::gradient::learner::list_gradients;

    fn batch() -> TokenBatch {
        let attempt = |tokens: Vec<u32>| {
            let logprobs = vec![0.0; tokens.len()];
            Attempt::new(tokens, logprobs, StopReason::FixedLength, Verdict::Wrong).unwrap()
        };
        let episode = |a, b| Trajectory::new(vec![1, 2], vec![9], vec![attempt(a), attempt(b)]).unwrap();
        let episodes = [episode(vec![3, 4, 5], vec![6]), episode(vec![7], vec![8, 1, 0])];
        TokenBatch::new(&episodes.each_ref(), &palinode_flex::device()).unwrap()
    }

    /// Every family's peculiarities, and adapters.
    fn models() -> Vec<Decoder> {
        let sizes = DecoderConfig::small(11, 8, 2, 2, 16);
        let gemma = DecoderConfig {
            heads: 4,
            kv_heads: 2,
            head_width: Some(6),
            activation: Activation::GeluTanh,
            tied: true,
            post_norms: true,
            norm_offset: true,
            embedding_scale: Some(2.5),
            attention_scale: Some(0.3),
            attention_cap: Some(1.5),
            logit_cap: Some(2.0),
            windows: vec![Some(3), None],
            ..sizes.clone()
        };
        let qwen =
            DecoderConfig { kv_heads: 1, qkv_bias: true, qk_norm: true, output_bias: true, mlp_bias: true, ..sizes.clone() };
        // Gemma 3's local and global layers; one of SmolLM3's that does not turn; OLMo's norms, only behind and over all heads.
        let gemma_3 = DecoderConfig {
            layers: 3,
            attention_cap: None,
            qk_norm: true,
            local_rope: Some(Rope { base: 10.0, scaling: RopeScaling::Linear { factor: 2.0 } }),
            layer_ropes: vec![LayerRope::Local, LayerRope::Global, LayerRope::None],
            ..gemma.clone()
        };
        let olmo = DecoderConfig {
            heads: 4,
            kv_heads: 2,
            qk_norm: true,
            wide_qk_norm: true,
            pre_norms: false,
            post_norms: true,
            rope_scaling: RopeScaling::Yarn { factor: 4.0, magnitude: 1.3, fast: 32.0, slow: 1.0, original_context: 4 },
            windows: vec![Some(2)],
            ..sizes.clone()
        };
        let new = |config: &DecoderConfig, seed| Decoder::new(config, seed, &palinode_flex::device()).unwrap();
        let tied = DecoderConfig { tied: true, ..sizes.clone() };
        let mut models = vec![new(&sizes, 1), new(&tied, 2), new(&gemma, 4), new(&qwen, 5), new(&gemma_3, 6), new(&olmo, 7)];
        // Adapters on all projections or some, of all layers or the last, dropping inputs or none.
        let some = [LoraTarget::KProj, LoraTarget::UpProj, LoraTarget::DownProj];
        for (sizes, targets, dropout) in [
            (&sizes, &LoraTarget::ALL[..], 0.0),
            (&sizes, &LoraTarget::ALL, 0.3),
            (&gemma, &LoraTarget::ALL, 0.3),
            (&qwen, &some, 0.0),
            (&tied, &some, 0.3),
            (&gemma_3, &LoraTarget::ALL, 0.0),
            (&olmo, &LoraTarget::ALL, 0.3),
        ] {
            let config = LoraConfig { dropout, targets: targets.to_vec(), ..LoraConfig::on_all(2) };
            let adapted = new(sizes, 3).with_adapters(&config, 1).unwrap();
            let above: Vec<_> = adapted.adapters().into_iter().filter(|adapter| adapter.layer == 1).collect();
            let last = new(sizes, 3).with_loaded_adapters(&above, dropout).unwrap();
            models.extend([adapted, last].map(|model| model.with_dropout(RandomKey::new(1, Stream::User)).unwrap_or(model)));
        }
        // And the same with ids that no token has.
        let padded = models.clone().into_iter().map(|model| model.with_unused([2, 10]).unwrap());
        models.iter().cloned().chain(padded).collect()
    }

    /// Whatever the chunk, by hand or automatically, activations kept or computed again, tied or not, all parameters or a few: the same loss, the
    /// same scores, the same gradient.
    #[test]
    fn the_way_changes_nothing() {
        let batch = batch();
        for (m, model) in models().into_iter().enumerate() {
            let base = model.clone();
            assert!(model.kernels(16).is_some() && model.kernels(17).is_none());
            // Biases and offsets begin at zero, which would hide them.
            let model = model.map(&mut Shift).train();
            // Beside adapters, the same weights in memory.
            let reference = if model.adapters().is_empty() { base } else { model.without_adapters().valid() };
            let spread = |values: &[f64]| batch.spread(values).unwrap();
            let (advantages, betas) = (spread(&[1.0, -0.5, 2.0, 0.3]), spread(&[0.1, 0.2, 0.3, 0.4]));
            for (divergence, kl) in [
                (Divergence::Reverse, KlEstimator::Exact),
                (Divergence::Reverse, KlEstimator::K3),
                (Divergence::Forward, KlEstimator::Exact),
            ] {
                let run = |model: &Decoder, chunk| {
                    let scoring = Scoring::at(Temperature::new(0.8).unwrap()).with_kl(kl).in_chunks(chunk);
                    let against = Some((&reference, divergence));
                    let (slope, scores) = differentiate(model, against, &batch, &scoring, |scores, tokens| {
                        objective::loss(scores, advantages.clone().slice([tokens.clone()]), betas.clone().slice([tokens]), 2)
                    });
                    let list = |tensor: Tensor<1>| tensor.into_data().iter::<f32>().collect::<Vec<_>>();
                    (slope.loss, list_gradients(model, slope.gradients), list(scores.logprob), list(scores.kl.unwrap()))
                };
                let automatic = model.clone().with_kernels(false);
                let (whole, again) = (run(&automatic, 4096), model.clone().with_recomputation(true));
                assert!(whole.1.iter().flatten().flatten().any(|x| x.abs() > 1e-3));
                assert!(whole.0.is_finite() && whole.1.iter().flatten().flatten().all(|x| x.is_finite()), "{m}");
                let automatic_again = automatic.clone().with_recomputation(true);
                let ways = [
                    (&automatic, 1),
                    (&automatic, 3),
                    (&automatic_again, 3),
                    (&model, 4096),
                    (&model, 1),
                    (&model, 3),
                    (&again, 4096),
                    (&again, 3),
                ];
                for (way, (model, chunk)) in ways.into_iter().enumerate() {
                    let parts = run(model, chunk);
                    assert!((whole.0 - parts.0).abs() < 1e-5, "{m} {way}: {} {}", whole.0, parts.0);
                    // Relative to their size: K3 raises the rounding of d to the power of e.
                    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5 * (1.0 + a.abs());
                    for (a, b) in [(&whole.2, &parts.2), (&whole.3, &parts.3)] {
                        assert!(a.len() == b.len() && a.iter().zip(b).all(near), "{m} {way} {divergence:?} {kl:?}: {a:?} {b:?}");
                    }
                    for (place, (a, b)) in whole.1.iter().zip(&parts.1).enumerate() {
                        match (a, b) {
                            (None, None) => {}
                            (Some(a), Some(b)) => assert!(
                                a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-5),
                                "{m} {way} {place} {divergence:?} {kl:?}: {a:?} {b:?}"
                            ),
                            _ => panic!("a parameter has a gradient in one way only: {m} {way} {place}"),
                        }
                    }
                }
            }
        }
    }

    /// By hand, matrices are widened where they are multiplied, and all else is what it is in f32.
    #[test]
    fn weights_in_half_precision_are_their_numbers() {
        let batch = batch();
        let spread = |values: &[f64]| batch.spread(values).unwrap();
        let (advantages, betas) = (spread(&[1.0, -0.5, 2.0, 0.3]), spread(&[0.1, 0.2, 0.3, 0.4]));
        for (m, model) in models().into_iter().enumerate() {
            let model = model.map(&mut Shift).cast(if m % 2 == 0 { FloatDType::BF16 } else { FloatDType::F16 });
            let run = |model: Decoder| {
                let (reference, model) = (model.without_adapters().valid(), model.train());
                let scoring = Scoring::at(Temperature::new(0.8).unwrap()).with_kl(KlEstimator::Exact);
                let against = Some((&reference, Divergence::Reverse));
                let (slope, scores) = differentiate(&model, against, &batch, &scoring, |scores, tokens| {
                    objective::loss(scores, advantages.clone().slice([tokens.clone()]), betas.clone().slice([tokens]), 2)
                });
                let logprobs = scores.logprob.into_data().iter::<f32>().collect::<Vec<_>>();
                (slope.loss, list_gradients(&model, slope.gradients), logprobs)
            };
            assert!(model.kernels(16).is_some());
            let (half, wide) = (run(model.clone()), run(model.clone().cast(FloatDType::F32)));
            assert_eq!(half, wide, "{m}: the same passes over the same numbers");
            let automatic = run(model.cast(FloatDType::F32).with_kernels(false));
            assert!((half.0 - automatic.0).abs() < 1e-5, "{m}: {} {}", half.0, automatic.0);
            assert_eq!(
                half.1.iter().map(Option::is_some).collect::<Vec<_>>(),
                automatic.1.iter().map(Option::is_some).collect::<Vec<_>>()
            );
            let gradients = |of: &[Option<Vec<f32>>]| of.iter().flatten().flatten().copied().collect::<Vec<f32>>();
            let pairs = [(half.2, automatic.2), (gradients(&half.1), gradients(&automatic.1))];
            for (a, b) in pairs.iter().flat_map(|(a, b)| a.iter().zip(b)) {
                assert!((a - b).abs() < 2e-5, "{m}: {a} {b}");
            }
        }
    }

    /// What a group reads once in passes that are written out has the bits that it has where each episode is scored by itself, and its gradient is the sum of
    /// theirs.
    #[test]
    fn a_group_scored_together_is_its_episodes_scored_alone() {
        let episode = |answers: [&[u32]; 2]| {
            let attempt =
                |ids: &[u32]| Attempt::new(ids.to_vec(), vec![0.0; ids.len()], StopReason::FixedLength, Verdict::Wrong).unwrap();
            Trajectory::new(vec![1, 2, 3, 4, 3, 6], vec![9, 1], answers.map(attempt).to_vec()).unwrap()
        };
        // Two that part late, one that parts at once, and one twice.
        let group = [episode([&[3, 4], &[6]]), episode([&[3, 4], &[7]]), episode([&[5], &[8, 1]]), episode([&[5], &[8, 1]])];
        let apart: Vec<Vec<&Trajectory>> = group.iter().map(|episode| vec![episode]).collect();
        let weights = [[1.0, -0.5], [2.0, 0.3], [-1.0, 0.7], [0.2, 1.1]];
        let steady = models().into_iter().filter(|model| !model.kernels(16).unwrap().decoder().drops());
        for (m, model) in steady.enumerate() {
            let model = model.map(&mut Shift).with_recomputation(m % 2 == 1);
            let (reference, model) = (model.without_adapters().valid(), model.train());
            let run = |episodes: &[&Trajectory], weights: &[[f64; 2]]| {
                let batch = TokenBatch::new(episodes, &palinode_flex::device()).unwrap();
                let weights = batch.spread(weights.as_flattened()).unwrap();
                let against = Some((&reference, Divergence::Reverse));
                let (slope, scores) = differentiate(&model, against, &batch, &Scoring::default(), |scores, tokens| {
                    let weights = weights.clone().slice([tokens]);
                    objective::loss(scores, weights.clone(), weights, 4)
                });
                let list = |tensor: Tensor<1>| tensor.into_data().iter::<f32>().collect::<Vec<_>>();
                let scores = [list(scores.logprob), list(scores.kl.unwrap())];
                let gradients: Vec<f32> = list_gradients(&model, slope.gradients).into_iter().flatten().flatten().collect();
                (slope.loss, gradients, scores)
            };
            let (loss, gradients, [logprobs, kls]) = run(&group.each_ref(), &weights);
            let alone: Vec<_> = apart.iter().zip(weights).map(|(episodes, weights)| run(episodes, &[weights])).collect();
            assert_eq!(logprobs, alone.iter().flat_map(|(.., [logprobs, _])| logprobs.clone()).collect::<Vec<_>>(), "{m}");
            assert_eq!(kls, alone.iter().flat_map(|(.., [_, kls])| kls.clone()).collect::<Vec<_>>(), "{m}");
            assert!((loss - alone.iter().map(|(loss, ..)| loss).sum::<f64>()).abs() < 1e-6);
            assert!(gradients.iter().any(|x| x.abs() > 1e-3), "{m}");
            for (i, found) in gradients.iter().enumerate() {
                let expected: f32 = alone.iter().map(|(_, gradients, _)| gradients[i]).sum();
                assert!((found - expected).abs() < 2e-5, "{m}, number {i}: {found} and {expected}");
            }
        }
    }

    /// Without a gradient as with one.
    #[test]
    fn scoring_by_passes_is_scoring() {
        let batch = batch();
        for model in models() {
            for chunk in [4096, 3] {
                let scoring = Scoring::at(Temperature::new(0.8).unwrap()).in_chunks(chunk);
                let expected = score_tokens(&model, None::<&Decoder>, &batch, &scoring).logprob.into_data();
                let found = model.own_logprobs(&batch, &scoring).unwrap();
                assert!(
                    found.len() == batch.scored() && found.iter().zip(expected.iter::<f32>()).all(|(a, b)| (a - b).abs() < 1e-5)
                );
            }
        }
    }

    /// Moves every number by an amount of its own.
    struct Shift;

    impl ModuleMapper for Shift {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| {
                let (shape, trained) = (tensor.dims(), tensor.is_require_grad());
                let count = shape.iter().product::<usize>();
                let shift: Vec<f32> = (0..count).map(|i| ((i * 7919 % 101) as f32 / 101.0 - 0.5) * 0.2).collect();
                let shift = Tensor::<D>::from_data(burn::tensor::TensorData::new(shift, shape), &tensor.device());
                (tensor.detach() + shift).set_require_grad(trained)
            })
        }
    }

    #[test]
    fn chunks_shrink_as_vocabularies_grow() {
        assert_eq!([13, 150_000, 1 << 24].map(chunk_of), [4096, 111, 16]);
    }
}
