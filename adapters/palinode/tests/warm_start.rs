//! A warm start of a folder's model, as a person does it: the tiny chat checkpoint knows sums, but not the form in which this verifier wants them.

use std::{fs, path::Path};

use assert_cmd::Command;
use serde_json::Value;

use crate::invoke::{events, fail, fingerprint_of, json, palinode, succeed};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/model");
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/problems.jsonl");
const VERIFIER: &str = r#"{ kind = "pattern", pattern = "= *([0-9]+)" }"#;
const STEPS: [&str; 10] = ["--steps-one", "1", "--steps-two", "1", "--problems", "8", "--samples", "4", "--micro-batch", "8"];

/// The sums, and what `solution` gives for an answer.
fn problems(at: &Path, solution: impl Fn(usize, &str) -> Option<String>) {
    let text = fs::read_to_string(DATA).unwrap();
    let rows = text.lines().enumerate().map(|(i, line)| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        if let Some(solution) = solution(i, row["answer"].as_str().unwrap()) {
            row["solution"] = solution.into();
        }
        format!("{row}\n")
    });
    fs::write(at.join("sums.jsonl"), rows.collect::<String>()).unwrap();
}

fn train(at: &Path, more: &[&str]) -> Command {
    train_with_answers_of("12", at, more)
}

fn train_with_answers_of(tokens: &str, at: &Path, more: &[&str]) -> Command {
    let given = ["train", "--model", MODEL, "--data", "sums.jsonl", "--verifier", VERIFIER];
    palinode(at, &[&given[..], &STEPS, &["--max-answer", tokens], more].concat())
}

const WARM: [&str; 6] = ["--steps-warm", "60", "--warm-target", "0.2", "--warm-learning-rate", "3e-3"];

#[test]
fn a_model_that_earned_nothing_is_taught_until_it_earns_something_and_is_the_base_from_then_on() {
    let at = tempfile::tempdir().unwrap();
    problems(at.path(), |_, answer| Some(format!("= {answer}")));
    // Without one the user is told what would help.
    let told = train(at.path(), &["--out", "cold"]).assert().success();
    let told = String::from_utf8_lossy(&told.get_output().stderr).into_owned();
    assert!(told.contains("no signal: no sampled attempt is right") && told.contains("--steps-warm"), "{told}");
    assert!(told.contains("signal: playing 64 episodes") && told.contains("--no-signal-check"), "{told}");
    assert!(told.contains("unparseable at attempt 1: What is "), "{told}");

    let result = json(train(at.path(), &[&WARM[..], &["--out", "run", "--json"]].concat()));
    let run = at.path().join("run");
    let warm = events(&run, "warm");
    let checks: Vec<f64> = warm.iter().filter_map(|event| event["sampled_t1"].as_f64()).collect();
    let (last, earlier) = checks.split_last().unwrap();
    assert!(checks[0] == 0.0 && *last >= 20.0 && earlier.iter().all(|found| *found < 20.0), "{checks:?}");
    assert!(warm.len() < 61 && warm.iter().all(|event| event["phase"] == 4), "{}", warm.len());
    assert!(result["base"]["acc_t1"].as_f64().unwrap() > 10.0, "{result}");
    assert_eq!(json(palinode(at.path(), &["eval", "run/checkpoints/base", "--json"])), result["base"]);
    // KL is measured against what the warm start left.
    assert_ne!(events(&run, "reference")[0]["fingerprint"], fingerprint_of(MODEL));
    assert!(events(&run, "step")[0]["kl"].as_array().unwrap().iter().all(|kl| kl.as_f64().unwrap().abs() < 1e-4));
    assert_eq!(json(palinode(at.path(), &["report", "run", "--json"]))["runs"][0]["supervised_steps"], warm.len() - 1);
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("supervised steps on references"), "the report says what the base is");
    let rows = succeed(palinode(at.path(), &["export", "run", "--csv", "-", "--warm"]));
    assert!(rows.lines().count() == warm.len() + 1 && rows.contains("sampled_t1"), "{rows}");

    let shown = succeed(train(at.path(), &[&WARM[..], &["--dry-run"]].concat()));
    assert!(shown.contains("at most 60 steps of 32 examples, until sampled first attempts are right in 20 %"), "{shown}");
    assert!(shown.contains("[train.supervised]") && shown.contains("\nsteps = 60\n"), "{shown}");
}

