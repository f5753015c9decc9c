//! Files as a store reads and writes them, named as in `std::fs`: the machine's own, or those of a
//! simulated disk that tears, fills up and loses power (see [`crate::machine`]).
//!
//! Where no simulation is under way each call is the one of `std` and nothing more. SQLite's reads
//! and writes do not come by here then: see `sql/sqlite/vfs.rs`.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::machine::simulated;

/// Bytes that a simulated copy moves at once.
const COPY_BYTES: usize = 64 << 10;

/// What [`Disk::open`] finds or makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// A file that is there, to be read.
    Read,
    /// A file that is there, to be read and written.
    Write,
    /// As [`Open::Write`], but made when it is missing.
    Create,
    /// As [`Open::Create`], but emptied when it is there.
    Empty,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Its length.
    pub bytes: u64,
    /// Which file system it is on.
    pub device: u64,
    /// Which file of it; names that are linked share it.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// Whether it is a folder.
    pub is_dir: bool,
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The folder's path and the name.
    pub path: PathBuf,
    /// Whether it is a folder.
    pub is_dir: bool,
}

/// A simulated disk. Its calls fail as those of Linux do, and mean the same.
pub trait Disk: Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// As `open(2)`.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>>;
    /// What is known of the file called `path`.
    ///
    /// # Errors
    /// As `stat(2)`.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// Gives a file another name, in the place of whatever file has it. Atomic.
    ///
    /// # Errors
    /// As `rename(2)`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file one more name.
    ///
    /// # Errors
    /// As `link(2)`.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a file's name away.
    ///
    /// # Errors
    /// As `unlink(2)`.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder.
    ///
    /// # Errors
    /// As `mkdir(2)`.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    ///
    /// # Errors
    /// As `rmdir(2)`.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, in their order.
    ///
    /// # Errors
    /// As `getdents(2)`.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>>;
    /// Makes the names in `folder` durable.
    ///
    /// # Errors
    /// As `fsync(2)`.
    fn flush_folder(&self, folder: &Path) -> io::Result<()>;
}

/// An open file of a simulated disk.
pub trait DiskFile: Send + Sync {
    /// Reads at most `into.len()` bytes; fewer at the end of the file.
    ///
    /// # Errors
    /// As `pread(2)`.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes at most `bytes.len()` bytes; fewer when the disk fills up.
    ///
    /// # Errors
    /// As `pwrite(2)`.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;
    /// Cuts the file off or lengthens it with zeros.
    ///
    /// # Errors
    /// As `ftruncate(2)`.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    /// See [`Metadata`].
    ///
    /// # Errors
    /// As `fstat(2)`.
    fn metadata(&self) -> io::Result<Metadata>;
    /// Makes content and length durable, but no name.
    ///
    /// # Errors
    /// As `fdatasync(2)`: after a failure it is unknown what was kept, and a repeated call does not
    /// make up for it.
    fn sync_data(&self) -> io::Result<()>;
    /// As [`DiskFile::sync_data`], and what else belongs to the file.
    ///
    /// # Errors
    /// As [`DiskFile::sync_data`].
    fn sync_all(&self) -> io::Result<()>;
}

/// An open file.
pub enum File {
    /// Of the machine.
    Real(fs::File),
    /// Of a simulated disk.
    Simulated(Box<dyn DiskFile>),
}

impl File {
    /// Opens a file to read it.
    ///
    /// # Errors
    /// The file system's own.
    pub fn open(path: &Path) -> io::Result<Self> {
        match simulated() {
            Some(machine) => machine.disk().open(path, Open::Read).map(Self::Simulated),
            None => fs::File::open(path).map(Self::Real),
        }
    }

    /// Opens a file that is there to read and write it.
    ///
    /// # Errors
    /// The file system's own.
    pub fn open_to_write(path: &Path) -> io::Result<Self> {
        match simulated() {
            Some(machine) => machine.disk().open(path, Open::Write).map(Self::Simulated),
            None => fs::OpenOptions::new().read(true).write(true).open(path).map(Self::Real),
        }
    }

    /// Makes a file, or empties the one that is there.
    ///
    /// # Errors
    /// The file system's own.
    pub fn create(path: &Path) -> io::Result<Self> {
        match simulated() {
            Some(machine) => machine.disk().open(path, Open::Empty).map(Self::Simulated),
            None => fs::File::create(path).map(Self::Real),
        }
    }

    /// The length in bytes.
    ///
    /// # Errors
    /// The file system's own.
    pub fn len(&self) -> io::Result<u64> {
        match self {
            Self::Real(file) => file.metadata().map(|file| file.len()),
            Self::Simulated(file) => file.metadata().map(|file| file.bytes),
        }
    }

