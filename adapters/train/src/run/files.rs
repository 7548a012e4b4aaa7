//! What storing a checkpoint asks of a file system, so that tests can make any of it fail.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// Operations that change a file system, each of which may fail.
///
/// When one fails, what it should have changed is as it was, or partly changed in the place that was named, and nothing else.
pub trait FileSystem: fmt::Debug + Send + Sync {
    /// Makes a folder, and those above it.
    ///
    /// # Errors
    /// The system's reason; so for all methods.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Writes a whole file, down to the disk.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Gives a file or folder another name; a file of that name is replaced at once.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes names that were given in a folder last.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Removes a file; it is no error when there is none.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder and all that is in it; it is no error when there is none.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
}

/// The file system itself.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl FileSystem for Disk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // Only Unix opens folders as files; elsewhere names last without that.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        unless_missing(fs::remove_file(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        unless_missing(fs::remove_dir_all(path))
    }
}

fn unless_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
