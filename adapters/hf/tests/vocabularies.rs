//! Tokenizers of GGUF files: ids that llama.cpp gave, and files that are damaged or mean harm.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use palinode_gguf::{File, List, Metadata, Value, Writer};
use palinode_hf::FolderTokenizer;
use palinode_text::Tokenizer;
use serde::Deserialize;
use tempfile::TempDir;

const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const SCORES: &str = "tokenizer.ggml.scores";
const MERGES: &str = "tokenizer.ggml.merges";
const PREFIX: &str = "tokenizer.ggml.add_space_prefix";
/// More ids than the vocabularies have tokens, as of a model whose embeddings were padded.
const IDS: usize = 704;

fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vocabularies").join(name)
}

/// A copy of a vocabulary, changed.
fn changed(name: &str, change: impl FnOnce(&mut Metadata)) -> (TempDir, PathBuf) {
    let mut metadata = File::open(&own(name)).unwrap().metadata().clone();
    change(&mut metadata);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    Writer::create(&path, &metadata, Vec::new()).unwrap().finish().unwrap();
    (folder, path)
}

fn load(name: &str, change: impl FnOnce(&mut Metadata)) -> FolderTokenizer {
    let (_folder, path) = changed(name, change);
    FolderTokenizer::load(&path, IDS).unwrap()
}

