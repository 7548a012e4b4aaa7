//! Looking at runs: `palinode watch`, and `palinode train --tui` where there is no terminal.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::Stdio,
    thread,
    time::Duration,
};

use assert_cmd::{Command, cargo::CommandCargoExt};

use crate::invoke::{fail, folder, palinode, succeed};

const TRAIN: [&str; 11] =
    ["train", "--config", "tiny.toml", "--steps-warm", "10", "--steps-one", "3", "--steps-two", "3", "--out", "run"];

fn watch(folder: &Path) -> Command {
    palinode(folder, &["watch", "run"])
}

#[test]
fn without_a_terminal_a_run_is_watched_in_lines_until_it_ends() {
    let folder = folder();
    let mut run = std::process::Command::cargo_bin("palinode").unwrap();
    let mut run = run.current_dir(folder.path()).args(TRAIN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !folder.path().join("run/metrics.jsonl").exists() {
        assert!(run.try_wait().unwrap().is_none_or(|status| status.success()));
        thread::sleep(Duration::from_millis(10));
    }
    let lines = succeed(watch(folder.path()));
    assert!(run.wait().unwrap().success());

    assert_eq!(lines.lines().filter(|line| line.starts_with("  step ") && line.contains("reward")).count(), 6, "{lines}");
    let evaluations: Vec<&str> = lines.lines().filter(|line| line.contains("acc@t1") && line.contains("delta")).collect();
    let starts = ["base: acc@t1", "Stage I, RL step 2:", "Stage I: acc@t1", "Stage II, RL step 4:", "Stage II: acc@t1"];
    assert!(evaluations.iter().zip(starts).all(|(line, start)| line.starts_with(start)) && evaluations.len() == 5, "{lines}");
    assert!(lines.starts_with("task ledger, arm score, seed 0") && lines.ends_with("the run is complete\n"), "{lines}");
    // A run that is over is told in the same lines.
    assert_eq!(succeed(watch(folder.path())), lines);
}

#[test]
fn a_run_that_nobody_goes_on_with_is_left() {
    let folder = folder();
    succeed(palinode(folder.path(), &TRAIN));
    let path = folder.path().join("run/metrics.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("\"event\":\"end\"")).collect();
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let output = watch(folder.path()).assert().success().get_output().clone();
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("has stopped") && notes.contains("--resume --out run"), "{notes}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("Stage II: acc@t1"));
}

#[test]
fn hostile_lines_are_told_of_without_their_bytes() {
    let folder = folder();
    succeed(palinode(folder.path(), &TRAIN));
    let path = folder.path().join("run/metrics.jsonl");
    let before = fs::read(&path).unwrap();
    let mut file = OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
    file.write_all(b"\xff\x1b[2J\n{\"event\":\"warning\",\"kind\":\"collapse\",\"stage\":\"base\",\"rl_step\":0,\"message\":\"\\u001b[2J\\na\"}\n").unwrap();
    file.write_all(&vec![b'['; 5 << 20]).unwrap();
    file.write_all(&[b"\n", &before[..]].concat()).unwrap();
    let lines = succeed(watch(folder.path()));
    assert!(!lines.contains('\u{1b}') && lines.ends_with("the run is complete\n"), "{lines}");
    let warnings: Vec<&str> = lines.lines().filter(|line| line.starts_with("warning: ")).take(3).collect();
    assert!(warnings[0].contains("line 1 can't be read") && warnings[1].ends_with("[2J a"), "{warnings:?}");
    assert!(warnings[2].contains("line 3 can't be read: longer than 4 MiB"), "{warnings:?}");
}

#[test]
fn what_can_not_be_watched_is_one_clear_line_and_code_3() {
    let folder = folder();
    assert!(fail(watch(folder.path()), 3).contains("run: there is no such folder"));
    fs::create_dir(folder.path().join("run")).unwrap();
    assert!(fail(watch(folder.path()), 3).contains("metrics.jsonl: there is no such file"));
    fs::create_dir(folder.path().join("run/metrics.jsonl")).unwrap();
    assert!(fail(watch(folder.path()), 3).contains("metrics.jsonl"));
}

#[test]
fn without_a_terminal_training_falls_back_to_the_ordinary_progress_with_one_note() {
    let folder = folder();
    let output = palinode(folder.path(), &[&TRAIN[..], &["--tui"]].concat()).assert().success().get_output().clone();
    let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(error.matches("note: --tui: ").count(), 1, "{error}");
    assert!(error.contains("Stage I: 3 steps") && out.contains("acc@t1") && !format!("{out}{error}").contains('\u{1b}'));
    fail(palinode(folder.path(), &[&TRAIN[..], &["--tui", "--quiet"]].concat()), 2);
}
