//! What is given as a model, an adapter or a tokenizer and is none: each is named for what it is, with what to do.

use std::{
    fs,
    path::{Path, PathBuf},
};

use palinode_hf::{Folder, FolderTokenizer};
use tempfile::{TempDir, tempdir};

const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\noid sha256:8f1c\nsize 988097824\n";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

/// A folder of these files, each with these bytes; `CONFIG` stands for the configuration of a model.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if *bytes == CONFIG { fs::copy(fixture("llama2/config.json"), path).map(drop) } else { fs::write(path, bytes) }.unwrap();
    }
    folder
}

const CONFIG: &[u8] = b"CONFIG";

fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

fn model(path: &Path) -> String {
    Folder::open(path, &palinode_flex::device()).expect_err("refused").to_string()
}

fn adapter(path: &Path) -> String {
    let device = palinode_flex::device();
    let folder = Folder::open(&fixture("llama2"), &device).unwrap();
    folder.with_adapter(path, &device).expect_err("refused").to_string()
}

#[test]
fn weights_of_another_format() {
    let zip = [&b"PK\x03\x04"[..], &[0; 22], &[14, 0, 0, 0], b"model/data.pkl"].concat();
    let safe = "save_pretrained(FOLDER, safe_serialization=True)";
    for (name, parts) in [
        ("pytorch_model.bin", &["pytorch_model.bin only, a pickle", safe][..]),
        ("pytorch_model-00001-of-00002.bin", &["a pickle", safe]),
        ("consolidated.00.pth", &["a pickle", safe]),
        ("weights.pt", &["a pickle"]),
        ("model-Q4_K_M.gguf", &["llama.cpp", "give that file"]),
        ("tf_model.h5", &["TensorFlow", "from_tf=True", safe]),
        ("flax_model.msgpack", &["Flax", "from_flax=True"]),
        ("model.onnx", &["the folder that was exported"]),
        ("onnx/model.onnx", &["onnx/ only"]),
        ("model-00001-of-00002.safetensors", &["no model.safetensors.index.json", "download complete?"]),
        ("consolidated.safetensors", &["call it model.safetensors"]),
        ("training_args.bin", &["holds no weights: model.safetensors is missing"]),
    ] {
        let folder = folder(&[("config.json", CONFIG), (name, &zip)]);
        says(&model(folder.path()), parts);
    }
}

#[test]
fn weights_that_are_another_file_under_their_name() {
    for (bytes, parts) in [
        (POINTER, &["model.safetensors: is a Git LFS pointer", "git lfs pull"][..]),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M", &["a Python pickle", "safe_serialization=True"]),
        (b"GGUF\x03\0\0\0\x10\0\0\0", &["a GGUF file"]),
        (b"<!DOCTYPE html><html><head>", &["a web page", "log in"]),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xaa", &["compressed by gzip", "gunzip"]),
        (b"PK\x03\x04\x14\0\0\0\x08\0", &["a ZIP archive", "unzip"]),
        (b"", &["has 0 bytes, too few for a safetensors file"]),
    ] {
        let folder = folder(&[("config.json", CONFIG), ("model.safetensors", bytes)]);
        says(&model(folder.path()), parts);
    }
}

#[test]
fn configurations_and_tokenizers_that_are_another_file() {
    let utf16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, parts) in [
        (POINTER, &["is a Git LFS pointer"][..]),
        (&utf16, &["text in UTF-16", "save it as UTF-8"]),
        (b"\xEF\xBB\xBF{}", &["a byte order mark"]),
        (b"", &["is empty"]),
        (b"<html>", &["a web page"]),
    ] {
        let folder = folder(&[("config.json", bytes), ("model.safetensors", b""), ("tokenizer.json", bytes)]);
        says(&model(folder.path()), &[&["config.json: "], parts].concat());
        let error = FolderTokenizer::load(&folder.path().join("tokenizer.json"), 32).expect_err("refused").to_string();
        says(&error, &[&["tokenizer.json: "], parts].concat());
    }
}

#[test]
fn tokenizers_in_another_form() {
    let sentencepiece =
        &["tokenizer.json: is missing", "slow", "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"][..];
    for (names, parts) in [
        (&["tokenizer.model"][..], &[sentencepiece, &["tokenizer.model only", "sentencepiece"]].concat()[..]),
        (&["vocab.json", "merges.txt"], &["vocab.json and merges.txt only", "AutoTokenizer"]),
        (&["qwen.tiktoken"], &["qwen.tiktoken only"]),
        (&["vocab.txt"], &["vocab.txt only"]),
        (&[], &["is missing: copy the tokenizer"]),
    ] {
        let files: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &b"x"[..])).collect();
        let folder = folder(&files);
        says(&FolderTokenizer::load(&folder.path().join("tokenizer.json"), 32).expect_err("refused").to_string(), parts);
    }
}

