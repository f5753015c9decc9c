//! How a reset or drop ends: whole or not at all, wherever it is cut short.
//!
//! Both begin by renaming the directory to a hidden name, and its files are removed only once that
//! is durable: no start finds a part of them under the namespace's name. A reset has a moment at
//! which the name is gone; the hidden name says so, and a start that finds it makes the namespace.
//!
//! A fork is made under a hidden name too. What a start finds of any of them it removes.

use std::io;
use std::path::PathBuf;

use super::{NamespaceError, NamespaceName, Namespaces, storage};
use crate::disk;
use crate::files;
use crate::machine::{self, Mistake};
use crate::sql::Durability;

/// Ends the hidden names of what was reset.
const RESET: &str = ".reset";
/// Characters that tell hidden directories of one namespace apart.
const MARK_CHARS: usize = 8;

/// A directory of a fork, reset or drop under way, or of one that was cut short.
struct Hidden {
    of: NamespaceName,
    dir: PathBuf,
    by_reset: bool,
}

impl Hidden {
    /// None: somebody else's.
    fn read(dir: PathBuf) -> Option<Self> {
        let name = dir.file_name()?.to_string_lossy().into_owned();
        let rest = name.strip_prefix('.')?;
        let (rest, by_reset) = rest.strip_suffix(RESET).map_or((rest, false), |rest| (rest, true));
        let (of, mark) = rest.rsplit_once('.')?;
        let is_ours =
            mark.len() == MARK_CHARS && mark.bytes().all(|byte| byte.is_ascii_alphanumeric());
        Some(Self { of: of.parse().ok().filter(|_| is_ours)?, dir, by_reset })
    }
}

impl Namespaces {
    /// Where something of `name` lies that is not under its name: it begins with a dot.
    pub(super) fn hidden(&self, name: &NamespaceName) -> PathBuf {
        self.root.join(format!(".{name}.{}", self.entropy.text(MARK_CHARS)))
    }

    /// Where the files of `name` go when it is reset.
    pub(super) fn hidden_by_reset(&self, name: &NamespaceName) -> PathBuf {
        let mut hidden = self.hidden(name).into_os_string();
        hidden.push(RESET);
        hidden.into()
    }

    /// Makes the namespaces of resets that were cut short before there was an empty one, and has
    /// what such changes left behind removed. Another process may have ended before it flushed a
    /// name: what is found has it for good from now on.
    pub(super) fn finish_changes(&self) -> Result<(), NamespaceError> {
        let left = self.all_hidden()?;
        for hidden in left.iter().filter(|hidden| hidden.by_reset) {
            let dir = self.dir_of(&hidden.of);
            if !disk::is_dir(&dir) && !machine::makes(Mistake::ForgetReset) {
                disk::create_dir(&dir).map_err(|error| storage(&dir, &error))?;
            }
        }
        self.flush_now()?;
        if !left.is_empty() {
            // A large file takes a while to be freed, and a start does not wait for that.
            machine::thread(move || left.iter().for_each(remove));
        }
        Ok(())
    }

    /// Before `name` is dropped: no start shall make it again.
    pub(super) fn forget_resets(&self, name: &NamespaceName) -> Result<(), NamespaceError> {
        let resets = self.all_hidden()?.into_iter().filter(|hidden| hidden.by_reset);
        for Hidden { dir, .. } in resets.filter(|hidden| hidden.of == *name) {
            match disk::rename(&dir, &self.hidden(name)) {
                // It was being removed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                renamed => renamed.map_err(|error| storage(&dir, &error))?,
            }
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

    fn all_hidden(&self) -> Result<Vec<Hidden>, NamespaceError> {
        let entries = disk::list(&self.root).map_err(|error| storage(&self.root, &error))?;
        let folders = entries.into_iter().filter(|entry| entry.is_dir);
        Ok(folders.filter_map(|entry| Hidden::read(entry.path)).collect())
    }
}

/// The next start finds what stays.
fn remove(left: &Hidden) {
    match disk::remove_dir_all(&left.dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(dir = %left.dir.display(), %error, "a change's files stay for now");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_change_hides_is_taken_for_it() {
        let read = |name: &str| {
            let hidden = Hidden::read(PathBuf::from("/data/namespaces").join(name))?;
            Some((hidden.of.as_str().to_owned(), hidden.by_reset))
        };
        assert_eq!(read(".team-7.aZ09bY18"), Some(("team-7".to_owned(), false)));
        assert_eq!(read(".team-7.aZ09bY18.reset"), Some(("team-7".to_owned(), true)));
        for other in [
            "team-7",
            ".team-7",
            ".team-7.reset",
            ".team-7.aZ09bY1",
            ".team-7.aZ09bY1_",
            ".Team.aZ09bY18",
            ".aZ09bY18",
            "..aZ09bY18",
            ".team-7.aZ09bY18.reset.old",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
