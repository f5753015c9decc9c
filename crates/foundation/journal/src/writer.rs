//! What is done to the files of a journal: pieces are written and flushed, spares made, full
//! segments used again. One call at a time, each of which may block.

use std::io;
use std::path::{Path, PathBuf};

use kit::disk::{self, File};

use crate::gather::{Piece, Spare};
use crate::segment::{HEAD_BYTES, Name};

/// What is written at once where a spare is made.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Makes a spare with room for `bytes` of records; beside everything else that is done to files.
pub(crate) fn make_spare(path: PathBuf, bytes: u64, flushes: bool) -> io::Result<Spare> {
    let file = File::create(&path)?;
    let bytes = bytes + HEAD_BYTES as u64;
    let fill = || {
        let mut at = 0;
        while at < bytes {
            let zeros = &ZEROS[..(bytes - at).min(ZEROS.len() as u64) as usize];
            file.write_all_at(zeros, at)?;
            at += zeros.len() as u64;
        }
        if flushes { file.sync_all() } else { Ok(()) }
    };
    match fill() {
        Ok(()) => Ok(Spare { path, bytes }),
        Err(error) => {
            // What is left of it takes room from others; the next opening removes it else.
            let _ = disk::remove_file(&path);
            Err(error)
        }
    }
}

/// A segment that no record is added to any more.
#[derive(Clone, Debug)]
pub(crate) struct Full {
    pub(crate) path: PathBuf,
    /// The sequence behind its last record.
    pub(crate) end: u64,
}

/// The segment that is written to.
struct Open {
    number: u64,
    file: File,
    bytes: u64,
    is_flushed: bool,
}

/// The files of a journal.
pub(crate) struct Writer {
    folder: PathBuf,
    flushes: bool,
    /// In the order of their numbers.
    full: Vec<Full>,
    open: Option<Open>,
    spare_number: u64,
}

impl Writer {
    /// On `folder` with these segments in it. Without `flushes` only [`Writer::flush`] flushes.
    pub(crate) fn new(folder: &Path, flushes: bool, full: Vec<Full>, spare_number: u64) -> Self {
        Self { folder: folder.to_owned(), flushes, full, open: None, spare_number }
    }

    /// Writes pieces, one behind the other.
    pub(crate) fn write(&mut self, pieces: &[Piece]) -> io::Result<()> {
        for piece in pieces {
            if let Some((spare, head)) = &piece.begins {
                self.seal(head.first)?;
                let path = Name::Tail(head.number).path(&self.folder);
                disk::rename(&spare.path, &path)?;
                let file = File::open_to_write(&path)?;
                file.write_all_at(&piece.bytes, piece.at)?;
                let bytes = piece.bytes.len() as u64;
                self.open = Some(Open { number: head.number, file, bytes, is_flushed: false });
                if self.flushes {
                    // Before a record is acknowledged the file has its name for good.
                    disk::flush_folder(&self.folder)?;
                }
            } else if let Some(open) = &mut self.open {
                open.is_flushed = false;
                open.file.write_all_at(&piece.bytes, piece.at)?;
                open.bytes = piece.at + piece.bytes.len() as u64;
            }
        }
        if self.flushes { self.flush() } else { Ok(()) }
    }

    /// Makes all that was written durable.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match &mut self.open {
            Some(open) if !open.is_flushed => {
                open.file.sync_data()?;
                open.is_flushed = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Ends the open segment, whose last record is the one before `end`.
    fn seal(&mut self, end: u64) -> io::Result<()> {
        if self.flushes {
            self.flush()?;
        }
        if let Some(open) = self.open.take() {
            let path = Name::Sealed(open.number).path(&self.folder);
            disk::rename(&Name::Tail(open.number).path(&self.folder), &path)?;
            self.full.push(Full { path, end });
        }
        Ok(())
    }

    /// Gives up segments whose records are all before `sequence`: up to `wanted` become spares. The
    /// last segment stays: without it nobody knows which sequence is the next.
    pub(crate) fn release(&mut self, sequence: u64, wanted: usize) -> io::Result<Vec<Spare>> {
        let mut spares = Vec::new();
        let released = self.full.iter().take_while(|full| full.end <= sequence).count();
        let needed = usize::from(self.open.is_none());
        let count = released.min(self.full.len().saturating_sub(needed));
        if count > 0 && !self.flushes {
            self.flush()?;
            disk::flush_folder(&self.folder)?;
        }
        for _ in 0..count {
            let path = self.full[0].path.clone();
            let metadata = disk::metadata(&path)?;
            // A file that a fork has too is the fork's.
            if spares.len() < wanted && metadata.links == 1 {
                let spare = self.spare_path();
                disk::rename(&path, &spare)?;
                spares.push(Spare { path: spare, bytes: metadata.bytes });
            } else {
                disk::remove_file(&path)?;
            }
            self.full.remove(0);
        }
        Ok(spares)
    }

    /// A name that no spare has.
    pub(crate) fn spare_path(&mut self) -> PathBuf {
        self.spare_number += 1;
        Name::Spare(self.spare_number).path(&self.folder)
    }

    /// The full segments, and the open one with how much of it counts.
    pub(crate) fn files(&self) -> (&[Full], Option<(PathBuf, u64)>) {
        let path = |open: &Open| Name::Tail(open.number).path(&self.folder);
        (&self.full, self.open.as_ref().map(|open| (path(open), open.bytes)))
    }
}
