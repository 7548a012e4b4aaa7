//! Models by name: fetched where this build can, explained where it can't.

use std::path::{Path, PathBuf};

use super::{Failure, settings::absolute};

/// A folder that is there, or a model of the hub by its name, which is fetched. Returns the folder and, of a fetched one, the pinned name.
///
/// A folder that is missing and whose path is no name is returned as it is: who opens it has the better message.
pub(crate) fn locate(model: &Path) -> Result<(PathBuf, Option<String>), Failure> {
    match model.to_str() {
        Some(name) if !model.exists() && looks_like_a_name(name) => fetch(name).map(|(folder, pinned)| (folder, Some(pinned))),
        _ => Ok((absolute(model), None)),
    }
}

/// `owner/name`, with or without a revision, and no name of a file.
fn looks_like_a_name(text: &str) -> bool {
    let id = text.split('@').next().unwrap_or_default();
    id.split('/').count() == 2 && !id.starts_with(['.', '/', '~']) && !id.ends_with('/') && !id.ends_with(".gguf")
}

#[cfg(not(feature = "hub"))]
pub(crate) fn fetch(name: &str) -> Result<(PathBuf, String), Failure> {
    let message = format!("{name}: no such folder; to download a model by its name, build with `--features hub`");
    Err(Failure::new(super::failure::INPUT, message))
}

/// Fetches a model by its name; the second is the name pinned to a commit.
#[cfg(feature = "hub")]
pub(crate) fn fetch(name: &str) -> Result<(PathBuf, String), Failure> {
    use std::{collections::HashMap, io::IsTerminal};

    use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
    use palinode::hub::{Downloading, Hub, HubError, HubName};

    let failure = |error: HubError| {
        let code = if matches!(error, HubError::Name(_)) { super::failure::USAGE } else { super::failure::INPUT };
        Failure::new(code, error.to_string())
    };
    let name: HubName = name.parse().map_err(failure)?;
    let (bars, mut by_file) = (MultiProgress::new(), HashMap::new());
    let style = ProgressStyle::with_template("{prefix:>34} {bar:28.cyan/blue} {bytes:>10}/{total_bytes} {eta:>4} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let terminal = std::io::stderr().is_terminal();
    let mut progress = |told: Downloading<'_>| {
        let bar: &mut ProgressBar = by_file.entry(told.file.to_owned()).or_insert_with(|| {
            if terminal {
                bars.add(ProgressBar::new(told.all).with_style(style.clone()).with_prefix(told.file.to_owned()))
            } else {
                anstream::eprintln!("downloading {} ({:.1} MiB)", told.file, told.all as f64 / 1024.0 / 1024.0);
                ProgressBar::hidden()
            }
        });
        bar.set_position(told.done);
    };
    let snapshot = Hub::from_env(&name).and_then(|hub| hub.fetch(&name, &mut progress)).map_err(failure)?;
    for bar in by_file.into_values() {
        bar.finish_and_clear();
    }
    if name.commit().is_none() {
        anstream::eprintln!("pinned: {}", snapshot.name);
    }
    Ok((snapshot.folder, snapshot.name.to_string()))
}
