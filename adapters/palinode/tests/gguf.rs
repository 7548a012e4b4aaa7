//! GGUF files on the command line: out of a folder and of a run, and in wherever a folder goes. The model is the tiny chat checkpoint of `folder_runs`.

use std::{fs, path::Path};

use palinode::gguf::{File, Kind, Metadata, Tensor, Value as Given, Writer};
use serde_json::Value;

use crate::invoke::{fail, json, palinode, succeed};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/model");
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/problems.jsonl");
const ASKED: [&str; 7] = ["--data", DATA, "--max-answer", "8", "--problems", "20", "--json"];

/// Writes the model's file.
fn export(at: &Path, kind: &str) -> Value {
    json(palinode(at, &["export", MODEL, "--gguf", "m.gguf", "--type", kind, "--force", "--json"]))
}

fn eval(at: &Path, model: &str) -> Value {
    json(palinode(at, &[&["eval", "--model", model], &ASKED[..]].concat()))
}

fn logprobs(at: &Path, model: &str) -> Vec<f64> {
    let told = json(palinode(at, &["logprobs", "--model", model, "--ids", "350 333 290 300 12 7", "--json"]));
    told["logprobs"].as_array().unwrap().iter().map(|logprob| logprob.as_f64().unwrap()).collect()
}

fn gap(one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
}

#[test]
fn a_file_of_a_folder_is_the_folder() {
    let at = tempfile::tempdir().unwrap();
    let of_folder = logprobs(at.path(), MODEL);
    for (kind, most) in [("f32", 0.0), ("bf16", 0.0), ("f16", 1e-3), ("q8_0", 0.1)] {
        let told = export(at.path(), kind);
        assert_eq!(told["gguf"]["type"].as_str().unwrap().to_lowercase(), kind);
        assert_eq!(told["gguf"]["bytes"], fs::metadata(at.path().join("m.gguf")).unwrap().len());
        let gap = gap(&logprobs(at.path(), "m.gguf"), &of_folder);
        assert!(gap <= most, "{kind}: {gap}");
    }
    export(at.path(), "bf16");
    assert_eq!(eval(at.path(), "m.gguf"), eval(at.path(), MODEL), "the same prompts, answers and ends");
    let data = |model: &str| json(palinode(at.path(), &["data", DATA, "--model", model, "--json"]));
    assert_eq!(data("m.gguf")["tokens"], data(MODEL)["tokens"]);
    succeed(palinode(at.path(), &["plan", "--model", "m.gguf", "--data", DATA, "--lora-rank", "2"]));
}

#[test]
fn a_run_on_a_file_goes_on_and_comes_back_as_a_file_and_as_a_folder() {
    let at = tempfile::tempdir().unwrap();
    export(at.path(), "bf16");
    let steps = [
        "--steps-one",
        "1",
        "--steps-two",
        "1",
        "--problems",
        "4",
        "--samples",
        "2",
        "--learning-rate",
        "2e-2",
        "--eval-problems",
        "20",
    ];
    let train = [
        &[
            "train",
            "--model",
            "m.gguf",
            "--data",
            DATA,
            "--max-answer",
            "8",
            "--lora-rank",
            "2",
            "--out",
            "run",
            "--no-signal-check",
        ],
        &steps[..],
    ]
    .concat();
    succeed(palinode(at.path(), &train));
    let trained = json(palinode(at.path(), &["eval", "run", "--problems", "20", "--json"]));
    succeed(palinode(at.path(), &["train", "--resume", "--out", "run"]));

    succeed(palinode(at.path(), &["merge", "--model", "m.gguf", "--adapter", "run/adapter", "--out", "merged"]));
    assert_eq!(eval(at.path(), "merged"), trained);
    json(palinode(at.path(), &["export", "run", "--gguf", "trained.gguf", "--type", "f32", "--json"]));
    assert_eq!(eval(at.path(), "trained.gguf"), trained);
    json(palinode(
        at.path(),
        &["export", "m.gguf", "--adapter", "run/adapter", "--gguf", "again.gguf", "--type", "f32", "--json"],
    ));
    assert!(gap(&logprobs(at.path(), "again.gguf"), &logprobs(at.path(), "trained.gguf")) < 1e-5);
    assert!(gap(&logprobs(at.path(), "trained.gguf"), &logprobs(at.path(), "m.gguf")) > 1e-3, "something was learned");

    for from in ["run", "m.gguf"] {
        let error = fail(palinode(at.path(), &["export", from, "--gguf", "m.gguf", "--force"]), 2);
        assert!(error.starts_with("error: m.gguf: is the model that this one comes from\nhelp: "), "{error}");
    }

    // Another file in its place is another model, or the same with another template.
    rewrite(&at.path().join("m.gguf"), |metadata| {
        let template = metadata.text("tokenizer.chat_template").unwrap().unwrap().to_owned();
        metadata.set("tokenizer.chat_template", Given::Text(format!("{template} ")));
    });
    let refused = fail(palinode(at.path(), &["train", "--resume", "--out", "run"]), 3);
    assert!(refused.contains("model configuration, tokenizer and chat template: "), "{refused}");
}

/// Writes a file anew with other metadata, its numbers as F32.
fn rewrite(path: &Path, change: impl FnOnce(&mut Metadata)) {
    let file = File::open(path).unwrap();
    let mut metadata = file.metadata().clone();
    change(&mut metadata);
    let tensors = file.tensors().map(|tensor| Tensor::new(tensor.name(), tensor.shape(), Kind::F32)).collect();
    let part = path.with_extension("part");
    let mut writer = Writer::create(&part, &metadata, tensors).unwrap();
    for tensor in file.tensors() {
        writer.put(tensor.name(), &file.read(tensor.name()).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    fs::rename(part, path).unwrap();
}

#[test]
fn what_can_not_be_is_refused_by_name() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("mine.gguf"), "a text of mine").unwrap();
    let refused = fail(palinode(at.path(), &["export", MODEL, "--gguf", "mine.gguf"]), 2);
    assert!(refused.contains("mine.gguf: is there already, and is nothing that this command wrote"), "{refused}");
    assert!(fs::read_to_string(at.path().join("mine.gguf")).unwrap() == "a text of mine");
    let refused = fail(palinode(at.path(), &["eval", "mine.gguf"]), 3);
    assert!(refused.contains("a GGUF file is given as --model"), "{refused}");
    let refused = fail(palinode(at.path(), &["eval", "--model", "folder/none.gguf", "--data", DATA]), 3);
    assert!(refused.contains("none.gguf: no such"), "{refused}");
    export(at.path(), "f16");
    let whole = fs::read(at.path().join("m.gguf")).unwrap();
    fs::write(at.path().join("cut.gguf"), &whole[..whole.len() - 64]).unwrap();
    let refused = fail(palinode(at.path(), &["eval", "--model", "cut.gguf", "--data", DATA]), 3);
    assert!(refused.contains("cut.gguf: tensor ") && refused.contains("was it cut off?"), "{refused}");
    let refused = fail(palinode(at.path(), &["export", "m.gguf", "--csv", "x.csv"]), 3);
    assert!(refused.contains("m.gguf: no such run folder"), "{refused}");
}
