//! The binary as a person uses it: runs, wrong input, exit codes.

use std::{fs, path::Path};

use serde_json::Value;

use crate::invoke::{fail, folder, json, palinode, succeed, train};

/// The lines of a metrics file.
fn events(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_run_leaves_everything_it_promises() {
    let folder = folder();
    let out = succeed(train(folder.path(), &["--out", "run", "--json"]));
    let result: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!((&result["arm"], &result["seed"], &result["task"]), (&"score".into(), &0.into(), &"ledger".into()));
    for stage in ["base", "stage_one", "stage_two"] {
        for figure in ["acc_t1", "acc_t2", "delta", "i_to_c", "c_to_i", "changed", "n"] {
            assert!(result[stage][figure].is_number(), "{stage} {figure}: {out}");
        }
        assert!(result[stage].get("p_fix_wrong").is_some() && result[stage].get("p_break_right").is_some());
        assert!(result["seconds"][stage].as_f64().unwrap() >= 0.0);
        assert_eq!(result[stage]["n"], 40);
    }
    let run = folder.path().join("run");
    for file in [
        "config.toml",
        "metrics.jsonl",
        "episodes.jsonl",
        "report.html",
        "checkpoints/base/model.safetensors",
        "checkpoints/stage-2/model.safetensors",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let episode: Value =
        serde_json::from_str(fs::read_to_string(run.join("episodes.jsonl")).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!(episode["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(episode["attempts"][0]["ids"].as_array().unwrap().len(), 4);
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("<svg") && page.matches("<script").count() == 1 && !page.contains("http-equiv=\"refresh\""));

    // What the run says of itself is what evaluating it again finds.
    let again: Value = serde_json::from_str(&succeed(palinode(folder.path(), &["eval", "run", "--json"]))).unwrap();
    assert_eq!(again, result["stage_two"]);
    // Every attempt has one verdict, and of what was not right there are three examples; the log says the same, and the report shows it.
    let verdicts = again["verdicts"].as_array().unwrap();
    assert!(verdicts.len() == 2 && again["acc"].as_array().unwrap().len() == 2);
    for counts in verdicts {
        assert_eq!(counts.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>(), 40, "{counts}");
    }
    let example = &again["examples"][0];
    assert_eq!((&example["verdict"], again["examples"].as_array().unwrap().len()), (&"wrong".into(), 3), "{example}");
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let logged: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = logged.iter().rfind(|event| event["event"] == "eval").unwrap();
    assert_eq!((&last["verdicts"], &last["examples"]), (&again["verdicts"], &again["examples"]));
    assert!(page.contains("wrong at attempt 1") && page.contains("<b>wrong</b> at attempt"));
    let table = succeed(palinode(folder.path(), &["eval", "run"]));
    assert!(table.contains("attempt 1: ") && table.contains("e.g. wrong at attempt 1: "), "{table}");
    other_commands_take_it(folder.path(), &result);
}

/// `eval` of a checkpoint, a check that fails, `try` and the figure, on a run called `run`.
fn other_commands_take_it(folder: &Path, result: &Value) {
    let base: Value =
        serde_json::from_str(&succeed(palinode(folder, &["eval", "run/checkpoints/base/model.safetensors", "--json"]))).unwrap();
    assert_eq!(base, result["base"]);
    let error = fail(palinode(folder, &["eval", "run", "--min-delta", "101"]), 1);
    assert!(error.contains("below the +101"), "{error}");

    let shown = succeed({
        let mut command = palinode(folder, &["try", "run"]);
        command.write_stdin("3014\n");
        command
    });
    assert!(shown.contains("attempt 1") && shown.contains("attempt 2"), "{shown}");
    let mut wrong = palinode(folder, &["try", "run"]);
    wrong.write_stdin("30x4\n");
    assert!(fail(wrong, 3).contains("line 1"));

    succeed(palinode(folder, &["report", "run", "--svg", "--out", "effect.svg"]));
    assert!(fs::read_to_string(folder.join("effect.svg")).unwrap().starts_with("<svg"));
}

#[test]
fn every_arm_runs_and_says_null_for_stages_it_lacks() {
    let folder = folder();
    succeed(train(folder.path(), &["--out", "score"]));
    for arm in ["naive", "single-turn", "joint", "stage-two-only", "no-shaping"] {
        let out = succeed(train(folder.path(), &["--out", arm, "--arm", arm, "--base", "score", "--json", "--quiet"]));
        let result: Value = serde_json::from_str(out.trim()).unwrap();
        assert_eq!(result["stage_one"].is_null(), !["joint", "no-shaping"].contains(&arm), "{arm}");
        assert!(result["stage_two"]["acc_t1"].is_number());
    }
}

#[test]
fn the_same_seed_gives_the_same_metrics_whatever_the_threads() {
    let folder = folder();
    for (name, seed, threads) in [("a", "7", "1"), ("b", "7", "3"), ("c", "8", "1")] {
        succeed(train(folder.path(), &["--out", name, "--seed", seed, "--threads", threads, "--quiet"]));
    }
    let metrics = |name: &str| events(&folder.path().join(name).join("metrics.jsonl"));
    assert_eq!(metrics("a"), metrics("b"));
    assert_ne!(metrics("a"), metrics("c"));
    let episodes = |name: &str| fs::read(folder.path().join(name).join("episodes.jsonl")).unwrap();
    assert_eq!(episodes("a"), episodes("b"));
    let weights = |name: &str| fs::read(folder.path().join(name).join("checkpoints/stage-2/model.safetensors")).unwrap();
    assert_eq!(weights("a"), weights("b"));
}

#[test]
fn problems_of_ones_own_train_and_evaluate() {
    let folder = folder();
    let problems: String = (0..60).map(|i| format!("{{\"prompt\": \"{i}+1\", \"answer\": \"{}\"}}\n", i + 1)).collect();
    fs::write(folder.path().join("own.jsonl"), problems).unwrap();
    let out = succeed(train(folder.path(), &["--data", "own.jsonl", "--out", "run", "--json"]));
    assert!(out.contains("\"task\":\"own\""), "{out}");
    assert!(succeed(palinode(folder.path(), &["eval", "run"])).contains("acc@t1"));
    let mut command = palinode(folder.path(), &["try", "run"]);
    command.write_stdin("12+1\n");
    assert!(succeed(command).contains("12+1"));
}

#[test]
fn wrong_data_is_one_clear_line_and_code_3() {
    let folder = folder();
    let with = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        fail(train(folder.path(), &["--data", name, "--out", "run"]), 3)
    };
    let good = "{\"prompt\": \"1+1\", \"answer\": \"2\"}\n";
    assert!(
        with("malformed.jsonl", &format!("{good}{{\"prompt\": 3\n"))
            .contains("malformed.jsonl: line 2: this looks like a JSON object over several lines, or cut off")
    );
    assert!(with("empty.jsonl", "").contains("holds no problem"));
    assert!(with("key.jsonl", "{\"prompt\": \"a\", \"anwser\": \"b\"}\n").contains("did you mean `anwser`?"));
    assert!(fail(train(folder.path(), &["--data", "none.jsonl"]), 3).contains("none.jsonl"));
    assert!(!folder.path().join("run").exists(), "nothing is made before the data is known to be good");
}

#[test]
fn wrong_settings_are_one_clear_line_and_code_2() {
    let folder = folder();
    let with = |text: &str| {
        fs::write(folder.path().join("wrong.toml"), text).unwrap();
        fail(palinode(folder.path(), &["train", "--config", "wrong.toml", "--out", "run"]), 2)
    };
    let error = with("[train.reinforce]\nalhpa = 3\n");
    assert!(error.contains("line 2") && error.contains("did you mean `alpha`?"), "{error}");
    assert!(with("[train.reinforce]\nalpha = -1.0\n").contains("alpha"));
    assert!(with("[model]\nwidth = 7\n").contains("width"));
    assert!(with("[model]\ncontext = 9\n").contains("context"));
    assert!(with("[task]\nname = \"leger\"\n").contains("did you mean `ledger`?"));
    assert!(fail(palinode(folder.path(), &["train", "--task", "sortin"]), 2).contains("did you mean `sorting`?"));
    assert!(fail(palinode(folder.path(), &["train", "--device", "abacus"]), 2).contains("flex"));
    assert!(fail(palinode(folder.path(), &["train", "--arm", "scroe"]), 2).contains("scroe"));

    // An answer longer than the model's context, from one's own data.
    let long: String = (0..9).map(|i| format!("{{\"prompt\": \"{i}\", \"answer\": \"{}\"}}\n", "x".repeat(90))).collect();
    fs::write(folder.path().join("long.jsonl"), long).unwrap();
    fs::write(folder.path().join("short.toml"), "[model]\ncontext = 64\n").unwrap();
    let error = fail(palinode(folder.path(), &["train", "--config", "short.toml", "--data", "long.jsonl", "--out", "run"]), 2);
    assert!(error.contains("context of 1") && error.contains("holds 64"), "{error}");
    assert!(!folder.path().join("run").exists());
}

#[test]
fn output_folders_are_checked_before_training() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    assert!(fail(train(folder.path(), &["--out", "file/run"]), 3).contains("file/run"));
    succeed(train(folder.path(), &["--out", "run"]));
    let before = fs::read(folder.path().join("run/metrics.jsonl")).unwrap();
    let error = fail(train(folder.path(), &["--out", "run"]), 2);
    assert!(error.contains("--resume") && error.contains("--force"), "{error}");
    assert_eq!(fs::read(folder.path().join("run/metrics.jsonl")).unwrap(), before);
    succeed(train(folder.path(), &["--out", "run", "--force", "--seed", "1"]));
    assert_ne!(fs::read(folder.path().join("run/metrics.jsonl")).unwrap(), before);
}

#[test]
fn a_complete_run_resumes_to_itself_and_refuses_other_settings() {
    let folder = folder();
    succeed(train(folder.path(), &["--out", "run"]));
    let before = fs::read(folder.path().join("run/checkpoints/stage-2/model.safetensors")).unwrap();
    succeed(palinode(folder.path(), &["train", "--resume", "--out", "run"]));
    assert_eq!(fs::read(folder.path().join("run/checkpoints/stage-2/model.safetensors")).unwrap(), before);
    assert!(
        fail(palinode(folder.path(), &["train", "--resume", "--out", "run", "--seed", "3"]), 2).contains("settings of the run")
    );
    assert!(fail(palinode(folder.path(), &["train", "--resume", "--out", "none"]), 3).contains("none"));
}

#[test]
fn what_is_no_run_is_refused() {
    let folder = folder();
    fs::create_dir(folder.path().join("empty")).unwrap();
    for arguments in [["eval", "none"], ["eval", "empty"], ["try", "tiny.toml"], ["report", "empty"]] {
        fail(palinode(folder.path(), &arguments), 3);
    }
    // A damaged checkpoint names its file.
    succeed(train(folder.path(), &["--out", "run"]));
    fs::write(folder.path().join("run/checkpoints/stage-2/model.safetensors"), [255; 40]).unwrap();
    assert!(fail(palinode(folder.path(), &["eval", "run"]), 3).contains("stage-2/model.safetensors"));
    fs::write(folder.path().join("run/checkpoints/stage-2/manifest.json"), "{").unwrap();
    assert!(fail(palinode(folder.path(), &["eval", "run"]), 3).contains("manifest.json"));
    // An older one is there for those who ask for it.
    succeed(palinode(folder.path(), &["eval", "run/checkpoints/stage-1"]));
}

#[test]
fn doctor_checks_a_device_and_says_what_others_need() {
    let folder = folder();
    let out = succeed(palinode(folder.path(), &["doctor"]));
    assert!(out.contains(&format!("processor: {} ", std::env::consts::ARCH)), "{out}");
    assert!(out.contains("flex") && out.matches("ok ").count() == 4 && !out.contains("WRONG"), "{out}");
    let found: Value =
        serde_json::from_str(&succeed(palinode(folder.path(), &["doctor", "--device", "flex", "--json"]))).unwrap();
    assert_eq!(found["checks"].as_array().unwrap().len(), 4);
    assert!(found["checks"].as_array().unwrap().iter().all(|check| check["passes"] == true));
    assert!(fail(palinode(folder.path(), &["doctor", "--device", "abacus"]), 2).contains("the backends in this build are"));
    #[cfg(not(feature = "cuda"))]
    assert!(fail(palinode(folder.path(), &["doctor", "--device", "cuda:0"]), 2).contains("--features cuda"));
}

/// A tiny checkpoint of a true architecture, and what transformers makes of it.
fn checkpoint(name: &str) -> (String, Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hf/tests/models").join(name);
    let expected = fs::read_to_string(folder.join("expected.json")).unwrap();
    (folder.to_str().unwrap().to_owned(), serde_json::from_str(&expected).unwrap())
}

fn spaced(ids: &Value) -> String {
    ids.as_array().unwrap().iter().map(Value::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn logprobs_and_generate_give_what_transformers_gives() {
    let folder = folder();
    for name in ["qwen2", "gemma2", "gemma3", "smollm3", "olmo3"] {
        let (model, expected) = checkpoint(name);
        let ids = spaced(&expected["ids"]);
        let out = succeed(palinode(folder.path(), &["logprobs", "--model", &model, "--ids", &ids, "--json"]));
        let found: Value = serde_json::from_str(&out).unwrap();
        let (found, logprobs) = (found["logprobs"].as_array().unwrap(), expected["logprobs"].as_array().unwrap());
        assert_eq!(found.len(), logprobs.len());
        assert!(found.iter().zip(logprobs).all(|(a, b)| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-4), "{found:?}");

        let prompt = spaced(&Value::from(expected["ids"].as_array().unwrap()[..6].to_vec()));
        let generate = ["generate", "--model", &model, "--ids", &prompt, "--max-new", "18", "--json"];
        let greedy = [&generate[..], &["--greedy", "--ignore-eos"]].concat();
        let found: Value = serde_json::from_str(&succeed(palinode(folder.path(), &greedy))).unwrap();
        assert_eq!(found["ids"], expected["greedy"], "{name}");
        let sampled = [&generate[..], &["--temperature", "0.7", "--seed", "3"]].concat();
        assert_eq!(succeed(palinode(folder.path(), &sampled)), succeed(palinode(folder.path(), &sampled)));
    }
    // qwen3's continuation holds its end token (1) early.
    let (model, expected) = checkpoint("qwen3");
    let prompt = spaced(&Value::from(expected["ids"].as_array().unwrap()[..6].to_vec()));
    let out = succeed(palinode(folder.path(), &["generate", "--model", &model, "--ids", &prompt, "--greedy", "--json"]));
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found["ids"].as_array().unwrap().last().unwrap(), 1);
    assert!(found["ids"].as_array().unwrap().len() < 64);
}

#[test]
fn adapters_merge_into_a_folder_of_their_own() {
    let folder = folder();
    let (model, expected) = checkpoint("llama2");
    let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hf/tests/models/llama2-adapter");
    let merge = ["merge", "--model", &model, "--adapter", adapter.to_str().unwrap(), "--out", "merged"];
    succeed(palinode(folder.path(), &merge));
    let of_adapter: Value = serde_json::from_str(&fs::read_to_string(adapter.join("expected.json")).unwrap()).unwrap();
    let ids = spaced(&expected["ids"]);
    let out = succeed(palinode(folder.path(), &["logprobs", "--model", "merged", "--ids", &ids, "--json"]));
    let found: Value = serde_json::from_str(&out).unwrap();
    let pairs = found["logprobs"].as_array().unwrap().iter().zip(of_adapter["logprobs"].as_array().unwrap());
    assert!(pairs.clone().count() == 23 && pairs.clone().all(|(a, b)| (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-4));
    assert!(fail(palinode(folder.path(), &merge), 2).contains("is there already"));
    let without = ["merge", "--model", &model, "--adapter", &model, "--out", "other"];
    assert!(fail(palinode(folder.path(), &without), 3).contains("is a model's folder, not an adapter's"));
    assert!(!folder.path().join("other").exists());
}

/// A base in 16 bits can't hold all of what an adapter adds: the share is told, with the matrix that loses most.
#[test]
fn merging_tells_what_rounding_loses() {
    let folder = folder();
    let (model, _) = checkpoint("qwen2");
    let adapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hf/tests/peft/plain-f16");
    let merge = ["merge", "--model", &model, "--adapter", adapter.to_str().unwrap(), "--out"];
    let mut command = palinode(folder.path(), &[&merge[..], &["merged"]].concat());
    let told = String::from_utf8(command.assert().success().get_output().stderr.clone()).unwrap();
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("rounding to F16 loses 0.0") && told.contains("most in model.layers."), "{told}");
    let rounding = &json(palinode(folder.path(), &[&merge[..], &["other", "--json"]].concat()))["rounding"];
    let share = rounding["lost_share"].as_f64().unwrap();
    assert!(0.0 < share && share < rounding["worst"]["lost_share"].as_f64().unwrap() && rounding["worst"]["dtype"] == "F16");
}

#[test]
fn wrong_model_folders_and_ids_are_refused() {
    let folder = folder();
    let (model, _) = checkpoint("llama2");
    let logprobs = |model: &str, ids: &str| palinode(folder.path(), &["logprobs", "--model", model, "--ids", ids]);
    assert!(fail(logprobs("nowhere", "1 2"), 3).contains("nowhere: no such folder"));
    assert!(fail(logprobs(&model, "1 x"), 2).contains("`x` is not a token id"));
    assert!(fail(logprobs(&model, ""), 2).contains("at least one token id"));
    assert!(fail(logprobs(&model, "1 32"), 2).contains("not below the vocabulary size 32"));
    assert!(fail(logprobs(&model, &"1 ".repeat(65)), 2).contains("exceeds the decoder's capacity of 64"));
    let generate = ["generate", "--model", &model, "--ids", "1", "--max-new", "4000000000"];
    assert!(fail(palinode(folder.path(), &generate), 2).contains("exceeds"));
}

#[test]
fn help_shows_examples_and_exit_codes() {
    let folder = folder();
    assert!(succeed(palinode(folder.path(), &["--help"])).contains("Exit codes"));
    assert!(succeed(palinode(folder.path(), &["train", "--help"])).contains("Examples:"));
    succeed(palinode(folder.path(), &["--version"]));
}
