//! The command line around the work: help, settings as files, other programs' formats, exit codes, and what a terminal is spared.

use std::{
    fs,
    path::Path,
    process::{Command as Process, Stdio},
};

use assert_cmd::{Command, cargo::cargo_bin};
use serde_json::Value;

use crate::invoke::{TINY, fail, folder, json, palinode, succeed, train};

/// The names of all commands, those of a group with the group's.
fn commands(at: &Path) -> Vec<Vec<String>> {
    let below = |group: &[&str]| -> Vec<String> {
        let help = succeed(palinode(at, &[group, &["--help"]].concat()));
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
    };
    let mut found: Vec<Vec<String>> = below(&[]).into_iter().map(|name| vec![name]).collect();
    found.extend(below(&["config"]).into_iter().map(|name| vec!["config".to_owned(), name]));
    found
}

#[test]
fn every_command_has_examples_and_every_exit_code_is_told() {
    let folder = folder();
    let commands = commands(folder.path());
    for known in ["train", "eval", "export", "init", "config", "completions", "man", "doctor"] {
        assert!(commands.contains(&vec![known.to_owned()]), "{known}: {commands:?}");
    }
    for command in commands {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let help = succeed(palinode(folder.path(), &arguments));
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{command:?} has no examples"));
        assert!(examples.contains(&format!("palinode {}", command.join(" "))), "{examples}");
    }
    let help = succeed(palinode(folder.path(), &["--help"]));
    let (codes, variables) = help.split_once("Exit codes:").unwrap().1.split_once("Environment:").unwrap();
    assert!(variables.contains("PALINODE_ISA"), "{variables}");
    let codes: Vec<&str> = codes.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(codes, ["0", "1", "2", "3", "4", "130"]);
}

/// What is said on standard error by a command that fails with this code.
fn stderr(mut command: Command, code: i32) -> String {
    String::from_utf8(command.assert().code(code).get_output().stderr.clone()).unwrap()
}

#[test]
fn a_wrong_word_is_answered_with_the_right_one() {
    let folder = folder();
    let told = |arguments: &[&str]| stderr(palinode(folder.path(), arguments), 2);
    assert!(told(&["trian"]).contains("'train'"));
    assert!(told(&["train", "--sead", "3"]).contains("'--seed'"));
    assert!(told(&["init", "--preset", "leger"]).contains("'ledger'"));
    assert!(told(&["config", "show", "--task", "sortin"]).contains("did you mean `sorting`?"));
    assert!(told(&["completions", "bsh"]).contains("'bash'"));
    assert!(told(&["train", "--lora-targets", "q_porj", "--model", "m", "--lora-rank", "2"]).contains("`q_proj`"));
    fs::write(folder.path().join("wrong.toml"), "[train.evaluation]\nevrey = 3\n").unwrap();
    assert!(told(&["config", "show", "--config", "wrong.toml"]).contains("did you mean `every`?"));
    assert!(told(&["config", "show", "--task", "file"]).contains("task.data is missing"));
}

#[test]
fn each_exit_code_comes_with_what_is_wrong_and_how_to_mend_it() {
    let folder = folder();
    let at = folder.path();
    succeed(palinode(at, &["verify", "--verifier", "exact", "--answer", "4", "--reference", "4"]));
    succeed(train(at, &["--out", "run", "--quiet"]));

    let mut tried = palinode(at, &["try", "run", "--json"]);
    tried.write_stdin("3014\n0007\n");
    let lines = succeed(tried);
    let tried: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((tried.len(), &tried[1]["problem"]), (2, &"0007".into()));
    assert!(
        tried[0]["attempts"].as_array().unwrap().iter().all(|attempt| attempt["text"].as_str().unwrap().chars().count() == 4),
        "{lines}"
    );

    assert_eq!(fail(palinode(at, &["eval", "run", "--min-delta", "101"]), 1).matches("below the +101.00").count(), 1);
    succeed(palinode(at, &["eval", "run", "--min-delta", "-101"]));

    let error = fail(train(at, &["--out", "run"]), 2);
    assert!(error.starts_with("error: run: already holds a run\nhelp: --resume"), "{error}");
    let error = fail(palinode(at, &["train", "--held-out", "b.jsonl"]), 2);
    assert!(error.starts_with("error: --held-out is for problems of a file\nhelp: give --data FILE"), "{error}");
    let error = fail(palinode(at, &["eval"]), 2);
    assert!(error.contains("help: give the folder of a run"), "{error}");

    let error = fail(palinode(at, &["train", "--data", "none.jsonl"]), 3);
    assert!(error.starts_with("error: ") && error.contains("none.jsonl"), "{error}");
    fs::create_dir(at.join("model")).unwrap();
    fs::write(at.join("model/config.json"), "{}").unwrap();
    assert!(fail(palinode(at, &["eval", "model"]), 3).contains("help: a model folder is given as --model"));

    // Such a weight overflows, and so does the loss.
    fs::write(at.join("huge.toml"), TINY.replace("samples = 2", "samples = 2\nbeta1 = 1e300")).unwrap();
    let run = ["train", "--config", "huge.toml", "--steps-warm", "2", "--steps-one", "1", "--steps-two", "1", "--out", "huge"];
    let error = fail(palinode(at, &run), 4);
    assert!(error.starts_with("error: the loss is NaN at stage_one step 1: lower"), "{error}");
}

