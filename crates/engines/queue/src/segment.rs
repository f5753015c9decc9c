//! A stretch of a partition's log in three files named by its base offset: `.log` holds the
//! batches, `.index` where every so many bytes a batch lies, `.timeindex` how late records were by
//! then.
//!
//! What was flushed of a file never changes, and a file that another name shares (a fork's) is
//! never written: the log goes on in a new segment instead. What lies behind the bytes that count
//! is left over from before a crash.

use std::io;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use kit::disk::{self, File};
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, HEADER_BYTES, Header};

/// Bytes of batches for each entry of the indexes.
pub const INDEX_EVERY: u64 = 4096;
/// Room of the largest segment: positions are 32 bits in its index.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 31;
const INDEX_ENTRY: usize = 8;
const TIME_ENTRY: usize = 12;
/// What is written at once.
const WRITE_BYTES: usize = 1 << 20;
/// The timestamp of a batch that has none.
pub const NO_TIMESTAMP: i64 = -1;

/// What is known of a segment without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The offset of its first record.
    pub base: i64,
    /// Of its batches, in bytes.
    pub bytes: u64,
    /// Entries of each of its indexes.
    pub entries: u64,
    /// The latest time stamp of its records, in ms since 1970.
    pub max_timestamp: i64,
    /// When its first batch was appended, in ms since 1970.
    pub began_ms: i64,
    /// Where the batch of its last entry lies.
    indexed_at: u64,
}

/// An entry of both indexes, for one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The base offset of the batch, less that of the segment.
    relative: u32,
    /// Where it lies in the segment.
    at: u32,
    /// The latest time stamp of the segment up to and with the batch.
    timestamp: i64,
}

/// A batch and the place that it was given in a segment.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The batch.
    pub batch: Batch,
    /// The base offset of the segment.
    pub segment: i64,
    /// Where it lies in the segment.
    pub at: u64,
    /// Its entry in the indexes, and which one it is.
    pub entry: Option<(u64, Entry)>,
}

impl Segment {
    /// An empty one.
    pub const fn new(base: i64, now_ms: i64) -> Self {
        let max_timestamp = NO_TIMESTAMP;
        Self { base, bytes: 0, entries: 0, max_timestamp, began_ms: now_ms, indexed_at: 0 }
    }

    /// Gives a batch its place behind all others.
    pub fn place(&mut self, batch: Batch) -> Placed {
        let at = self.bytes;
        self.max_timestamp = self.max_timestamp.max(batch.header.max_timestamp);
        let is_due = self.entries == 0 || at - self.indexed_at >= INDEX_EVERY;
        let relative = u32::try_from(batch.header.base_offset - self.base).ok();
        let position = u32::try_from(at).ok();
        let entry = relative.zip(position).filter(|_| is_due).map(|(relative, at)| {
            let number = self.entries;
            self.entries += 1;
            (number, Entry { relative, at, timestamp: self.max_timestamp })
        });
        if entry.is_some() {
            self.indexed_at = at;
        }
        self.bytes += batch.header.bytes as u64;
        Placed { batch, segment: self.base, at, entry }
    }

    /// Whether a batch of `bytes` that comes at `now_ms` belongs into the next segment.
    pub fn is_full(&self, bytes: usize, now_ms: i64, limits: Limits) -> bool {
        if self.bytes == 0 {
            return false;
        }
        let is_old = now_ms.saturating_sub(self.began_ms) >= limits.segment_ms;
        is_old || self.bytes + bytes as u64 > limits.segment_bytes.min(SEGMENT_BYTES_MAX)
    }
}

/// When a segment is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Its size, in bytes.
    pub segment_bytes: u64,
    /// The time since its first batch, in ms.
    pub segment_ms: i64,
}

/// The three files of a segment.
#[derive(Debug, Clone)]
pub struct Files {
    /// Batches.
    pub log: PathBuf,
    /// Offset to position.
    pub index: PathBuf,
    /// Time stamp to offset.
    pub time_index: PathBuf,
}

impl Files {
    /// Of the segment at `base` in the folder of its partition.
    pub fn of(folder: &Path, base: i64) -> Self {
        let file = |ending| folder.join(format!("{base:020}.{ending}"));
        Self { log: file("log"), index: file("index"), time_index: file("timeindex") }
    }

    /// All three.
    pub fn all(&self) -> [&Path; 3] {
        [&self.log, &self.index, &self.time_index]
    }

    /// Makes all three anew; whatever had their names was left over.
    ///
    /// # Errors
    /// The file system's own.
    pub fn create(&self) -> io::Result<()> {
        self.remove()?;
        for path in self.all() {
            disk::File::create(path)?;
        }
        Ok(())
    }

