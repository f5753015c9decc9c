//! Backups: a consistent copy of a data directory with a checksum for every file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kit::files;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::data_dir::{self, DataDirError};

const MANIFEST: &str = "MANIFEST.json";

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// When it was taken, RFC 3339.
    pub taken_at: String,
    /// Every file but this one.
    pub files: Vec<Entry>,
}

/// One file of a backup.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the backup.
    pub path: PathBuf,
    pub bytes: u64,
    /// CRC-32 (IEEE), which finds what disks and copies do to files.
    pub crc32: u32,
}

#[derive(Debug, Error)]
pub enum BackupError {
    #[error("{0} exists; a backup is made in a new directory")]
    Exists(PathBuf),
    #[error("{0} is no backup: it has no readable {MANIFEST} ({1})")]
    NoManifest(PathBuf, String),
    #[error("{0} is damaged: it is not what was backed up; use another backup")]
    Damaged(PathBuf),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    #[error("{0}")]
    Refused(String),
}

/// Makes `to` by `copy`, which gets the path to fill, and seals it with a manifest. A crash leaves
/// no directory called `to`.
pub fn make(
    to: &Path,
    taken_at: String,
    copy: impl FnOnce(&Path) -> Result<(), BackupError>,
) -> Result<Manifest, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let refused = |error| BackupError::Io(to.to_owned(), error);
    let mut unfinished = to.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(refused)?;
    }
    fs::create_dir_all(&unfinished).map_err(refused)?;
    copy(&unfinished)?;
    data_dir::mark(&unfinished).map_err(refused)?;
    let manifest = seal(&unfinished, taken_at).map_err(refused)?;
    fs::rename(&unfinished, to).map_err(refused)?;
    if let Some(above) = to.parent() {
        files::flush_folder(above).map_err(refused)?;
    }
    Ok(manifest)
}

fn seal(backup: &Path, taken_at: String) -> io::Result<Manifest> {
    let entries = files::walk(backup)?.into_iter().map(|file| {
        let (bytes, crc32) = sum(&file)?;
        Ok(Entry { path: file.strip_prefix(backup).unwrap_or(&file).to_owned(), bytes, crc32 })
    });
    let manifest = Manifest { taken_at, files: entries.collect::<io::Result<_>>()? };
    fs::write(backup.join(MANIFEST), serde_json::to_vec_pretty(&manifest)?)?;
    files::flush_snapshot(backup)?;
    Ok(manifest)
}

/// Reads every file of the backup and compares it with the manifest.
pub fn verify(backup: &Path) -> Result<Manifest, BackupError> {
    let unreadable = |error: &dyn std::fmt::Display| {
        BackupError::NoManifest(backup.to_owned(), error.to_string())
    };
    let text = fs::read(backup.join(MANIFEST)).map_err(|error| unreadable(&error))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| unreadable(&error))?;
    data_dir::check_format(backup)?;
    for entry in &manifest.files {
        let file = backup.join(&entry.path);
        match sum(&file) {
            Ok(found) if found == (entry.bytes, entry.crc32) => {}
            _ => return Err(BackupError::Damaged(file)),
        }
    }
    Ok(manifest)
}

/// Makes the data directory `to` from a backup: links where the file system can, since stores
/// never write into a file that is shared.
pub fn restore(backup: &Path, to: &Path) -> Result<Manifest, BackupError> {
    let manifest = verify(backup)?;
    let refused = |error| BackupError::Io(to.to_owned(), error);
    if to.exists() && fs::read_dir(to).map_err(refused)?.next().is_some() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    files::snapshot_closed(backup, to).map_err(refused)?;
    fs::remove_file(to.join(MANIFEST)).map_err(refused)?;
    Ok(manifest)
}

fn sum(file: &Path) -> io::Result<(u64, u32)> {
    let (mut reader, mut hasher) = (File::open(file)?, crc32fast::Hasher::new());
    let (mut buffer, mut bytes) = (vec![0; 1 << 16], 0);
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_is_found_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let (backup, data) = (dir.path().join("b"), dir.path().join("d"));
        let fill = |path: &Path| {
            fs::create_dir(path.join("deep")).unwrap();
            fs::write(path.join("deep/a.db"), "state").unwrap();
            Ok(())
        };
        make(&backup, "now".to_owned(), fill).unwrap();
        assert!(matches!(make(&backup, String::new(), |_| Ok(())), Err(BackupError::Exists(_))));
        assert_eq!(restore(&backup, &data).unwrap().files.len(), 2);
        assert_eq!(fs::read_to_string(data.join("deep/a.db")).unwrap(), "state");
        assert!(matches!(restore(&backup, &data), Err(BackupError::Exists(_))));
        fs::write(backup.join("deep/a.db"), "stale").unwrap();
        let error = restore(&backup, &dir.path().join("e")).unwrap_err();
        assert!(error.to_string().contains("deep/a.db is damaged"), "{error}");
    }
}