fn says(name: &str, change: impl FnOnce(&mut Metadata), parts: &[&str]) {
    let (_folder, path) = changed(name, change);
    let error = FolderTokenizer::load(&path, IDS).expect_err("refused").to_string();
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

fn texts(metadata: &Metadata, key: &str) -> Vec<String> {
    metadata.texts(key).unwrap().unwrap().to_vec()
}

fn set_texts(metadata: &mut Metadata, key: &str, change: impl FnOnce(&mut Vec<String>)) {
    let mut list = texts(metadata, key);
    change(&mut list);
    metadata.set(key, Value::List(List::Text(list)));
}

#[derive(Deserialize)]
struct Recorded {
    texts: Vec<String>,
    ids: BTreeMap<String, Vec<Vec<u32>>>,
}

fn recorded() -> Recorded {
    serde_json::from_str(&fs::read_to_string(own("recorded.json")).unwrap()).unwrap()
}

#[test]
fn texts_have_the_ids_that_llama_cpp_gives_them() {
    let recorded = recorded();
    for (name, expected) in &recorded.ids {
        let tokenizer = match name.strip_prefix("scores") {
            Some(rest) => load("scores.gguf", |metadata| drop(metadata.set(PREFIX, Value::Bool(rest == "-prefix")))),
            None => load("bytes.gguf", |metadata| drop(metadata.set(PRE, Value::Text(name.clone())))),
        };
        for (text, expected) in recorded.texts.iter().zip(expected) {
            assert_eq!(&tokenizer.encode(text).unwrap(), expected, "{name}: {text:?}");
        }
    }
    assert_eq!(recorded.ids.len(), 8);
    // That the settings differ at all on these texts: a rule that is never used would be none.
    let distinct: std::collections::BTreeSet<_> = recorded.ids.values().collect();
    assert_eq!(distinct.len(), 8);
}

#[test]
fn texts_come_back_from_their_ids() {
    // With a space after each special token, as some vocabularies have it, not even white space would come back as it was.
    for name in ["bytes.gguf", "scores.gguf"] {
        let tokenizer = load(name, |_| ());
        for text in recorded().texts.iter().filter(|text| !text.contains(['<', '▁'])) {
            assert_eq!(&tokenizer.decode_all(&tokenizer.encode(text).unwrap()), text, "{name}");
        }
    }
    let prefixed = load("scores.gguf", |metadata| drop(metadata.set(PREFIX, Value::Bool(true))));
    assert_eq!(prefixed.decode_all(&prefixed.encode("a b").unwrap()), "a b");
}

#[test]
fn special_tokens_and_beginnings_are_those_of_the_file() {
    let bytes = load("bytes.gguf", |_| ());
    assert_eq!(bytes.id("<|im_end|>"), Some(2));
    assert_eq!(bytes.encode_special("a").unwrap(), bytes.encode("a").unwrap());
    assert_eq!(bytes.decode(&bytes.encode("a<|im_end|><b>").unwrap()), "a<b>");
    // Without a word in the file, texts begin with a token where llama.cpp has them begin so.
    let begins = load("bytes.gguf", |metadata| {
        let kept: Vec<(String, Value)> = metadata.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
        *metadata = Metadata::default();
        for (key, value) in kept.into_iter().filter(|(key, _)| key != "tokenizer.ggml.add_bos_token") {
            metadata.set(&key, value);
        }
        metadata.set(PRE, Value::Text("llama-bpe".into()));
    });
    assert_eq!(begins.encode_special("a").unwrap(), [&[1], begins.encode("a").unwrap().as_slice()].concat());
    let scores = load("scores.gguf", |metadata| drop(metadata.set("tokenizer.ggml.add_eos_token", Value::Bool(true))));
    assert_eq!(scores.encode_special("a").unwrap(), [&[1], scores.encode("a").unwrap().as_slice(), &[2]].concat());
}

#[test]
fn what_transformers_reads_otherwise_is_said() {
    let note =
        |name: &str, pre: &str| load(name, |metadata| drop(metadata.set(PRE, Value::Text(pre.into())))).differences().join(" ");
    assert!(note("bytes.gguf", "smollm").contains("every digit by itself"));
    assert!(note("bytes.gguf", "llama-bpe").contains("words that are tokens already"));
    assert_eq!(note("bytes.gguf", "qwen2"), "");
}

#[test]
fn names_that_are_not_accepted() {
    says(
        "bytes.gguf",
        |metadata| drop(metadata.set(PRE, Value::Text("tekken".into()))),
        &[PRE, "\"tekken\"", "accepted are smollm"],
    );
    let model = "tokenizer.ggml.model";
    says("bytes.gguf", |metadata| drop(metadata.set(model, Value::Text("bert".into()))), &[model, "\"bert\"", "gpt2 and llama"]);
    let templates = "tokenizer.chat_templates";
    let (_folder, path) = changed("scores.gguf", |metadata| {
        metadata.set(templates, Value::List(List::Text(vec!["rag".into()])));
    });
    let error = FolderTokenizer::load(&path, IDS).expect_err("refused").to_string();
    assert!(error.contains(templates) && error.contains("none is the default"), "{error}");
}

#[test]
fn lists_that_contradict_each_other() {
    let floats = |count: usize, value: f32| Value::List(List::F32(vec![value; count]));
    let tokens = texts(File::open(&own("scores.gguf")).unwrap().metadata(), TOKENS).len();
    says("scores.gguf", |metadata| drop(metadata.set(SCORES, floats(3, 0.0))), &[SCORES, "3 values", "one a token"]);
    says("scores.gguf", |metadata| drop(metadata.set(SCORES, floats(tokens, f32::NAN))), &[SCORES, "not finite", "id 0"]);
    says("bytes.gguf", |metadata| drop(metadata.set(TYPES, Value::List(List::I32(vec![1])))), &[TYPES, "1 values"]);
    says("bytes.gguf", |metadata| drop(metadata.set(TYPES, Value::Bool(true))), &[TYPES, "must be a list of whole numbers"]);
    let id = "tokenizer.ggml.bos_token_id";
    says("bytes.gguf", |metadata| drop(metadata.set(id, Value::U32(485))), &[id, "is 485", "the id of one of them"]);
    let (_folder, path) = changed("bytes.gguf", |_| ());
    let error = FolderTokenizer::load(&path, 100).expect_err("refused").to_string();
    assert!(error.contains("485 tokens, and the model has 100 ids"), "{error}");
}

#[test]
fn tokens_and_merges_that_no_honest_file_has() {
    says(
        "bytes.gguf",
        |metadata| set_texts(metadata, TOKENS, |list| list[7] = list[9].clone()),
        &[TOKENS, "twice, with ids 7 and 9"],
    );
    says(
        "bytes.gguf",
        |metadata| set_texts(metadata, TOKENS, |list| list[7] = "x".repeat(5000)),
        &[TOKENS, "5000 bytes, with id 7"],
    );
    says("bytes.gguf", |metadata| set_texts(metadata, TOKENS, Vec::clear), &[TOKENS, "has 0 tokens"]);
    says("scores.gguf", |metadata| set_texts(metadata, TOKENS, |list| list[8] = "else".into()), &[TOKENS, "lacks <0x05>"]);
    says(
        "scores.gguf",
        |metadata| set_texts(metadata, TOKENS, |list| list[300] = "x".repeat(600)),
        &["id 300", "longer than 512 bytes"],
    );
    says(
        "bytes.gguf",
        |metadata| set_texts(metadata, MERGES, |list| list[4] = "ab".into()),
        &[MERGES, "place 4", "a space between"],
    );
    says("bytes.gguf", |metadata| set_texts(metadata, MERGES, |list| list[4] = "a qq".into()), &[MERGES, "\"qq\" is no token"]);
    says("bytes.gguf", |metadata| set_texts(metadata, MERGES, |list| list[4] = String::new()), &[MERGES, "place 4"]);
    let many = |list: &mut Vec<String>| *list = vec!["h e".into(); 4000];
    says("bytes.gguf", |metadata| set_texts(metadata, MERGES, many), &[MERGES, "4000 merges"]);
    // A token without a text is known by its id, as in llama.cpp, and of two merges the first counts.
    let odd = load("bytes.gguf", |metadata| {
        set_texts(metadata, TOKENS, |list| list[484] = String::new());
        set_texts(metadata, MERGES, |list| list.push(list[0].clone()));
    });
    assert_eq!(odd.id("[EMPTY_484]"), Some(484));
    assert_eq!(odd.encode("a  b").unwrap(), load("bytes.gguf", |_| ()).encode("a  b").unwrap());
}

#[test]
fn a_file_that_is_damaged_anywhere_is_read_or_refused() {
    const TIMES: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.gguf");
    let mut read = 0;
    for name in ["bytes.gguf", "scores.gguf"] {
        let whole = fs::read(own(name)).unwrap();
        for time in 0..TIMES {
            let mut damaged = whole.clone();
            // Knuth's multiplicative hash: places all over the file, the same ones each time.
            let at = |salt: usize| (time * 2 + salt).wrapping_mul(2_654_435_761) % whole.len();
            for salt in 0..=time % 2 {
                damaged[at(salt)] = [0, 1, 0x20, 0x80, 0xFF][time % 5];
            }
            fs::write(&path, damaged).unwrap();
            match FolderTokenizer::load(&path, IDS) {
                Ok(tokenizer) => {
                    read += 1;
                    let ids = tokenizer.encode_special("<s>Sort  27 + 82</s>\n\n漢").unwrap_or_default();
                    assert!(ids.iter().all(|&id| (id as usize) < IDS));
                    tokenizer.decode_all(&ids);
                }
                Err(error) => assert!(error.to_string().contains("damaged.gguf"), "{error}"),
            }
        }
    }
    // Both ways are tried.
    assert!((TIMES / 4..TIMES * 2 - TIMES / 4).contains(&read), "{read}");
}
