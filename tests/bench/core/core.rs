//! What the core's functions cost by themselves, on the sizes of the ledger preset and of a real vocabulary: `cargo bench -p palinode-bench`.

use std::hint::black_box;

use burn_tensor::{Device, Int, Tensor, TensorData};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use palinode_core::{
    Error,
    advantage::Baseline,
    attempt::{Attempt, StopReason},
    batch::TokenBatch,
    kl::KlEstimator,
    logprob::{log_distribution, of_targets},
    objective::{StageOne, StageTwo, loss},
    rng::{RandomKey, Stream},
    sampling::{Sampling, choose},
    scoring::TokenScores,
    task::Problem,
    trajectory::{Group, Trajectory, rewards},
    transitions::Transitions,
    update::Update,
    verifier::Verdict,
};

/// Problems, episodes of each, and tokens of an attempt, which are two.
const PROBLEMS: usize = 64;
const SAMPLES: usize = 8;
const ANSWER: usize = 8;

/// Vocabularies: characters, and the pieces of a language model's.
const VOCABULARIES: [usize; 2] = [16, 4096];

/// Numbers that follow from their index.
fn noise(length: usize) -> impl Iterator<Item = f32> {
    (0..length).map(|index| RandomKey { token: index as u32, ..RandomKey::new(1, Stream::User) }.normal())
}

fn groups() -> Vec<Group> {
    let mut noise = noise(PROBLEMS * SAMPLES * 2);
    let mut attempt = |token: u32| {
        let verdict = if noise.next().is_some_and(|number| number > 0.0) { Verdict::Right } else { Verdict::Wrong };
        Attempt::new(vec![token; ANSWER], vec![-1.0; ANSWER], StopReason::FixedLength, verdict)
            .expect("as many as there are tokens")
    };
    let mut episode = |sample: usize| {
        let attempts = vec![attempt(sample as u32), attempt(1)];
        Trajectory::new(vec![2; ANSWER], vec![3], attempts).expect("a prompt and attempts")
    };
    let group = |id: usize| {
        let problem = Problem::new(id as u32, vec![2; ANSWER], vec![1; ANSWER]).expect("a prompt");
        Group::new(problem, (0..SAMPLES).map(&mut episode).collect()).expect("episodes")
    };
    (0..PROBLEMS).map(group).collect()
}

fn matrix(rows: usize, columns: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(noise(rows * columns).collect(), [rows, columns]), device)
}

/// Exact KL works in the loss, so no divergence is asked for.
fn nobody_asks() -> Result<Vec<f64>, Error> {
    Err(Error::Empty("a divergence"))
}

/// From verdicts to advantages.
fn credit(c: &mut Criterion) {
    let (device, groups) = (Device::flex(), groups());
    let rewards = rewards(&groups).expect("groups of one size");
    let mut group = c.benchmark_group("credit");
    group.throughput(Throughput::Elements((PROBLEMS * SAMPLES) as u64));
    for (name, baseline) in [
        ("group mean", Baseline::GroupMean),
        ("leave one out", Baseline::LeaveOneOut),
        ("conditioned", Baseline::ConditionedOnFirst),
    ] {
        group.bench_function(BenchmarkId::new("stage two", name), |b| {
            let update = Update::new(StageTwo::default(), Sampling::Greedy).with_baseline(baseline);
            b.iter(|| update.advantages(black_box(&rewards), nobody_asks));
        });
    }
    group.bench_function("stage one", |b| {
        let update = Update::new(StageOne::default(), Sampling::Greedy);
        b.iter(|| update.advantages(black_box(&rewards), nobody_asks));
    });
    let episodes: Vec<&Trajectory> = groups.iter().flat_map(Group::trajectories).collect();
    group.bench_function("batch", |b| b.iter(|| TokenBatch::new(black_box(&episodes), &device).expect("episodes")));
    group.bench_function("transitions", |b| b.iter(|| Transitions::of(black_box(&episodes).iter().copied())));
    group.finish();
}

/// From logits to a loss and its gradient.
fn score(c: &mut Criterion) {
    let device = Device::flex();
    let mut group = c.benchmark_group("score");
    for vocabulary in VOCABULARIES {
        let tokens = PROBLEMS * ANSWER;
        group.throughput(Throughput::Elements(tokens as u64));
        let (logits, frozen) = (matrix(tokens, vocabulary, &device), matrix(tokens, vocabulary, &device));
        let targets: Vec<i32> = (0..tokens).map(|token| (token % vocabulary) as i32).collect();
        let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [tokens]), &device);
        let [policy, reference] = [logits.clone(), frozen].map(|logits| log_distribution(logits, 1.0));
        let of_vocabulary = |name: &str| BenchmarkId::new(name, vocabulary);
        group.bench_function(of_vocabulary("log-probabilities"), |b| {
            b.iter(|| of_targets(log_distribution(black_box(logits.clone()), 0.7), targets.clone()).into_data());
        });
        for (name, kl) in [("exact KL", KlEstimator::Exact), ("K1", KlEstimator::K1), ("K3", KlEstimator::K3)] {
            group.bench_function(of_vocabulary(name), |b| {
                b.iter(|| kl.per_token(black_box(policy.clone()), reference.clone(), targets.clone()).into_data());
            });
        }
        let weights = Tensor::<1>::ones([tokens], &device);
        group.bench_function(of_vocabulary("loss and gradient"), |b| {
            b.iter(|| {
                let logits = black_box(logits.clone()).autodiff().require_grad();
                let distribution = log_distribution(logits.clone(), 1.0);
                let kl =
                    KlEstimator::Exact.per_token(distribution.clone(), reference.clone().autodiff(), targets.clone().autodiff());
                let scores = TokenScores { logprob: of_targets(distribution, targets.clone().autodiff()), kl: Some(kl) };
                let weights = weights.clone().autodiff();
                let gradients = loss(&scores, weights.clone(), weights, PROBLEMS).backward();
                logits.grad(&gradients).map(Tensor::into_data)
            });
        });
    }
    group.finish();
}

/// One token for each row.
fn sample(c: &mut Criterion) {
    let device = Device::flex();
    let rows = 32;
    let uniforms: Vec<f32> = (0..rows).map(|row| row as f32 / rows as f32).collect();
    let mut group = c.benchmark_group("choose");
    group.throughput(Throughput::Elements(rows as u64));
    for vocabulary in VOCABULARIES {
        let logits = matrix(rows, vocabulary, &device);
        for (name, sampling) in [("sampled", Sampling::temperature(1.0).expect("in range")), ("greedy", Sampling::Greedy)] {
            group.bench_function(BenchmarkId::new(name, vocabulary), |b| {
                b.iter(|| choose(black_box(logits.clone()), sampling, &uniforms).expect("numbers"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, credit, score, sample);
criterion_main!(benches);
