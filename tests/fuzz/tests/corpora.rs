//! What the fuzzer found, once more: the inputs of every corpus, among them those that once failed.

use std::{fs, path::Path};

use palinode_fuzz::TARGETS;

/// Runs the inputs of one folder.
fn replay(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).expect("a target's name");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = 0;
    for entry in fs::read_dir(&corpus).unwrap() {
        let path = entry.unwrap().path();
        let input = fs::read(&path).unwrap();
        // Shown when the test fails.
        println!("{}", path.display());
        target(&input, folder.path());
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", corpus.display());
}

#[test]
fn adapters() {
    replay("adapters");
}

#[test]
fn answers() {
    replay("answers");
}

#[test]
fn checkpoint() {
    replay("checkpoint");
}

#[test]
fn config() {
    replay("config");
}

#[test]
fn csv() {
    replay("csv");
}

#[test]
fn devices() {
    replay("devices");
}

#[test]
fn gguf() {
    replay("gguf");
}

#[test]
fn jsonl() {
    replay("jsonl");
}

#[test]
fn manifest() {
    replay("manifest");
}

#[test]
fn messages() {
    replay("messages");
}

#[test]
fn metrics() {
    replay("metrics");
}

#[test]
fn model_config() {
    replay("model_config");
}

#[test]
fn parquet() {
    replay("parquet");
}

#[test]
fn template() {
    replay("template");
}

#[test]
fn tokenizer() {
    replay("tokenizer");
}

#[test]
fn vocabulary() {
    replay("vocabulary");
}

#[test]
fn weights() {
    replay("weights");
}

#[test]
fn every_target_has_a_corpus() {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")).unwrap().count();
    assert_eq!(folders, TARGETS.len());
}
