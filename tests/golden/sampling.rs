use burn_tensor::{Tensor, TensorData};
use palinode_core::{
    rng::{RandomKey, Stream},
    sampling::{Sampling, choose},
};
use palinode_tests::{device, golden::read};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    seed: u64,
    step: u32,
    temperature: f64,
    draws: Vec<Draw>,
}

#[derive(Deserialize)]
struct Draw {
    problem: u32,
    sample: u16,
    attempt: u8,
    token: u32,
    uniform: f32,
    below_1000: u32,
    normal: f32,
    logits: Vec<f32>,
    chosen: u32,
    logprob: f32,
    greedy: u32,
}

/// Value stability: what a seed draws is part of the interface, since a recorded run is replayed from its keys. The expected ids come from
/// another Philox and another cumulative sum.
#[test]
fn a_seed_draws_the_recorded_tokens() {
    let file: File = read(include_str!("sampling.json"));
    let rows = file.draws.len();
    let key = |draw: &Draw| {
        let Draw { problem, sample, attempt, token, .. } = *draw;
        RandomKey { step: file.step, problem, sample, attempt, token, ..RandomKey::new(file.seed, Stream::StageOne) }
    };
    for draw in &file.draws {
        let key = key(draw);
        assert_eq!((key.uniform(), key.below(1000)), (draw.uniform, draw.below_1000));
        assert!((key.normal() - draw.normal).abs() < 1e-6, "{} {}", key.normal(), draw.normal);
    }
    let uniforms: Vec<f32> = file.draws.iter().map(|draw| key(draw).uniform()).collect();
    let logits: Vec<f32> = file.draws.iter().flat_map(|draw| draw.logits.clone()).collect();
    let logits = Tensor::<2>::from_data(TensorData::new(logits, [rows, file.draws[0].logits.len()]), &device());
    let sampled = choose(logits.clone(), Sampling::temperature(file.temperature).unwrap(), &uniforms).unwrap();
    let greedy = choose(logits, Sampling::Greedy, &[]).unwrap();
    for ((draw, sampled), greedy) in file.draws.iter().zip(sampled).zip(greedy) {
        assert_eq!((sampled.token, greedy.token), (draw.chosen, draw.greedy));
        assert!((sampled.logprob - draw.logprob).abs() < 1e-5, "{} {}", sampled.logprob, draw.logprob);
    }
    assert_eq!(rows, 48);
}
