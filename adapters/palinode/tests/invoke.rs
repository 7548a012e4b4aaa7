//! How tests call the binary: its commands, what they are to answer, and a run that takes seconds.

use std::{fs, path::Path};

use assert_cmd::Command;
use palinode::{device, hf::Folder, train::trainable::fingerprint};
use serde_json::Value;
use tempfile::TempDir;

/// The command with these arguments, in a folder.
pub(crate) fn palinode(at: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("palinode").unwrap();
    command.current_dir(at).args(arguments);
    command
}

/// Runs to success and returns standard output.
pub(crate) fn succeed(mut command: Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

/// The JSON object that a command prints last.
pub(crate) fn json(command: Command) -> Value {
    serde_json::from_str(succeed(command).lines().last().unwrap()).unwrap()
}

/// Runs to a failure with this exit code, and returns the line that tells what is wrong, with the one below it where that tells what to do.
pub(crate) fn fail(mut command: Command, code: i32) -> String {
    let error = String::from_utf8(command.assert().code(code).get_output().stderr.clone()).unwrap();
    assert!(!error.contains("panicked"), "{error}");
    let told: Vec<&str> = error.lines().filter(|line| line.starts_with("error:") || line.starts_with("help:")).collect();
    assert!(told.first().is_some_and(|line| line.starts_with("error:")), "no error line in {error}");
    told.join("\n")
}

/// The events of one kind in a run's log.
pub(crate) fn events(run: &Path, kind: &str) -> Vec<Value> {
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).filter(|event| event["event"] == kind).collect()
}

/// What tells the weights that a model folder holds.
pub(crate) fn fingerprint_of(model: &str) -> String {
    let device = device::open("flex").unwrap().device;
    fingerprint(&Folder::open(Path::new(model), &device).unwrap().load(&device).unwrap())
}

/// A configuration that trains in seconds: what the commands do does not depend on how well it is learned.
pub(crate) const TINY: &str = "\
[task]
digits = 4
[model]
width = 16
heads = 2
[train.warm]
sequences = 16
check_every = 4
[train.reinforce]
problems = 4
samples = 2
[train.evaluation]
problems = 40
problems_between = 20
every = 2
";

/// A folder with that configuration.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tiny.toml"), TINY).unwrap();
    folder
}

/// A run with it.
pub(crate) fn train(folder: &Path, more: &[&str]) -> Command {
    let tiny = ["train", "--config", "tiny.toml", "--steps-warm", "10", "--steps-one", "3", "--steps-two", "3"];
    palinode(folder, &[&tiny, more].concat())
}
