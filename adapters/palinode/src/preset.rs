//! Commented configuration files to begin with.
//!
//! What is said about a key stands in `keys.rs` once; tests hold it against the settings themselves.

mod keys;
mod smollm2;

use std::path::{Path, PathBuf};

use palinode_tasks::TaskError;
use toml::{Table, Value};

use self::keys::{Key, SECTIONS, Section};
use crate::{
    config::{ConfigError, RunConfig, TaskConfig},
    pretrained::{LoraSettings, PretrainedConfig},
};

/// Problems that a preset names, and where they are held out.
const PROBLEMS: &str = "problems.jsonl";
const HELD_OUT: &str = "held-out.jsonl";

/// Longest line of a comment, in characters.
const WIDTH: usize = 110;

/// A kind of run to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// The ledger task and a recipe that works: the default of every setting.
    Ledger,
    /// The sorting task.
    Sorting,
    /// Problems of a file.
    File,
    /// Problems of a file, for the model of a folder in Hugging Face layout, with low-rank adapters.
    Folder,
    /// A recipe for SmolLM2-135M-Instruct, which comes with its problems.
    Smollm2,
}

/// A file of problems that a preset comes with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProblemFile {
    /// Its name, as in the settings.
    pub name: &'static str,
    /// How many problems it holds.
    pub problems: usize,
    /// What is in it: JSONL, in the layout `plain`.
    pub text: String,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ledger, Self::Sorting, Self::File, Self::Folder, Self::Smollm2];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Sorting => "sorting",
            Self::File => "file",
            Self::Folder => "folder",
            Self::Smollm2 => "smollm2",
        }
    }

    /// The file that its settings go to where no other is named.
    pub fn file_name(self) -> &'static str {
        if self == Self::Smollm2 { "smollm2.toml" } else { "palinode.toml" }
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Ledger => "the ledger task, and a small new model that learns it in minutes",
            Self::Sorting => "the sorting task, and a small new model",
            Self::File => "your own problems, and a small new model that reads characters",
            Self::Folder => "your own problems, and a model folder in Hugging Face layout with low-rank adapters",
            Self::Smollm2 => {
                "SmolLM2-135M-Instruct with low-rank adapters learns to correct how it sorts letters; its problems come along"
            }
        }
    }

    /// How to get the model that it names, where that is known: a command for a shell, which leaves it in the current folder.
    pub fn fetch(self) -> Option<&'static str> {
        (self == Self::Smollm2).then_some(smollm2::FETCH)
    }

    /// The files of problems that it comes with, the same each time.
    ///
    /// # Errors
    /// Those of [`palinode_tasks::SortingTexts`].
    pub fn problems(self) -> Result<Vec<ProblemFile>, TaskError> {
        if self == Self::Smollm2 { smollm2::problems() } else { Ok(Vec::new()) }
    }

    /// Its settings; of files, the names stand for yours.
    pub fn config(self) -> RunConfig {
        let mut config = RunConfig::default();
        match self {
            Self::Ledger => {}
            Self::Sorting => config.task.name = "sorting".into(),
            Self::File | Self::Folder => {
                config.task = TaskConfig { name: "file".into(), data: Some(PROBLEMS.into()), ..TaskConfig::default() };
            }
            Self::Smollm2 => config = smollm2::config(),
        }
        if self == Self::Folder {
            let lora = Some(LoraSettings::new(16));
            config.pretrained = Some(PretrainedConfig { lora, ..PretrainedConfig::new(PathBuf::from("model")) });
            config.fill(&Table::new());
        }
        config
    }

    /// Its settings as a file: every key that this kind of run has, with a comment. What has no value yet is commented out.
    ///
    /// # Errors
    /// As [`RunConfig::to_toml`].
    pub fn to_toml(self) -> Result<String, ConfigError> {
        self.to_toml_in(Path::new(""))
    }

    /// As [`Preset::to_toml`], with the problems in this folder.
    ///
    /// # Errors
    /// As [`RunConfig::to_toml`].
    pub fn to_toml_in(self, folder: &Path) -> Result<String, ConfigError> {
        let path = || "config.toml".into();
        let mut config = self.config();
        for file in [&mut config.task.data, &mut config.task.held_out].into_iter().flatten() {
            *file = folder.join(&file);
        }
        let settings = config.to_toml()?.parse::<Table>();
        let settings = settings.map_err(|error| ConfigError::Format { path: path(), reason: error.message().to_owned() })?;
        let mut text = comment(&format!(
            "Settings of a palinode run: {}. Numbers and choices are the {}: leave out what you do not change. What is commented out has no value. \
             `palinode train --config FILE --dry-run` tells what would run.",
            self.about(),
            if self == Self::Smollm2 { "recipe's, and else the defaults" } else { "defaults" },
        ));
        if let Some(fetch) = self.fetch() {
            text += "#\n# Paths are from the folder in which palinode is started. To get the model, there:\n";
            text += &format!("#   {fetch}\n");
        }
        for section in SECTIONS.iter().filter(|section| section.presets.contains(&self)) {
            text += &format!("\n{}[{}]\n", comment(section.comment), section.name);
            for key in section.keys.iter().filter(|key| key.presets.contains(&self)) {
                text += &comment(key.comment);
                text += &match value(&settings, section, key) {
                    Some(value) => format!("{} = {value}\n", key.name),
                    None => format!("# {} = {}\n", key.name, key.example),
                };
            }
        }
        Ok(text)
    }
}

/// The value of a key.
fn value<'a>(settings: &'a Table, section: &Section, key: &Key) -> Option<&'a Value> {
    let mut table = settings;
    for part in section.name.split('.') {
        table = table.get(part)?.as_table()?;
    }
    table.get(key.name)
}

/// Text as lines of comment.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("# {word}"));
        } else {
            lines[last] += &format!(" {word}");
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests;
