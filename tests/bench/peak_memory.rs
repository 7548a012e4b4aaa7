//! Peak memory of one gradient. Over a vocabulary of 150 000 it grows with the chunk of logits, not with the number of tokens; in a deep model,
//! where activations are computed again, hardly with the number of blocks.
//!
//! Each figure is taken in a process of its own, since a process never gives its peak back. Linux only: it reads `/proc/self/status`.
//!
//! `cargo run --release --bin peak_memory`

use std::{env, error::Error, fs, process::Command};

use burn::module::Module;
use palinode::{
    core::{
        attempt::{Attempt, StopReason},
        batch::TokenBatch,
        kl::Divergence,
        objective,
        scoring::Scoring,
        trajectory::Trajectory,
        verifier::Verdict,
    },
    device,
    lm::{Decoder, DecoderConfig},
    train::gradient::chunked::{chunk_of, differentiate},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const VOCABULARY: usize = 150_000;

/// How a gradient is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Automatically, with all activations kept.
    Kept,
    /// Automatically, with activations computed again.
    Again,
    /// By the passes that are written out.
    Kernels,
    /// By those, with activations computed again.
    KernelsAgain,
}

const WAYS: [Way; 4] = [Way::Kept, Way::Again, Way::Kernels, Way::KernelsAgain];

fn main() -> Result<()> {
    let arguments: Vec<usize> = env::args().skip(1).map(|text| text.parse()).collect::<std::result::Result<_, _>>()?;
    match arguments[..] {
        [] => table(),
        [tokens, chunk] => {
            let sizes = DecoderConfig { tied: true, ..DecoderConfig::small(VOCABULARY, 16, 1, 2, 2 * tokens) };
            println!("{}", measure(tokens, chunk, &sizes, Way::Kernels)?);
            Ok(())
        }
        [tokens, layers, way] => {
            let sizes = DecoderConfig::small(100, 64, layers, 4, 2 * tokens);
            println!("{}", measure(tokens, 4096, &sizes, WAYS[way.min(3)])?);
            Ok(())
        }
        _ => Err("give no arguments, or TOKENS CHUNK, or TOKENS BLOCKS WAY (0 tensor operations, 2 kernels; 1 and 3 the same computed again)".into()),
    }
}

fn table() -> Result<()> {
    let usual = chunk_of(VOCABULARY);
    println!("vocabulary {VOCABULARY}; MiB above the model itself\n");
    println!("{:>8} {:>8} {:>10}", "tokens", "chunk", "peak MiB");
    for (tokens, chunk) in
        [(256, usual), (512, usual), (1024, usual), (2048, usual), (1024, 2 * usual), (1024, 4 * usual), (256, 4096), (512, 4096)]
    {
        let peak = elsewhere(&[tokens, chunk])?;
        println!("{tokens:>8} {:>8} {peak:>10.0}", if chunk >= tokens { "all".into() } else { chunk.to_string() });
    }
    println!(
        "\nvocabulary 100, width 64, 512 tokens; tensor operations with activations kept, or computed again; passes written out likewise\n"
    );
    println!("{:>8} {:>10} {:>10} {:>12} {:>10}", "blocks", "kept MiB", "again MiB", "kernels MiB", "again MiB");
    for blocks in [2, 4, 8, 16] {
        let peak = |way| elsewhere(&[512, blocks, way]);
        println!("{blocks:>8} {:>10.0} {:>10.0} {:>12.0} {:>10.0}", peak(0)?, peak(1)?, peak(2)?, peak(3)?);
    }
    Ok(())
}

/// What [`measure`] finds in a process of its own.
fn elsewhere(arguments: &[usize]) -> Result<f64> {
    let done = Command::new(env::current_exe()?).args(arguments.iter().map(usize::to_string)).output()?;
    let text = String::from_utf8(done.stdout)?;
    Ok(text.trim().parse().map_err(|_| String::from_utf8_lossy(&done.stderr).into_owned())?)
}

/// The peak of one gradient over this many scored tokens, in MiB above what the model takes.
fn measure(tokens: usize, chunk: usize, sizes: &DecoderConfig, way: Way) -> Result<f64> {
    let device = device::open("flex")?.device;
    let new = |seed| {
        Ok::<_, Box<dyn Error>>(Decoder::new(sizes, seed, &device)?.with_kernels(matches!(way, Way::Kernels | Way::KernelsAgain)))
    };
    let (model, reference) = (new(1)?.with_recomputation(matches!(way, Way::Again | Way::KernelsAgain)), new(2)?);
    let attempt = || {
        let ids = (0..tokens as u32 / 2).map(|i| i * 37 % sizes.vocabulary as u32).collect();
        Attempt::new(ids, vec![0.0; tokens / 2], StopReason::FixedLength, Verdict::Wrong)
    };
    let episode = Trajectory::new(vec![1], vec![2], vec![attempt()?, attempt()?])?;
    let batch = TokenBatch::new(&[&episode], &device)?;
    let before = peak()?;
    let (advantages, betas) = (batch.spread(&[1.0, -1.0])?, batch.spread(&[0.1, 0.1])?);
    let scoring = Scoring::default().in_chunks(chunk);
    let (slope, _) =
        differentiate(&model.train(), Some((&reference, Divergence::Reverse)), &batch, &scoring, |scores, tokens| {
            objective::loss(scores, advantages.clone().slice([tokens.clone()]), betas.clone().slice([tokens]), 1)
        });
    if !slope.loss.is_finite() {
        return Err(format!("the loss is {}", slope.loss).into());
    }
    Ok(peak()? - before)
}

/// The most memory that this process has held, in MiB.
fn peak() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status").map_err(|_| "peak memory is read from /proc/self/status, on Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes / 1024.0)
}
