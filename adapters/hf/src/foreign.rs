//! What was given as a model, an adapter or a tokenizer and is none: said by name, with what to do.
//!
//! Nothing here reads more than the names in a folder, the first bytes of a file, and the name of an adapter's base.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use palinode_file_kind::FileKind;
use serde_json::Value;

use crate::{
    adapter::{CONFIG as ADAPTER_CONFIG, WEIGHTS as ADAPTER_WEIGHTS},
    error::HfError,
    shards::{INDEX, WEIGHTS, bounded},
};

/// Most names of a folder that are looked at, and most that are told.
const LOOKED_AT: usize = 10_000;
const TOLD: usize = 4;
/// Longest `adapter_config.json` whose base is told.
const LONGEST: u64 = 1 << 20;

/// How weights of other formats are made fit, in a sentence that stands after their name.
const SAVE: &str =
    "load it with Python's transformers and write it with `save_pretrained(FOLDER, safe_serialization=True)`, its tokenizer too";

/// Refuses what is no model folder.
///
/// # Errors
/// [`HfError::Format`].
pub(crate) fn refuse_model(path: &Path) -> Result<(), HfError> {
    let names = names(path, "a model")?;
    let has = |name: &str| names.iter().any(|known| known == name);
    let adapter = || has(ADAPTER_CONFIG) || has(ADAPTER_WEIGHTS) || has("adapter_model.bin");
    if !has("config.json") {
        let reason = if adapter() { of_adapter(path) } else { without_config(path, &names) };
        return Err(refused(path, reason));
    }
    if has(WEIGHTS) || has(INDEX) {
        return Ok(());
    }
    Err(refused(path, if adapter() { of_adapter(path) } else { other_weights(&names) }))
}

/// Refuses what is no folder of adapters.
///
/// # Errors
/// [`HfError::Format`].
pub(crate) fn refuse_adapter(path: &Path) -> Result<(), HfError> {
    let names = names(path, "an adapter")?;
    let has = |name: &str| names.iter().any(|known| known == name);
    let reason = match (has(ADAPTER_CONFIG), has(ADAPTER_WEIGHTS)) {
        (true, true) => return Ok(()),
        (true, false) if has("adapter_model.bin") => {
            "holds the adapter as adapter_model.bin, a pickle, whose reading can run code: load it with Python's peft and write it with \
             `save_pretrained(FOLDER, safe_serialization=True)`"
                .into()
        }
        (true, false) => format!("holds {ADAPTER_CONFIG}, and no {ADAPTER_WEIGHTS}: was the download complete?"),
        (false, true) => format!("holds {ADAPTER_WEIGHTS}, and no {ADAPTER_CONFIG}, which says how its weights are used: copy that there too"),
        (false, false) if has("config.json") => "is a model's folder, not an adapter's: give it as the model (--model)".into(),
        (false, false) => match inner(path, &names, &[ADAPTER_CONFIG]) {
            Some(folders) => format!("is a folder above adapters': give {folders}"),
            None => format!("is no adapter's folder: {ADAPTER_CONFIG} and {ADAPTER_WEIGHTS}, as Python's peft writes them, are missing"),
        },
    };
    Err(refused(path, reason))
}

/// Refuses a tokenizer in another form than `tokenizer.json`, which is not there.
///
/// # Errors
/// [`HfError::Format`].
pub(crate) fn refuse_tokenizer(path: &Path) -> Result<(), HfError> {
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    let names = listed(folder).map_err(|source| HfError::Io { path: folder.to_owned(), source })?;
    let has = |name: &&str| names.iter().any(|known| known == name);
    let write =
        "write tokenizer.json with Python's transformers: `AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)`";
    let sentencepiece = ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "spm.model"].into_iter().find(has);
    let reason = if let Some(name) = sentencepiece {
        format!("is missing; the tokenizer is in {name} only, a slow one: {write} (it needs `sentencepiece` and `protobuf`)")
    } else if has(&"vocab.json") && has(&"merges.txt") {
        format!("is missing; the tokenizer is in vocab.json and merges.txt only, a slow one: {write}")
    } else if let Some(name) =
        names.iter().find(|name| *name == "vocab.txt" || *name == "tekken.json" || name.ends_with(".tiktoken"))
    {
        format!("is missing; the tokenizer is in {name} only: {write}")
    } else {
        "is missing: copy the tokenizer of the model's original folder there".into()
    };
    Err(refused(path, reason))
}

