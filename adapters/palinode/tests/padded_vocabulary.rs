//! A model whose vocabulary is padded, as many are: rows after the tokenizer's last id, here copies of the digits' rows, so that they are as likely as
//! digits are. And token ids that lie after the last row.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::invoke::{fail, json, palinode, succeed};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/model");
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/problems.jsonl");
const TOKENS: usize = 352;
const PADDED: usize = 384;
const DIGITS: std::ops::Range<usize> = 15..25;

fn edit(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    change(&mut value);
    fs::write(file, value.to_string()).unwrap();
}

/// A copy of the chat model, in a folder of this name.
fn copy(at: &Path, name: &str) -> std::path::PathBuf {
    let folder = at.join(name);
    fs::create_dir(&folder).unwrap();
    for entry in fs::read_dir(MODEL).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// The chat model with more rows than tokens, in the folder `padded`.
pub(crate) fn pad(at: &Path, rows: usize) {
    let folder = copy(at, "padded");
    edit(&folder.join("config.json"), |config| config["vocab_size"] = json!(rows));
    let file = fs::read(folder.join("model.safetensors")).unwrap();
    let length = u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    let (header, numbers) = (&file[8..8 + length], &file[8 + length..]);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    let mut data = Vec::new();
    for (name, tensor) in header.as_object_mut().unwrap() {
        if name == "__metadata__" {
            continue;
        }
        let at = |place: usize| tensor["data_offsets"][place].as_u64().unwrap() as usize;
        let mut own = numbers[at(0)..at(1)].to_vec();
        if name == "model.embed_tokens.weight" {
            let row = own.len() / TOKENS;
            let digits = own[DIGITS.start * row..DIGITS.end * row].to_vec();
            own.extend(digits);
            own.resize(rows * row, 0);
            tensor["shape"][0] = json!(rows);
        }
        tensor["data_offsets"] = json!([data.len(), data.len() + own.len()]);
        data.extend(own);
    }
    let header = header.to_string();
    let whole = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat();
    fs::write(folder.join("model.safetensors"), whole).unwrap();
}

#[test]
fn ids_that_no_token_has_are_never_written_and_a_note_counts_them() {
    let at = tempfile::tempdir().unwrap();
    pad(at.path(), PADDED);
    let note = "note: 32 of 384 ids of the model have no token";
    let settings = ["--steps-one", "2", "--steps-two", "1", "--problems", "4", "--samples", "4", "--max-answer", "6"];
    let train = ["train", "--model", "padded", "--data", DATA, "--learning-rate", "2e-3", "--out", "run"];
    let mut command = palinode(at.path(), &[&train[..], &settings].concat());
    let output = command.assert().success().get_output().clone();
    assert_eq!(String::from_utf8_lossy(&output.stderr).matches(note).count(), 1);
    let episodes = fs::read_to_string(at.path().join("run/episodes.jsonl")).unwrap();
    let mut written = 0;
    for line in episodes.lines() {
        let episode: Value = serde_json::from_str(line).unwrap();
        for id in episode["attempts"].as_array().unwrap().iter().flat_map(|attempt| attempt["ids"].as_array().unwrap()) {
            assert!(id.as_u64().unwrap() < TOKENS as u64, "{line}");
            written += 1;
        }
    }
    assert!(written > 50, "{written}");
    // The exported model is evaluated as the run evaluated it, and what the run stored too.
    let asked = ["--data", DATA, "--max-answer", "6", "--problems", "20", "--json"];
    let exported = json(palinode(at.path(), &[&["eval", "--model", "run/model"], &asked[..]].concat()));
    assert_eq!(exported, json(palinode(at.path(), &["eval", "run", "--problems", "20", "--json"])));
}

#[test]
fn generate_leaves_them_out_and_refuses_them_in_a_prompt() {
    let at = tempfile::tempdir().unwrap();
    pad(at.path(), PADDED);
    let generate = |ids: &str, seed: &str| {
        palinode(
            at.path(),
            &[
                "generate",
                "--model",
                "padded",
                "--ids",
                ids,
                "--temperature",
                "1.5",
                "--ignore-eos",
                "--max-new",
                "40",
                "--seed",
                seed,
                "--json",
            ],
        )
    };
    for seed in ["1", "2", "3"] {
        let found = json(generate("350 290 198", seed));
        assert!(found["ids"].as_array().unwrap().iter().all(|id| id.as_u64().unwrap() < TOKENS as u64), "{found}");
    }
    assert!(fail(generate("350 353", "1"), 2).contains("token id 353 is one that no token has"));
    // The model's own distribution is over all its ids, as other software gives it.
    succeed(palinode(at.path(), &["logprobs", "--model", "padded", "--ids", "350 353 290"]));
}

#[test]
fn ids_after_the_last_row_are_refused_with_file_field_and_remedy() {
    let at = tempfile::tempdir().unwrap();
    let cases: [(&str, &str, Value); 6] = [
        ("config.json", "eos_token_id", json!(352)),
        ("config.json", "eos_token_id", json!([351, 4000])),
        ("config.json", "bos_token_id", json!(352)),
        ("config.json", "pad_token_id", json!(352)),
        ("generation_config.json", "eos_token_id", json!([349, 352])),
        ("generation_config.json", "pad_token_id", json!(9999)),
    ];
    for (i, (file, field, value)) in cases.into_iter().enumerate() {
        let name = format!("model-{i}");
        let folder = copy(at.path(), &name);
        edit(&folder.join(file), |fields| fields[field] = value.clone());
        let error = fail(palinode(at.path(), &["eval", "--model", &name, "--data", DATA, "--max-answer", "6"]), 3);
        for part in [file, field, "the model has 352 ids", "resize"] {
            assert!(error.contains(part), "{value}: {part:?} is not in {error}");
        }
    }
    // -1 is how many files say that there is none.
    let folder = copy(at.path(), "without");
    edit(&folder.join("config.json"), |fields| fields["pad_token_id"] = json!(-1));
    succeed(palinode(at.path(), &["eval", "--model", "without", "--data", DATA, "--max-answer", "6", "--problems", "2"]));
}