    /// Whether the length is 0.
    ///
    /// # Errors
    /// The file system's own.
    pub fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|bytes| bytes == 0)
    }

    /// Reads at most `into.len()` bytes.
    ///
    /// # Errors
    /// The file system's own.
    pub fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Self::Real(file) => file.read_at(into, at),
            Self::Simulated(file) => file.read_at(into, at),
        }
    }

    /// Fills `into`.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`], or the file system's own.
    pub fn read_exact_at(&self, mut into: &mut [u8], mut at: u64) -> io::Result<()> {
        while !into.is_empty() {
            match self.read_at(into, at)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                bytes => {
                    into = &mut into[bytes..];
                    at += bytes as u64;
                }
            }
        }
        Ok(())
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// The file system's own; a part may be written then.
    pub fn write_all_at(&self, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        let file = match self {
            Self::Real(file) => return file.write_all_at(bytes, at),
            Self::Simulated(file) => file,
        };
        while !bytes.is_empty() {
            let written = file.write_at(bytes, at)?;
            bytes = &bytes[written..];
            at += written as u64;
        }
        Ok(())
    }

    /// Makes content and length durable, and no more.
    ///
    /// # Errors
    /// As [`File::sync_all`].
    pub fn sync_data(&self) -> io::Result<()> {
        match self {
            Self::Real(file) => file.sync_data(),
            Self::Simulated(file) => file.sync_data(),
        }
    }

    /// Makes content and length durable.
    ///
    /// # Errors
    /// The file system's own; a repeated call does not make up for a failed one.
    pub fn sync_all(&self) -> io::Result<()> {
        match self {
            Self::Real(file) => file.sync_all(),
            Self::Simulated(file) => file.sync_all(),
        }
    }
}

/// What is known of the file called `path`.
///
/// # Errors
/// The file system's own.
pub fn metadata(path: &Path) -> io::Result<Metadata> {
    if let Some(machine) = simulated() {
        return machine.disk().metadata(path);
    }
    fs::metadata(path).map(|file| Metadata {
        bytes: file.len(),
        device: file.dev(),
        inode: file.ino(),
        links: file.nlink(),
        is_dir: file.is_dir(),
    })
}

/// Whether a file or folder has this name.
pub fn exists(path: &Path) -> bool {
    metadata(path).is_ok()
}

/// Whether a folder has this name.
pub fn is_dir(path: &Path) -> bool {
    metadata(path).is_ok_and(|file| file.is_dir)
}

/// Gives a file or folder another name, in the place of whatever file has it. Atomic.
///
/// # Errors
/// The file system's own.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match simulated() {
        Some(machine) => machine.disk().rename(from, to),
        None => fs::rename(from, to),
    }
}

/// Gives a file one more name.
///
/// # Errors
/// The file system's own.
pub fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    match simulated() {
        Some(machine) => machine.disk().hard_link(from, to),
        None => fs::hard_link(from, to),
    }
}

/// Takes a file's name away.
///
/// # Errors
/// The file system's own.
pub fn remove_file(path: &Path) -> io::Result<()> {
    match simulated() {
        Some(machine) => machine.disk().remove_file(path),
        None => fs::remove_file(path),
    }
}

/// Makes a folder in one that is there.
///
/// # Errors
/// The file system's own.
pub fn create_dir(path: &Path) -> io::Result<()> {
    match simulated() {
        Some(machine) => machine.disk().create_dir(path),
        None => fs::create_dir(path),
    }
}

/// Makes a folder and those above it that are missing.
///
/// # Errors
/// The file system's own.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    let Some(machine) = simulated() else { return fs::create_dir_all(path) };
    let mut missing: Vec<&Path> = path.ancestors().take_while(|folder| !is_dir(folder)).collect();
    while let Some(folder) = missing.pop() {
        machine.disk().create_dir(folder)?;
    }
    Ok(())
}

/// Removes a folder and all in it.
///
/// # Errors
/// The file system's own.
pub fn remove_dir_all(folder: &Path) -> io::Result<()> {
    let Some(machine) = simulated() else { return fs::remove_dir_all(folder) };
    for entry in list(folder)? {
        match entry.is_dir {
            true => remove_dir_all(&entry.path)?,
            false => machine.disk().remove_file(&entry.path)?,
        }
    }
    machine.disk().remove_dir(folder)
}

/// The names in a folder, in no particular order.
///
/// # Errors
/// The file system's own.
pub fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    if let Some(machine) = simulated() {
        return machine.disk().list(folder);
    }
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        Ok(Entry { path: entry.path(), is_dir: entry.file_type()?.is_dir() })
    };
    fs::read_dir(folder)?.map(entry).collect()
}

/// Has the file system keep what was done to the names in `folder`.
///
/// # Errors
/// The file system's own.
pub fn flush_folder(folder: &Path) -> io::Result<()> {
    match simulated() {
        Some(machine) => machine.disk().flush_folder(folder),
        None => fs::File::open(folder)?.sync_all(),
    }
}

/// Copies a file.
///
/// # Errors
/// The file system's own; a part of the copy may be there then.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    match simulated() {
        Some(_) => copy_simulated(from, to, u64::MAX),
        None => fs::copy(from, to).map(drop),
    }
}

/// Copies at most the first `bytes` of a file.
///
/// # Errors
/// The file system's own; a part of the copy may be there then.
pub fn copy_start(from: &Path, to: &Path, bytes: u64) -> io::Result<()> {
    if simulated().is_some() {
        return copy_simulated(from, to, bytes);
    }
    let mut start = fs::File::open(from)?.take(bytes);
    io::copy(&mut start, &mut fs::File::create(to)?).map(drop)
}

fn copy_simulated(from: &Path, to: &Path, bytes: u64) -> io::Result<()> {
    let (source, target) = (File::open(from)?, File::create(to)?);
    let mut piece = vec![0; COPY_BYTES];
    let mut at = 0;
    while at < bytes {
        let wanted = usize::try_from(bytes - at).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        match source.read_at(&mut piece[..wanted], at)? {
            0 => break,
            count => {
                target.write_all_at(&piece[..count], at)?;
                at += count as u64;
            }
        }
    }
    Ok(())
}
