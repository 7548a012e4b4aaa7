//! Fingerprints of everything that a run depends on besides its code, kept in its folder as `inputs.json`: a run that goes on is to go on with the same
//! problems, texts and settings.
//!
//! ```json
//! {
//!   "version": 1,
//!   "files": {"data": {"path": "/home/me/problems.jsonl", "bytes": 9512, "sha256": "…"}, "model/tokenizer.json": …},
//!   "settings": {"task.verifier.kind": "numeric", "train.seed": 0, …},
//!   "accepted": [{"line": 120, "changed": ["data: …"]}],
//!   "processors": [{"line": 0, "name": "x86_64 v4"}]
//! }
//! ```
//!
//! A file is known by its bytes, wherever it lies. The weights of a model folder have a fingerprint of their own (`checkpoints/model.json`), which does not
//! depend on how they are stored. `settings` are those of `config.toml` without paths, the machine and the intervals of checkpoints.
//! `processors` depend on nothing of that: they say what computed the run, from which line of its log on, for whoever compares two runs.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use palinode_train::{TrainError, run::names::INPUTS};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use toml::Table;

use crate::{config::RunConfig, pretrained::PretrainedConfig, setup::SetupError};

/// The version of the format that this code writes and reads.
const VERSION: u32 = 1;
/// Longest `inputs.json` that is read.
const LONGEST: u64 = 1 << 24;
/// Files of a model folder, besides its weights, that say what a prompt is, how it is written in tokens and what the model computes.
const OF_MODEL: [&str; 8] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
];
/// What a GGUF file says of its model, tokenizer and chat template; its numbers are known by the fingerprint of the weights.
const HEADER: &str = "model/header";
/// A folder of further chat templates in it.
const TEMPLATES: &str = "additional_chat_templates";
/// Keys of settings that say where things lie, which is no matter.
const PLACES: [&str; 4] = ["task.data", "task.held_out", "pretrained.path", "pretrained.source"];

/// What a run depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    version: u32,
    /// Files by what they are to the run.
    files: BTreeMap<String, Content>,
    /// Another run whose base model this one starts from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    base: Option<Base>,
    /// Settings by key.
    settings: BTreeMap<String, Value>,
    /// Changes that somebody insisted on.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    accepted: Vec<Accepted>,
    /// What computed the run.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    processors: Vec<Computed>,
}

/// A file, and what was in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    path: PathBuf,
    bytes: u64,
    sha256: String,
}

/// Another run's base model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The run's folder.
    pub run: PathBuf,
    /// [`palinode_train::trainable::fingerprint`] of the model.
    pub fingerprint: String,
}

/// Changes that a run went on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Accepted {
    /// Lines of `metrics.jsonl` before the one that tells of them.
    line: u64,
    changed: Vec<String>,
}

/// A part of a run that one processor computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Computed {
    /// Lines of `metrics.jsonl` before it.
    line: u64,
    name: String,
}

