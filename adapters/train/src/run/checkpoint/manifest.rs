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

use super::{MASTERS, MODEL, OPTIMIZER, REFERENCE, STATE, saved::is_name};
use crate::{error::TrainError, run::files::FileSystem, trainable::hex};

/// The version of the format that this code writes; it reads this one.
pub const VERSION: u32 = 1;

/// The manifest's name.
const MANIFEST: &str = "manifest.json";

/// Begins the name of a draft.
const DRAFT: &str = ".draft-";

/// Begins the name of a folder that is being removed: nothing more is read of it.
const OLD: &str = ".draft-old-";

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

    /// Refuses another content in the place of this one.
    fn require(&self, found: &Self, path: &Path) -> Result<(), TrainError> {
        let reason = match found {
            found if found.bytes != self.bytes => format!("{} bytes were written, {} are left", self.bytes, found.bytes),
            found if found.sha256 != self.sha256 => "it is not what was written".into(),
            _ => return Ok(()),
        };
        Err(TrainError::Damaged { path: path.into(), reason })
    }

    /// Of a file, of which little is in memory at a time.
    fn of_file(path: &Path) -> io::Result<Self> {
        let (mut file, mut hash) = (fs::File::open(path)?, Sha256::new());
        let bytes = io::copy(&mut file, &mut hash)?;
        Ok(Self { bytes, sha256: hex(&hash.finalize()) })
    }
}

/// A folder that is being written.
pub(super) struct Draft<'a> {
    disk: &'a dyn FileSystem,
    path: PathBuf,
    name: String,
    manifest: Manifest,
}

impl<'a> Draft<'a> {
    /// A draft of the folder `name` in `parent`.
    pub(super) fn new(disk: &'a dyn FileSystem, parent: &Path, name: &str) -> Result<Self, TrainError> {
        let path = parent.join(format!("{DRAFT}{name}"));
        clear(disk, &path)?;
        disk.create_folder(&path).map_err(|source| at(&path, source))?;
        Ok(Self { disk, path, name: name.to_owned(), manifest: Manifest { version: VERSION, files: BTreeMap::new() } })
    }

    /// Writes one more file.
    pub(super) fn add(&mut self, file: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let path = self.path.join(file);
        self.disk.write(&path, bytes).map_err(|source| at(&path, source))?;
        self.manifest.files.insert(file.to_owned(), Content::of(bytes));
        Ok(())
    }

    /// Gives the folder its name. A checkpoint of that name is replaced, and what can't be known for one is set aside. The files are read back before this
    /// returns.
    pub(super) fn seal(self) -> Result<(), TrainError> {
        let Self { disk, path, name, manifest } = self;
        let parent = path.parent().unwrap_or(Path::new("."));
        let (target, file) = (parent.join(name), path.join(MANIFEST));
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| at(&file, error.into()))?;
        disk.write(&file, &text).and_then(|()| disk.sync_folder(&path)).map_err(|source| at(&file, source))?;
        if target.exists() {
            if is_own(&target) { remove(disk, &target)? } else { set_aside(disk, &target)? }
        }
        disk.rename(&path, &target).and_then(|()| disk.sync_folder(parent)).map_err(|source| at(&target, source))?;
        Sealed::open(&target)?.verify()
    }
}

/// Removes a checkpoint: first it stops being one.
pub(super) fn remove(disk: &dyn FileSystem, path: &Path) -> Result<(), TrainError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let old = path.with_file_name(format!("{OLD}{name}"));
    clear(disk, &old)?;
    disk.rename(path, &old).and_then(|()| disk.remove_folder(&old)).map_err(|source| at(path, source))
}

/// Gives a folder that is in the way, and that may be somebody's, the first free name after its own.
fn set_aside(disk: &dyn FileSystem, path: &Path) -> Result<(), TrainError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let aside = (1..).map(|n| path.with_file_name(format!("{name}.aside-{n}"))).find(|aside| !aside.exists());
    disk.rename(path, &aside.unwrap_or_else(|| path.into())).map_err(|source| at(path, source))
}

/// Removes what is left of a draft; a folder that holds anything else is refused.
fn clear(disk: &dyn FileSystem, path: &Path) -> Result<(), TrainError> {
    if path.exists() && !holds_only_ours(path) {
        return Err(TrainError::Foreign { path: path.into(), reason: "holds what no checkpoint has".into() });
    }
    disk.remove_folder(path).map_err(|source| at(path, source))
}

/// Removes drafts that were left.
pub(super) fn remove_drafts(disk: &dyn FileSystem, parent: &Path) -> Result<(), TrainError> {
    for name in folders(parent)? {
        let path = parent.join(&name);
        if is_draft(&name) && holds_only_ours(&path) {
            clear(disk, &path)?;
        }
    }
    Ok(())
}

/// Whether a folder is a checkpoint that palinode made: by its name, its manifest, and nothing in it that no checkpoint has.
pub(super) fn is_own(path: &Path) -> bool {
    let sealed = || match Sealed::open(path) {
        Ok(sealed) => sealed.holds(STATE),
        Err(error) => matches!(error, TrainError::Newer { .. }),
    };
    path.file_name().and_then(|name| name.to_str()).is_some_and(is_name) && holds_only_ours(path) && sealed()
}

/// Whether everything in a folder is a file that checkpoints have.
fn holds_only_ours(path: &Path) -> bool {
    const FILES: [&str; 6] = [MODEL, OPTIMIZER, MASTERS, REFERENCE, STATE, MANIFEST];
    let ours = |entry: fs::DirEntry| {
        entry.file_type().is_ok_and(|kind| kind.is_file()) && FILES.iter().any(|file| entry.file_name() == *file)
    };
    fs::read_dir(path).is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(ours)))
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
        let path = self.path.join(file);
        let missing = || TrainError::Damaged { path: path.clone(), reason: "it is missing".into() };
        let content = self.manifest.files.get(file).ok_or_else(missing)?;
        // A file that grew is not taken into memory.
        let length = fs::metadata(&path).map_err(|source| at(&path, source))?.len();
        content.require(&Content { bytes: length, sha256: content.sha256.clone() }, &path)?;
        let bytes = fs::read(&path).map_err(|source| at(&path, source))?;
        content.require(&Content::of(&bytes), &path)?;
        Ok(bytes)
    }

    /// Reads every file, a little at a time.
    pub(super) fn verify(&self) -> Result<(), TrainError> {
        self.manifest.files.iter().try_for_each(|(file, content)| {
            let path = self.path.join(file);
            content.require(&Content::of_file(&path).map_err(|source| at(&path, source))?, &path)
        })
    }
}

pub(super) fn at(path: &Path, source: io::Error) -> TrainError {
    TrainError::Io { path: path.into(), source }
}
