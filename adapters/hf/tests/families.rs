//! Every family and both spellings of its configuration, against what transformers makes of the same folder (`models/generate.py`).

use std::{fs, path::Path};

use burn::tensor::{Device, Int, Tensor, TensorData};
use palinode_core::{
    logprob::log_distribution,
    policy::{Decode, Policy},
    sampling::{Sampling, choose},
};
use palinode_hf::Folder;
use palinode_lm::Decoder;
use serde::Deserialize;

const MODELS: [&str; 10] =
    ["llama2", "llama3", "llama-linear", "llama-dynamic", "smollm2", "mistral", "qwen2", "qwen2-windows", "qwen3", "gemma2"];

#[derive(Deserialize)]
struct Expected {
    ids: Vec<u32>,
    /// Of each id after the first.
    logprobs: Vec<f32>,
    /// Of every id after the last.
    last: Vec<f32>,
    /// What follows the first six ids.
    greedy: Vec<u32>,
}

pub(crate) fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

fn expected(name: &str) -> Expected {
    serde_json::from_str(&fs::read_to_string(folder(name).join("expected.json")).unwrap()).unwrap()
}

/// A copy of a folder whose configuration is spelled as by transformers 4.
fn spelled_as_in_version_4(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    fs::rename(copy.path().join("config.v4.json"), copy.path().join("config.json")).unwrap();
    copy
}

/// Log-probabilities of every id at every position of one row, `[T, V]`.
pub(crate) fn distributions(model: &Decoder, ids: &[u32], device: &Device) -> Tensor<2> {
    let length = ids.len();
    let tokens: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(tokens, [1, length]), device);
    let positions: Vec<i32> = (0..length as i32).collect();
    let positions = Tensor::<1, Int>::from_data(TensorData::new(positions, [length]), device);
    log_distribution(model.logits(model.states(tokens, positions)), 1.0)
}

pub(crate) fn check(model: &Decoder, name: &str, device: &Device) {
    let expected = expected(name);
    let found: Vec<f32> = distributions(model, &expected.ids, device).into_data().iter::<f32>().collect();
    let vocabulary = model.config().vocabulary;
    let next = expected.ids[1..].iter().enumerate().map(|(at, &id)| found[at * vocabulary + id as usize]);
    let last = found[found.len() - vocabulary..].iter().copied();
    let gap =
        next.chain(last).zip(expected.logprobs.iter().chain(&expected.last)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(gap <= 1e-4, "{name}: log-probabilities differ by {gap}");

    // Greedy, one token after another on the cache, with another row beside it that leaves early.
    let prompt = &expected.ids[..6];
    let (mut cache, mut logits) = model.start(&[prompt, &prompt[..2]], 1, prompt.len() + expected.greedy.len()).unwrap();
    let mut written = Vec::new();
    for step in 0..expected.greedy.len() {
        let choices = choose(logits, Sampling::Greedy, &[]).unwrap();
        written.push(choices[0].token);
        let rows: &[usize] = if step < 5 { &[0, 1] } else { &[0] };
        let tokens: Vec<&[u32]> = choices.iter().take(rows.len()).map(|choice| core::slice::from_ref(&choice.token)).collect();
        logits = model.extend(&mut cache, rows, &tokens);
        let row: Vec<u32> = prompt.iter().chain(&written).copied().collect();
        let full = distributions(model, &row, device).narrow(0, row.len() - 1, 1);
        let cached = log_distribution(logits.clone().narrow(0, 0, 1), 1.0);
        let gap: f32 = (full - cached).abs().max().into_scalar();
        assert!(gap < 1e-4, "{name}: cached decoding differs from a full forward pass by {gap}");
    }
    assert_eq!(written, expected.greedy, "{name}");
}

#[test]
fn every_family_is_that_of_transformers() {
    let device = palinode_flex::device();
    for name in MODELS {
        let opened = Folder::open(&folder(name), &device).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(opened.end_tokens(), [1], "{name}");
        check(&opened.load(&device).unwrap(), name, &device);

        let copy = spelled_as_in_version_4(name);
        let other = Folder::open(copy.path(), &device).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(other.config(), opened.config(), "{name}: both spellings say the same");
    }
}

#[test]
fn a_round_trip_is_bit_exact() {
    let device = palinode_flex::device();
    for name in MODELS {
        let opened = Folder::open(&folder(name), &device).unwrap();
        let out = tempfile::tempdir().unwrap();
        let to = out.path().join("saved");
        opened.save(&opened.load(&device).unwrap(), &to).unwrap();
        assert_eq!(fs::read(folder(name).join("config.json")).unwrap(), fs::read(to.join("config.json")).unwrap());
        assert!(to.join("generation_config.json").is_file() && !to.join("model.safetensors.part").exists());
        let tensors = |folder: &Path| {
            let mut all = Vec::new();
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|kind| kind == "safetensors") {
                    let bytes = fs::read(&path).unwrap();
                    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
                    let own = file.tensors().into_iter();
                    all.extend(own.map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec())));
                }
            }
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        assert_eq!(tensors(&folder(name)), tensors(&to), "{name}");
        check(&Folder::open(&to, &device).unwrap().load(&device).unwrap(), name, &device);
    }
}
