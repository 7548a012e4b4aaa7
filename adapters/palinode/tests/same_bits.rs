//! The same seed gives the same bytes: on every instruction set, with every number of threads, and in a model whose matrices are large enough for
//! sums that others would share out among threads.

use std::{fs, path::Path};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::{
    invoke::{fail, json, palinode, succeed},
    padded_vocabulary::pad,
};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/problems.jsonl");
const SETTINGS: &str = include_str!("same_bits/small.toml");
/// What a run with these settings leaves, as `sha256sum` writes it; `tests/same_bits.sh` holds emulated processors to the same list.
const RECORDED: &str = include_str!("same_bits/recorded.sha256");

fn sha256(file: &Path) -> String {
    Sha256::digest(fs::read(file).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_short_run_leaves_the_recorded_bytes_with_every_instruction_set_and_number_of_threads() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("small.toml"), SETTINGS).unwrap();
    // The widest vectors of this machine, and narrower ones.
    for (run, instructions, threads) in [("widest", None, "2"), ("v3", Some("v3"), "1"), ("scalar", Some("scalar"), "3")] {
        let mut command =
            palinode(at.path(), &["train", "--quiet", "--config", "small.toml", "--threads", threads, "--out", run]);
        command.env_remove("PALINODE_ISA").envs(instructions.map(|name| ("PALINODE_ISA", name)));
        succeed(command);
        for line in RECORDED.lines() {
            let (recorded, file) = line.split_once("  ").unwrap();
            assert_eq!(sha256(&at.path().join(run).join(file)), recorded, "{run}: {file}");
        }
    }
}

#[test]
fn an_instruction_set_that_nobody_knows_is_refused_and_the_one_in_use_is_told() {
    let at = tempfile::tempdir().unwrap();
    let doctor = |name: &str| {
        let mut command = palinode(at.path(), &["doctor", "--json"]);
        command.env("PALINODE_ISA", name);
        command
    };
    let told = fail(doctor("avx9"), 2);
    assert!(told.contains("PALINODE_ISA") && told.contains("`avx9`") && told.contains("scalar"), "{told}");
    assert!(json(doctor("scalar"))["processor"].as_str().unwrap().ends_with(" scalar"));
}

/// Rows of an embedding that make it larger than 4 Mi numbers, at the model's width of 48.
const ROWS: usize = 90_000;

fn same(at: &TempDir, run: &str, files: &[&str]) {
    for file in files {
        let read = |run: &str| fs::read(at.path().join(run).join(file)).unwrap();
        assert!(read("straight") == read(run), "{run}: {file}");
    }
}

/// Trains a model with a large embedding: with two threads, with one, and killed on the way.
#[cfg(unix)]
fn three_ways(more: &[&str], trained: &str) {
    use crate::durable::{signal, spawn, wait_for};

    let at = tempfile::tempdir().unwrap();
    pad(at.path(), ROWS);
    let settings = [
        "--steps-one",
        "2",
        "--steps-two",
        "2",
        "--problems",
        "3",
        "--samples",
        "3",
        "--eval-problems",
        "6",
        "--max-answer",
        "5",
    ];
    let given = ["--model", "padded", "--data", DATA, "--learning-rate", "2e-3", "--quiet", "--checkpoint-every", "1"];
    let arguments = [&given[..], &settings, more].concat();
    // With fewer threads, with narrower vectors, and with activations that are computed again.
    let others = [("straight", "2", None), ("single", "1", None), ("v3", "2", Some("v3"))];
    for (run, threads, instructions) in others {
        let mut command = palinode(at.path(), &[&["train", "--out", run, "--threads", threads], &arguments[..]].concat());
        command.env_remove("PALINODE_ISA").envs(instructions.map(|name| ("PALINODE_ISA", name)));
        succeed(command);
    }
    let again = ["train", "--gradient-checkpointing", "--out", "again", "--threads", "2"];
    succeed(palinode(at.path(), &[&again, &arguments[..]].concat()));
    for run in ["v3", "again"] {
        same(&at, run, &["episodes.jsonl", trained]);
    }
    let mut child = spawn(at.path(), &[&["--out", "run", "--threads", "1"], &arguments[..]].concat());
    // Two steps into the second stage's first.
    wait_for(at.path(), &mut child, fs::read_to_string(at.path().join("straight/metrics.jsonl")).unwrap().lines().count() / 2);
    signal(&child, "KILL");
    assert!(!child.wait().unwrap().success(), "it was over before it was killed");
    succeed(palinode(at.path(), &["train", "--quiet", "--resume", "--out", "run", "--threads", "2"]));
    for run in ["single", "run"] {
        same(&at, run, &["metrics.jsonl", "episodes.jsonl", trained]);
    }
}

#[test]
#[cfg(unix)]
fn all_weights_of_a_model_with_a_large_embedding() {
    three_ways(&[], "model/model.safetensors");
}

#[test]
#[cfg(unix)]
fn adapters_of_a_model_with_a_large_embedding() {
    three_ways(&["--lora-rank", "4"], "adapter/adapter_model.safetensors");
}

#[test]
#[cfg(unix)]
fn adapters_beside_weights_in_half_precision() {
    three_ways(&["--lora-rank", "4", "--dtype", "bf16"], "adapter/adapter_model.safetensors");
}
