//! The tools run, with tiny settings.

use std::process::Command;

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the tool was built");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out.into_owned()
}

#[test]
fn the_committed_problems_are_those_of_the_script() {
    let committed = include_str!("../../../examples/data/sums.jsonl");
    assert_eq!(run(env!("CARGO_BIN_EXE_make_problems"), &[]), committed);
}

#[test]
fn verdicts_are_counted() {
    let out = run(env!("CARGO_BIN_EXE_verdicts_per_second"), &["0.05"]);
    for line in out.lines() {
        let rate: f64 = line.split(' ').nth(1).and_then(|rate| rate.parse().ok()).unwrap();
        let right: f64 = line.split(' ').rev().nth(4).and_then(|share| share.parse().ok()).unwrap();
        // Every solution is right for itself, and few are for their neighbour.
        assert!(rate > 0.0 && (50.0..60.0).contains(&right), "{line}");
    }
    assert_eq!(out.lines().count(), 2, "{out}");
}

#[test]
fn models_are_saved_for_the_check_of_others() {
    let out = tempfile::tempdir().unwrap();
    run(env!("CARGO_BIN_EXE_saved"), &[out.path().to_str().unwrap()]);
    for family in ["llama2", "gemma3", "olmo3"] {
        let ours = std::fs::read_to_string(out.path().join(family).join("ours.json")).unwrap();
        assert!(ours.contains("\"merged\":[-"), "{ours}");
        assert!(out.path().join(family).join("adapter/adapter_model.safetensors").is_file());
    }
}