#[test]
fn a_preset_is_a_file_that_stands_for_the_defaults() {
    let folder = folder();
    let at = folder.path();
    succeed(palinode(at, &["init"]));
    let shown = |arguments: &[&str]| succeed(palinode(at, &[&["config", "show"], arguments].concat()));
    assert_eq!(shown(&["--config", "palinode.toml"]), shown(&[]));
    let error = fail(palinode(at, &["init", "--preset", "sorting"]), 2);
    assert!(error.starts_with("error: palinode.toml: is there already\nhelp: --force"), "{error}");
    succeed(palinode(at, &["init", "--preset", "sorting", "--force"]));
    assert_eq!(shown(&["--config", "palinode.toml"]), shown(&["--task", "sorting"]));
    assert!(fail(palinode(at, &["init", "none/new.toml"]), 3).contains("none/new.toml"));
    for preset in ["ledger", "sorting", "file", "folder", "smollm2"] {
        let text = succeed(palinode(at, &["init", "--preset", preset, "-"]));
        assert!(text.starts_with("# Settings of a palinode run"), "{text}");
        fs::write(at.join("given.toml"), text).unwrap();
        shown(&["--config", "given.toml"]);
    }
    // What is shown is a file with the same meaning.
    let whole = shown(&["--config", "tiny.toml", "--seed", "7", "--steps-warm", "10"]);
    fs::write(at.join("whole.toml"), &whole).unwrap();
    assert_eq!(shown(&["--config", "whole.toml"]), whole);
    let settings = json(palinode(at, &["config", "show", "--config", "tiny.toml", "--seed", "7", "--json"]));
    assert_eq!((&settings["train"]["seed"], &settings["task"]["digits"]), (&7.into(), &4.into()));
    assert!(fail(palinode(at, &["config", "show", "--samples", "1"]), 2).contains("reinforce.samples"));
}

#[test]
fn shells_and_manuals_know_every_command() {
    let folder = folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = succeed(palinode(folder.path(), &["completions", shell]));
        assert!(script.contains("palinode") && script.contains("min-delta"), "{shell}");
    }
    assert!(succeed(palinode(folder.path(), &["man"])).contains(".TH palinode 1"));
    succeed(palinode(folder.path(), &["man", "man1"]));
    for command in commands(folder.path()) {
        let page = folder.path().join(format!("man1/palinode-{}.1", command.join("-")));
        assert!(fs::read_to_string(&page).unwrap().contains("Examples:"), "{}", page.display());
    }
}

#[test]
fn pipes_and_those_who_ask_get_no_escape_codes() {
    let folder = folder();
    let verify = ["verify", "--verifier", "exact", "--answer", "4", "--reference", "5"];
    for arguments in [&["--help"][..], &["train", "--help"], &verify, &["eval", "none"], &["trian"]] {
        let output = |variables: &[(&str, &str)]| {
            let mut command = palinode(folder.path(), arguments);
            for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"] {
                command.env_remove(name);
            }
            let output = command.envs(variables.iter().copied()).output().unwrap();
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
        };
        assert!(output(&[("CLICOLOR_FORCE", "1")]).contains('\u{1b}'), "{arguments:?}");
        for variables in [&[][..], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], &[("CLICOLOR", "1"), ("TERM", "xterm")]] {
            assert!(!output(variables).contains('\u{1b}'), "{arguments:?} {variables:?}");
        }
    }
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let folder = folder();
    let verify = ["verify", "--verifier", "exact", "--answer", "4", "--reference", "4"];
    for arguments in [&verify[..], &["init", "-"], &["config", "show", "--json"], &["completions", "zsh"]] {
        let mut command = Process::new(cargo_bin("palinode"));
        command.args(arguments).current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?} {output:?}");
    }
}

