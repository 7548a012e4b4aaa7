//! A run goes on with what it began with, or says that it does not.
#![cfg(unix)]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::invoke::{fail, palinode, succeed};
use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/model");
const RUN: &str = "train --model m --data p.jsonl --held-out h.jsonl --verifier numeric --max-answer 6 --steps-one 6 --steps-two 6 --problems 4 --samples 4 \
                   --eval-problems 8 --checkpoint-every 2 --out run -q";

fn problems(from: usize, to: usize) -> String {
    (from..to).map(|i| format!("{{\"prompt\": \"What is {i} + 7?\", \"answer\": \"{}\"}}\n", i + 7)).collect()
}

/// A run that was killed after a checkpoint.
fn killed(more: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("m")).unwrap();
    for entry in fs::read_dir(MODEL).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, at.join("m").join(path.file_name().unwrap())).unwrap();
    }
    fs::write(at.join("p.jsonl"), problems(0, 40)).unwrap();
    fs::write(at.join("h.jsonl"), problems(40, 60)).unwrap();
    let mut command = Command::new(cargo_bin("palinode"));
    command.current_dir(at).args(RUN.split_whitespace()).args(more).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    while !at.join("run/checkpoints/step-000002").exists() && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    folder
}

fn resume(at: &Path, more: &[&str]) -> assert_cmd::Command {
    palinode(at, &[&["train", "--resume", "--out", "run", "-q"], more].concat())
}

/// Changes a file, and gives it back.
fn with(at: &Path, file: &str, change: impl FnOnce(String) -> String, test: impl FnOnce()) {
    let was = fs::read(at.join(file)).unwrap();
    fs::write(at.join(file), change(String::from_utf8(was.clone()).unwrap())).unwrap();
    test();
    fs::write(at.join(file), was).unwrap();
}

#[test]
fn every_input_that_changed_is_named_and_refused() {
    let folder = killed(&["--system", "Be brief."]);
    let at = folder.path();
    let refused = |parts: &[&str]| {
        let before = fs::read(at.join("run/metrics.jsonl")).unwrap();
        let error = fail(resume(at, &[]), 3);
        assert!(parts.iter().all(|part| error.contains(part)) && error.contains("--accept-changed-inputs"), "{parts:?}: {error}");
        assert_eq!(fs::read(at.join("run/metrics.jsonl")).unwrap(), before);
    };
    with(at, "p.jsonl", |_| problems(1, 40), || refused(&["data: ", "p.jsonl"]));
    with(at, "h.jsonl", |text| text + "\n", || refused(&["held-out data: ", "h.jsonl"]));
    with(
        at,
        "m/tokenizer_config.json",
        |text| text.replacen('{', "{ ", 1),
        || refused(&["chat template", "tokenizer_config.json"]),
    );
    with(at, "m/tokenizer.json", |text| text.replacen('{', "{ ", 1), || refused(&["tokenizer: ", "tokenizer.json"]));
    with(at, "m/generation_config.json", |text| text.replacen('{', "{ ", 1), || refused(&["generation settings"]));
    fs::write(at.join("m/special_tokens_map.json"), "{}").unwrap();
    refused(&["special tokens", "was not there"]);
    fs::remove_file(at.join("m/special_tokens_map.json")).unwrap();
    // Settings, where somebody edits the run's own.
    let of_settings = |from: &str, to: &str, key: &str| {
        with(at, "run/config.toml", |text| text.replace(from, to), || refused(&["settings: ", key]));
    };
    of_settings("last = false", "last = true", "task.verifier.last");
    of_settings("Be brief.", "Be long.", "pretrained.chat.system");
    of_settings("revision = \"Your answer", "revision = \"The answer", "pretrained.chat.revision");
    of_settings("beta2 = 0.1", "beta2 = 0.2", "train.reinforce.beta2");
    // Nothing has changed: it goes on.
    succeed(resume(at, &[]));
}

