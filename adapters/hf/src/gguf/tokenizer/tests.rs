//! There and back: what is written of a tokenizer is read as it was.

use std::{fs, path::Path};

use palinode_gguf::{File, Metadata, Value};
use palinode_text::Tokenizer;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::Vocabulary;
use crate::{
    chat::{Chat, ChatConfig},
    error::HfError,
    template::Template,
    tokenizer::FolderTokenizer,
};

fn of_file(name: &str, change: impl FnOnce(&mut Metadata)) -> Vocabulary {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vocabularies").join(name);
    let mut metadata = File::open(&path).unwrap().metadata().clone();
    change(&mut metadata);
    Vocabulary::of(&metadata, 704).unwrap()
}

/// A folder with a vocabulary's files.
fn folder(vocabulary: &Vocabulary) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in vocabulary.files().unwrap() {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn written(folder: &Path) -> Result<(Vocabulary, Vec<String>), HfError> {
    let tokenizer = FolderTokenizer::load(&folder.join("tokenizer.json"), 704)?;
    Vocabulary::of_folder(folder, &tokenizer, &[2])
}

/// Changes `tokenizer.json`.
fn edit(folder: &TempDir, change: impl FnOnce(&mut Json)) {
    let path = folder.path().join("tokenizer.json");
    let mut value: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

fn refused(folder: &TempDir, part: &str) {
    let error = written(folder.path()).map(drop).expect_err("refused").to_string();
    assert!(error.contains(part), "{part:?} is not in {error:?}");
}

fn text(vocabulary: &Vocabulary, key: &str) -> Option<String> {
    let found = vocabulary.metadata().into_iter().find(|(own, _)| own == key);
    found.map(|(_, value)| if let Value::Text(text) = value { text } else { format!("{value:?}") })
}

#[test]
fn a_file_becomes_a_folder_and_a_file_again() {
    // The names that are written, of those that mean the same.
    for (name, again) in [
        ("smollm", "smollm"),
        ("gpt-2", "gpt-2"),
        ("llama3", "llama-bpe"),
        ("dbrx", "smaug-bpe"),
        ("qwen2", "qwen2"),
        ("default", "default"),
    ] {
        let first = of_file("bytes.gguf", |metadata| drop(metadata.set("tokenizer.ggml.pre", Value::Text(name.into()))));
        let folder = folder(&first);
        let (second, notes) = written(folder.path()).unwrap();
        assert_eq!(text(&second, "tokenizer.ggml.pre").as_deref(), Some(again));
        // </s> was an ordinary token, and is one in the folder no more.
        assert_eq!(notes, Vec::<String>::new());
        for key in ["merges", "bos_token_id", "eos_token_id", "unknown_token_id", "padding_token_id", "add_bos_token"] {
            let key = format!("tokenizer.ggml.{key}");
            assert_eq!(text(&second, &key), text(&first, &key), "{name}: {key}");
        }
        assert_eq!(text(&second, "tokenizer.chat_template"), text(&first, "tokenizer.chat_template"));
        assert_eq!(second.tokens[..485], first.tokens);
        assert_eq!(
            second.types[..485],
            first.types[..484].iter().copied().chain([super::tokens::TokenType::Normal]).collect::<Vec<_>>()
        );
        assert_eq!(second.tokens[485], "[PAD485]");
    }
}

#[test]
fn scores_are_found_again() {
    for prefix in [false, true] {
        let first = of_file("scores.gguf", |metadata| drop(metadata.set("tokenizer.ggml.add_space_prefix", Value::Bool(prefix))));
        let folder = folder(&first);
        let (second, _) = written(folder.path()).unwrap();
        assert_eq!(text(&second, "tokenizer.ggml.model").as_deref(), Some("llama"));
        assert_eq!(text(&second, "tokenizer.ggml.add_space_prefix"), Some(format!("{:?}", Value::Bool(prefix))));
        assert_eq!((second.before, second.after), (Some(1), None));
        let [one, other] = [&first, &second].map(|vocabulary| FolderTokenizer::of_vocabulary(vocabulary, 704).unwrap());
        for text in ["Sort the numbers   from small", "  a\n\nb ========", "<start_of_turn> x<b>y</b>é漢"] {
            assert_eq!(one.encode(text).unwrap(), other.encode(text).unwrap());
        }
    }
}

#[test]
fn rows_of_spaces_are_spelled_as_llama_cpp_finds_them() {
    let first = of_file("scores.gguf", |_| ());
    let folder = folder(&first);
    edit(&folder, |tokenizer| {
        let spelled = |text: &Json| text.as_str().filter(|text| text.trim().is_empty()).map(|text| text.replace(' ', "▁"));
        for token in tokenizer["added_tokens"].as_array_mut().unwrap() {
            if let Some(text) = spelled(&token["content"]) {
                token["content"] = text.into();
            }
        }
        let vocabulary = tokenizer["model"]["vocab"].as_object_mut().unwrap();
        for text in ["  ", "   "] {
            let id = vocabulary.remove(text).unwrap();
            vocabulary.insert(text.replace(' ', "▁"), id);
        }
        let merges = tokenizer["model"]["merges"].as_array_mut().unwrap();
        let spaces = |part: &Json| part.as_str().unwrap().trim_matches(' ').is_empty();
        merges.retain(|merge| !spaces(&merge[0]) || !spaces(&merge[1]));
        merges.splice(0..0, [json!(["▁▁", "▁"]), json!(["▁", "▁▁"]), json!(["▁", "▁"])]);
    });
    let (second, notes) = written(folder.path()).unwrap();
    assert!(notes[0].contains("rows of spaces"), "{notes:?}");
    assert_eq!(second.tokens[..663], first.tokens);
    assert_eq!(second.types[1..663], first.types[1..]);
}

#[test]
fn spellings_of_one_rule_are_one() {
    let llama = of_file("bytes.gguf", |metadata| drop(metadata.set("tokenizer.ggml.pre", Value::Text("llama-bpe".into()))));
    let folder = folder(&llama);
    edit(&folder, |tokenizer| {
        let pattern = &mut tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"];
        let cased = pattern
            .as_str()
            .unwrap()
            .replace("(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])", "(?i:'s|'t|'re|'ve|'m|'ll|'d)");
        *pattern = cased.into();
    });
    let (again, _) = written(folder.path()).unwrap();
    assert_eq!(text(&again, "tokenizer.ggml.pre").as_deref(), Some("llama-bpe"));
}

#[test]
fn composed_characters_are_told_of() {
    let folder = folder(&of_file("bytes.gguf", |metadata| drop(metadata.set("tokenizer.ggml.pre", Value::Text("qwen2".into())))));
    edit(&folder, |tokenizer| tokenizer["normalizer"] = json!({"type": "NFC"}));
    let (_, notes) = written(folder.path()).unwrap();
    assert!(notes[0].contains("NFC"), "{notes:?}");
}

#[test]
fn what_llama_cpp_has_no_name_for() {
    let bytes = || folder(&of_file("bytes.gguf", |_| ()));
    for (change, part) in [
        (
            json!({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Punctuation", "behavior": "Isolated"},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]}}),
            "Punctuation",
        ),
        (
            json!({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}}),
            "no ids for some texts",
        ),
        (json!({"normalizer": {"type": "Lowercase"}}), "normalizer Lowercase"),
    ] {
        let folder = bytes();
        edit(&folder, |tokenizer| tokenizer.as_object_mut().unwrap().extend(change.as_object().unwrap().clone()));
        refused(&folder, part);
    }
    let folder = bytes();
    edit(&folder, |tokenizer| tokenizer["model"]["ignore_merges"] = true.into());
    refused(&folder, "`ignore_merges` set to true");
    let folder = bytes();
    edit(&folder, |tokenizer| tokenizer["added_tokens"][1]["rstrip"] = true.into());
    refused(&folder, "`rstrip`");
}

#[test]
fn ends_and_the_template_are_those_of_the_file() {
    let vocabulary = of_file("bytes.gguf", |_| ());
    // </s> is an ordinary token there.
    assert_eq!(vocabulary.ends(), [2, 0]);
    assert_eq!(of_file("scores.gguf", |_| ()).ends(), [2, 659]);
    let names = vocabulary.names().map(|(name, text)| (name.to_owned(), text.into())).collect();
    let template = Template::parse(vocabulary.template().unwrap(), names, "bytes.gguf".into()).unwrap();
    let tokenizer = FolderTokenizer::of_vocabulary(&vocabulary, 704).unwrap();
    let chat = Chat::new(tokenizer, Some(template), vocabulary.ends(), ChatConfig::default()).unwrap();
    assert_eq!(chat.ends(), [2, 0]);
    let prompt = chat.prompt(&"a  1".into()).unwrap();
    let told = chat.tokenizer().encode("<|im_start|><|im_start|>user\na  1<|im_end|>\n<|im_start|>assistant\n").unwrap();
    assert_eq!(prompt, told);
}

#[test]
fn merges_that_no_scores_make() {
    let folder = folder(&of_file("scores.gguf", |_| ()));
    edit(&folder, |tokenizer| {
        let merges = tokenizer["model"]["merges"].as_array_mut().unwrap();
        merges.remove(3);
    });
    refused(&folder, "follow from no scores");
}