#[test]
fn adapters_on_the_last_block_are_warmed_up_and_written_as_peft_has_them() {
    let at = tempfile::tempdir().unwrap();
    problems(at.path(), |_, answer| Some(format!("= {answer}")));
    let lora =
        ["--lora-rank", "4", "--lora-layers", "last 1", "--warm-corrections", "0.5", "--no-signal-check", "--no-rehearsal"];
    let warm = ["--steps-warm", "6", "--warm-learning-rate", "1e-2", "--learning-rate", "1e-3"];
    let result = json(train(at.path(), &[&lora[..], &warm, &["--out", "run", "--json"]].concat()));
    let run = at.path().join("run");
    assert!(events(&run, "signal").is_empty() && events(&run, "rehearsal").is_empty());
    assert!(events(&run, "warm").iter().skip(1).all(|event| event["corrections"].as_u64().is_some_and(|n| n > 0 && n < 32)));
    let config = fs::read_to_string(run.join("adapter/adapter_config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["layers_to_transform"], serde_json::json!([1]));
    let asked = ["--data", "sums.jsonl", "--verifier", VERIFIER, "--max-answer", "12", "--json"];
    let adapted = json(palinode(at.path(), &[&["eval", "--model", MODEL, "--adapter", "run/adapter"], &asked[..]].concat()));
    assert_eq!(adapted, result["stage_two"]);
    // The base is no copy of what the folder holds: it has adapters of its own.
    assert_eq!(json(palinode(at.path(), &["eval", "run/checkpoints/base", "--json"])), result["base"]);
    assert_ne!(events(&run, "reference")[0]["fingerprint"], fingerprint_of(MODEL));
    assert_eq!(json(train(at.path(), &[&["--out", "run", "--resume", "--json"][..], &lora[4..]].concat())), result);
}

/// Arms are compared from one warmed base: it is the reference of each, whether adapters were warmed up or all weights.
#[test]
fn other_arms_begin_on_a_warmed_base() {
    let at = tempfile::tempdir().unwrap();
    problems(at.path(), |_, answer| Some(format!("= {answer}")));
    for lora in [&["--lora-rank", "4", "--lora-layers", "last 1"][..], &[]] {
        let run =
            |more: &[&str]| train(at.path(), &[lora, &["--no-signal-check", "--learning-rate", "1e-3", "--json"], more].concat());
        let first = json(run(&["--steps-warm", "6", "--warm-learning-rate", "1e-2", "--out", "first", "--force"]));
        let naive = json(run(&["--base", "first", "--arm", "naive", "--out", "naive", "--force"]));
        assert_eq!(naive["base"], first["base"]);
        let [first, naive] = ["first", "naive"].map(|name| at.path().join(name));
        assert!(events(&naive, "warm").is_empty());
        assert_eq!(events(&naive, "reference")[0]["fingerprint"], events(&first, "reference")[0]["fingerprint"]);
        // Its base is one to begin on too, and it goes on where it was stopped.
        let again = json(run(&["--base", "naive", "--arm", "naive", "--out", "again", "--force"]));
        fs::remove_dir_all(naive.join("checkpoints/stage-1")).unwrap();
        let resumed = json(train(at.path(), &["--out", "naive", "--resume", "--json"]));
        assert_eq!([&again["stage_two"], &resumed["stage_two"]], [&resumed["stage_two"]; 2]);
    }
    let error = fail(train(at.path(), &["--lora-rank", "4", "--base", "first", "--out", "other"]), 3);
    assert!(error.contains("first/checkpoints/base/model.safetensors: the tensors do not fit the model: "), "{error}");
}

#[test]
fn what_can_not_be_taught_is_named_before_anything_runs() {
    let at = tempfile::tempdir().unwrap();
    // The third is wrong; the verifier finds nothing in plain references.
    problems(at.path(), |i, answer| Some(if i == 2 { "= 7".into() } else { format!("= {answer}") }));
    let error = fail(train(at.path(), &["--out", "run", "--steps-warm", "5"]), 2);
    assert!(error.contains("line 3: = 7") && error.contains("--solution-field"), "{error}");
    let data = ["data", "sums.jsonl", "--verifier", VERIFIER];
    let shown = succeed(palinode(at.path(), &data));
    assert!(shown.contains("199 problems have a worked solution") && shown.contains("line 3: = 7"), "{shown}");
    let error = fail(palinode(at.path(), &[&data[..], &["--solution-field", "solution"]].concat()), 3);
    assert!(error.contains("1 of the worked solutions are not right by the verifier") && error.contains("line 3"), "{error}");
    problems(at.path(), |i, answer| (i > 0).then(|| format!("= {answer}")));
    let error = fail(train(at.path(), &["--out", "run", "--steps-warm", "5"]), 2);
    assert!(error.contains("1 of them are not right as answers; line 1"), "{error}");

    problems(at.path(), |_, answer| Some(format!("= {answer}")));
    let error = fail(train_with_answers_of("3", at.path(), &["--out", "run", "--steps-warm", "5"]), 2);
    assert!(error.contains("all of them are longer than an answer may be (3 tokens with its end)"), "{error}");
    for (arguments, part) in [
        (&["--warm-target", "0.5"][..], "--warm-target is for a warm start on references"),
        (&["--steps-warm", "5", "--warm-target", "1.5"], "supervised.target_accuracy must be within [0, 1]"),
        (&["--lora-rank", "4", "--lora-layers", "1..9", "--dry-run"], "the adapters' layers must be within 0..2"),
        (&["--lora-rank", "4", "--lora-dropout", "1", "--dry-run"], "the adapters' dropout must be within [0, 1)"),
        (&["--steps-warm", "5", "--warm-sequences", "0"], "supervised.sequences must be within"),
        (&["--lora-rank", "4", "--lora-layers", "1..9"], "the adapters' layers must be within 0..2"),
        (&["--lora-layers", "last 1"], "give --lora-rank"),
        (&["--lora-rank", "4", "--lora-layers", "some"], "layers are `all`, `last 10`"),
    ] {
        let error = fail(train(at.path(), &[arguments, &["--out", "run"]].concat()), 2);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    let error = fail(palinode(at.path(), &["train", "--warm-corrections", "0.5"]), 2);
    assert!(error.contains("a new model has the settings of [train.warm]"), "{error}");
    assert!(!at.path().join("run").exists());
}