#[test]
fn weights_below_adapters_are_an_input_too() {
    let folder = killed(&["--lora-rank", "2"]);
    let at = folder.path();
    let path = at.join("m/model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = fail(resume(at, &[]), 3);
    assert!(error.contains("weights: ") && error.contains("--accept-changed-inputs"), "{error}");
    succeed(resume(at, &["--accept-changed-inputs"]));
    assert!(fs::read_to_string(at.join("run/metrics.jsonl")).unwrap().contains("\"changed_inputs\""));
    // They are what the run starts from henceforth.
    succeed(palinode(at, &["eval", "run"]));
}

#[test]
fn who_insists_goes_on_and_the_log_says_so() {
    let folder = killed(&[]);
    let at = folder.path();
    fs::write(at.join("p.jsonl"), problems(2, 39)).unwrap();
    let output = resume(at, &["--accept-changed-inputs"]).output().unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && messages.contains("went on with another input") && messages.contains("p.jsonl"),
        "{messages}"
    );
    let log = fs::read_to_string(at.join("run/metrics.jsonl")).unwrap();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("\"changed_inputs\"")).collect();
    assert!(told.len() == 1 && told[0].contains("data: "), "{told:?}");
    assert!(fs::read_to_string(at.join("run/report.html")).unwrap().contains("another input"));
    // From now on it is what the run began with, and other data for `eval` is nobody's fault.
    succeed(resume(at, &[]));
    fs::write(at.join("p.jsonl"), problems(3, 30)).unwrap();
    succeed(palinode(at, &["eval", "run"]));
}

#[test]
fn a_file_that_only_moved_is_the_same_file() {
    let folder = killed(&[]);
    let at = folder.path();
    fs::rename(at.join("p.jsonl"), at.join("q.jsonl")).unwrap();
    fs::rename(at.join("m"), at.join("n")).unwrap();
    fs::write(at.join("other.jsonl"), problems(0, 39)).unwrap();
    assert!(fail(resume(at, &["--data", "other.jsonl", "--model", "n"]), 3).contains("data: "));
    assert!(fail(resume(at, &["--data", "q.jsonl", "--model", "n", "--verifier", "exact"]), 2).contains("flags differ"));
    succeed(resume(at, &["--data", "q.jsonl", "--model", "n"]));
    // The run finds them from now on.
    succeed(palinode(at, &["eval", "run"]));
}

#[test]
fn a_run_without_fingerprints_goes_on_with_a_note() {
    let folder = killed(&[]);
    let at = folder.path();
    fs::remove_file(at.join("run/inputs.json")).unwrap();
    let output = resume(at, &[]).output().unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && messages.contains("kept no fingerprints"), "{messages}");
    assert!(at.join("run/inputs.json").is_file());
}

#[test]
fn another_processor_goes_on_with_a_run_and_says_so() {
    let folder = killed(&[]);
    let at = folder.path();
    let file = at.join("run/inputs.json");
    let read = || serde_json::from_str::<serde_json::Value>(&fs::read_to_string(&file).unwrap()).unwrap();
    let mut inputs = read();
    let here = inputs["processors"][0]["name"].as_str().unwrap().to_owned();
    let found: serde_json::Value = serde_json::from_str(&succeed(palinode(at, &["doctor", "--json"]))).unwrap();
    assert_eq!(found["processor"], here.as_str());
    inputs["processors"][0]["name"] = "abacus".into();
    fs::write(&file, inputs.to_string()).unwrap();
    let output = resume(at, &[]).output().unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    let note = format!("another processor so far (abacus) and goes on with this one ({here})");
    assert!(output.status.success() && messages.contains(&note), "{messages}");
    let names: Vec<_> = read()["processors"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names.last().unwrap(), here.as_str(), "{names:?}");
    // The log of the run knows nothing of it.
    assert!(!fs::read_to_string(at.join("run/metrics.jsonl")).unwrap().contains(&here));
}