impl Inputs {
    /// The inputs of a run, as they are now: `run` are its settings, `given` what its `config.toml` says of them, which is all there were when it began.
    ///
    /// # Errors
    /// [`TrainError::Io`] names a file that can't be read.
    pub fn of(run: &RunConfig, given: &Table, base: Option<Base>) -> Result<Self, SetupError> {
        let mut files = BTreeMap::new();
        let named = [("data", &run.task.data), ("held-out data", &run.task.held_out)];
        for (name, path) in named.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?))) {
            files.insert(name.to_owned(), Content::of(path)?);
        }
        if let Some(PretrainedConfig { path: folder, .. }) = &run.pretrained {
            match palinode_hf::header_length(folder) {
                Some(length) => drop(files.insert(HEADER.to_owned(), Content::of_start(folder, length)?)),
                None => {
                    for file in files_of(folder)? {
                        files.insert(format!("model/{file}"), Content::of(&folder.join(&file))?);
                    }
                }
            }
        }
        Ok(Self { version: VERSION, files, base, settings: settings(given)?, accepted: Vec::new(), processors: Vec::new() })
    }

    /// What a run's folder says; `None` where it was begun by a version that did not.
    ///
    /// # Errors
    /// [`TrainError::Io`], [`TrainError::Damaged`], [`TrainError::Newer`].
    pub fn read(run: &Path) -> Result<Option<Self>, TrainError> {
        let path = run.join(INPUTS);
        let io = |source| TrainError::Io { path: path.clone(), source };
        let length = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found.map_err(io)?.len(),
        };
        let damaged = |reason: String| TrainError::Damaged { path: path.clone(), reason };
        if length > LONGEST {
            return Err(damaged(format!("has {length} bytes, expected {LONGEST} at most")));
        }
        let inputs: Self = serde_json::from_slice(&fs::read(&path).map_err(io)?).map_err(|error| damaged(error.to_string()))?;
        match inputs.version {
            VERSION => Ok(Some(inputs)),
            found => Err(TrainError::Newer { path, found, known: VERSION }),
        }
    }

    /// Writes them into a run's folder, in the place of what was there.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn write(&self, run: &Path) -> Result<(), TrainError> {
        let (path, draft) = (run.join(INPUTS), run.join(format!(".{INPUTS}.draft")));
        let io = |source| TrainError::Io { path: path.clone(), source };
        let text = serde_json::to_vec_pretty(self).map_err(|error| io(error.into()))?;
        fs::write(&draft, text).and_then(|()| File::open(&draft)?.sync_all()).map_err(io)?;
        fs::rename(&draft, &path).map_err(io)
    }

    /// Another run whose base model this one starts from.
    pub fn base(&self) -> Option<&Base> {
        self.base.as_ref()
    }

    /// The processor that the run was computed on last, where its folder says so.
    pub fn processor(&self) -> Option<&str> {
        self.processors.last().map(|computed| computed.name.as_str())
    }

    /// The same of a run that this processor computes from here on, where its log has so many lines; `was` tells of those before.
    pub fn computed_on(mut self, was: Option<&Self>, lines: u64, processor: &str) -> Self {
        let before = was.map_or(&[][..], |was| &was.processors);
        // What was computed after those lines is dropped.
        self.processors = before.iter().filter(|computed| computed.line < lines).cloned().collect();
        if self.processor() != Some(processor) {
            self.processors.push(Computed { line: lines, name: processor.to_owned() });
        }
        self
    }

    /// What differs now, a sentence each, with the name of the input first.
    pub fn changed(&self, now: &Self) -> Vec<String> {
        let mut changed = Vec::new();
        let names = self.files.keys().chain(now.files.keys().filter(|name| !self.files.contains_key(*name)));
        for name in names {
            match (self.files.get(name), now.files.get(name)) {
                (Some(was), Some(is)) if was.bytes == is.bytes && was.sha256 == is.sha256 => {}
                (Some(was), Some(is)) => changed.push(format!(
                    "{}: {} has other content ({}) than the run began with ({})",
                    in_words(name),
                    is.path.display(),
                    is.in_short(),
                    was.in_short()
                )),
                (Some(was), None) => changed.push(format!("{}: {} is not there any more", in_words(name), was.path.display())),
                (None, Some(is)) => {
                    changed.push(format!("{}: {} was not there when the run began", in_words(name), is.path.display()))
                }
                (None, None) => {}
            }
        }
        changed.extend(self.changed_settings(now));
        changed
    }

    fn changed_settings(&self, now: &Self) -> Vec<String> {
        let shown = |value: Option<&Value>| value.map_or_else(|| "not set".to_owned(), Value::to_string);
        let keys = self.settings.keys().chain(now.settings.keys().filter(|key| !self.settings.contains_key(*key)));
        keys.filter(|key| self.settings.get(*key) != now.settings.get(*key))
            .map(|key| {
                let [was, is] = [self, now].map(|inputs| shown(inputs.settings.get(key)));
                format!("settings: `{key}` in config.toml is {is}, and was {was} when the run began")
            })
            .collect()
    }

    /// These inputs for a run that goes on with them although they have `changed` since `was`, its beginning; `lines` is the length of its log. Returns them
    /// with everything that was accepted so far, and what the log is still to tell of that: what changed now, and what it has lost when it was cut.
    pub fn accept(mut self, was: Option<&Self>, changed: Vec<String>, lines: u64) -> (Self, Vec<String>) {
        self.accepted = was.map_or_else(Vec::new, |was| was.accepted.clone());
        if !changed.is_empty() {
            self.accepted.push(Accepted { line: lines, changed });
        }
        let untold = self.accepted.iter_mut().filter(|accepted| accepted.line >= lines);
        let told = untold.flat_map(|accepted| {
            accepted.line = lines;
            accepted.changed.clone()
        });
        let told = told.collect();
        (self, told)
    }
}

