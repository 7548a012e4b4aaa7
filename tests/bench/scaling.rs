//! What the cost of sampling and of an update grows with: each size alone is doubled twice, and the exponents of the growth are printed.
//!
//! On one thread, with random weights. An exponent of 1 is growth in proportion; below it, something is shared or small.
//!
//! `cargo run --release --bin scaling`

mod play;

use std::time::Instant;

use palinode::{
    core::{
        rng::{RandomKey, Stream},
        rollout::RolloutConfig,
        sampling::Sampling,
        turns::{AnswerLimit, Turns},
    },
    device,
    lm::{Decoder, DecoderConfig},
};

use self::play::{Result, gradient, problems, sample};

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
    let problems = problems(sizes.problems, sizes.prompt)?;
    let trained = burn::module::Module::train(model.clone());
    let mut best = [f64::INFINITY; 2];
    for round in 0..5 {
        let key = RandomKey { step: round, ..RandomKey::new(0, Stream::User) };
        let begun = Instant::now();
        let groups = sample(&model, &problems, &config, key)?;
        best[0] = best[0].min(begun.elapsed().as_secs_f64() * 1e3);
        let begun = Instant::now();
        for group in groups.chunks((32 / sizes.group).max(1)) {
            gradient(&trained, group)?;
        }
        best[1] = best[1].min(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(best)
}
