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
    /// Where to write the settings, or - for standard output; problems that come along are written beside them [default: palinode.toml, or smollm2.toml]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Overwrite files that are there
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
    let preset = args.preset.0;
    let problems = preset.problems()?;
    let path = args.file.clone().unwrap_or_else(|| preset.file_name().into());
    if path == Path::new("-") {
        output::emit(preset.to_toml()?.as_bytes())?;
        if !problems.is_empty() {
            anstream::eprintln!("its problems are written where the settings are: palinode init --preset {} FILE", preset.name());
        }
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut files = vec![(path.clone(), preset.to_toml_in(folder)?)];
    files.extend(problems.iter().map(|file| (folder.join(file.name), file.text.clone())));
    // One that is there is to be found before any is written.
    if let Some((taken, _)) = files.iter().find(|(path, _)| !args.force && path.symlink_metadata().is_ok()) {
        return Err(taken_already(taken));
    }
    files.iter().try_for_each(|(path, text)| write(path, text, args.force))?;
    anstream::eprintln!("{}: {}", path.display(), preset.about());
    for (file, (path, _)) in problems.iter().zip(&files[1..]) {
        anstream::eprintln!("{}: {} problems", path.display(), file.problems);
    }
    tell_what_is_next(preset, &path);
    Ok(())
}

fn taken_already(path: &Path) -> Failure {
    Failure::new(USAGE, format!("{}: is there already", path.display())).with_help("--force overwrites it")
}

fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options.open(path).and_then(|mut out| out.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => taken_already(path),
        _ => Failure::new(INPUT, format!("{}: {error}", path.display())),
    })
}

/// The commands that go on from here, each as it is typed.
fn tell_what_is_next(preset: Preset, settings: &Path) {
    let settings = typed(settings);
    let model = preset.config().pretrained.map(|pretrained| pretrained.path);
    if let (Some(fetch), Some(model)) = (preset.fetch(), model.filter(|model| !model.exists())) {
        anstream::eprintln!("next: {fetch}    # for {}", model.display());
        anstream::eprintln!("then: palinode train --config {settings}");
    } else if preset.fetch().is_some() {
        anstream::eprintln!("next: palinode train --config {settings}");
    } else {
        anstream::eprintln!("next: palinode train --config {settings} --dry-run");
    }
}

/// A path as a shell takes it for one word.
fn typed(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "._-/\\:".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
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
        const { &[Self(Preset::Ledger), Self(Preset::Sorting), Self(Preset::File), Self(Preset::Folder), Self(Preset::Smollm2)] }
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()).help(self.0.about()))
    }
}
