//! A real model in three commands, as the README has them: its file, a preset's settings and problems, a run. In place of the real model's file stands that of
//! the tiny chat checkpoint of `folder_runs`, in the same place; nothing is downloaded.

use std::{fs, path::Path};

use serde_json::Value;

use crate::invoke::{fail, json, palinode, succeed};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/model");
const README: &str = include_str!("../../../README.md");
/// What makes the run one of seconds.
const SHORT: [&str; 16] = [
    "--lora-layers",
    "last 1",
    "--steps-warm",
    "2",
    "--warm-sequences",
    "4",
    "--steps-one",
    "1",
    "--steps-two",
    "1",
    "--problems",
    "2",
    "--samples",
    "2",
    "--eval-problems",
    "16",
];

/// What `init` says.
fn init(at: &Path, more: &[&str]) -> String {
    let output = palinode(at, &[&["init", "--preset", "smollm2"], more].concat()).assert().success();
    String::from_utf8(output.get_output().stderr.clone()).unwrap()
}

/// The settings that a file stands for.
fn settings(at: &Path, file: &str) -> Value {
    json(palinode(at, &["config", "show", "--config", file, "--json"]))
}

#[test]
fn a_model_is_fetched_settings_are_written_and_a_run_is_trained() {
    let at = tempfile::tempdir().unwrap();
    let told = init(at.path(), &[]);
    assert!(told.contains("problems.jsonl: 5000 problems") && told.contains("held-out.jsonl: 512 problems"), "{told}");
    let settings = settings(at.path(), "smollm2.toml");
    let model = settings["pretrained"]["path"].as_str().unwrap();

    // Each command that is told is one of the README's.
    let commands: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("next: ").or(line.strip_prefix("then: "))).collect();
    let [fetch, train] = commands[..] else { panic!("{told}") };
    let fetch = fetch.split("    #").next().unwrap();
    let section = README.split("## A real model in three commands").nth(1).unwrap().split("\n## ").next().unwrap();
    for command in [fetch, "palinode init --preset smollm2", train] {
        assert!(section.lines().any(|line| line.split("    #").next() == Some(command)), "{command}: {section}");
    }

    json(palinode(at.path(), &["export", TINY, "--gguf", model, "--type", "q8_0", "--json"]));
    assert!(init(at.path(), &["--force"]).ends_with(&format!("next: {train}\n")), "the model is there");
    let train: Vec<&str> = train.split(' ').skip(1).chain(SHORT).collect();
    let planned = json(palinode(at.path(), &[&["plan"], &train[1..], &["--json"]].concat()));
    let result = json(palinode(at.path(), &[&train[..], &["--out", "run", "--checkpoint-every", "1", "--json"]].concat()));
    // A checkpoint is as large as was said, but for the names in it.
    let written = ["model", "optimizer"].map(|name| at.path().join(format!("run/checkpoints/warm-000001/{name}.safetensors")));
    let (written, planned): (u64, _) = (written.iter().map(|path| fs::metadata(path).unwrap().len()).sum(), &planned["plan"]);
    let names = written - planned["checkpoint"].as_u64().unwrap();
    assert!(names < 16_384, "{written} bytes, {planned}");
    assert_eq!((&result["base"]["n"], &result["stage_two"]["n"]), (&16.into(), &16.into()), "{result}");
    assert!(fs::read_to_string(at.path().join("run/report.html")).unwrap().contains("supervised steps on references"));
    // From elsewhere, too: a run knows where its files are.
    let run = at.path().join("run");
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(json(palinode(elsewhere.path(), &["eval", run.to_str().unwrap(), "--json"])), result["stage_two"]);
}

#[test]
fn what_is_there_is_left_alone_and_the_problems_lie_beside_the_settings() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("held-out.jsonl"), "mine").unwrap();
    let refused = |more: &[&str]| fail(palinode(at.path(), &[&["init", "--preset", "smollm2"], more].concat()), 2);
    for force in [&[][..], &["--force"]] {
        let error = refused(force);
        assert!(error.starts_with("error: held-out.jsonl: is nothing that this command wrote\nhelp: move it away"), "{error}");
    }
    let error = refused(&["--force", "problems.jsonl"]);
    assert!(error.starts_with("error: problems.jsonl: is where the problems go\nhelp: give the settings another"), "{error}");
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 1, "nothing is written where not all can be");
    assert_eq!(fs::read_to_string(at.path().join("held-out.jsonl")).unwrap(), "mine");

    fs::create_dir(at.path().join("a folder")).unwrap();
    let error = refused(&["a folder"]);
    assert!(error.starts_with("error: a folder: is a folder\nhelp: give a file in it"), "{error}");
    let told = init(at.path(), &["a folder/mine.toml"]);
    assert!(refused(&["a folder/mine.toml"]).starts_with("error: a folder/mine.toml: is there already\nhelp: --force"));
    assert_eq!(init(at.path(), &["--force", "a folder/mine.toml"]), told, "its own problems may stay");
    assert!(told.ends_with("palinode train --config 'a folder/mine.toml'\n"), "{told}");
    let task = &settings(at.path(), "a folder/mine.toml")["task"];
    for (key, problems) in [("data", 5000), ("held_out", 512)] {
        let text = fs::read_to_string(at.path().join(task[key].as_str().unwrap())).unwrap();
        assert_eq!(text.lines().count(), problems);
    }
    let shown = succeed(palinode(at.path(), &["init", "--preset", "smollm2", "-"]));
    assert!(shown.contains("\ndata = \"problems.jsonl\"\n"), "{shown}");
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 2, "to standard output alone");

    let error = palinode(at.path(), &["init", "--preset", "smolm2"]).assert().code(2);
    let error = String::from_utf8_lossy(&error.get_output().stderr).into_owned();
    assert!(error.contains("ledger, sorting, file, folder, smollm2") && error.contains("'smollm2'"), "{error}");
}
