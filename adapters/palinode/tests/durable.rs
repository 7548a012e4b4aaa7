//! Runs that are stopped in every way that a shell has, and go on.
#![cfg(unix)]

use std::{
    fs,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use crate::invoke::{fail, palinode, succeed};
use assert_cmd::cargo::cargo_bin;
use tempfile::TempDir;

/// Some seconds of training.
const SHORT: &str = "\
[task]
digits = 4
[model]
width = 16
heads = 2
[train.warm]
steps_corrupted = 60
steps_sampled = 60
steps_habit = 30
sequences = 16
check_every = 20
[train.reinforce]
steps_one = 30
steps_two = 30
problems = 4
samples = 4
[train.evaluation]
problems = 40
problems_between = 20
every = 10
[checkpoints]
every = 7
";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("short.toml"), SHORT).unwrap();
    succeed(palinode(folder.path(), &["train", "--quiet", "--config", "short.toml", "--out", "straight"]));
    folder
}

/// Begins a run, or goes on with it; messages go to a file beside it.
pub(crate) fn spawn(at: &Path, arguments: &[&str]) -> Child {
    let messages = fs::File::create(at.join("messages")).unwrap();
    let mut command = Command::new(cargo_bin("palinode"));
    command.current_dir(at).arg("train").args(arguments).stdout(Stdio::null()).stderr(messages).spawn().unwrap()
}

fn lines(at: &Path) -> usize {
    fs::read_to_string(at.join("run/metrics.jsonl")).map_or(0, |text| text.lines().count())
}

/// Waits until the run has written so many lines, or is over.
pub(crate) fn wait_for(at: &Path, child: &mut Child, count: usize) {
    while lines(at) < count && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap().success());
}

fn same(at: &Path) {
    let stages = ["base", "stage-1", "stage-2"].map(|stage| format!("checkpoints/{stage}/model.safetensors"));
    for file in ["metrics.jsonl", "episodes.jsonl"].into_iter().chain(stages.iter().map(String::as_str)) {
        let read = |run: &str| fs::read(at.join(run).join(file)).unwrap();
        assert!(read("run") == read("straight"), "{file}");
    }
}

#[test]
fn a_run_that_is_killed_again_and_again_leaves_the_same_bytes() {
    let folder = folder();
    let at = folder.path();
    let mut child = spawn(at, &["--config", "short.toml", "--out", "run", "--threads", "1"]);
    for at_line in [2, 40, 90, 160, 200] {
        wait_for(at, &mut child, at_line);
        signal(&child, "KILL");
        assert!(!child.wait().unwrap().success());
        child = spawn(at, &["--resume", "--out", "run", "--threads", "2"]);
    }
    assert!(child.wait().unwrap().success(), "{}", fs::read_to_string(at.join("messages")).unwrap());
    same(at);
}

#[test]
fn a_signal_stops_after_a_step_and_nothing_of_it_is_lost() {
    let folder = folder();
    let at = folder.path();
    let mut child = spawn(at, &["--config", "short.toml", "--out", "run"]);
    for (name, at_line) in [("INT", 30), ("TERM", 190)] {
        wait_for(at, &mut child, at_line);
        signal(&child, name);
        let status: ExitStatus = child.wait().unwrap();
        let messages = fs::read_to_string(at.join("messages")).unwrap();
        assert_eq!(status.code(), Some(130), "{messages}");
        assert!(messages.contains("interrupted") && messages.contains("--resume --out run"), "{messages}");
        let stopped = lines(at);
        child = spawn(at, &["--resume", "--out", "run"]);
        // Not one line is taken back.
        thread::sleep(Duration::from_millis(200));
        assert!(lines(at) >= stopped, "{} of {stopped}", lines(at));
    }
    assert!(child.wait().unwrap().success());
    same(at);
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let folder = folder();
    let at = folder.path();
    let mut child = spawn(at, &["--config", "short.toml", "--out", "run"]);
    wait_for(at, &mut child, 5);
    for arguments in [["--resume", "--quiet"], ["--force", "--quiet"]] {
        let error = fail(palinode(at, &[&["train", "--out", "run"], arguments.as_slice()].concat()), 2);
        assert!(error.contains("another process"), "{error}");
    }
    assert!(child.wait().unwrap().success());
    same(at);
}

#[test]
fn a_disk_that_is_full_is_named_and_the_run_goes_on_when_there_is_room() {
    let folder = folder();
    let at = folder.path();
    let binary = cargo_bin("palinode");
    // Files may not grow beyond 20 KiB; without the trap the system would kill the process.
    let script = format!("trap '' XFSZ; ulimit -f 20; exec '{}' train --quiet --config short.toml --out run", binary.display());
    let output = Command::new("bash").current_dir(at).args(["-c", &script]).output().unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{messages}");
    assert!(messages.contains("error: run/") && messages.contains("--resume --out run"), "{messages}");
    succeed(palinode(at, &["train", "--quiet", "--resume", "--out", "run"]));
    same(at);
}

#[test]
fn damaged_checkpoints_are_named_and_the_one_before_is_taken() {
    let folder = folder();
    let at = folder.path();
    let mut child = spawn(at, &["--config", "short.toml", "--out", "run"]);
    wait_for(at, &mut child, 60);
    signal(&child, "INT");
    child.wait().unwrap();
    let newest =
        fs::read_dir(at.join("run/checkpoints")).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).max();
    fs::write(newest.as_ref().unwrap().join("model.safetensors"), "half").unwrap();
    let output = palinode(at, &["train", "--resume", "--out", "run"]).output().unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    let name = newest.as_ref().unwrap().file_name().unwrap().to_str().unwrap();
    assert!(output.status.success() && messages.contains(&format!("{name}: skipped")), "{messages}");
    same(at);
}