impl Content {
    fn of(path: &Path) -> Result<Self, TrainError> {
        Self::of_start(path, u64::MAX)
    }

    /// As many first bytes, or all there are.
    fn of_start(path: &Path, length: u64) -> Result<Self, TrainError> {
        let io = |source| TrainError::Io { path: path.to_owned(), source };
        let (file, mut hash) = (File::open(path).map_err(io)?, Sha256::new());
        let bytes = io::copy(&mut file.take(length), &mut hash).map_err(io)?;
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { path: path.to_owned(), bytes, sha256 })
    }

    fn in_short(&self) -> String {
        format!("{} bytes, sha256 {}…", self.bytes, self.sha256.get(..8).unwrap_or(&self.sha256))
    }
}

/// What of a model folder is fingerprinted, as far as it is there.
fn files_of(folder: &Path) -> Result<Vec<String>, TrainError> {
    let mut files: Vec<String> = OF_MODEL.into_iter().filter(|file| folder.join(file).is_file()).map(ToOwned::to_owned).collect();
    let path = folder.join(TEMPLATES);
    if path.is_dir() {
        let io = |source| TrainError::Io { path: path.clone(), source };
        for entry in fs::read_dir(&path).map_err(io)? {
            let entry = entry.map_err(io)?;
            if let (true, Ok(name)) = (entry.path().is_file(), entry.file_name().into_string()) {
                files.push(format!("{TEMPLATES}/{name}"));
            }
        }
    }
    Ok(files)
}

/// What an input is to a person.
fn in_words(name: &str) -> &str {
    match name.strip_prefix("model/") {
        None => name,
        Some("config.json") => "model configuration",
        Some("header") => "model configuration, tokenizer and chat template",
        Some("generation_config.json") => "generation settings",
        Some("tokenizer.json") => "tokenizer",
        Some("tokenizer_config.json") => "tokenizer settings and chat template",
        Some("special_tokens_map.json" | "added_tokens.json") => "special tokens",
        Some(_) => "chat template",
    }
}

/// Settings by key, as they are read back.
fn settings(given: &Table) -> Result<BTreeMap<String, Value>, SetupError> {
    let failed = |error: serde_json::Error| SetupError::Settings(format!("config.toml: {error}"));
    let text = serde_json::to_string(given).map_err(failed)?;
    let mut keys = BTreeMap::new();
    if let Value::Object(parts) = serde_json::from_str(&text).map_err(failed)? {
        let kept = parts.into_iter().filter(|(part, _)| part != "machine" && part != "checkpoints");
        flatten("", kept.collect(), &mut keys);
    }
    keys.retain(|key, _| !PLACES.contains(&key.as_str()));
    Ok(keys)
}

