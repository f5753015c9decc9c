//! A folder of small text files that people and programs write: configuration that a system reads
//! again while it runs.
//!
//! A file is replaced, never changed: it is written under another name and renamed, so whoever
//! reads finds the old text or the new one, and a snapshot may link it ([`crate::files`]).

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The folder. Its files are read anew at each call.
#[derive(Clone, Debug)]
pub struct Documents {
    folder: PathBuf,
}

/// Why a folder could not be read or written.
#[derive(Debug, Error)]
pub enum DocumentsError {
    /// The file system's own reason.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is longer than its reader allows.
    #[error("{}: longer than {bytes_max} bytes", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// What is allowed.
        bytes_max: usize,
    },
    /// The file is no text.
    #[error("{}: not UTF-8", .0.display())]
    NotText(PathBuf),
}

impl Documents {
    /// The files of `folder`, which need not be there yet.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Name and text of every file whose name `is_wanted`, in the order of the names. A folder
    /// that is not there has none.
    ///
    /// # Errors
    /// [`DocumentsError`], naming the file.
    pub fn read(
        &self,
        is_wanted: impl Fn(&str) -> bool,
        bytes_max: usize,
    ) -> Result<Vec<(String, String)>, DocumentsError> {
        let failed = |error| DocumentsError::Io { path: self.folder.clone(), error };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut documents = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            let path = self.folder.join(&name);
            // A folder that is mounted for a container has links; they are followed.
            if is_wanted(&name) && path.is_file() {
                documents.push((name, read_text(&path, bytes_max)?));
            }
        }
        documents.sort();
        Ok(documents)
    }

    /// Puts `text` in the place of the file `name`, durably.
    ///
    /// # Errors
    /// [`DocumentsError::Io`]; the file is then as it was.
    pub fn put(&self, name: &str, text: &str) -> Result<(), DocumentsError> {
        let path = self.folder.join(name);
        let failed = |error| DocumentsError::Io { path: path.clone(), error };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let unfinished = self.folder.join(format!("{name}.new"));
        fs::write(&unfinished, text).map_err(failed)?;
        fs::File::open(&unfinished).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::rename(&unfinished, &path).map_err(failed)?;
        crate::files::flush_folder(&self.folder).map_err(failed)
    }

    /// Removes the file `name`; whether it was there.
    ///
    /// # Errors
    /// [`DocumentsError::Io`].
    pub fn remove(&self, name: &str) -> Result<bool, DocumentsError> {
        let path = self.folder.join(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(DocumentsError::Io { path, error }),
        }
    }
}

fn read_text(path: &Path, bytes_max: usize) -> Result<String, DocumentsError> {
    let failed = |error| DocumentsError::Io { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > bytes_max {
        return Err(DocumentsError::TooLong { path: path.to_owned(), bytes_max });
    }
    String::from_utf8(bytes).map_err(|_| DocumentsError::NotText(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_read_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let documents = Documents::new(dir.path().join("rules"));
        let all = || documents.read(|name| name.ends_with(".txt"), 10);
        assert_eq!(all().unwrap(), []);
        documents.put("b.txt", "two").unwrap();
        documents.put("a.txt", "one").unwrap();
        documents.put("b.txt", "three").unwrap();
        documents.put("other", "left alone").unwrap();
        let read = all().unwrap();
        let read: Vec<_> = read.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(read, [("a.txt", "one"), ("b.txt", "three")]);
        assert!(documents.remove("a.txt").unwrap() && !documents.remove("a.txt").unwrap());
        documents.put("b.txt", "longer than ten").unwrap();
        assert!(all().unwrap_err().to_string().contains("longer than 10 bytes"));
        fs::write(dir.path().join("rules/b.txt"), [0xff]).unwrap();
        assert!(all().unwrap_err().to_string().contains("not UTF-8"));
    }
}
