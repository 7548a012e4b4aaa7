//! What palinode reads of strangers, as functions of bytes: each reads its input as a user's command would, and holds what it got to its laws.
//!
//! libFuzzer calls them with bytes of its own making (`targets/`, with the feature `libfuzzer`); `tests/corpora.rs` calls them with what it found. An input that is
//! refused is fine. A panic, a hang, memory without bound, or a broken law is not.
//!
//! | file | targets |
//! |---|---|
//! | `settings` | [`config`], [`devices`] |
//! | `problems` | [`jsonl`], [`messages`], [`csv`], [`parquet`], [`answers`] |
//! | `folders` | [`model_config`], [`weights`], [`gguf`], [`adapters`], [`tokenizer`], [`vocabulary`], [`template`] |
//! | `runs` | [`manifest`], [`checkpoint`], [`metrics`] |

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::OnceLock,
};

use palinode::device::{self, Opened};

mod folders;
mod problems;
mod runs;
mod settings;

pub use folders::{adapters, gguf, model_config, template, tokenizer, vocabulary, weights};
pub use problems::{answers, csv, jsonl, messages, parquet};
pub use runs::{checkpoint, manifest, metrics};
pub use settings::{config, devices};

/// Reads an input; files that this takes are put into the folder, which is this target's own.
pub type Target = fn(input: &[u8], folder: &Path);

/// All of them by name.
pub const TARGETS: [(&str, Target); 17] = [
    ("adapters", adapters),
    ("answers", answers),
    ("checkpoint", checkpoint),
    ("config", config),
    ("csv", csv),
    ("devices", devices),
    ("gguf", gguf),
    ("jsonl", jsonl),
    ("manifest", manifest),
    ("messages", messages),
    ("metrics", metrics),
    ("model_config", model_config),
    ("parquet", parquet),
    ("template", template),
    ("tokenizer", tokenizer),
    ("vocabulary", vocabulary),
    ("weights", weights),
];

/// Reads one of very many inputs, in a temporary folder of this process.
pub fn run(target: Target, input: &[u8]) {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = env::temp_dir().join(format!("palinode-fuzz-{}", process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder can be made");
        folder
    });
    target(input, folder);
}

/// The device on which models are made.
fn flex() -> Opened {
    device::open("flex").expect("flex is always there")
}

/// Writes one file.
fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(folder.join(name), bytes).expect("a temporary file can be written");
}

/// The parts of an input, which are separated by zeros; missing ones are empty.
fn parts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut rest = input.splitn(N, |&byte| byte == 0);
    std::array::from_fn(|_| rest.next().unwrap_or_default())
}

/// A safetensors file: of this header, with its length and zeros for its numbers, where the content is one; else the content as it is.
fn safetensors(content: &[u8]) -> Vec<u8> {
    /// Numbers of a file, in bytes.
    const LONGEST: u64 = 1 << 16;
    if !content.starts_with(b"{") {
        return content.to_vec();
    }
    let header: serde_json::Value = serde_json::from_slice(content).unwrap_or_default();
    let tensors = header.as_object().into_iter().flat_map(|tensors| tensors.values());
    let ends = tensors.filter_map(|tensor| tensor.get("data_offsets")?.get(1)?.as_u64());
    let numbers = ends.max().unwrap_or(0).min(LONGEST);
    let mut file = (content.len() as u64).to_le_bytes().to_vec();
    file.extend(content);
    file.resize(file.len() + numbers as usize, 0);
    file
}
