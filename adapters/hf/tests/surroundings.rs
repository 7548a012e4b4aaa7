//! What stands around `tokenizer.json`, against transformers 5.24 (`surroundings/generate.py`).

use std::{collections::BTreeMap, fs, path::Path};

use palinode_hf::{Date, FolderTokenizer, HfError, Template, Variables};
use palinode_text::Tokenizer;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(Deserialize)]
struct Cases {
    texts: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    base: String,
    files: BTreeMap<String, String>,
    /// What a template prints; none where transformers refuses the folder.
    text: Option<String>,
    #[serde(default)]
    class: String,
    /// Whether that class builds its parts anew, and its ids may be others.
    #[serde(default)]
    rebuilt: bool,
    #[serde(default)]
    ids: Vec<Vec<u32>>,
}

fn folder<'a>(base: &str, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let chat = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chat");
    fs::copy(chat.join(base).join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn loaded(folder: &Path) -> Result<(FolderTokenizer, String), HfError> {
    let tokenizer = FolderTokenizer::load(&folder.join("tokenizer.json"), 512)?;
    let messages = json!([{"role": "user", "content": "a"}]);
    let today = Date::constant(2026, 1, 31);
    let template = Template::of(folder)?.map(|template| template.render(&messages, false, &Variables::new(), today));
    Ok((tokenizer, template.transpose()?.unwrap_or_default()))
}

#[test]
fn folders_are_read_as_transformers_reads_them() {
    let Cases { texts, cases } = serde_json::from_str(include_str!("surroundings/cases.json")).unwrap();
    for case in &cases {
        let folder = folder(&case.base, case.files.iter().map(|(name, content)| (name.as_str(), content.as_str())));
        let Some(text) = &case.text else {
            assert!(loaded(folder.path()).is_err(), "{}", case.name);
            continue;
        };
        let (tokenizer, found) = loaded(folder.path()).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(&found, text, "{}", case.name);
        let ids: Vec<Vec<u32>> = texts.iter().map(|text| tokenizer.encode(text).unwrap()).collect();
        if ids != case.ids {
            // Never otherwise without a word.
            let said = tokenizer.differences().iter().any(|note| note.contains(&case.class));
            assert!(case.rebuilt && said, "{}: {ids:?}, expected {:?}", case.name, case.ids);
        } else if !case.rebuilt {
            assert!(tokenizer.differences().is_empty(), "{}: {:?}", case.name, tokenizer.differences());
        }
    }
}

#[test]
fn ids_that_contradict_each_other_are_refused() {
    let added = |id: u32, content: &str| json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true});
    let refused = |folder: &TempDir, part: &str| {
        let error = FolderTokenizer::load(&folder.path().join("tokenizer.json"), 512).expect_err(part).to_string();
        assert!(error.contains("contradictory") && error.contains(part), "{part}: {error}");
    };
    for (change, part) in [
        // 380 is free, and the crate gives it.
        (json!([added(377, "<|endoftext|>"), added(378, "<|im_start|>"), added(379, "<|im_end|>"), added(400, "<far>")]), "400"),
        (json!([added(377, "<|endoftext|>"), added(378, "<|im_start|>"), added(378, "<twice>")]), "378"),
    ] {
        let folder = folder("chatml", []);
        let path = folder.path().join("tokenizer.json");
        let mut tokenizer: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        tokenizer["added_tokens"] = change;
        fs::write(&path, tokenizer.to_string()).unwrap();
        refused(&folder, part);
    }
    let decoder = |id: &str, content: &str| json!({"added_tokens_decoder": {id: added(0, content)}}).to_string();
    for (name, content) in [
        ("tokenizer_config.json", decoder("380", "<|im_end|>")),
        ("tokenizer_config.json", decoder("390", "<new>")),
        ("added_tokens.json", json!({"<|im_end|>": 380}).to_string()),
        ("added_tokens.json", json!({"<new>": 379}).to_string()),
    ] {
        refused(&folder("chatml", [(name, content.as_str())]), name);
    }
}