/// Why a file of text, by its first bytes, is none; `None` where it is.
pub(crate) fn no_text(path: &Path, start: &[u8]) -> Option<String> {
    let json = ending(&path.to_string_lossy()) == "json";
    match FileKind::of_start(start) {
        _ if start.is_empty() => Some("is empty".into()),
        // transformers refuses such a file, and takes the mark for a part of a template.
        None if json && start.starts_with(b"\xEF\xBB\xBF") => {
            Some("begins with a byte order mark: save it as UTF-8 without one (not \"with BOM\")".into())
        }
        kind => kind.map(|kind| kind.to_string()),
    }
}

/// Why a file of weights, by its first bytes, is of another kind; `None` where it may be safetensors, if a damaged one.
pub(crate) fn no_weights(start: &[u8]) -> Option<String> {
    match FileKind::of_start(start) {
        None | Some(FileKind::Safetensors | FileKind::Binary | FileKind::Utf16 | FileKind::Utf32) => None,
        Some(kind @ (FileKind::Pickle | FileKind::PyTorch)) => Some(format!("is {}: {SAVE}", kind.what())),
        Some(kind) => Some(kind.to_string()),
    }
}

/// The names in a folder that is to hold `what`, in order.
fn names(path: &Path, what: &str) -> Result<Vec<String>, HfError> {
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(refused(path, not_there(path))),
        Ok(data) if data.is_file() => Err(refused(path, of_file(path, what))),
        _ => listed(path).map_err(|source| HfError::Io { path: path.to_owned(), source }),
    }
}

/// Why nothing is found at a path: there is nothing, or a link that leads to nothing.
fn not_there(path: &Path) -> String {
    match fs::read_link(path) {
        Ok(to) => format!("is a link to {}, where nothing is", to.display()),
        Err(_) => "no such folder or file".into(),
    }
}

fn listed(path: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(path)?.take(LOOKED_AT).flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    Ok(names)
}

/// A file where a folder is meant.
fn of_file(path: &Path, what: &str) -> String {
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    match FileKind::of(path) {
        Ok(Some(FileKind::Gguf)) => format!("{}; {what} is a folder", FileKind::Gguf),
        Ok(Some(FileKind::Pickle | FileKind::PyTorch)) => {
            format!("is a file of PyTorch, and {what} is a folder in safetensors: {SAVE}")
        }
        Ok(Some(kind)) if kind != FileKind::Safetensors => format!("{kind}; {what} is a folder"),
        _ if ending(&path.to_string_lossy()) == "gguf" => "is no GGUF file: it does not begin with the letters GGUF".into(),
        _ => format!("is a file; {what} is a folder: give the one that it lies in, {}", parent.display()),
    }
}

/// An adapter's folder where a model's is meant.
fn of_adapter(path: &Path) -> String {
    let config = bounded(&path.join(ADAPTER_CONFIG), LONGEST).unwrap_or_default();
    let config: Value = serde_json::from_slice(&config).unwrap_or_default();
    let base = config.get("base_model_name_or_path").and_then(Value::as_str).filter(|base| !base.is_empty());
    let base = base.map_or_else(String::new, |base| format!(", {base:?},"));
    format!(
        "is an adapter's folder, without the weights of its model: give that{base} as the model (--model), and this as the adapter (--adapter)"
    )
}

/// A folder that holds no `config.json`.
fn without_config(path: &Path, names: &[String]) -> String {
    let has = |name: &str| names.iter().any(|known| known == name);
    if has("snapshots") && (has("refs") || has("blobs")) {
        return of_cache(path);
    }
    if has("metrics.jsonl") && has("config.toml") {
        let model = path.join("model");
        let own = if model.is_dir() { format!(": give its model, {}", model.display()) } else { ", not a model's".into() };
        return format!("is the folder of a run of palinode{own}");
    }
    if has("model_index.json") {
        return "is a folder of `diffusers`, for images: a language model is needed".into();
    }
    if let Some(folders) = inner(path, names, &["config.json", "snapshots"]) {
        return format!("is a folder above models', without a config.json of its own: give {folders}");
    }
    if has("params.json") {
        return "holds params.json, a model in its maker's own layout: download it in that of Hugging Face, or convert it with the script for its \
                family in Python's transformers"
            .into();
    }
    if let Some(name) = names.iter().find(|name| ending(name) == "gguf") {
        return format!("holds no config.json, but {name}, a model for llama.cpp: give that file, {}", path.join(name).display());
    }
    if has("tokenizer.json") || has("tokenizer_config.json") || has("tokenizer.model") {
        return "holds a tokenizer, and no model: config.json and its weights are missing".into();
    }
    "is no model folder: config.json is missing".into()
}

