use palinode_core::{
    rng::{RandomKey, Stream},
    rollout::{RolloutConfig, rollout},
    sampling::Sampling,
    task::Problem,
    trajectory::{Group, Trajectory},
    turns::{AnswerLimit, Turns},
    verifier::{Verdict, Verifier},
};

use super::*;
use crate::config::{DecoderConfig, LayerRope, Rope, RopeScaling};

/// With the passes of `palinode_kernels`, or in tensor operations.
fn model(kv_heads: usize, kernels: bool) -> Decoder {
    made(&DecoderConfig { kv_heads, ..DecoderConfig::small(11, 32, 2, 4, 64) }, kernels)
}

fn made(config: &DecoderConfig, kernels: bool) -> Decoder {
    let model = Decoder::new(config, 5, &palinode_flex::device()).unwrap().with_kernels(kernels);
    assert_eq!(model.kernels().is_some(), kernels);
    model
}

/// Log-probabilities of the next token after `tokens`, by a full forward pass over that row alone.
fn full(model: &Decoder, tokens: &[u32]) -> Vec<f32> {
    let device = palinode_flex::device();
    let tokens = token_tensor(tokens.iter().copied(), 1, tokens.len(), &device);
    let last = tokens.dims()[1] - 1;
    let logits = model.logits(model.states(tokens, index_tensor([last].into_iter(), &device)));
    burn::tensor::activation::log_softmax(logits, 1).into_data().iter::<f32>().collect()
}

fn close(logits: &Tensor<2>, row: usize, expected: &[f32]) {
    let row = burn::tensor::activation::log_softmax(logits.clone().narrow(0, row, 1), 1);
    for (a, b) in row.into_data().iter::<f32>().zip(expected) {
        // Also where both are −∞.
        assert!(a == *b || (a - b).abs() < 2e-5, "{a} against {b}");
    }
}

#[test]
fn decoding_equals_full_forward_for_ragged_prompts_and_leaving_rows() {
    let plain = |kv_heads| DecoderConfig { kv_heads, ..DecoderConfig::small(11, 32, 2, 4, 64) };
    // Every kind of layer and norm, with windows that are left behind.
    let mixed = DecoderConfig {
        layers: 4,
        qk_norm: true,
        windows: vec![Some(2), None, Some(3)],
        local_rope: Some(Rope { base: 10.0, scaling: RopeScaling::None }),
        layer_ropes: vec![LayerRope::Local, LayerRope::Global, LayerRope::Local, LayerRope::None],
        ..plain(2)
    };
    let behind = DecoderConfig { wide_qk_norm: true, pre_norms: false, post_norms: true, ..mixed.clone() };
    let configs = [plain(4), plain(2), plain(1), mixed, behind];
    for (config, kernels) in configs.iter().flat_map(|config| [(config, true), (config, false)]) {
        let model = made(config, kernels);
        let mut rows: Vec<Vec<u32>> = vec![vec![1, 2, 3], vec![1, 2, 3], vec![4], vec![4], vec![5, 6], vec![5, 6]];
        let (mut cache, logits) = model.start(&[&[1, 2, 3], &[4], &[5, 6]], 2, 40).unwrap();
        rows.iter().enumerate().for_each(|(i, row)| close(&logits, i, &full(&model, row)));
        assert_eq!(cache.tokens_read(), 6, "each prompt is read once");

        // All, then fewer and fewer, then all again, one and several tokens at a time.
        let plan: [(&[usize], usize); 7] = [
            (&[0, 1, 2, 3, 4, 5], 1),
            (&[0, 1, 3, 4, 5], 1),
            (&[0, 3, 5], 1),
            (&[3], 1),
            (&[3], 2),
            (&[0, 1, 2, 3, 4, 5], 3),
            (&[1, 2], 1),
        ];
        let mut next = 0u32;
        for (asked, count) in plan {
            let tokens: Vec<Vec<u32>> = asked
                .iter()
                .map(|_| {
                    (0..count)
                        .map(|_| {
                            next += 7;
                            next % 11
                        })
                        .collect()
                })
                .collect();
            let logits = model.extend(&mut cache, asked, &tokens.iter().map(Vec::as_slice).collect::<Vec<_>>());
            assert_eq!(logits.dims(), [asked.len(), 11]);
            for (i, (&row, tokens)) in asked.iter().zip(&tokens).enumerate() {
                rows[row].extend(tokens);
                close(&logits, i, &full(&model, &rows[row]));
            }
        }
    }
}

