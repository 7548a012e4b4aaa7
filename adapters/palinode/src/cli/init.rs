//! `palinode init` and `palinode config show`: settings as a file.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use palinode::{preset::Preset, setup::built_in};

use super::{
    Failure,
    args::SettingsArgs,
    failure::{INPUT, USAGE},
    output, progress,
    settings::settings,
};

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// What to begin with
    #[arg(long, value_enum, default_value = "ledger")]
    pub(crate) preset: PresetName,
    /// Where to write it, or - for standard output
    #[arg(value_name = "FILE", default_value = "palinode.toml")]
    pub(crate) file: PathBuf,
    /// Overwrite the file
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigShowArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// Print the settings as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn init(args: &InitArgs) -> Result<(), Failure> {
    let text = args.preset.0.to_toml()?;
    if args.file == Path::new("-") {
        return output::emit(text.as_bytes());
    }
    let file = args.file.display();
    let mut options = OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options.open(&args.file).and_then(|mut out| out.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::new(USAGE, format!("{file}: is there already")).with_help("--force overwrites it"),
        _ => Failure::new(INPUT, format!("{file}: {error}")),
    })?;
    anstream::eprintln!("{file}: {}", args.preset.0.about());
    anstream::eprintln!("next: palinode train --config {file} --dry-run");
    Ok(())
}

pub(crate) fn show(args: &ConfigShowArgs) -> Result<(), Failure> {
    let run = settings(&args.settings)?;
    run.train.check()?;
    run.task.layout()?;
    if run.task.data.is_none() && run.pretrained.is_none() {
        built_in(&run.task)?;
    }
    if args.json { progress::print_json(&run) } else { output::emit(run.to_toml()?.as_bytes()) }
}

/// [`Preset`] as a command-line value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PresetName(pub(crate) Preset);

impl ValueEnum for PresetName {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(Preset::Ledger), Self(Preset::Sorting), Self(Preset::File), Self(Preset::Folder)]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()).help(self.0.about()))
    }
}
