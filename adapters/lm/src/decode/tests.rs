use palinode_core::{
    rng::{RandomKey, Stream},
    rollout::{AnswerLimit, RolloutConfig, rollout},
    sampling::Sampling,
    task::Problem,
    trajectory::{Group, Trajectory},
    verifier::{Verdict, Verifier},
};

use super::*;
use crate::config::DecoderConfig;

fn model(kv_heads: usize) -> Decoder {
    let config = DecoderConfig { kv_heads, ..DecoderConfig::small(11, 32, 2, 4, 64) };
    Decoder::new(&config, 5, &palinode_flex::device()).unwrap()
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
        assert!((a - b).abs() < 2e-5, "{a} against {b}");
    }
}

#[test]
fn decoding_equals_full_forward_for_ragged_prompts_and_leaving_rows() {
    for kv_heads in [4, 2, 1] {
        let model = model(kv_heads);
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
            let logits = model.extend(&mut cache, asked, &tokens);
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
    let model = model(2);
    let mut rows = vec![vec![1u32]; 8];
    let (mut cache, _) = model.start(&[&[1]], 8, 13).unwrap();
    // Rows 6 and 7 stay behind in a part of their own, while the others grow in turns and use up more columns than any row has tokens.
    let mut plan: Vec<(Vec<usize>, u32)> = vec![((0..6).collect(), 1)];
    plan.extend((0..6).map(|resting| ((0..6).filter(|&row| row != resting).collect(), 2)));
    plan.push(((0..8).collect(), 1));
    for (asked, count) in &plan {
        let tokens: Vec<Vec<u32>> = asked.iter().map(|&row| (0..*count).map(|i| (row as u32 + 3 * i) % 11).collect()).collect();
        let logits = model.extend(&mut cache, asked, &tokens);
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
    let model = model(2);
    let problems: Vec<Problem> = (0..5u32).map(|id| Problem::new(id, vec![1; 1 + id as usize % 3], vec![]).unwrap()).collect();
    let limit = AnswerLimit::Ended { ends: vec![0], max: 7 };
    let config = RolloutConfig::new(3, 4, Sampling::Temperature(0.7), limit, vec![9, 8]).unwrap();
    let key = RandomKey::new(2, Stream::User);
    let groups = rollout(&model, &Never, &problems, &config, key).unwrap();
    let trajectories: Vec<&Trajectory> = groups.iter().flat_map(Group::trajectories).collect();
    let batch = palinode_core::batch::TokenBatch::new(&trajectories, &palinode_flex::device()).unwrap();
    for chunk in [4096, 5] {
        let scoring = palinode_core::logprob::Scoring { temperature: 0.7, chunk, ..Default::default() };
        let scores = palinode_core::logprob::score_tokens(&model, Some(&model), &batch, &scoring);
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
    let model = model(4);
    let (mut cache, _) = model.start(&[&[1, 2, 3, 4]], 8, 32).unwrap();
    assert_eq!(cache.tokens_read(), 4);
    let all: Vec<usize> = (0..8).collect();
    for _ in 0..3 {
        model.extend(&mut cache, &all, &vec![vec![1]; 8]);
    }
    model.extend(&mut cache, &all, &vec![vec![2, 9]; 8]);
    assert_eq!(cache.tokens_read(), 4 + 3 * 8 + 2 * 8);
}

#[test]
fn too_long_and_foreign_prompts_are_refused() {
    let model = model(4);
    assert!(matches!(model.start(&[&[1]], 1, 65), Err(Error::Context { expected: 64, got: 65 })));
    assert!(matches!(model.start(&[&[11]], 1, 8), Err(Error::Token { got: 11, .. })));
    assert!(matches!(model.start(&[&[]], 1, 8), Err(Error::Empty(_))));
}
