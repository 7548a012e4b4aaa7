//! What stands in a folder that a new run is to be written to: nothing, a run of ours, or something that is not ours and stays as it is.
//!
//! A run is known by `checkpoints/model.json`, which nothing else writes and which a run writes first; a checkpoint by its name, and by a manifest that
//! speaks of a `state.json`. Only what is known is ever replaced.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::{
    error::TrainError,
    run::{
        checkpoint::Store,
        names::{EPISODES, INPUTS, METRICS, TIMES},
    },
};

/// Files and folders that a run makes; what else lies beside them is never touched.
const FILES: [&str; 7] = ["config.toml", INPUTS, METRICS, EPISODES, TIMES, "report.html", "lock"];
const FOLDERS: [&str; 4] = ["checkpoints", "tensorboard", "model", "adapter"];
/// What systems leave in any folder that somebody looks at.
const OF_SYSTEMS: [&str; 2] = ["Thumbs.db", "desktop.ini"];
/// Entries that an error names.
const NAMED: usize = 3;
/// How much of a report tells that it is one.
const REPORT_BEGINS: u64 = 8192;

/// What a folder is to a new run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupancy {
    /// There is no such folder, or nothing in it but hidden files, which a run never touches.
    Free,
    /// It holds a run of ours, which may be replaced by somebody who says so.
    Run,
}

/// Looks at a folder before a run is written to it. Nothing is changed.
///
/// # Errors
/// [`TrainError::Foreign`] names what is there and not ours; [`TrainError::Io`].
pub fn occupancy(folder: &Path) -> Result<Occupancy, TrainError> {
    let foreign = |reason: String| Err(TrainError::Foreign { path: folder.into(), reason });
    match fs::metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if fs::symlink_metadata(folder).is_ok() {
                foreign("is a link to nothing".into())
            } else {
                Ok(Occupancy::Free)
            };
        }
        Ok(found) if found.is_dir() => {}
        Ok(_) => return foreign("is a file, and no folder".into()),
        Err(source) => return Err(TrainError::Io { path: folder.into(), source }),
    }
    let found = entries(folder)?;
    let checkpoints = Store::of(folder);
    if !checkpoints.are_of_a_run() {
        let left: Vec<&PathBuf> = found.iter().filter(|path| !is_beginning(path)).collect();
        return if left.is_empty() { Ok(Occupancy::Free) } else { foreign(format!("holds {}, and no run", named(&left))) };
    }
    for path in &found {
        let kind = fs::symlink_metadata(path).map_err(|source| TrainError::Io { path: path.clone(), source })?.file_type();
        let wrong = |what| TrainError::Foreign { path: path.clone(), reason: format!("is no {what}, as a run has there") };
        match path.file_name().and_then(|name| name.to_str()).unwrap_or_default() {
            name if FILES.contains(&name) && !kind.is_file() => return Err(wrong("file")),
            name if FOLDERS.contains(&name) && !kind.is_dir() => return Err(wrong("folder")),
            _ => {}
        }
    }
    require_own_report(folder)?;
    checkpoints.require_own()?;
    Ok(Occupancy::Run)
}

/// Refuses a folder whose `report.html` no run wrote, as its beginning tells: a new run removes it, and a run that ends writes over it.
///
/// # Errors
/// [`TrainError::Foreign`]; [`TrainError::Io`].
pub fn require_own_report(folder: &Path) -> Result<(), TrainError> {
    let path = folder.join("report.html");
    let mut begins = Vec::new();
    match fs::File::open(&path).and_then(|file| file.take(REPORT_BEGINS).read_to_end(&mut begins)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(TrainError::Io { path, source }),
        Ok(_) => {}
    }
    if begins.is_empty() || begins_as_report(&String::from_utf8_lossy(&begins)) {
        return Ok(());
    }
    Err(TrainError::Foreign { path, reason: "was not written by a run: move it elsewhere".into() })
}

/// Whether a file that begins like this is a report of ours.
pub fn begins_as_report(text: &str) -> bool {
    text.starts_with("<!doctype html>") && text.contains("<title>palinode: ")
}

/// Whether a run makes a file or folder of this name.
pub fn is_name_of_a_run(name: &str) -> bool {
    FILES.contains(&name) || FOLDERS.contains(&name)
}

