//! A system's state as of one record, so that those before it can be released.
//!
//! A snapshot is a file of records like a segment, whose last record says how many there are: one
//! that was cut off, or is damaged, is none. It gets its name once it is whole and flushed.

use std::io;
use std::path::{Path, PathBuf};

use kit::disk::{self, File};
use kit::entropy::Entropy;

use crate::error::JournalError;
use crate::frame::{self, Header, PAYLOAD_BYTES_MAX, Record};
use crate::scan::{FIRST_AT, Scan};
use crate::segment::{HEAD_BYTES, Head};

/// Snapshots that are kept: should the newest be damaged there is the one before it.
const KEPT: usize = 2;
/// What is gathered for one write.
const BUFFER_BYTES: usize = 1 << 20;
const ENDING: &str = ".snapshot";
/// Of the record that ends a snapshot; records of a system have any other.
const END: u32 = u32::MAX;

/// A snapshot that is being written. Dropped before [`SnapshotWriter::finish`], it is none.
pub struct SnapshotWriter {
    folder: PathBuf,
    sequence: u64,
    file: File,
    run: u64,
    count: u64,
    at: u64,
    buffer: Vec<u8>,
}

impl SnapshotWriter {
    /// Begins a snapshot of the state after all records before `sequence`.
    ///
    /// # Errors
    /// The file system's own.
    pub fn begin(folder: &Path, sequence: u64, entropy: &Entropy) -> io::Result<Self> {
        let (file, run) = (File::create(&making(folder, sequence))?, entropy.number());
        let buffer = Head { number: 0, first: sequence, run }.encode().to_vec();
        Ok(Self { folder: folder.to_owned(), sequence, file, run, count: 0, at: 0, buffer })
    }

    /// Adds a record, `stream` being anything below 2^32 - 1.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] beyond 256 MiB, or the file system's own.
    pub fn add(&mut self, stream: u32, payload: &[u8]) -> io::Result<()> {
        if payload.len() > PAYLOAD_BYTES_MAX || stream == END {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.put(stream, payload)
    }

    fn put(&mut self, stream: u32, payload: &[u8]) -> io::Result<()> {
        let (length, sequence) = (payload.len(), self.count);
        let header = Header { length, sequence, unflushed: 0, stream };
        let end = self.buffer.len() + header.span();
        self.buffer.extend_from_slice(&header.encode(frame::checksum(payload), self.run));
        self.buffer.extend_from_slice(payload);
        self.buffer.resize(end, 0);
        self.count += 1;
        if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.write_out() }
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.buffer, self.at)?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Makes it durable and gives it its name, and removes those that are too old. Gives the
    /// sequence of the oldest that is kept: records before it are needed no more.
    ///
    /// # Errors
    /// The file system's own; then the snapshots of before are there.
    pub fn finish(mut self) -> io::Result<u64> {
        let count = self.count.to_le_bytes();
        self.put(END, &count)?;
        self.write_out()?;
        self.file.sync_all()?;
        let path = self.folder.join(format!("{:016x}{ENDING}", self.sequence));
        disk::rename(&making(&self.folder, self.sequence), &path)?;
        disk::flush_folder(&self.folder)?;
        let all = snapshots(&self.folder)?;
        let (old, kept) = all.split_at(all.len().saturating_sub(KEPT));
        for (_, path) in old {
            disk::remove_file(path)?;
        }
        Ok(kept.first().map_or(self.sequence, |(sequence, _)| *sequence))
    }
}

