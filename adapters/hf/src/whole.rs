//! A folder of a model or of adapters that is written whole, in the place of nothing, or of one that palinode wrote.
//!
//! Files are written into a hidden folder first. In a new folder they are moved up one by one, the weights last, so that what is not whole holds no weights.
//! An older model stays whole until the new one is: then the folders change places.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::{
    adapter,
    error::HfError,
    save::{COPIED, WEIGHTS},
    shards::metadata,
};

/// What adapters are written as.
const ADAPTERS: [&str; 2] = [adapter::CONFIG, adapter::WEIGHTS];
/// A key in the header of weights that palinode wrote.
pub(crate) const MARK: &str = "palinode";
/// What systems leave in any folder that somebody looks at.
const OF_SYSTEMS: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];
/// What is hidden until it is whole, or until what takes its place is.
pub(crate) const PART: &str = ".palinode-part";
const OLD: &str = ".palinode-old";

/// Whether a model or adapters may be written to a folder: there is none, or nothing in it but hidden files, or what palinode wrote there before.
///
/// # Errors
/// [`HfError::Occupied`] names what is in the way; [`HfError::Io`].
pub fn may_be_written(folder: &Path) -> Result<(), HfError> {
    state(folder).map(drop)
}

/// Removes a model or adapters that palinode wrote; anything else stays.
///
/// # Errors
/// [`HfError::Io`].
pub fn remove_written(folder: &Path) -> Result<(), HfError> {
    if let Ok(There::Ours) = state(folder) { remove(folder) } else { Ok(()) }
}

/// What is there already.
enum There {
    /// Nothing, or what was left half written.
    Nothing,
    /// What palinode wrote.
    Ours,
}

fn state(folder: &Path) -> Result<There, HfError> {
    let occupied = |reason: String| Err(HfError::Occupied { path: folder.to_owned(), reason });
    match fs::metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(folder).is_err() => {
            return Ok(There::Nothing);
        }
        Ok(found) if found.is_dir() => {}
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(HfError::Io { path: folder.to_owned(), source }),
        _ => return occupied("is there already, and is no folder".into()),
    }
    let (mut others, mut any) = (Vec::new(), false);
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let name = entry.map_err(at(folder))?.file_name();
        let ours = COPIED.iter().chain(&ADAPTERS).chain([&WEIGHTS]).any(|known| name == *known);
        any |= ours;
        if !ours && name != PART && OF_SYSTEMS.iter().all(|known| name != *known) {
            others.push(name.to_string_lossy().into_owned());
        }
    }
    others.sort();
    // What is hidden is in nobody's way as long as there is no model.
    match others.iter().find(|other| any || !other.starts_with('.')) {
        Some(other) => occupied(format!("is there already, and holds {other}, which palinode does not write")),
        _ if !any || folder.join(PART).is_dir() => Ok(There::Nothing),
        _ if [WEIGHTS, ADAPTERS[1]].iter().any(|weights| is_marked(&folder.join(weights))) => Ok(There::Ours),
        _ => occupied("is there already, and palinode did not write it".into()),
    }
}

/// Whether these are weights that palinode wrote.
fn is_marked(weights: &Path) -> bool {
    metadata(weights).is_ok_and(|keys| keys.contains_key(MARK))
}

/// Writes a folder: `fill` is given the hidden one, and makes the files that belong into it.
///
/// # Errors
/// As [`may_be_written`], and those of `fill`: then what was there before is as it was.
pub(crate) fn write_whole(to: &Path, fill: impl FnOnce(&Path) -> Result<(), HfError>) -> Result<(), HfError> {
    match state(to)? {
        There::Nothing => {
            let part = to.join(PART);
            fresh(&part)?;
            fill(&part)?;
            move_up(&part, to)
        }
        There::Ours => {
            // The folder itself, where it is reached by a link.
            let to = &fs::canonicalize(to).map_err(at(to))?;
            let [part, old] = [PART, OLD].map(|end| beside(to, end));
            fresh(&part)?;
            fill(&part)?;
            sync(&part)?;
            remove(&old)?;
            fs::rename(to, &old).and_then(|()| fs::rename(&part, to)).map_err(at(to))?;
            remove(&old)
        }
    }
}

/// An empty folder, in the place of one that was left.
fn fresh(path: &Path) -> Result<(), HfError> {
    remove(path)?;
    fs::create_dir_all(path).map_err(at(path))
}

/// Removes a folder under a name that only palinode gives.
fn remove(path: &Path) -> Result<(), HfError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// `.NAME.palinode-part` for `NAME`.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{end}"))
}

/// Moves files into the folder above, weights last, and removes theirs.
fn move_up(part: &Path, to: &Path) -> Result<(), HfError> {
    sync(part)?;
    let mut files = fs::read_dir(part).and_then(|found| found.collect::<Result<Vec<_>, _>>()).map_err(at(part))?;
    files.sort_by_key(|file| file.path().extension().is_some_and(|kind| kind == "safetensors"));
    for file in files {
        let target = to.join(file.file_name());
        fs::rename(file.path(), &target).map_err(at(&target))?;
    }
    fs::remove_dir(part).map_err(at(part))
}

/// Brings all files of a folder down to the disk, and their names.
fn sync(folder: &Path) -> Result<(), HfError> {
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.is_file() {
            File::options().write(true).open(&path).and_then(|file| file.sync_all()).map_err(at(&path))?;
        }
    }
    // Only Unix opens folders as files.
    if cfg!(unix) { File::open(folder).and_then(|file| file.sync_all()).map_err(at(folder)) } else { Ok(()) }
}

fn at(path: &Path) -> impl Fn(io::Error) -> HfError {
    let path = path.to_owned();
    move |source| HfError::Io { path: path.clone(), source }
}
