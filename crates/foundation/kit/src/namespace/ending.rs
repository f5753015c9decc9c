//! How a reset or drop ends: whole or not at all, wherever it is cut short.
//!
//! Both begin by renaming the directory to a hidden name, and its files are removed only once that
//! is durable: no start finds a part of them under the namespace's name. A reset has a moment at
//! which the name is gone; the hidden name says so, and a start that finds it makes the namespace.

use std::io;
use std::path::PathBuf;

use super::{NamespaceError, NamespaceName, Namespaces, storage};
use crate::disk;
use crate::files;
use crate::machine::{self, Mistake};
use crate::sql::Durability;

/// Ends the hidden names of what was reset.
const RESET: &str = ".reset";

impl Namespaces {
    /// Where the files of `name` go when it is reset.
    pub(super) fn hidden_by_reset(&self, name: &NamespaceName) -> PathBuf {
        let mut hidden = self.hidden(name).into_os_string();
        hidden.push(RESET);
        hidden.into()
    }

    /// Makes the namespaces of resets that were cut short before there was an empty one. Another
    /// process may have ended before it flushed a name: what is found has it for good from now on.
    pub(super) fn finish_changes(&self) -> Result<(), NamespaceError> {
        for (name, _) in self.resets()? {
            let dir = self.dir_of(&name);
            if !disk::is_dir(&dir) && !machine::makes(Mistake::ForgetReset) {
                disk::create_dir(&dir).map_err(|error| storage(&dir, &error))?;
            }
        }
        self.flush_now()
    }

    /// Before `name` is dropped: no start shall make it again.
    pub(super) fn forget_resets(&self, name: &NamespaceName) -> Result<(), NamespaceError> {
        for (_, dir) in self.resets()?.into_iter().filter(|(of, _)| of == name) {
            disk::rename(&dir, &self.hidden(name)).map_err(|error| storage(&dir, &error))?;
        }
        Ok(())
    }

    /// Makes the new names durable, and only then removes the files that lie in `gone`.
    pub(super) async fn flush_end(&self, gone: PathBuf) -> Result<(), NamespaceError> {
        if !machine::makes(Mistake::EndUnflushed) {
            self.flush_root().await?;
        }
        // What is left behind begins with a dot, and no namespace does.
        machine::blocking(move || disk::remove_dir_all(&gone));
        Ok(())
    }

    /// Makes the names of namespaces durable.
    pub(super) async fn flush_root(&self) -> Result<(), NamespaceError> {
        if self.settings.durability == Durability::Buffered {
            return Ok(());
        }
        let root = self.root.clone();
        let flushed = machine::blocking(move || files::flush_folder(&root)).await;
        let flushed = flushed.unwrap_or_else(|unfinished| Err(io::Error::other(unfinished)));
        flushed.map_err(|error| storage(&self.root, &error))
    }

    fn flush_now(&self) -> Result<(), NamespaceError> {
        if self.settings.durability == Durability::Buffered {
            return Ok(());
        }
        files::flush_folder(&self.root).map_err(|error| storage(&self.root, &error))
    }

    /// The hidden directories of resets whose files are not all removed, and of which namespace.
    fn resets(&self) -> Result<Vec<(NamespaceName, PathBuf)>, NamespaceError> {
        let entries = disk::list(&self.root).map_err(|error| storage(&self.root, &error))?;
        let reset = entries.into_iter().filter_map(|entry| {
            let name = entry.path.file_name()?.to_string_lossy().into_owned();
            let (name, _) = name.strip_prefix('.')?.strip_suffix(RESET)?.rsplit_once('.')?;
            Some((name.parse().ok()?, entry.path))
        });
        Ok(reset.collect())
    }
}
