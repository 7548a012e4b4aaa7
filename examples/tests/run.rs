//! Every example runs, with tiny settings.

use std::process::Command;

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the example was built");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out.into_owned()
}

/// The first number behind each `right` of the last line that starts with `start`, in percent.
fn right(out: &str, start: &str) -> Vec<f64> {
    let line = out.lines().rfind(|line| line.starts_with(start)).unwrap_or_default();
    line.split("right").skip(1).filter_map(|part| part.split_whitespace().next()?.parse().ok()).collect()
}

#[test]
fn the_bandit_learns_its_second_attempt_in_stage_one_and_both_in_stage_two() {
    let out = run(env!("CARGO_BIN_EXE_bandit"), &[]);
    let (one, two) = (right(&out, "Stage I "), right(&out, "Stage II"));
    assert!(one[0] < 45.0 && one[1] > 80.0, "the anchor holds attempt 1 near 25 %, attempt 2 learns\n{out}");
    assert!(two[0] > 80.0 && two[1] > 80.0, "then both learn\n{out}");
}

#[test]
fn a_policy_of_ones_own_trains() {
    let out = run(env!("CARGO_BIN_EXE_own_policy"), &["3"]);
    for stage in ["base", "Stage I ", "Stage II"] {
        assert_eq!(right(&out, stage).len(), 2, "{out}");
    }
}

#[test]
fn broken_verifiers_are_caught_and_a_sound_one_is_not() {
    let out = run(env!("CARGO_BIN_EXE_broken_verifier"), &[]);
    for (name, law) in [
        ("ComparesAPrefix", "an empty answer is not right"),
        ("PaysByTheToken", "a verifier never panics"),
        ("Indexes", "a verifier never panics"),
    ] {
        assert!(out.contains(&format!("{name}: broken law: {law}")), "{out}");
    }
    assert!(out.contains("Sound: obeys the contract") && out.contains("Sound: ignores spaces"), "{out}");
}

#[test]
fn sandbagging_shows_in_three_numbers() {
    let out = run(env!("CARGO_BIN_EXE_sandbagging"), &[]);
    let row = |start: &str| -> Vec<u32> {
        let line = out.lines().find(|line| line.starts_with(start)).unwrap_or_default();
        line[34..].split('%').take(2).filter_map(|part| part.trim().parse().ok()).collect()
    };
    assert_eq!(row("per turn, alpha 10"), [60, 80], "{out}");
    assert_eq!(row("joint, alpha 10"), [0, 50], "{out}");
    assert_eq!(row("joint, telescoped"), [60, 80], "{out}");
}

#[test]
fn the_ledger_runs_through_the_library() {
    let out = run(env!("CARGO_BIN_EXE_ledger"), &["4", "2", "2"]);
    assert!(out.contains("base") && out.contains("stage_two") && out.contains("attempt 2 gains"), "{out}");
}