#[test]
fn a_run_is_exported_as_event_file_and_tables() {
    let folder = folder();
    let at = folder.path();
    let mut command = train(at, &["--out", "run", "--tensorboard", "--quiet", "--json"]);
    let output = command.assert().success().get_output().clone();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.lines().all(|line| line.is_empty() || line.starts_with("warning: ")), "{told}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();

    let live = || fs::read(at.join("run/tensorboard/events.out.tfevents.palinode")).unwrap();
    let export = |more: &[&str]| palinode(at, &[&["export", "run"], more].concat());
    let written = json(export(&["--tensorboard", "board", "--csv", "steps.csv", "--json"]));
    assert_eq!(fs::read(at.join("board/events.out.tfevents.palinode")).unwrap(), live());
    assert!(written["tensorboard"]["numbers"].as_u64().unwrap() > 100, "{written}");
    // One for the base model, and one for each RL step.
    assert_eq!(written["csv"]["rows"], 7);
    let steps = fs::read_to_string(at.join("steps.csv")).unwrap();
    let rows: Vec<Vec<&str>> = steps.lines().map(|line| line.split(',').collect()).collect();
    assert!(rows.len() == 8 && rows.iter().all(|row| row.len() == rows[0].len()), "{steps}");
    let column = |name: &str| rows[0].iter().position(|column| *column == name).unwrap_or_else(|| panic!("{name}: {steps}"));
    for name in ["seconds", "loss", "reward_t1", "reward_t2", "kl_t2", "grad_norm", "zero_spread_t1", "eval_i_to_c"] {
        column(name);
    }
    let number = |row: usize, name: &str| rows[row][column(name)].parse::<f64>().unwrap();
    for (row, stage) in [(1, "base"), (4, "stage_one"), (7, "stage_two")] {
        assert_eq!(rows[row][column("stage")], stage);
        assert_eq!(number(row, "eval_acc_t2"), result[stage]["acc_t2"].as_f64().unwrap());
        assert_eq!(number(row, "eval_n"), 40.0);
    }
    assert_eq!(succeed(export(&["--csv", "-"])), steps);
    let lines = |more: &[&str]| succeed(export(&[&["--csv", "-"], more].concat())).lines().count();
    assert!(lines(&["--warm"]) > 5 && lines(&["--evals"]) > 4 && lines(&["--episodes"]) > 16);

    // A run that goes on keeps its event file, and keeps it whole.
    let before = live();
    succeed(palinode(at, &["train", "--resume", "--out", "run", "--quiet"]));
    succeed(export(&["--tensorboard", "again"]));
    assert_eq!(fs::read(at.join("again/events.out.tfevents.palinode")).unwrap(), live());
    assert!(live().starts_with(&before));
    // Another run in its place has none unless it asks for one.
    succeed(train(at, &["--out", "run", "--force", "--quiet"]));
    assert!(!at.join("run/tensorboard/events.out.tfevents.palinode").exists());

    assert!(stderr(export(&[]), 2).contains("--tensorboard"));
    assert!(stderr(export(&["--warm"]), 2).contains("--csv"));
    assert!(stderr(export(&["--csv", "-", "--warm", "--evals"]), 2).contains("cannot be used with"));
    assert!(fail(export(&["--csv", "-", "--json"]), 2).contains("help: "));
    assert!(fail(export(&["--csv", "none/steps.csv"]), 3).contains("none/steps.csv"));
    assert!(fail(palinode(at, &["export", "none", "--csv", "-"]), 3).contains("none: no such run folder"));
    let metrics = at.join("run/metrics.jsonl");
    let log = fs::read_to_string(&metrics).unwrap();
    fs::write(&metrics, log.replacen('\n', "\nnonsense\n", 1)).unwrap();
    let board = fs::read(at.join("board/events.out.tfevents.palinode")).unwrap();
    for sink in [["--csv", "-"], ["--tensorboard", "board"], ["--csv", "steps.csv"]] {
        assert!(fail(export(&sink), 3).contains("metrics.jsonl, line 2"));
    }
    // What was there is there still.
    assert_eq!(fs::read_to_string(at.join("steps.csv")).unwrap(), steps);
    assert_eq!(fs::read(at.join("board/events.out.tfevents.palinode")).unwrap(), board);
    assert_eq!(fs::read_dir(at.join("board")).unwrap().count(), 1);
}

#[test]
fn a_benchmark_tells_what_it_timed_and_on_what() {
    let folder = folder();
    let bench = |more: &[&str]| {
        palinode(folder.path(), &[&["bench", "--episodes", "8", "--repeat", "1", "--threads", "1"], more].concat())
    };
    let found = json(bench(&["--preset", "ledger", "--micro-batch", "4", "--dtype", "bf16", "--json"]));
    assert_eq!((&found["dtype"], &found["decode_batch"], &found["threads"]), (&"bf16".into(), &32.into(), &1.into()));
    let preset = &found["presets"][0];
    assert_eq!((&preset["parameters"], &preset["tokens"]), (&224_160.into(), &serde_json::json!([16, 26])));
    for what in ["rollout", "update", "step"] {
        assert!(preset[what]["seconds"][0].as_f64().unwrap() > 0.0, "{found}");
    }
    assert!(succeed(bench(&["--preset", "ledger"])).contains("tokens/s"));
    let told = stderr(bench(&["--preset", "large"]), 2);
    assert!(told.contains("ledger, small, smollm2-135m, qwen2-0.5b"), "{told}");
}
