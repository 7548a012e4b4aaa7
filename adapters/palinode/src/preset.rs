//! Commented configuration files to begin with.
//!
//! What is said about a key stands in `keys.rs` once; tests hold it against the settings themselves.

mod keys;

use std::path::PathBuf;

use toml::{Table, Value};

use self::keys::{Key, SECTIONS, Section};
use crate::{
    config::{ConfigError, RunConfig, TaskConfig},
    pretrained::{LoraSettings, PretrainedConfig},
};

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
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ledger, Self::Sorting, Self::File, Self::Folder];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Sorting => "sorting",
            Self::File => "file",
            Self::Folder => "folder",
        }
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Ledger => "the ledger task, and a small new model that learns it in minutes",
            Self::Sorting => "the sorting task, and a small new model",
            Self::File => "your own problems, and a small new model that reads characters",
            Self::Folder => "your own problems, and a model folder in Hugging Face layout with low-rank adapters",
        }
    }

    /// Its settings; of files, the names stand for yours.
    pub fn config(self) -> RunConfig {
        let mut config = RunConfig::default();
        match self {
            Self::Ledger => {}
            Self::Sorting => config.task.name = "sorting".into(),
            Self::File | Self::Folder => {
                config.task = TaskConfig { name: "file".into(), data: Some("problems.jsonl".into()), ..TaskConfig::default() };
            }
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
        let path = || "config.toml".into();
        let settings = self.config().to_toml()?.parse::<Table>();
        let settings = settings.map_err(|error| ConfigError::Format { path: path(), reason: error.message().to_owned() })?;
        let mut text = comment(&format!(
            "Settings of a palinode run: {}. Numbers and choices are the defaults: leave out what you do not change. What is commented out has no value. \
             `palinode train --config FILE --dry-run` tells what would run.",
            self.about()
        ));
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