/// Gives the records of the newest snapshot that is whole to `each`, and the sequence at which the
/// journal goes on from it. None: there is none. What was begun and not finished is removed.
///
/// # Errors
/// [`JournalError::Read`].
pub fn read_latest(
    folder: &Path,
    each: &mut dyn FnMut(&Record<'_>),
) -> Result<Option<u64>, JournalError> {
    for entry in disk::list(folder)? {
        if entry.path.to_string_lossy().ends_with(".snapshot.new") {
            disk::remove_file(&entry.path)?;
        }
    }
    for (sequence, path) in snapshots(folder)?.into_iter().rev() {
        let file = File::open(&path)?;
        // Judged as a whole before any of it is given: damage may be at its end.
        if read(&file, sequence, &mut |_| {})? {
            read(&file, sequence, each)?;
            return Ok(Some(sequence));
        }
        tracing::error!(path = %path.display(), "a snapshot is damaged; an older one is taken");
    }
    Ok(None)
}

/// Whether the snapshot is whole; gives its records on the way.
fn read(file: &File, sequence: u64, each: &mut dyn FnMut(&Record<'_>)) -> io::Result<bool> {
    let mut block = [0; HEAD_BYTES];
    match file.read_exact_at(&mut block, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        read => read?,
    }
    let Some(head) = Head::decode(&block).filter(|head| head.first == sequence) else {
        return Ok(false);
    };
    let mut scan = Scan::new(file, head.run)?;
    let (mut at, mut count) = (FIRST_AT, 0_u64);
    while let Some(record) = scan.record(at)?.filter(|record| record.header.sequence == count) {
        if record.header.stream == END {
            return Ok(record.payload == count.to_le_bytes());
        }
        each(&record);
        count += 1;
        at += record.header.span() as u64;
    }
    Ok(false)
}

/// The snapshots of a folder, oldest first.
fn snapshots(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let of = |path: PathBuf| {
        let digits = path.file_name()?.to_str()?.strip_suffix(ENDING)?;
        let number = u64::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 16)?;
        Some((number, path))
    };
    let mut all: Vec<_> =
        disk::list(folder)?.into_iter().filter_map(|entry| of(entry.path)).collect();
    all.sort_unstable();
    Ok(all)
}

fn making(folder: &Path, sequence: u64) -> PathBuf {
    folder.join(format!("{sequence:016x}{ENDING}.new"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(folder: &Path, sequence: u64, payloads: &[&[u8]]) -> u64 {
        let entropy = Entropy::seeded(sequence);
        let mut writer = SnapshotWriter::begin(folder, sequence, &entropy).unwrap();
        for payload in payloads {
            writer.add(3, payload).unwrap();
        }
        writer.finish().unwrap()
    }

    fn latest(folder: &Path) -> Option<(u64, Vec<Vec<u8>>)> {
        let mut payloads = Vec::new();
        let sequence = read_latest(folder, &mut |record| payloads.push(record.payload.to_vec()));
        sequence.unwrap().map(|sequence| (sequence, payloads))
    }

    #[test]
    fn the_newest_is_read_and_two_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(latest(dir.path()), None);
        assert_eq!(write(dir.path(), 5, &[b"five"]), 5);
        let large = vec![9; 3 << 20];
        assert_eq!(write(dir.path(), 70, &[b"seventy", b"", &large]), 5);
        let seventy = vec![b"seventy".to_vec(), vec![], large];
        assert_eq!(latest(dir.path()), Some((70, seventy)));
        assert_eq!(write(dir.path(), 71, &[]), 70, "what is needed from");
        assert_eq!(latest(dir.path()), Some((71, vec![])));
        assert_eq!(snapshots(dir.path()).unwrap().len(), 2);
    }

    #[test]
    fn one_that_was_not_finished_is_none() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 1, &[b"one"]);
        let mut writer = SnapshotWriter::begin(dir.path(), 2, &Entropy::seeded(2)).unwrap();
        writer.add(0, b"two").unwrap();
        assert!(writer.add(END, b"no stream").is_err());
        drop(writer);
        assert_eq!(latest(dir.path()), Some((1, vec![b"one".to_vec()])));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "it is removed");
    }

    /// Cut or changed anywhere, the newest is none and the one before it is taken.
    #[test]
    fn a_damaged_one_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 1, &[b"one"]);
        write(dir.path(), 2, &[b"two", b"three"]);
        let path = dir.path().join("0000000000000002.snapshot");
        let whole = fs::read(&path).unwrap();
        let payloads = |damaged: &[u8]| {
            fs::write(&path, damaged).unwrap();
            latest(dir.path()).unwrap().1
        };
        let (before, all) = (vec![b"one".to_vec()], vec![b"two".to_vec(), b"three".to_vec()]);
        for cut in (0..HEAD_BYTES).step_by(512).chain(HEAD_BYTES..whole.len()) {
            assert_eq!(payloads(&whole[..cut]), before, "cut at {cut}");
        }
        for byte in HEAD_BYTES..whole.len() {
            let mut damaged = whole.clone();
            damaged[byte] ^= 0x10;
            let found = payloads(&damaged);
            let is_padding = found == all;
            assert!(found == before || is_padding && whole[byte] == 0, "byte {byte}");
        }
    }
}
