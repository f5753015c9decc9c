//! Files are immutable once they have their name, or tails; a snapshot links the former and copies
//! the latter, at a moment when no store writes.
//!
//! A store (an SQLite database, a journal) says which of its files are which while it is held
//! ([`Store::hold`]). A file that no open store speaks for is judged by its name, see [`judge`].

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::disk::{self, File};
use crate::machine::{self, Mistake};
use crate::sql::Durability;
use crate::sql::sqlite::Sqlite;

/// What a snapshot does with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Never changes under this name: a hard link will do.
    Immutable,
    /// Grows or changes: its first `bytes` are copied.
    Tail {
        /// How much of the file counts.
        bytes: u64,
    },
    /// Rebuilt when needed, or left behind by a crash: not taken along.
    Transient,
}

/// Something that writes files.
pub trait Store: Send + Sync {
    /// Ends the write under way and lets no other begin until the hold is dropped. Blocks.
    fn hold(&self) -> Box<dyn Hold + '_>;
}

/// A store at rest.
pub trait Hold {
    /// The store's files and what each is.
    fn parts(&self) -> Vec<(PathBuf, Part)>;
}

impl Store for Sqlite {
    fn hold(&self) -> Box<dyn Hold + '_> {
        Box::new(Sqlite::hold(self))
    }
}

impl Hold for crate::sql::sqlite::Held<'_> {
    fn parts(&self) -> Vec<(PathBuf, Part)> {
        let (log, bytes) = self.log();
        vec![(self.main_file().to_owned(), Part::Immutable), (log, Part::Tail { bytes })]
    }
}

/// The open stores of one namespace.
#[derive(Clone, Default)]
pub struct Files(Arc<Mutex<Vec<Weak<dyn Store>>>>);

impl Files {
    /// Makes `store` part of every later snapshot, for as long as it lives.
    pub fn register(&self, store: &Arc<dyn Store>) {
        let mut stores = self.0.lock();
        stores.retain(|store| store.strong_count() > 0);
        stores.push(Arc::downgrade(store));
    }

    /// Makes `to`, which must not exist, a snapshot of the directory `from`. Blocks; all registered
    /// stores stand still meanwhile, for as long as the tails take to copy.
    ///
    /// # Errors
    /// The file system's own; `to` may then be left behind half-made.
    pub fn snapshot(&self, from: &Path, to: &Path) -> io::Result<()> {
        let stores: Vec<_> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        let mut parts = HashMap::new();
        let mut holds = Vec::new();
        for store in &stores {
            let hold = store.hold();
            parts.extend(hold.parts());
            if !machine::makes(Mistake::HoldOneByOne) {
                holds.push(hold);
            }
        }
        copy_tree(from, to, &|file| parts.get(file).copied().map_or_else(|| judge(file), Ok))
    }
}

/// Copies the directory `from` of stores that are not open to `to`, as a snapshot does.
///
/// # Errors
/// The file system's own.
pub fn snapshot_closed(from: &Path, to: &Path) -> io::Result<()> {
    copy_tree(from, to, &judge)
}

/// What a file is by its name alone: `-wal` and `.tail` are tails, `-shm`, `.new` and `.own` are
/// transient, everything else is immutable.
///
/// # Errors
/// When the length of a tail cannot be read.
pub fn judge(file: &Path) -> io::Result<Part> {
    let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&["-shm", ".new", ".own"]) {
        Ok(Part::Transient)
    } else if ends(&["-wal", ".tail"]) {
        Ok(Part::Tail { bytes: disk::metadata(file)?.bytes })
    } else {
        Ok(Part::Immutable)
    }
}

/// All files below `folder`, in order of their paths.
///
/// # Errors
/// The file system's own.
pub fn walk(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in disk::list(&folder)? {
            let into = if entry.is_dir { &mut folders } else { &mut files };
            into.push(entry.path);
        }
    }
    files.sort();
    Ok(files)
}

/// Bytes of all files below `folder`.
///
/// # Errors
/// The file system's own.
pub fn bytes_below(folder: &Path) -> io::Result<u64> {
    walk(folder)?.iter().map(|file| disk::metadata(file).map(|file| file.bytes)).sum()
}

/// Has the file system keep what was done to the entries of `folder`.
///
/// # Errors
/// The file system's own.
pub fn flush_folder(folder: &Path) -> io::Result<()> {
    disk::flush_folder(folder)
}

/// Makes a folder and those above it that are missing. With [`Durability::Flush`] each has its name
/// for good: what is flushed in a folder is lost with the folder's own name. That of a folder that
/// is there too: a process may have made it and ended before it flushed the name.
///
/// # Errors
/// The file system's own.
pub fn make_folders(path: &Path, durability: Durability) -> io::Result<()> {
    let above = match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Ok(()),
    };
    if !disk::is_dir(path) {
        make_folders(above, durability)?;
        match disk::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    if durability == Durability::Flush { flush_folder(above) } else { Ok(()) }
}

/// Makes a snapshot durable: the files that were copied for it, and every folder of it. What it
/// links to was durable before.
///
/// # Errors
/// The file system's own.
pub fn flush_snapshot(folder: &Path) -> io::Result<()> {
    if machine::makes(Mistake::ForkUnflushed) {
        return Ok(());
    }
    for entry in disk::list(folder)? {
        if entry.is_dir {
            flush_snapshot(&entry.path)?;
        } else if disk::metadata(&entry.path)?.links == 1 {
            File::open(&entry.path)?.sync_all()?;
        }
    }
    disk::flush_folder(folder)
}

fn copy_tree(
    from: &Path,
    to: &Path,
    part_of: &dyn Fn(&Path) -> io::Result<Part>,
) -> io::Result<()> {
    disk::create_dir_all(to)?;
    for source in walk(from)? {
        let target = to.join(source.strip_prefix(from).unwrap_or(&source));
        if let Some(folder) = target.parent() {
            disk::create_dir_all(folder)?;
        }
        match part_of(&source)? {
            Part::Transient => {}
            Part::Immutable => link_or_copy(&source, &target)?,
            Part::Tail { bytes } => copy_start(&source, &target, bytes)?,
        }
    }
    Ok(())
}

/// A link costs 20 us whatever the size; across file systems only a copy is possible.
fn link_or_copy(source: &Path, target: &Path) -> io::Result<()> {
    match disk::hard_link(source, target) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => disk::copy(source, target),
        linked => linked,
    }
}

fn copy_start(source: &Path, target: &Path, bytes: u64) -> io::Result<()> {
    match disk::copy_start(source, target, bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        copied => copied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_snapshot_links_what_is_immutable_and_copies_tails() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("deep")).unwrap();
        for name in ["a.db", "a.db-wal", "a.db-shm", "deep/segment", "deep/b.tail", "c.new"] {
            fs::write(from.join(name), name).unwrap();
        }
        snapshot_closed(&from, &to).unwrap();
        let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
        for linked in ["a.db", "deep/segment"] {
            assert_eq!(inode(from.join(linked)), inode(to.join(linked)), "{linked}");
        }
        for copied in ["a.db-wal", "deep/b.tail"] {
            assert_ne!(inode(from.join(copied)), inode(to.join(copied)), "{copied}");
            assert_eq!(fs::read_to_string(to.join(copied)).unwrap(), copied);
        }
        assert_eq!(walk(&to).unwrap().len(), 4);
    }
}
