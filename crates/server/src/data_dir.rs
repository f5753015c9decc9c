//! A data directory: used by one process at a time, and marked with its format.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Counts the layouts of a data directory. A higher one is refused, a lower one brought up.
const FORMAT: u32 = 1;

/// A data directory that this process has to itself until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

#[derive(Debug, Error)]
pub enum DataDirError {
    #[error("{0} is in use by another backplane; stop it or choose another directory (data.dir)")]
    InUse(PathBuf),
    #[error("{0} has format {1}, newer than the {FORMAT} known here; run a newer backplane")]
    Newer(PathBuf, u32),
    #[error("{0} is no data directory: it holds other files; choose an empty one (data.dir)")]
    Foreign(PathBuf),
    #[error("{0} cannot be written: {1}; make it writable or choose another (data.dir)")]
    ReadOnly(PathBuf, io::Error),
    #[error("{0}: {1} (data.dir)")]
    Io(PathBuf, io::Error),
}

impl DataDirError {
    fn of(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly(path.to_owned(), error)
            }
            _ => Self::Io(path.to_owned(), error),
        }
    }
}

impl DataDir {
    /// Takes `path` for this process, making it if it is not there.
    pub fn take(path: &Path) -> Result<Self, DataDirError> {
        let refused = |error| DataDirError::of(path, error);
        fs::create_dir_all(path).map_err(refused)?;
        let is_new = check_format(path)?;
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).open(path.join("LOCK"));
        let lock = lock.map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        if is_new {
            mark(path).map_err(refused)?;
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Writes the mark of this format into `path`.
pub fn mark(path: &Path) -> io::Result<()> {
    let mut file = File::create(path.join("FORMAT"))?;
    writeln!(file, "backplane {FORMAT}")
}

/// True when `path` is empty: a new data directory.
pub fn check_format(path: &Path) -> Result<bool, DataDirError> {
    match fs::read_to_string(path.join("FORMAT")) {
        Ok(text) => {
            let number = text.trim().strip_prefix("backplane ").and_then(|n| n.parse().ok());
            match number {
                Some(number) if number <= FORMAT => Ok(false),
                Some(newer) => Err(DataDirError::Newer(path.to_owned(), newer)),
                None => Err(DataDirError::Foreign(path.to_owned())),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let refused = |error| DataDirError::of(path, error);
            let mut entries = fs::read_dir(path).map_err(refused)?;
            let other = entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != "LOCK"));
            if other { Err(DataDirError::Foreign(path.to_owned())) } else { Ok(true) }
        }
        Err(error) => Err(DataDirError::of(path, error)),
    }
}
