#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! Model folders of the Hugging Face Hub: downloaded by name, and pinned to a commit.
//!
//! A name is `owner/name` or `owner/name@revision`. Whatever the revision was, what is fetched belongs to one commit, and [`Snapshot::name`] says which:
//! given again, it means the same files, without the network once they are there. Only files that a model folder is made of are fetched; weights as
//! safetensors alone. They stay in the cache that Python's `huggingface_hub` uses (`HF_HOME`), and `HF_ENDPOINT` and `HF_TOKEN` mean what they mean there.

mod name;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use hf_hub::{
    Cache, Repo, RepoType,
    api::{
        Progress,
        sync::{Api, ApiBuilder, ApiError, ApiRepo},
    },
};
use serde_json::Value;

pub use name::HubName;

/// Files of a folder besides its weights; the first must be there.
const FILES: [&str; 10] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
];
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Longest index that is read, in bytes.
const LONGEST_INDEX: u64 = 1 << 26;

/// Why a model can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Not a name of a model.
    #[error("`{0}` is no name of a model: write owner/name, or owner/name@revision")]
    Name(String),
    /// The hub does not show such a model.
    #[error(
        "{name}: the hub has no such model or revision, or it is private or gated (set HF_TOKEN to a token that may read it)"
    )]
    Unknown {
        /// What was asked for.
        name: HubName,
    },
    /// The repository is no model folder.
    #[error("{name}: {reason}")]
    Unusable {
        /// What was asked for.
        name: HubName,
        /// What is missing or wrong.
        reason: String,
    },
    /// The network, the hub or the disk failed.
    #[error("{name}: {reason}")]
    Failed {
        /// What was asked for.
        name: HubName,
        /// What happened.
        reason: String,
    },
}

/// A model folder on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The folder.
    pub folder: PathBuf,
    /// The name, pinned to the commit that the files belong to.
    pub name: HubName,
}

/// How far the download of one file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloading<'a> {
    /// The file.
    pub file: &'a str,
    /// Bytes that are here.
    pub done: u64,
    /// Bytes in all.
    pub all: u64,
}

/// The hub, and the folder where what it gave is kept.
#[derive(Debug)]
pub struct Hub {
    api: Api,
    cache: Cache,
}

impl Hub {
    /// As the environment says: `HF_ENDPOINT`, `HF_HOME`, `HF_TOKEN`.
    ///
    /// # Errors
    /// [`HubError::Failed`] when no client can be made.
    pub fn from_env(name: &HubName) -> Result<Self, HubError> {
        let token = env::var("HF_TOKEN").ok().filter(|token| !token.is_empty());
        let builder = ApiBuilder::from_env();
        Self::build(if token.is_some() { builder.with_token(token) } else { builder }, Cache::from_env(), name)
    }

    /// A hub at an address, with a cache of one's own and no token.
    ///
    /// # Errors
    /// As [`Hub::from_env`].
    pub fn at(endpoint: &str, cache: &Path, name: &HubName) -> Result<Self, HubError> {
        let cache = Cache::new(cache.to_owned());
        let builder = ApiBuilder::from_cache(cache.clone()).with_endpoint(endpoint.trim_end_matches('/').to_owned());
        Self::build(builder.with_token(None), cache, name)
    }

    fn build(builder: ApiBuilder, cache: Cache, name: &HubName) -> Result<Self, HubError> {
        let api = builder.with_progress(false).with_retries(3).build().map_err(|error| failed(name, &error))?;
        Ok(Self { api, cache })
    }