/// A folder of the Hub's cache: which of its snapshots is meant.
fn of_cache(path: &Path) -> String {
    let snapshots = path.join("snapshots");
    let found = listed(&snapshots).unwrap_or_default();
    let current = fs::read_to_string(path.join("refs/main")).ok().map(|commit| commit.trim().to_owned());
    let told = match (found.as_slice(), current.filter(|commit| found.contains(commit))) {
        ([], _) => return "is a folder of the Hub's cache, and holds no snapshot: download the model again".into(),
        ([only], _) => snapshots.join(only),
        (_, Some(commit)) => snapshots.join(commit),
        (_, None) => return format!("is a folder of the Hub's cache: give one of its snapshots, {}", some(&snapshots, &found)),
    };
    format!("is a folder of the Hub's cache: give the snapshot in it, {}", told.display())
}

/// The folders in a folder that hold one of these names, as a list for people; `None` where there is none.
fn inner(path: &Path, names: &[String], holding: &[&str]) -> Option<String> {
    let fitting = |name: &&String| holding.iter().any(|held| path.join(name.as_str()).join(held).exists());
    let found: Vec<String> = names.iter().filter(fitting).cloned().collect();
    (!found.is_empty()).then(|| some(path, &found))
}

/// The first few paths.
fn some(folder: &Path, names: &[String]) -> String {
    let paths: Vec<String> = names.iter().take(TOLD).map(|name| PathBuf::from(folder).join(name).display().to_string()).collect();
    let more = if names.len() > TOLD { ", ..." } else { "" };
    format!("{}{more}", paths.join(" or "))
}

/// A folder with a configuration, but without weights under their usual names.
fn other_weights(names: &[String]) -> String {
    let with = |endings: &[&str]| names.iter().find(|name| endings.contains(&ending(name)) && !is_no_weights(name));
    let safetensors: Vec<&String> = names.iter().filter(|name| ending(name) == "safetensors").collect();
    if let Some(name) = safetensors.first() {
        return if name.contains("-of-") {
            format!("holds {name}, and no {INDEX}, which says where each tensor is: was the download complete?")
        } else {
            format!("holds its weights as {name}; if that is the whole model with the names of transformers, call it {WEIGHTS}")
        };
    }
    if let Some(name) = with(&["bin", "pt", "pth", "ckpt", "pkl", "pickle"]) {
        return format!("holds its weights as {name} only, a pickle, whose reading can run code: {SAVE}");
    }
    if let Some(name) = with(&["gguf"]) {
        return format!("holds its weights as {name} only, for llama.cpp: give that file in the place of the folder");
    }
    if let Some(name) = with(&["h5", "keras", "msgpack", "ot"]) {
        return format!(
            "holds its weights as {name} only, for TensorFlow, Flax or Rust: with transformers 4 (5 reads them no more), `from_pretrained(FOLDER, \
             from_tf=True)` or `from_flax=True`, then `save_pretrained(FOLDER, safe_serialization=True)`"
        );
    }
    if let Some(name) = with(&["onnx"]) {
        return format!("holds its weights as {name} only: take the folder that was exported");
    }
    if names.iter().any(|name| name == "onnx") {
        return "holds its weights in onnx/ only: take the folder that was exported".into();
    }
    format!("holds no weights: {WEIGHTS} is missing; was the download complete?")
}

/// Files with such endings that trainers write beside a model.
fn is_no_weights(name: &str) -> bool {
    ["training_args", "optimizer", "scheduler", "rng_state", "scaler"].iter().any(|start| name.starts_with(start))
}

fn ending(name: &str) -> &str {
    Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default()
}

fn refused(path: &Path, reason: String) -> HfError {
    HfError::Format { path: path.to_owned(), reason }
}
