//! What the cost of sampling and of an update grows with: each size alone is doubled twice, and the exponents of the growth are printed.
//!
//! On one thread, with random weights. An exponent of 1 is growth in proportion; below it, something is shared or small.
//!
//! `cargo run --release --bin scaling`

use std::{error::Error, time::Instant};

use burn_optim::GradientsParams;
use palinode::{
    core::{
        batch::TokenBatch,
        kl::Divergence,
        objective,
        policy::Decode,
        rng::{RandomKey, Stream},
        rollout::{RolloutConfig, rollout},
        sampling::Sampling,
        scoring::Scoring,
        task::Problem,
        trajectory::{Group, Trajectory},
        turns::{AnswerLimit, Turns},
        verifier::{Verdict, Verifier},
    },
    device,
    lm::{Decoder, DecoderConfig},
    train::gradient::chunked::differentiate,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One size of each kind.
#[derive(Clone, Copy)]
struct Sizes {
    problems: usize,
    group: usize,
    attempts: usize,
    prompt: usize,
    answer: usize,
    vocabulary: usize,
    width: usize,
}

const BASE: Sizes = Sizes { problems: 4, group: 8, attempts: 2, prompt: 32, answer: 24, vocabulary: 64, width: 64 };

/// A size's name, and how a factor changes it.
type Knob = (&'static str, [usize; 3], fn(&mut Sizes, usize));

const KNOBS: [Knob; 7] = [
    ("problems", [4, 8, 16], |sizes, n| sizes.problems = n),
    ("episodes a group", [8, 16, 32], |sizes, n| sizes.group = n),
    ("attempts K", [2, 3, 4], |sizes, n| sizes.attempts = n),
    ("tokens of a prompt", [32, 64, 128], |sizes, n| sizes.prompt = n),
    ("tokens of an answer", [24, 48, 96], |sizes, n| sizes.answer = n),
    ("vocabulary", [64, 1024, 16_384], |sizes, n| sizes.vocabulary = n),
    ("width", [64, 128, 256], |sizes, n| sizes.width = n),
];

fn main() -> Result<()> {
    println!("{:<20} {:>18} {:>24} {:>6} {:>24} {:>6}", "size", "values", "sampling ms", "grows", "update ms", "grows");
    for (name, values, set) in KNOBS {
        let mut measured = Vec::new();
        for value in values {
            let mut sizes = BASE;
            set(&mut sizes, value);
            measured.push(measure(sizes)?);
        }
        let column = |which: usize| -> Vec<f64> { measured.iter().map(|times| times[which]).collect() };
        let show = |times: &[f64]| times.iter().map(|ms| format!("{ms:.1}")).collect::<Vec<_>>().join(" ");
        let (sampling, update) = (column(0), column(1));
        let listed = values.map(|value| value.to_string()).join(" ");
        let [first, second] = [&sampling, &update].map(|times| exponent(&values, times));
        println!("{name:<20} {listed:>18} {:>24} {first:>6.2} {:>24} {second:>6.2}", show(&sampling), show(&update));
    }
    Ok(())
}

/// The slope of log time over log size, by least squares.
fn exponent(sizes: &[usize], times: &[f64]) -> f64 {
    let x: Vec<f64> = sizes.iter().map(|&size| (size as f64).ln()).collect();
    let y: Vec<f64> = times.iter().map(|time| time.ln()).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(&x), mean(&y));
    let along: f64 = x.iter().zip(&y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    along / x.iter().map(|x| (x - mean_x).powi(2)).sum::<f64>()
}

/// Milliseconds of sampling all episodes, and of one gradient over them with a reference: the fastest of five.
fn measure(sizes: Sizes) -> Result<[f64; 2]> {
    let device = device::open("flex")?.device;
    let limit = AnswerLimit::Fixed(sizes.answer);
    let config = RolloutConfig::new(
        Turns::new(limit, vec![1, 2], sizes.prompt),
        sizes.attempts,
        sizes.group,
        Sampling::temperature(1.0)?,
    )?;
    let shape = DecoderConfig::small(sizes.vocabulary, sizes.width, 2, 4, config.capacity(sizes.prompt));
    let model = Decoder::new(&shape, 1, &device)?;
    let problem = |id: usize| Problem::new(id as u32, (0..sizes.prompt).map(|i| (i * 7 % 64) as u32).collect(), vec![0]);
    let problems: Vec<Problem> = (0..sizes.problems).map(problem).collect::<std::result::Result<_, _>>()?;
    let trained = burn::module::Module::train(model.clone());
    let mut best = [f64::INFINITY; 2];
    for round in 0..5 {
        let key = RandomKey { step: round, ..RandomKey::new(0, Stream::User) };
        let begun = Instant::now();
        let groups = sample(&model, &problems, &config, key)?;
        best[0] = best[0].min(begun.elapsed().as_secs_f64() * 1e3);
        let begun = Instant::now();
        for group in groups.chunks((32 / sizes.group).max(1)) {
            update(&trained, group)?;
        }
        best[1] = best[1].min(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(best)
}

/// As `palinode train` does, 32 episodes at a time.
fn sample<D: Decode>(model: &D, problems: &[Problem], config: &RolloutConfig, key: RandomKey) -> Result<Vec<Group>> {
    let together = (32 / config.samples()).max(1);
    let parts = problems.chunks(together).map(|problems| rollout(model, &Anything, problems, config, key));
    Ok(parts.collect::<std::result::Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn update(model: &Decoder, groups: &[Group]) -> Result<GradientsParams> {
    let device = device::open("flex")?.device;
    let episodes: Vec<&Trajectory> = groups.iter().flat_map(Group::trajectories).collect();
    let batch = TokenBatch::new(&episodes, &device)?;
    let ones = batch.spread(&vec![1.0; batch.episodes() * batch.attempts()])?;
    let reference = Some((model, Divergence::Reverse));
    let (slope, _) = differentiate(model, reference, &batch, &Scoring::default(), |scores, tokens| {
        let weights = ones.clone().slice([tokens]);
        objective::loss(scores, weights.clone(), weights, episodes.len())
    });
    Ok(slope.gradients)
}

struct Anything;

impl Verifier for Anything {
    fn verify(&self, _: &Problem, _: &[u32]) -> Verdict {
        Verdict::Wrong
    }
}
