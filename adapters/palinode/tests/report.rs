//! `palinode report` of one run and of several, on folders as a run leaves them.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::invoke::{fail, palinode, succeed};

/// Leaves a finished run of the ledger in `at/name`, whose attempt 2 ends at `last` percent.
fn run(at: &Path, name: &str, arm: &str, seed: u32, last: f64) {
    let eval = |stage: &str, rl_step: u32, second: f64| {
        json!({"event": "eval", "stage": stage, "rl_step": rl_step, "final": true, "acc_t1": 40.0, "acc_t2": second, "delta": second - 40.0,
            "i_to_c": second - 40.0, "c_to_i": 0.0, "changed": second - 40.0, "p_fix_wrong": (second - 40.0) / 0.6, "p_break_right": 0.0,
            "n": 500, "acc": [40.0, second], "edit_distance_ratio": 1.0})
    };
    let about = json!({"event": "run", "version": "0.1.0", "task": "ledger", "arm": arm, "seed": seed, "parameters": 1000});
    let lines = [about, eval("base", 0, 40.0), eval("stage_two", 50, last), json!({"event": "end"})].map(|line| line.to_string());
    let attempt = |text: &str, verdict: &str| json!({"text": text, "verdict": verdict});
    let episode = json!({"stage": "stage_two", "rl_step": 50, "problem": 3, "prompt": "3014", "reference": "7743",
        "attempts": [attempt("7744", "wrong"), attempt("7743", "right")]});
    let folder = at.join(name);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("metrics.jsonl"), lines.join("\n") + "\n").unwrap();
    fs::write(folder.join("episodes.jsonl"), episode.to_string() + "\n").unwrap();
    fs::write(folder.join("times.jsonl"), "{\"line\":3,\"seconds\":61.5}\n").unwrap();
    fs::write(folder.join("config.toml"), format!("[task]\nname = \"ledger\"\n[train]\narm = \"{arm}\"\nseed = {seed}\n"))
        .unwrap();
}

#[test]
fn one_run_is_reported_into_its_folder() {
    let at = tempfile::tempdir().unwrap();
    run(at.path(), "a", "score", 0, 70.0);
    assert_eq!(succeed(palinode(at.path(), &["report", "a"])).trim(), Path::new("a").join("report.html").display().to_string());
    let page = fs::read_to_string(at.path().join("a/report.html")).unwrap();
    for part in [
        "+30.0 points from self-correction",
        "1 min 1 s",
        "Wrong → right <span>1</span>",
        "774<mark><b class=\"off\">4</b></mark>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    succeed(palinode(at.path(), &["report", "a", "--out", "b.html"]));
    assert_eq!(fs::read_to_string(at.path().join("b.html")).unwrap(), page);
}

#[test]
fn several_runs_become_one_comparison_in_the_current_folder() {
    let at = tempfile::tempdir().unwrap();
    for (name, arm, seed, last) in [("a", "score", 0, 70.0), ("b", "score", 1, 74.0), ("c", "naive", 0, 41.0)] {
        run(at.path(), name, arm, seed, last);
    }
    assert_eq!(succeed(palinode(at.path(), &["report", "a", "b", "c"])).trim(), "comparison.html");
    let page = fs::read_to_string(at.path().join("comparison.html")).unwrap();
    for part in [
        "Self-correction in 3 runs: from +1.0 points (C, naive) to +34.0 (B, score).",
        "<td>72.0<small>± 2.8</small></td>",
        "<span>50 RL steps</span> · <span>500 problems</span> · <span>1 min 1 s</span>",
        "<code>train.arm</code>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<script") && !at.path().join("a/report.html").exists());

    assert_eq!(succeed(palinode(at.path(), &["report", "a", "c", "--out", "two.html"])).trim(), "two.html");
    assert!(fs::read_to_string(at.path().join("two.html")).unwrap().contains("Self-correction in 2 runs"));
}

#[test]
fn the_figures_are_printed_for_programs() {
    let at = tempfile::tempdir().unwrap();
    run(at.path(), "a", "score", 0, 70.0);
    run(at.path(), "b", "naive", 1, 41.0);
    let told = |arguments: &[&str]| -> Value {
        serde_json::from_str(&succeed(palinode(at.path(), &[&["report"], arguments, &["--json"]].concat()))).unwrap()
    };
    let both = told(&["a", "b"]);
    assert_eq!((&both["file"], both["runs"].as_array().map(Vec::len)), (&json!("comparison.html"), Some(2)));
    let [score, naive] = [&both["runs"][0], &both["runs"][1]];
    assert_eq!(
        [&score["run"], &score["arm"], &score["seed"], &score["ended"]],
        [&json!("a"), &json!("score"), &json!("0"), &json!(true)]
    );
    assert_eq!(score["seconds"], 61.5);
    let end = &score["stages"][1];
    assert_eq!(
        [&end["stage"], &end["rl_step"], &end["n"], &end["final"]],
        [&json!("stage_two"), &json!(50.0), &json!(500.0), &json!(true)]
    );
    assert_eq!((&end["acc"], &end["delta"], &naive["stages"][1]["delta"]), (&json!([40.0, 70.0]), &json!(30.0), &json!(1.0)));
    let interval: [f64; 2] = serde_json::from_value(end["delta_interval"].clone()).unwrap();
    assert!(interval[0] < 30.0 && 30.0 < interval[1] && interval[1] - interval[0] < 10.0, "{interval:?}");
    assert_eq!(told(&["a"])["runs"][0], *score);
}

#[test]
fn what_cannot_be_compared_is_refused_before_anything_is_written() {
    let at = tempfile::tempdir().unwrap();
    run(at.path(), "a", "score", 0, 70.0);
    assert!(fail(palinode(at.path(), &["report", "a", "missing"]), 3).contains("metrics.jsonl"));
    assert!(fail(palinode(at.path(), &["report", "a", "./a"]), 2).contains("given twice"));
    assert!(fail(palinode(at.path(), &["report", "a", "b", "--svg", "--out", "x.svg"]), 2).contains("one run"));
    fail(palinode(at.path(), &["report"]), 2);
    run(at.path(), "b", "score", 1, 70.0);
    // A page of somebody's by the name that a comparison has when nothing else is asked for.
    let page = at.path().join("comparison.html");
    fs::write(&page, "<!doctype html><title>mine</title>").unwrap();
    assert!(fail(palinode(at.path(), &["report", "a", "b"]), 2).contains("--force"));
    assert!(fs::read_to_string(&page).unwrap().contains("mine"));
    fs::remove_file(page).unwrap();
    fs::write(at.path().join("b/metrics.jsonl"), "{\"event\":\"run\"}\nnot json\n").unwrap();
    assert!(fail(palinode(at.path(), &["report", "a", "b"]), 3).contains("line 2"));
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 2);
}