#[test]
fn a_model_and_an_adapter_in_each_others_place() {
    let own = fixture("llama2-adapter");
    let base = fs::read_to_string(own.join("adapter_config.json")).unwrap();
    let base: serde_json::Value = serde_json::from_str(&base).unwrap();
    let base = base["base_model_name_or_path"].as_str().unwrap_or_default();
    says(&model(&own), &["is an adapter's folder", "(--model)", "(--adapter)", base]);
    says(&adapter(&fixture("llama2")), &["is a model's folder, not an adapter's", "--model"]);
    // Some adapters are published with the configuration of their model beside them.
    let both = folder(&[("config.json", CONFIG), ("adapter_config.json", b"{}"), ("adapter_model.safetensors", b"")]);
    says(&model(both.path()), &["is an adapter's folder"]);
    let old = folder(&[("adapter_config.json", b"{}"), ("adapter_model.bin", b"")]);
    says(&adapter(old.path()), &["adapter_model.bin, a pickle", "peft", "safe_serialization=True"]);
    says(&adapter(folder(&[("adapter_config.json", b"{}")]).path()), &["no adapter_model.safetensors"]);
    says(&adapter(folder(&[("adapter_model.safetensors", b"")]).path()), &["no adapter_config.json"]);
    let pointer = folder(&[
        ("adapter_config.json", b"{\"r\": 1, \"lora_alpha\": 1, \"target_modules\": [\"q_proj\"]}"),
        ("adapter_model.safetensors", POINTER),
    ]);
    says(&adapter(pointer.path()), &["git lfs pull"]);
    says(&adapter(folder(&[("README.md", b"")]).path()), &["is no adapter's folder"]);
}

#[test]
fn a_file_where_a_folder_is_meant() {
    let file = fixture("llama2/model.safetensors");
    says(&model(&file), &["is a file; a model is a folder: give the one that it lies in", "llama2"]);
    let weights = fixture("llama2-adapter/adapter_model.safetensors");
    says(&adapter(&weights), &["is a file; an adapter is a folder", "llama2-adapter"]);
    let folder = folder(&[("m.gguf", b"GGUF\x03\0\0\0"), ("m.bin", b"\x80\x02}q\0."), ("m.tar.gz", b"\x1f\x8b\x08\0")]);
    says(&model(&folder.path().join("m.gguf")), &["the number of tensors needs 8 bytes at byte 8", "was it cut off?"]);
    says(&adapter(&folder.path().join("m.gguf")), &["a GGUF file", "give the file itself as a model; an adapter is a folder"]);
    let named = self::folder(&[("a.gguf", b"a text")]);
    says(&model(&named.path().join("a.gguf")), &["is no GGUF file"]);
    says(&model(&folder.path().join("m.bin")), &["PyTorch", "safe_serialization=True"]);
    says(&model(&folder.path().join("m.tar.gz")), &["gunzip", "a model is a folder"]);
    says(&model(&folder.path().join("none")), &["none: no such folder"]);
    says(&adapter(&folder.path().join("none")), &["none: no such folder"]);
    #[cfg(unix)]
    {
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("gone/model.gguf", &link).unwrap();
        says(&model(&link), &["link: is a link to gone/model.gguf, where nothing is"]);
    }
}

#[test]
fn folders_above_the_one_that_is_meant() {
    let cache = |snapshots: &[&str], main: Option<&str>| {
        let folder = tempdir().unwrap();
        let at = folder.path().join("models--o--n");
        fs::create_dir_all(at.join("blobs")).unwrap();
        fs::create_dir_all(at.join("snapshots")).unwrap();
        snapshots.iter().for_each(|name| fs::create_dir(at.join("snapshots").join(name)).unwrap());
        if let Some(commit) = main {
            fs::create_dir(at.join("refs")).unwrap();
            fs::write(at.join("refs/main"), commit).unwrap();
        }
        (folder, at)
    };
    let (_kept, at) = cache(&["aa11"], None);
    says(&model(&at), &["the Hub's cache: give the snapshot in it, ", "models--o--n/snapshots/aa11"]);
    let (_kept, at) = cache(&["aa11", "bb22"], Some("bb22"));
    says(&model(&at), &["give the snapshot in it, ", "/snapshots/bb22"]);
    assert!(!model(&at).contains("aa11"));
    let (_kept, at) = cache(&["aa11", "bb22"], None);
    says(&model(&at), &["give one of its snapshots", "aa11 or ", "bb22"]);
    let (kept, at) = cache(&[], Some("cc33"));
    says(&model(&at), &["holds no snapshot"]);
    says(&model(kept.path()), &["a folder above models'", "models--o--n"]);
    says(&model(&fixture("")), &["a folder above models'", "gemma2", ", ..."]);
    says(&adapter(&fixture("")), &["a folder above adapters': give ", "llama2-adapter"]);
    let run = folder(&[("config.toml", b""), ("metrics.jsonl", b""), ("model/config.json", b"{}")]);
    says(&model(run.path()), &["a run of palinode: give its model, ", "model"]);
    says(&model(folder(&[("tokenizer.json", b"{}")]).path()), &["a tokenizer, and no model"]);
    says(&model(folder(&[("params.json", b"{}"), ("consolidated.00.pth", b"")]).path()), &["its maker's own layout"]);
    says(&model(folder(&[("a.gguf", b"")]).path()), &["holds no config.json, but a.gguf", "give that file, "]);
    says(&model(folder(&[("model_index.json", b"{}")]).path()), &["diffusers"]);
    says(&model(folder(&[]).path()), &["config.json is missing"]);
}