    /// Fetches what is not here yet; `progress` is told about files that are.
    ///
    /// # Errors
    /// [`HubError`].
    pub fn fetch(&self, name: &HubName, progress: &mut dyn FnMut(Downloading<'_>)) -> Result<Snapshot, HubError> {
        if let Some(folder) = self.complete(name) {
            return Ok(Snapshot { folder, name: name.clone() });
        }
        let info = self.repo(name).info().map_err(|error| failed(name, &error))?;
        let name = &name.at(&info.sha).ok_or_else(|| unusable(name, format!("the hub names `{}` as its commit", info.sha)))?;
        let repo = self.repo(name);
        let there = |file: &str| info.siblings.iter().any(|sibling| sibling.rfilename == file);
        if !there(FILES[0]) {
            return Err(unusable(name, "holds no config.json, so it is no model folder".into()));
        }
        if !there(INDEX) && !there(WEIGHTS) {
            return Err(unusable(
                name,
                "holds no safetensors weights; other kinds can run code when they are loaded, and are not read".into(),
            ));
        }
        let mut get = |file: &str| get(&repo, name, file, progress);
        let mut folder = None;
        for file in FILES.into_iter().filter(|file| there(file)) {
            folder = folder.or(get(file)?.parent().map(Path::to_owned));
        }
        // Weights last: where they are, all the rest is.
        if there(INDEX) {
            let index = get(INDEX)?;
            for shard in shards(&index).map_err(|reason| unusable(name, reason))? {
                get(&shard)?;
            }
        } else {
            get(WEIGHTS)?;
        }
        let folder = folder.ok_or_else(|| unusable(name, "nothing was fetched".into()))?;
        Ok(Snapshot { folder, name: name.clone() })
    }

    /// The folder of a pinned name, when all of it is here.
    fn complete(&self, name: &HubName) -> Option<PathBuf> {
        let commit = name.commit()?;
        let folder = self.cache.repo(repo_of(name)).pointer_path(commit);
        let here = |file: &str| folder.join(file).is_file();
        let weights =
            here(WEIGHTS) || (here(INDEX) && shards(&folder.join(INDEX)).is_ok_and(|all| all.iter().all(|shard| here(shard))));
        (here(FILES[0]) && weights).then_some(folder)
    }

    fn repo(&self, name: &HubName) -> ApiRepo {
        self.api.repo(repo_of(name))
    }
}

fn repo_of(name: &HubName) -> Repo {
    Repo::with_revision(name.id().to_owned(), RepoType::Model, name.revision().to_owned())
}

fn get(repo: &ApiRepo, name: &HubName, file: &str, progress: &mut dyn FnMut(Downloading<'_>)) -> Result<PathBuf, HubError> {
    struct Told<'a> {
        file: &'a str,
        done: u64,
        all: u64,
        progress: &'a mut dyn FnMut(Downloading<'_>),
    }
    impl Progress for Told<'_> {
        fn init(&mut self, size: usize, _: &str) {
            self.all = size as u64;
            self.update(0);
        }

        fn update(&mut self, size: usize) {
            self.done += size as u64;
            (self.progress)(Downloading { file: self.file, done: self.done, all: self.all });
        }

        fn finish(&mut self) {}
    }
    // A pinned revision is in the cache under its commit, whatever it was called before.
    repo.download_with_progress(file, Told { file, done: 0, all: 0, progress }).map_err(|error| failed(name, &error))
}

/// Files that an index names. They become paths here, so they must be plain names.
fn shards(index: &Path) -> Result<Vec<String>, String> {
    let length = fs::metadata(index).map_err(|error| error.to_string())?.len();
    if length > LONGEST_INDEX {
        return Err(format!("{INDEX} has {length} bytes, more than {LONGEST_INDEX}"));
    }
    let text = fs::read_to_string(index).map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(&text).map_err(|error| format!("{INDEX} is not JSON: {error}"))?;
    let map = value.get("weight_map").and_then(Value::as_object).ok_or_else(|| format!("{INDEX} has no object `weight_map`"))?;
    let mut files: Vec<String> = Vec::new();
    for file in map.values() {
        let plain = |file: &&str| {
            let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            file.ends_with(".safetensors") && !file.starts_with('.') && file.chars().all(known)
        };
        let file = file.as_str().filter(plain).ok_or_else(|| format!("{INDEX} names {file}, which is no plain file name"))?;
        files.push(file.to_owned());
    }
    files.sort_unstable();
    files.dedup();
    Ok(files)
}

fn unusable(name: &HubName, reason: String) -> HubError {
    HubError::Unusable { name: name.clone(), reason }
}

fn failed(name: &HubName, error: &ApiError) -> HubError {
    let cause = match error {
        ApiError::TooManyRetries(inner) => inner,
        other => other,
    };
    match cause {
        ApiError::RequestError(inner) if matches!(**inner, ureq::Error::StatusCode(401 | 403 | 404)) => {
            HubError::Unknown { name: name.clone() }
        }
        other => HubError::Failed { name: name.clone(), reason: other.to_string() },
    }
}

#[cfg(test)]
mod tests;