fn flatten(before: &str, object: Map<String, Value>, keys: &mut BTreeMap<String, Value>) {
    for (key, value) in object {
        let key = if before.is_empty() { key } else { format!("{before}.{key}") };
        match value {
            Value::Object(inner) => flatten(&key, inner, keys),
            value => drop(keys.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(run: &RunConfig) -> Inputs {
        Inputs::of(run, &run.to_toml().unwrap().parse().unwrap(), None).unwrap()
    }

    #[test]
    fn a_file_is_known_by_its_bytes_and_not_by_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let mut run = RunConfig::default();
        run.task.data = Some(write("a.jsonl", "one"));
        let began = inputs(&run);
        run.task.data = Some(write("b.jsonl", "one"));
        assert_eq!(began.changed(&inputs(&run)), [""; 0]);
        write("b.jsonl", "two");
        let changed = began.changed(&inputs(&run));
        assert!(changed.len() == 1 && changed[0].starts_with("data: ") && changed[0].contains("b.jsonl"), "{changed:?}");
        run.task.data = None;
        assert!(began.changed(&inputs(&run))[0].contains("not there any more"));
    }

    #[test]
    fn settings_are_named_by_key_and_the_machine_is_no_matter() {
        let mut run = RunConfig::default();
        let began = inputs(&run);
        run.machine.threads = 3;
        run.checkpoints.every = 1;
        assert_eq!(began.changed(&inputs(&run)), [""; 0]);
        run.train.reinforce.alpha = 3.25;
        run.task.verifier = Some("numeric".parse().unwrap());
        let changed = began.changed(&inputs(&run)).join("\n");
        assert!(changed.contains("`train.reinforce.alpha` in config.toml is 3.25, and was 10.0"), "{changed}");
        assert!(changed.contains("`task.verifier"), "{changed}");
        // A key that only a later version knows is no change as long as nobody writes it into the file.
        let mut older = inputs(&run);
        assert!(older.settings.remove("train.reinforce.beta1").is_some(), "{:?}", older.settings.keys());
        assert!(older.changed(&inputs(&run))[0].contains("and was not set"));
    }

    #[test]
    fn what_was_accepted_is_told_again_where_the_log_lost_it() {
        let now = inputs(&RunConfig::default());
        let (first, told) = now.clone().accept(None, vec!["data: other".into()], 7);
        assert_eq!(told, ["data: other"]);
        let again = |lines| now.clone().accept(Some(&first), Vec::new(), lines).1;
        assert_eq!((again(8), again(7), again(3)), (vec![], vec!["data: other".into()], vec!["data: other".into()]));
    }

    #[test]
    fn processors_are_kept_with_the_lines_that_they_computed() {
        let now = || inputs(&RunConfig::default());
        let told = |inputs: &Inputs| inputs.processors.iter().map(|one| (one.line, one.name.clone())).collect::<Vec<_>>();
        let began = now().computed_on(None, 0, "a");
        assert_eq!(told(&now().computed_on(Some(&began), 40, "a")), [(0, "a".into())]);
        let moved = now().computed_on(Some(&began), 40, "b");
        assert_eq!(told(&moved), [(0, "a".into()), (40, "b".into())]);
        assert_eq!(moved.processor(), Some("b"));
        // Back at the checkpoint before: nothing is left that b has computed.
        assert_eq!(told(&now().computed_on(Some(&moved), 40, "c")), [(0, "a".into()), (40, "c".into())]);
        assert_eq!(told(&now().computed_on(Some(&moved), 0, "b")), [(0, "b".into())]);
        // Another processor is no other input.
        assert_eq!(began.changed(&moved), [""; 0]);
        let text = serde_json::to_string(&moved).unwrap();
        assert_eq!(serde_json::from_str::<Inputs>(&text).unwrap(), moved);
    }

    #[test]
    fn a_folder_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Inputs::read(folder.path()).unwrap(), None);
        let inputs = inputs(&RunConfig::default());
        inputs.write(folder.path()).unwrap();
        assert_eq!(Inputs::read(folder.path()).unwrap(), Some(inputs));
        for (text, part) in [("{", "EOF"), ("{\"version\": 2, \"files\": {}, \"settings\": {}}", "newer palinode")] {
            fs::write(folder.path().join(INPUTS), text).unwrap();
            let error = Inputs::read(folder.path()).unwrap_err().to_string();
            assert!(error.contains(INPUTS) && error.contains(part), "{error}");
        }
    }
}