#[test]
fn files_of_the_wrong_kind_are_refused_by_name() {
    for (name, content, part) in [
        ("tokenizer_config.json", "[]", "not a JSON object"),
        ("tokenizer_config.json", r#"{"image_token": 7, "bos_token": 7}"#, "bos_token"),
        ("tokenizer_config.json", r#"{"extra_special_tokens": 7}"#, "extra_special_tokens"),
        ("tokenizer_config.json", r#"{"added_tokens_decoder": {"x": {"content": "a"}}}"#, "added_tokens_decoder"),
        ("special_tokens_map.json", "7", "special_tokens_map.json"),
        ("special_tokens_map.json", r#"{"eos_token": ["a"]}"#, "eos_token"),
        ("added_tokens.json", r#"{"<a>": "7"}"#, "<a>"),
        ("tokenizer_config.json", r#"{"chat_template": 7}"#, "chat_template"),
        ("chat_template.json", r#"{"chat_template": {"tool_use": "a"}}"#, "default"),
    ] {
        let error = loaded(folder("chatml", [(name, content)]).path()).map(|_| ()).expect_err(name).to_string();
        assert!(error.contains(name) && error.contains(part), "{name}: {error}");
    }
}

/// Gemma 3's has 1.2 MB.
#[test]
fn a_large_configuration_is_read() {
    let large = json!({"chat_template": "{{ bos_token }}", "bos_token": "<|im_start|>", "note": "x".repeat(2 << 20)}).to_string();
    let (_, text) = loaded(folder("chatml", [("tokenizer_config.json", large.as_str())]).path()).unwrap();
    assert_eq!(text, "<|im_start|>");
    let too_large = json!({"note": "x".repeat(9 << 20)}).to_string();
    let error =
        loaded(folder("chatml", [("tokenizer_config.json", too_large.as_str())]).path()).map(|_| ()).expect_err("refused");
    assert!(error.to_string().contains("bytes"), "{error}");
}

/// Transformers keeps it for processors; a folder that has no other template is not without one.
#[test]
fn the_template_of_a_processor_is_the_last_resort() {
    let processor = ("chat_template.json", r#"{"chat_template": "P"}"#);
    assert_eq!(loaded(folder("chatml", [processor]).path()).unwrap().1, "P");
    let config = ("tokenizer_config.json", r#"{"chat_template": "C"}"#);
    assert_eq!(loaded(folder("chatml", [processor, config]).path()).unwrap().1, "C");
}

#[test]
fn what_transformers_5_reads_otherwise_is_said() {
    let notes = |base: &str, config: Value| {
        let folder = folder(base, [("tokenizer_config.json", config.to_string().as_str())]);
        loaded(folder.path()).unwrap().0.differences().join("\n")
    };
    let llama = notes("mistral", json!({"tokenizer_class": "LlamaTokenizer"}));
    assert!(llama.contains("LlamaTokenizer") && llama.contains("normalizer") && llama.contains("Metaspace"), "{llama}");
    let qwen = notes("chatml", json!({"tokenizer_class": "GPTNeoXTokenizerFast"}));
    assert!(qwen.contains("GPTNeoXTokenizer") && !qwen.contains("decoder"), "{qwen}");
    assert!(notes("chatml", json!({"tokenizer_class": "T5Tokenizer"})).contains("T5Tokenizer"));
    assert_eq!(notes("mistral", json!({"tokenizer_class": "PreTrainedTokenizerFast"})), "");
    assert_eq!(notes("chatml", json!({})), "");
    let beginning = notes("chatml", json!({"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true}));
    assert!(beginning.contains("add_bos_token") && beginning.contains("transformers 4"), "{beginning}");
}

/// The same pattern in other letters is no difference; another pattern is one.
#[test]
fn a_pattern_may_be_spelled_otherwise() {
    let notes = |pattern: &str| {
        let folder = folder("chatml", [("tokenizer_config.json", r#"{"tokenizer_class": "Qwen2Tokenizer"}"#)]);
        let path = folder.path().join("tokenizer.json");
        let mut tokenizer: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let split = json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
        let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false});
        tokenizer["normalizer"] = json!({"type": "NFC"});
        tokenizer["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [split, bytes]});
        fs::write(&path, tokenizer.to_string()).unwrap();
        FolderTokenizer::load(&path, 512).unwrap().differences().join("\n")
    };
    let rest = r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    assert_eq!(notes(&format!("(?i:'s|'t|'re|'ve|'m|'ll|'d){rest}")), "");
    assert_eq!(notes(&format!("(?i:'(?:s|t|re|ve|m|ll|d)){rest}")), "");
    assert!(notes(&format!("(?i:'s){rest}")).contains("pre-tokenizer"));
}
