//! One named piece of work, for `instructions.sh` to count the instructions of: they repeat on a noisy machine, where times do not.
//!
//! `cargo run --release --bin instructions -- NAME` does it once; without a name it lists what there is.

mod play;

use std::{hint::black_box, path::Path};

use burn::module::Module;
use palinode::{
    core::{
        policy::Decode,
        rng::{RandomKey, Stream},
        rollout::RolloutConfig,
        sampling::Sampling,
        turns::{AnswerLimit, Turns},
        verifier::Verdict,
    },
    device,
    hf::{Date, Template, Variables},
    lm::{Decoder, DecoderConfig, LoraConfig},
    tasks::verifiers::{Boxed, Gsm8k, TextVerifier},
};
use palinode_kernels::{Isa, limit};
use serde_json::json;

use self::play::{Result, gradient, problems, sample};

const PROMPT: usize = 32;
const ANSWER: usize = 16;
const SAMPLES: usize = 8;

/// What computes a pass, and what of the model is trained.
#[derive(Clone, Copy, PartialEq)]
enum Passes {
    Written,
    Adapters,
    Tensors,
}

/// A piece of work by its name.
type Scenario = (&'static str, fn() -> Result<()>);

const SCENARIOS: [Scenario; 8] = [
    ("decode-step", || decode_step(Passes::Written)),
    ("decode-step-adapters", || decode_step(Passes::Adapters)),
    ("update", || update(Passes::Written)),
    ("update-adapters", || update(Passes::Adapters)),
    ("update-tensors", || update(Passes::Tensors)),
    ("verdict-boxed", || verdict(&Boxed::default(), r"It is \boxed{\frac{1}{2}+\sqrt{8}}.", r"\boxed{\frac{1+4\sqrt{2}}{2}}")),
    ("verdict-gsm8k", || verdict(&Gsm8k, "She pays 3 * $4 = $12, so\n#### 12", "3 * 4 = 12\n#### 12")),
    ("template", template),
];

fn main() -> Result<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    match SCENARIOS.iter().find(|(other, _)| *other == name) {
        // The same vectors on every machine; valgrind knows none that are wider.
        Some((_, run)) => match limit(Isa::V3) {
            Isa::V3 => run(),
            _ => Err("these are counted with AVX2, which this machine does not have".into()),
        },
        None => {
            SCENARIOS.iter().for_each(|(name, _)| println!("{name}"));
            Ok(())
        }
    }
}

/// What is counted: `instructions.sh` knows this function by its name.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

/// Rows with a prompt of their group, each one token further.
fn decode_step(passes: Passes) -> Result<()> {
    let model = model(passes)?;
    let prompts: Vec<Vec<u32>> = problems(4, PROMPT)?.iter().map(|problem| problem.prompt().to_vec()).collect();
    let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    let (mut cache, _) = model.start(&prompts, SAMPLES, PROMPT + 4)?;
    let (rows, token) = ((0..4 * SAMPLES).collect::<Vec<_>>(), [5_u32]);
    let tokens = vec![token.as_slice(); rows.len()];
    // What is made at the first step is not a step's cost.
    model.extend(&mut cache, &rows, &tokens);
    counted(|| model.extend(&mut cache, &rows, &tokens).into_data());
    Ok(())
}

/// The gradient over two groups, with a reference.
fn update(passes: Passes) -> Result<()> {
    let model = model(passes)?.train();
    let turns = Turns::new(AnswerLimit::Fixed(ANSWER), vec![1, 2], PROMPT);
    let config = RolloutConfig::new(turns, 2, SAMPLES, Sampling::temperature(1.0)?)?;
    let groups = sample(&model, &problems(2, PROMPT)?, &config, RandomKey::new(0, Stream::User))?;
    gradient(&model, &groups)?;
    counted(|| gradient(&model, &groups)).map(drop)
}

fn verdict(verifier: &dyn TextVerifier, answer: &str, reference: &str) -> Result<()> {
    let judge = || verifier.judge(black_box(answer), black_box(reference)).verdict;
    let first = judge();
    assert_eq!((first, counted(judge)), (Verdict::Right, Verdict::Right));
    Ok(())
}

/// A conversation of three messages by a template of Llama 3's form.
fn template() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters/hf/tests/chat/llama3");
    let template = Template::of(&folder)?.ok_or("the folder has no template")?;
    let messages = json!([
        {"role": "user", "content": "What is 27 + 82?"}, {"role": "assistant", "content": "It is 119."}, {"role": "user", "content": "Look again."}
    ]);
    let today: Date = "2026-01-31".parse()?;
    let render = || template.render(&messages, true, &Variables::new(), today);
    render()?;
    counted(render).map(drop).map_err(Into::into)
}

fn model(passes: Passes) -> Result<Decoder> {
    let device = device::open("flex")?.device;
    let sizes = DecoderConfig { kv_heads: 2, tied: true, ..DecoderConfig::small(512, 64, 2, 4, 128) };
    let model = Decoder::new(&sizes, 1, &device)?.with_kernels(passes != Passes::Tensors);
    Ok(if passes == Passes::Adapters { model.with_adapters(&LoraConfig::on_all(8), 1)? } else { model })
}
