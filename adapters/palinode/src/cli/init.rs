//! `palinode init` and `palinode config show`: settings as a file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use palinode::{
    preset::{Preset, ProblemFile},
    setup::built_in,
};

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
    /// Overwrite settings that are there; problems are never overwritten
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
    let problems: Vec<_> = problems.iter().map(|file| (folder.join(file.name), file)).collect();
    require_room(&path, &problems, args.force)?;
    // Settings that are there have all that they name.
    problems.iter().try_for_each(|(path, file)| write(path, &file.text))?;
    write(&path, &preset.to_toml_in(folder)?)?;
    anstream::eprintln!("{}: {}", path.display(), preset.about());
    for (path, file) in &problems {
        anstream::eprintln!("{}: {} problems", path.display(), file.problems);
    }
    tell_what_is_next(preset, &path);
    Ok(())
}

/// Refuses, before anything is written, what would take the place of something else.
fn require_room(settings: &Path, problems: &[(PathBuf, &ProblemFile)], force: bool) -> Result<(), Failure> {
    let refuse =
        |path: &Path, why: &str, help: &str| Err(Failure::new(USAGE, format!("{}: {why}", path.display())).with_help(help));
    if settings.is_dir() {
        return refuse(settings, "is a folder", "give a file in it");
    }
    if let Some((path, _)) = problems.iter().find(|(path, _)| path == settings) {
        return refuse(path, "is where the problems go", "give the settings another name");
    }
    // Problems of one's own may have the same name: they are never written over.
    let foreign = |(path, file): &&(PathBuf, &ProblemFile)| {
        path.symlink_metadata().is_ok() && fs::read(path).ok().as_deref() != Some(file.text.as_bytes())
    };
    if let Some((path, _)) = problems.iter().find(foreign) {
        return refuse(path, "is nothing that this command wrote", "move it away, or give the settings a file in another folder");
    }
    if !force && settings.symlink_metadata().is_ok() {
        return refuse(settings, "is there already", "--force overwrites it");
    }
    Ok(())
}

/// Writes a file whole, or not at all.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".palinode.draft");
    let written = fs::write(&draft, text).and_then(|()| fs::rename(&draft, path));
    written.map_err(|error| {
        // What is left of it is of no use to anybody.
        let _ = fs::remove_file(&draft);
        Failure::new(INPUT, format!("{}: {error}", path.display()))
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