/// What is in a folder but for hidden files, in the order of their names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let io = |source| TrainError::Io { path: folder.into(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(b".") && OF_SYSTEMS.iter().all(|of_systems| name != *of_systems) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether this is what a run that was stopped at its very first operation leaves: an empty lock, a folder with nothing in it.
fn is_beginning(path: &Path) -> bool {
    let Ok(found) = fs::symlink_metadata(path) else { return false };
    match path.file_name().and_then(|name| name.to_str()) {
        Some("lock") => found.is_file() && found.len() == 0,
        Some("checkpoints") => {
            let draft = |path: &PathBuf| path.file_name().is_some_and(|name| name == "model.json.draft");
            found.is_dir() && entries(path).is_ok_and(|found| found.iter().all(draft))
        }
        _ => false,
    }
}

/// The first few by name.
fn named(paths: &[&PathBuf]) -> String {
    let name = |path: &&PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut names: Vec<String> = paths.iter().take(NAMED).map(name).collect();
    let more = paths.len().saturating_sub(NAMED);
    names.extend((more > 0).then(|| format!("{more} more")));
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use palinode_lm::{Decoder, DecoderConfig};

    use super::*;
    use crate::run::checkpoint::{Checkpoints, ModelCard};

    fn a_run() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let card = ModelCard { model: DecoderConfig::small(11, 8, 1, 2, 16), vocabulary: None, origin: None };
        Checkpoints::<Decoder>::of(folder.path()).create(&card).unwrap();
        fs::write(folder.path().join("config.toml"), "").unwrap();
        folder
    }

    fn refusal(folder: &Path) -> String {
        match occupancy(folder) {
            Err(error @ TrainError::Foreign { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_and_what_is_hidden_leave_a_folder_free() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(occupancy(&folder.path().join("new")).unwrap(), Occupancy::Free);
        for name in [".gitignore", ".DS_Store", "Thumbs.db"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        assert_eq!(occupancy(folder.path()).unwrap(), Occupancy::Free);
        // As far as a run comes that is stopped at once.
        fs::write(folder.path().join("lock"), "").unwrap();
        fs::create_dir(folder.path().join("checkpoints")).unwrap();
        fs::write(folder.path().join("checkpoints/model.json.draft"), "{").unwrap();
        assert_eq!(occupancy(folder.path()).unwrap(), Occupancy::Free);
    }

    #[test]
    fn what_is_not_ours_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("checkpoints/step-000004")).unwrap();
        assert!(refusal(folder.path()).contains("holds checkpoints, and no run"));
        for name in ["report.html", "times.jsonl", "lock", "notes.md"] {
            fs::write(folder.path().join(name), "mine").unwrap();
        }
        assert!(refusal(folder.path()).contains("holds checkpoints, lock, notes.md and 2 more"), "{}", refusal(folder.path()));
        assert!(refusal(&folder.path().join("notes.md")).contains("is a file"));
    }

    #[test]
    fn a_run_is_known_and_what_can_not_be_ours_in_it_is_named() {
        let folder = a_run();
        assert_eq!(occupancy(folder.path()).unwrap(), Occupancy::Run);
        // Beside a run anything may lie.
        fs::write(folder.path().join("notes.md"), "mine").unwrap();
        fs::create_dir(folder.path().join("checkpoints/epoch-1")).unwrap();
        assert_eq!(occupancy(folder.path()).unwrap(), Occupancy::Run);
        // Another trainer's checkpoint under a name of ours.
        fs::create_dir(folder.path().join("checkpoints/step-000004")).unwrap();
        fs::write(folder.path().join("checkpoints/step-000004/model.safetensors"), "theirs").unwrap();
        assert!(refusal(folder.path()).contains("step-000004"), "{}", refusal(folder.path()));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_written_through() {
        use std::os::unix::fs::symlink;

        let (folder, elsewhere) = (a_run(), tempfile::tempdir().unwrap());
        symlink(elsewhere.path(), folder.path().join("model")).unwrap();
        assert!(refusal(folder.path()).contains("model: is no folder"));
        symlink(elsewhere.path().join("nowhere"), elsewhere.path().join("link")).unwrap();
        assert!(refusal(&elsewhere.path().join("link")).contains("link to nothing"));
        // A run in a folder that is reached by a link is a run.
        let run = a_run();
        symlink(run.path(), elsewhere.path().join("latest")).unwrap();
        assert_eq!(occupancy(&elsewhere.path().join("latest")).unwrap(), Occupancy::Run);
    }
}