#[test]
fn parts_that_outgrew_their_columns_join_the_others() {
    let model = model(2, false);
    let mut rows = vec![vec![1u32]; 8];
    let (mut cache, _) = model.start(&[&[1]], 8, 13).unwrap();
    // Rows 6 and 7 stay behind in a part of their own, while the others grow in turns and use up more columns than any row has tokens.
    let mut plan: Vec<(Vec<usize>, u32)> = vec![((0..6).collect(), 1)];
    plan.extend((0..6).map(|resting| ((0..6).filter(|&row| row != resting).collect(), 2)));
    plan.push(((0..8).collect(), 1));
    for (asked, count) in &plan {
        let tokens: Vec<Vec<u32>> = asked.iter().map(|&row| (0..*count).map(|i| (row as u32 + 3 * i) % 11).collect()).collect();
        let logits = model.extend(&mut cache, asked, &tokens.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for (i, (&row, tokens)) in asked.iter().zip(&tokens).enumerate() {
            rows[row].extend(tokens);
            close(&logits, i, &full(&model, &rows[row]));
        }
    }
}

struct Never;

impl Verifier for Never {
    fn verify(&self, _: &Problem, _: &[u32]) -> Verdict {
        Verdict::Wrong
    }
}

#[test]
fn sampling_logprobs_equal_scoring_at_the_same_temperature() {
    let model = model(2, true);
    let problems: Vec<Problem> = (0..5u32).map(|id| Problem::new(id, vec![1; 1 + id as usize % 3], vec![]).unwrap()).collect();
    let limit = AnswerLimit::Ended { ends: vec![0], max: 7 };
    let config = RolloutConfig::new(Turns::new(limit, vec![9, 8], 4), 3, 4, Sampling::temperature(0.7).unwrap()).unwrap();
    let key = RandomKey::new(2, Stream::User);
    let groups = rollout(&model, &Never, &problems, &config, key).unwrap();
    let trajectories: Vec<&Trajectory> = groups.iter().flat_map(Group::trajectories).collect();
    let batch = palinode_core::batch::TokenBatch::new(&trajectories, &palinode_flex::device()).unwrap();
    for chunk in [4096, 5] {
        let scoring = palinode_core::scoring::Scoring::at(config.sampling().scoring_temperature()).in_chunks(chunk);
        let scores = palinode_core::scoring::score_tokens(&model, Some(&model), &batch, &scoring);
        let sampled = trajectories.iter().flat_map(|t| t.attempts()).flat_map(|a| a.sampling_logprobs());
        let scored: Vec<f32> = scores.logprob.into_data().iter::<f32>().collect();
        assert_eq!(scored.len(), batch.scored());
        for (a, b) in sampled.zip(scored) {
            assert!((a - b).abs() < 2e-5, "{a} against {b}");
        }
        assert!(scores.kl.unwrap().into_data().iter::<f32>().all(|kl| kl.abs() < 1e-6));
    }
}

#[test]
fn a_group_reads_its_prompt_once_and_no_attempt_is_read_again() {
    for kernels in [true, false] {
        let model = model(4, kernels);
        let (mut cache, _) = model.start(&[&[1, 2, 3, 4]], 8, 32).unwrap();
        assert_eq!(cache.tokens_read(), 4);
        let all: Vec<usize> = (0..8).collect();
        for _ in 0..3 {
            model.extend(&mut cache, &all, &[[1].as_slice(); 8]);
        }
        model.extend(&mut cache, &all, &[[2, 9].as_slice(); 8]);
        assert_eq!(cache.tokens_read(), 4 + 3 * 8 + 2 * 8);
    }
}

/// Attempt k + 1 reads what the policy wrote last and the revision instruction: never the prompt or an attempt again, however many attempts there are.
#[test]
fn what_an_attempt_costs_does_not_grow_with_those_before_it() {
    for kernels in [true, false] {
        let counted = Counted { model: model(2, kernels), read: Default::default() };
        let (prompt, revision, answer) = (7, 2, 3);
        let problems: Vec<Problem> = (0..2).map(|id| Problem::new(id, vec![1; prompt], vec![]).unwrap()).collect();
        let (rows, mut before) = (2 * 4, None);
        for attempts in 1..=4usize {
            let limit = AnswerLimit::Fixed(answer);
            let config =
                RolloutConfig::new(Turns::new(limit, vec![9; revision], 4), attempts, 4, Sampling::temperature(1.0).unwrap())
                    .unwrap();
            rollout(&counted, &Never, &problems, &config, RandomKey::new(1, Stream::User)).unwrap();
            let read = counted.read.take();
            // The last token of an answer is read when something follows it.
            match before {
                None => assert_eq!(read, 2 * prompt + rows * (answer - 1)),
                Some(before) => assert_eq!(read - before, rows * (answer + revision)),
            }
            before = Some(read);
        }
    }
}

/// Counts the tokens that go through a model.
struct Counted {
    model: Decoder,
    read: std::cell::Cell<usize>,
}

impl Decode for Counted {
    type Cache = KvCache;

    fn start(&self, prompts: &[&[u32]], samples: usize, capacity: usize) -> Result<(KvCache, Tensor<2>), Error> {
        let started = self.model.start(prompts, samples, capacity)?;
        self.read.set(started.0.tokens_read() as usize);
        Ok(started)
    }

    fn extend(&self, cache: &mut KvCache, rows: &[usize], tokens: &[&[u32]]) -> Tensor<2> {
        let logits = self.model.extend(cache, rows, tokens);
        self.read.set(cache.tokens_read() as usize);
        logits
    }
}

/// Of the passes that are written out a row gets the same bits alone and among others.
#[test]
fn a_row_does_not_depend_on_the_others() {
    let model = model(2, true);
    let prompts: Vec<Vec<u32>> = (1..8usize).map(|n| (0..n as u32 * 5).map(|i| i * 7 % 11).collect()).collect();
    let bits = |prompts: &[&[u32]], row: usize| -> Vec<f32> {
        let (mut cache, _) = model.start(prompts, 1, 50).unwrap();
        let rows: Vec<usize> = (0..prompts.len()).collect();
        let mut logits = model.extend(&mut cache, &rows, &vec![[3, 4].as_slice(); rows.len()]);
        for _ in 0..10 {
            logits = model.extend(&mut cache, &rows, &vec![[5].as_slice(); rows.len()]);
        }
        logits.narrow(0, row, 1).into_data().iter::<f32>().collect()
    };
    let all: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    for (row, prompt) in all.iter().enumerate() {
        assert_eq!(bits(&all, row), bits(&[prompt], 0));
    }
}

#[test]
fn too_long_and_foreign_prompts_are_refused() {
    let model = model(4, true);
    assert!(matches!(model.start(&[&[1]], 1, 65), Err(Error::Context { expected: 64, got: 65 })));
    assert!(matches!(model.start(&[&[11]], 1, 8), Err(Error::Token { got: 11, .. })));
    assert!(matches!(model.start(&[&[]], 1, 8), Err(Error::Empty(_))));
}

/// A vocabulary that was padded, and has holes: ids that no token has are never sampled, and scores know nothing of them either.
#[test]
fn ids_that_no_token_has_are_never_sampled_and_take_no_part_in_scores() {
    let unused = [0, 3, 9, 10];
    let problems: Vec<Problem> = (0..4).map(|id| Problem::new(id, vec![id % 2 + 1, 4], vec![]).unwrap()).collect();
    for (kernels, logit_cap) in [(true, None), (false, None), (true, Some(3.0)), (false, Some(3.0))] {
        let config = DecoderConfig { logit_cap, ..DecoderConfig::small(11, 32, 2, 4, 64) };
        let all = Decoder::new(&config, 5, &palinode_flex::device()).unwrap().with_kernels(kernels);
        let masked = all.clone().with_unused(unused).unwrap();
        for sampling in [Sampling::Greedy, Sampling::temperature(2.0).unwrap()] {
            let play = RolloutConfig::new(Turns::new(AnswerLimit::Fixed(6), vec![8], 4), 2, 8, sampling).unwrap();
            let written = |model: &Decoder| -> Vec<u32> {
                let groups = rollout(model, &Never, &problems, &play, RandomKey::new(3, Stream::User)).unwrap();
                let episodes = groups.iter().flat_map(Group::trajectories);
                episodes.flat_map(Trajectory::attempts).flat_map(|attempt| attempt.tokens().to_vec()).collect()
            };
            let likes = written(&all).iter().any(|id| unused.contains(id));
            assert!(likes || sampling == Sampling::Greedy, "the model would like to");
            assert!(!written(&masked).iter().any(|id| unused.contains(id)), "{sampling:?}");
        }
        // What is left of the distribution is what it was, shared among the others.
        let (whole, left) = (full(&all, &[1, 2, 5]), full(&masked, &[1, 2, 5]));
        let lost: f32 = unused.iter().map(|&id| whole[id as usize].exp()).sum();
        for (id, (whole, left)) in whole.iter().zip(&left).enumerate() {
            match unused.contains(&(id as u32)) {
                true => assert_eq!(*left, f32::NEG_INFINITY),
                false => assert!((whole - (1.0 - lost).ln() - left).abs() < 1e-5, "{id}: {whole} {left}"),
            }
        }
        let (mut cache, logits) = masked.start(&[&[1, 2]], 1, 8).unwrap();
        close(&logits, 0, &full(&masked, &[1, 2]));
        close(&masked.extend(&mut cache, &[0], &[&[5]]), 0, &left);
    }
}

#[test]
fn prompts_hold_tokens_and_some_ids_are_left() {
    let model = model(2, true).with_unused([10, 3, 3]).unwrap();
    assert_eq!(model.unused(), [3, 10]);
    let refused = |prompt: &[u32]| model.start(&[&[1], prompt], 1, 8).map(drop).unwrap_err();
    assert_eq!(refused(&[1, 3]), Error::NoToken { what: "a prompt", got: 3 });
    assert_eq!(refused(&[11]), Error::Token { what: "a prompt", expected: 11, got: 11 });
    assert!(model.clone().with_unused([11]).is_err() && model.clone().with_unused(0..11).is_err());
    // What is made of the model keeps what it knows.
    let cast = model.clone().cast(burn::tensor::FloatDType::BF16);
    let adapted = model.with_adapters(&crate::LoraConfig::on_all(1), 1).unwrap();
    assert!([cast, adapted.without_adapters(), adapted].iter().all(|model| model.unused() == [3, 10]));
}
