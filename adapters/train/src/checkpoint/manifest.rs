//! A folder that is whole, or is known not to be.
//!
//! Files are written into a draft beside it and down to the disk, then a manifest with their sizes and hashes, and only then the draft gets its name. What has no
//! manifest, or another content than it says, is not looked at further.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{error::TrainError, files::Files, trainable::hex};

/// The version of the format that this code writes; it reads this one.
pub const VERSION: u32 = 1;

/// The manifest's name.
const MANIFEST: &str = "manifest.json";

/// Begins the name of a draft.
const DRAFT: &str = ".draft-";

/// What a sealed folder says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    /// Version of the format.
    version: u32,
    /// Its files.
    #[serde(default)]
    files: BTreeMap<String, Content>,
}

/// Size and hash of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    bytes: u64,
    sha256: String,
}

impl Content {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) }
    }
}

/// A folder that is being written.
pub(super) struct Draft<'a> {
    disk: &'a dyn Files,
    path: PathBuf,
    name: String,
    manifest: Manifest,
}

impl<'a> Draft<'a> {
    /// A draft of the folder `name` in `parent`.
    pub(super) fn new(disk: &'a dyn Files, parent: &Path, name: &str) -> Result<Self, TrainError> {
        let path = parent.join(format!("{DRAFT}{name}"));
        disk.remove_folder(&path).and_then(|()| disk.create_folder(&path)).map_err(|source| at(&path, source))?;
        Ok(Self { disk, path, name: name.to_owned(), manifest: Manifest { version: VERSION, files: BTreeMap::new() } })
    }

    /// Writes one more file.
    pub(super) fn add(&mut self, file: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let path = self.path.join(file);
        self.disk.write(&path, bytes).map_err(|source| at(&path, source))?;
        self.manifest.files.insert(file.to_owned(), Content::of(bytes));
        Ok(())
    }

    /// Gives the folder its name; one of that name is replaced. The files are read back before this returns.
    pub(super) fn seal(self) -> Result<(), TrainError> {
        let Self { disk, path, name, manifest } = self;
        let parent = path.parent().unwrap_or(Path::new("."));
        let (target, file) = (parent.join(name), path.join(MANIFEST));
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| at(&file, error.into()))?;
        disk.write(&file, &text).and_then(|()| disk.sync_folder(&path)).map_err(|source| at(&file, source))?;
        remove(disk, &target)?;
        disk.rename(&path, &target).and_then(|()| disk.sync_folder(parent)).map_err(|source| at(&target, source))?;
        Sealed::open(&target)?.verify()
    }
}

/// Removes a sealed folder: first it stops being one.
pub(super) fn remove(disk: &dyn Files, path: &Path) -> Result<(), TrainError> {
    disk.remove_file(&path.join(MANIFEST)).or_else(not_a_folder).map_err(|source| at(path, source))?;
    disk.remove_folder(path).map_err(|source| at(path, source))
}

fn not_a_folder(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotADirectory { Ok(()) } else { Err(error) }
}

/// Removes drafts that were left.
pub(super) fn remove_drafts(disk: &dyn Files, parent: &Path) -> Result<(), TrainError> {
    for name in folders(parent)? {
        if name.starts_with(DRAFT) {
            let path = parent.join(name);
            disk.remove_folder(&path).map_err(|source| at(&path, source))?;
        }
    }
    Ok(())
}

/// Names of the folders in one; none where it does not exist.
pub(super) fn folders(parent: &Path) -> Result<Vec<String>, TrainError> {
    let entries = match fs::read_dir(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| at(parent, source))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| at(parent, source))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a name is that of a draft.
pub(super) fn is_draft(name: &str) -> bool {
    name.starts_with(DRAFT)
}

/// A folder with a manifest.
#[derive(Debug)]
pub(super) struct Sealed {
    path: PathBuf,
    manifest: Manifest,
}

impl Sealed {
    /// Reads the manifest.
    ///
    /// # Errors
    /// [`TrainError::Damaged`] when there is none that can be read; [`TrainError::Newer`] for one of a newer format.
    pub(super) fn open(path: &Path) -> Result<Self, TrainError> {
        let damaged = |reason: String| TrainError::Damaged { path: path.into(), reason };
        let text = match fs::read(path.join(MANIFEST)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged("it was not completed".into())),
            text => text.map_err(|source| at(&path.join(MANIFEST), source))?,
        };
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| damaged(format!("{MANIFEST}: {error}")))?;
        let plain = |name: &String| Path::new(name).file_name().is_some_and(|file| file == name.as_str());
        if let Some(name) = manifest.files.keys().find(|name| !plain(name)) {
            return Err(damaged(format!("{MANIFEST}: {name:?} is not the name of a file")));
        }
        match manifest.version {
            VERSION => Ok(Self { path: path.into(), manifest }),
            0 => Err(damaged(format!("{MANIFEST}: there is no version 0 of this format"))),
            found => Err(TrainError::Newer { path: path.into(), found, known: VERSION }),
        }
    }

    /// Whether there is a file of this name.
    pub(super) fn holds(&self, file: &str) -> bool {
        self.manifest.files.contains_key(file)
    }

    /// A file's bytes, which are those that the manifest speaks of.
    ///
    /// # Errors
    /// [`TrainError::Damaged`], [`TrainError::Io`].
    pub(super) fn read(&self, file: &str) -> Result<Vec<u8>, TrainError> {
        let damaged = |reason: String| TrainError::Damaged { path: self.path.join(file), reason };
        let content = self.manifest.files.get(file).ok_or_else(|| damaged("it is missing".into()))?;
        let path = self.path.join(file);
        let length = fs::metadata(&path).map_err(|source| at(&path, source))?.len();
        if length != content.bytes {
            return Err(damaged(format!("{} bytes were written, {length} are left", content.bytes)));
        }
        let bytes = fs::read(&path).map_err(|source| at(&path, source))?;
        if Content::of(&bytes) == *content { Ok(bytes) } else { Err(damaged("it is not what was written".into())) }
    }

    /// Reads every file.
    pub(super) fn verify(&self) -> Result<(), TrainError> {
        self.manifest.files.keys().try_for_each(|file| self.read(file).map(drop))
    }
}

pub(super) fn at(path: &Path, source: io::Error) -> TrainError {
    TrainError::Io { path: path.into(), source }
}
