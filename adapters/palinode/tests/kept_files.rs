//! What is there already, and is not ours, stays: whatever folder or file a command is told to write to.

use std::{collections::BTreeMap, fs, path::Path};

use crate::invoke::{fail, folder, palinode, succeed, train};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/model");
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/problems.jsonl");
const STEPS: [&str; 12] =
    ["--steps-one", "1", "--steps-two", "1", "--problems", "2", "--samples", "2", "--eval-problems", "4", "--max-answer", "4"];

/// Every file below a folder, with its content.
fn all(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.insert(format!("{}/", path.display()), Vec::new());
                open.push(path);
            } else {
                found.insert(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn write(at: &Path, name: &str) {
    fs::create_dir_all(at.join(name).parent().unwrap()).unwrap();
    fs::write(at.join(name), format!("{name} of somebody")).unwrap();
}

#[test]
fn a_folder_that_holds_anything_else_is_refused_with_force_or_without() {
    let folder = folder();
    let at = folder.path();
    let others: [&[&str]; 8] = [
        &["checkpoints/epoch-1/model.bin", "src/train.py"],
        &["checkpoints/step-000004/model.safetensors", "checkpoints/base/weights"],
        &["report.html"],
        &["episodes.jsonl", "times.jsonl"],
        &["metrics.jsonl", "config.toml"],
        &["model/config.json", "model/model.safetensors"],
        &["adapter/adapter_config.json"],
        &["lock"],
    ];
    for (i, files) in others.into_iter().enumerate() {
        let name = format!("other-{i}");
        files.iter().for_each(|file| write(&at.join(&name), file));
        let before = all(&at.join(&name));
        for more in [&[][..], &["--force"], &["--resume"]] {
            let error = fail(train(at, &[&["--out", &name], more].concat()), if more == ["--resume"] { 3 } else { 2 });
            assert!(error.contains(&name), "{error}");
            assert_eq!(all(&at.join(&name)), before, "{files:?} {more:?}");
        }
    }
    // From within, as `--out .`; a file; a link to nothing.
    let mut within = palinode(&at.join("other-0"), &["train", "--config", "../tiny.toml", "--out", "."]);
    within.args(["--force"]);
    assert!(fail(within, 2).contains("holds checkpoints and src, and no run"));
    assert!(fail(train(at, &["--out", "tiny.toml", "--force"]), 2).contains("is a file, and no folder"));
}

#[test]
fn a_run_is_replaced_with_force_and_what_lies_beside_it_stays() {
    let folder = folder();
    let at = folder.path();
    fs::create_dir(at.join("run")).unwrap();
    write(at, "run/.gitignore");
    succeed(train(at, &["--out", "run", "--quiet"]));
    assert!(fail(train(at, &["--out", "run"]), 2).contains("already holds a run"));
    for name in ["run/notes.md", "run/checkpoints/epoch-1/model.bin", "run/data/problems.jsonl"] {
        write(at, name);
    }
    succeed(train(at, &["--out", "run", "--force", "--quiet", "--seed", "5"]));
    for name in ["run/.gitignore", "run/notes.md", "run/checkpoints/epoch-1/model.bin", "run/data/problems.jsonl"] {
        assert_eq!(fs::read_to_string(at.join(name)).unwrap(), format!("{name} of somebody"));
    }
    assert!(fs::read_to_string(at.join("run/config.toml")).unwrap().contains("seed = 5"));
    // Folders of others are no checkpoints.
    succeed(palinode(at, &["eval", "run"]));
    // What has a checkpoint's name, and is none of ours.
    write(at, "run/checkpoints/step-000009/pytorch_model.bin");
    let before = all(&at.join("run"));
    assert!(fail(train(at, &["--out", "run", "--force"]), 2).contains("step-000009"));
    assert_eq!(all(&at.join("run")), before);
}

#[test]
fn what_a_run_reads_is_not_what_it_writes() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let train =
        |model: &str, more: &[&str]| palinode(at, &[&["train", "--model", model, "--data", DATA], &STEPS[..], more].concat());
    succeed(train(MODEL, &["--out", "mine", "--quiet"]));
    let before = all(&at.join("mine"));
    for (model, more) in [("mine/model", &["--out", "mine"][..]), ("mine/../mine/model", &["--out", "./mine"])] {
        let error = fail(train(model, &[more, &["--force"]].concat()), 2);
        assert!(error.contains("--model is part of the run"), "{error}");
    }
    let copy = at.join("mine/data.jsonl");
    fs::copy(DATA, &copy).unwrap();
    assert!(fail(palinode(at, &["train", "--model", "mine/model", "--data", DATA, "--out", "mine/model"]), 2).contains("holds"));
    fs::remove_file(copy).unwrap();
    assert_eq!(all(&at.join("mine")), before);
    // A model of somebody's in the place of the export: refused before anything runs; beside a run that goes on it stays.
    fs::remove_dir_all(at.join("mine/model")).unwrap();
    write(at, "mine/model/config.json");
    assert!(fail(train(MODEL, &["--out", "mine", "--force"]), 2).contains("palinode did not write it"));
    succeed(train(MODEL, &["--out", "mine", "--resume", "--quiet"]));
    assert_eq!(fs::read_to_string(at.join("mine/model/config.json")).unwrap(), "mine/model/config.json of somebody");
    assert!(at.join("mine/model-2/model.safetensors").is_file());
}

#[test]
fn a_file_of_others_is_not_written_over_by_reports_and_exports() {
    let folder = folder();
    let at = folder.path();
    succeed(train(at, &["--out", "run", "--quiet"]));
    write(at, "notes.html");
    write(at, "board/events.out.tfevents.palinode");
    let before = all(at);
    for arguments in [
        &["report", "run", "--out", "notes.html"][..],
        &["report", "run", "--svg", "--out", "notes.html"],
        &["export", "run", "--csv", "notes.html"],
        &["export", "run", "--csv", "run/metrics.jsonl"],
        &["export", "run", "--csv", "tiny.toml", "--episodes"],
        &["export", "run", "--tensorboard", "board"],
    ] {
        let error = fail(palinode(at, arguments), 2);
        assert!(error.contains("there already"), "{arguments:?}: {error}");
        assert_eq!(all(at), before, "{arguments:?}");
    }
    // What palinode wrote is written again, each by the command that wrote it.
    for _ in 0..2 {
        succeed(palinode(at, &["report", "run"]));
        succeed(palinode(at, &["report", "run", "--svg", "--out", "effect.svg"]));
        for table in [&[][..], &["--evals"], &["--warm"], &["--episodes"]] {
            succeed(palinode(at, &[&["export", "run", "--csv", "table.csv"], table].concat()));
        }
        succeed(palinode(at, &["export", "run", "--tensorboard", "own"]));
    }
    succeed(palinode(at, &["report", "run", "--out", "notes.html", "--force"]));
    assert!(fs::read_to_string(at.join("notes.html")).unwrap().contains("palinode"));
}

#[test]
fn a_report_that_no_run_wrote_is_not_written_over_by_runs() {
    let folder = folder();
    let at = folder.path();
    succeed(train(at, &["--out", "run", "--quiet"]));
    write(at, "run/report.html");
    let before = all(at);
    for more in [&["--resume"][..], &["--force", "--quiet"], &["--force", "--seed", "3"]] {
        let error = fail(train(at, &[&["--out", "run"], more].concat()), 2);
        assert!(error.contains("report.html: was not written by a run"), "{more:?}: {error}");
        assert_eq!(all(at), before, "{more:?}");
    }
}