    /// Removes those that are there.
    ///
    /// # Errors
    /// The file system's own.
    pub fn remove(&self) -> io::Result<()> {
        for path in self.all() {
            match disk::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether a fork has them too.
    ///
    /// # Errors
    /// The file system's own.
    pub fn is_shared(&self) -> io::Result<bool> {
        Ok(disk::metadata(&self.log)?.links > 1)
    }

    /// Writes batches to their places, which lie one behind the other, and their index entries.
    ///
    /// # Errors
    /// The file system's own; it may be done again then.
    pub fn write(&self, placed: &[Placed]) -> io::Result<()> {
        let Some(first) = placed.first() else { return Ok(()) };
        let log = disk::File::open_to_write(&self.log)?;
        let (mut at, mut buffer) = (first.at, BytesMut::new());
        for placed in placed {
            for part in placed.batch.parts() {
                buffer.extend_from_slice(part);
            }
            if buffer.len() >= WRITE_BYTES {
                log.write_all_at(&buffer, at)?;
                at += buffer.len() as u64;
                buffer.clear();
            }
        }
        log.write_all_at(&buffer, at)?;
        self.write_entries(placed)
    }

    fn write_entries(&self, placed: &[Placed]) -> io::Result<()> {
        let mut entries = placed.iter().filter_map(|placed| placed.entry).peekable();
        let Some(&(first, _)) = entries.peek() else { return Ok(()) };
        let (mut index, mut times) = (BytesMut::new(), BytesMut::new());
        for (_, entry) in entries {
            index.extend_from_slice(&entry.relative.to_be_bytes());
            index.extend_from_slice(&entry.at.to_be_bytes());
            times.extend_from_slice(&entry.timestamp.to_be_bytes());
            times.extend_from_slice(&entry.relative.to_be_bytes());
        }
        let file = disk::File::open_to_write(&self.index)?;
        file.write_all_at(&index, first * INDEX_ENTRY as u64)?;
        disk::File::open_to_write(&self.time_index)?.write_all_at(&times, first * TIME_ENTRY as u64)
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// The file system's own.
    pub fn flush(&self) -> io::Result<()> {
        self.all().into_iter().try_for_each(|path| disk::File::open_to_write(path)?.sync_all())
    }
}

/// A segment as it is read: what is written and may be seen of it.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Its files.
    pub files: Files,
    /// The offset of its first record.
    pub base: i64,
    /// Bytes of its log that are read.
    pub limit: u64,
    /// Entries of its indexes that are written.
    pub entries: u64,
}

impl Reading {
    /// Whole batches from the one that holds `offset` on, up to `max_bytes`, but at least that one.
    /// Empty: all its batches are before the offset.
    ///
    /// # Errors
    /// The file system's own; [`io::ErrorKind::InvalidData`] where there is no batch.
    pub fn read(&self, offset: i64, max_bytes: usize) -> io::Result<Bytes> {
        let log = disk::File::open(&self.files.log)?;
        let Some((at, first)) = self.find(&log, offset)? else { return Ok(Bytes::new()) };
        let room = (self.limit - at).min(max_bytes.max(first.bytes) as u64);
        let mut bytes = BytesMut::zeroed(room as usize);
        log.read_exact_at(&mut bytes, at)?;
        // The last batch may be cut off.
        let end = crate::batch::headers(&bytes)
            .map(|(at, header)| at + header.bytes)
            .take_while(|&end| end <= bytes.len())
            .last();
        bytes.truncate(end.unwrap_or(0));
        Ok(bytes.freeze())
    }

    /// The first batch with a record at `timestamp_ms` or later.
    ///
    /// # Errors
    /// As of [`Reading::read`].
    pub fn at_time(&self, timestamp_ms: i64) -> io::Result<Option<Bytes>> {
        let log = disk::File::open(&self.files.log)?;
        let before = search(&self.files.time_index, self.entries, TIME_ENTRY, |entry| {
            i64::from_be_bytes(bytes_at(entry, 0)) < timestamp_ms
        })?;
        let relative = before.map_or(0, |entry| u32::from_be_bytes(bytes_at(&entry, 8)));
        let Some((mut at, mut header)) = self.find(&log, self.base + i64::from(relative))? else {
            return Ok(None);
        };
        while header.max_timestamp < timestamp_ms {
            at += header.bytes as u64;
            match self.header(&log, at)? {
                Some(next) => header = next,
                None => return Ok(None),
            }
        }
        let mut bytes = BytesMut::zeroed(header.bytes);
        log.read_exact_at(&mut bytes, at)?;
        Ok(Some(bytes.freeze()))
    }

    /// Where the batch lies that holds `offset`, or the first one behind it.
    fn find(&self, log: &File, offset: i64) -> io::Result<Option<(u64, Header)>> {
        let wanted = offset - self.base;
        let entry = search(&self.files.index, self.entries, INDEX_ENTRY, |entry| {
            i64::from(u32::from_be_bytes(bytes_at(entry, 0))) <= wanted
        })?;
        let mut at = entry.map_or(0, |entry| u32::from_be_bytes(bytes_at(&entry, 4)).into());
        while let Some(header) = self.header(log, at)? {
            if header.end_offset() > offset {
                return Ok(Some((at, header)));
            }
            at += header.bytes as u64;
        }
        Ok(None)
    }

    /// The header of the batch at a position; none at the end.
    fn header(&self, log: &File, at: u64) -> io::Result<Option<Header>> {
        if at >= self.limit {
            return Ok(None);
        }
        let mut head = [0; HEADER_BYTES];
        log.read_exact_at(&mut head, at)?;
        let header = Header::decode(&head).ok().filter(|header| {
            header.base_offset >= self.base && at + header.bytes as u64 <= self.limit
        });
        header.map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// The last of the `count` entries of an index for which `is_before` holds, as it does for all
/// entries before it.
fn search(
    path: &Path,
    count: u64,
    entry_bytes: usize,
    is_before: impl Fn(&[u8]) -> bool,
) -> io::Result<Option<Vec<u8>>> {
    if count == 0 {
        return Ok(None);
    }
    let file = disk::File::open(path)?;
    let (mut low, mut high, mut found) = (0, count, None);
    while low < high {
        let middle = low.midpoint(high);
        let mut entry = vec![0; entry_bytes];
        file.read_exact_at(&mut entry, middle * entry_bytes as u64)?;
        if is_before(&entry) {
            (low, found) = (middle + 1, Some(entry));
        } else {
            high = middle;
        }
    }
    Ok(found)
}

/// A fixed number of bytes of an entry, `from` being within it by construction.
fn bytes_at<const N: usize>(entry: &[u8], from: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&entry[from..from + N]);
    field
}
