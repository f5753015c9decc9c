//! The log of one partition: offsets without gaps, the newest batches in memory until they are in
//! the files of a segment, and what of them may be seen.
//!
//! Invariants:
//! - Offsets rise by one a record and are never given twice, whatever is removed.
//! - A batch may be seen once the journal keeps it, and is written to a segment only then.
//! - What [`Stored`] says is in files, or in the journal from its `cut` on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Header};
use crate::marker::{self, Ending};
use crate::producers::Producers;
use crate::segment::{Files, Limits, NO_TIMESTAMP, Placed, Reading, Segment};

/// A transaction that was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aborted {
    /// Whose.
    pub producer_id: i64,
    /// Of its first record.
    pub first_offset: i64,
    /// Of the marker that ended it.
    pub last_offset: i64,
}

/// What is kept of a log beside its files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Stored {
    /// Records before it are gone.
    pub start: i64,
    /// The offset of the next record.
    pub end: i64,
    /// In the order of their offsets; the last is the one that is appended to.
    pub segments: Vec<Segment>,
    /// Who sent what.
    pub producers: Producers,
    /// First offsets of the transactions that go on, by producer.
    pub ongoing: BTreeMap<i64, i64>,
    /// Those that were aborted, in the order of their ends.
    pub aborted: Vec<Aborted>,
    /// Records of the journal before this have done to the log what they do.
    pub cut: u64,
}

/// A log.
#[derive(Debug)]
pub struct Log {
    folder: PathBuf,
    stored: Stored,
    /// Not in the files of a segment yet.
    pending: VecDeque<Pending>,
    /// How many of them may be seen.
    seen: usize,
    /// Of `pending`, in bytes.
    pending_bytes: usize,
    /// Whether it was looked whether the last segment's files are a fork's too.
    is_looked_at: bool,
    /// Whether the next batch begins a segment, because the last one's files are a fork's too.
    must_roll: bool,
    /// The last segment that has files.
    made: i64,
    /// Segments that were appended to since they were flushed.
    dirty: BTreeSet<i64>,
}

/// What a checkpoint keeps of a log.
#[derive(Debug)]
pub struct Checkpoint {
    /// To be stored, once the rest is in files and durable.
    pub stored: Stored,
    /// What is not in its segment yet.
    pub unwritten: Vec<Placed>,
    /// Segments to flush.
    pub dirty: BTreeSet<i64>,
}

#[derive(Debug)]
struct Pending {
    sequence: u64,
    placed: Placed,
}

/// Where batches are that somebody wants to read.
#[derive(Debug)]
pub enum Found {
    /// Here.
    Memory(Vec<Batch>),
    /// In a segment; should it have none, the segment at this offset follows.
    File(Reading, Option<i64>),
    /// There is nothing yet.
    Nothing,
}

/// The offset is outside of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the offset is not within the log")]
pub struct OutOfRange;

impl Log {
    /// The log in `folder` as it was stored.
    pub fn new(folder: PathBuf, stored: Stored) -> Self {
        Self {
            folder,
            made: stored.segments.last().map_or(-1, |last| last.base),
            stored,
            pending: VecDeque::new(),
            seen: 0,
            pending_bytes: 0,
            is_looked_at: false,
            must_roll: false,
            dirty: BTreeSet::new(),
        }
    }

    /// Records before it are gone.
    pub const fn start(&self) -> i64 {
        self.stored.start
    }

    /// The offset of the next record.
    pub const fn end(&self) -> i64 {
        self.stored.end
    }

    /// Who sent what.
    pub const fn producers(&self) -> &Producers {
        &self.stored.producers
    }

    /// Records before it may be seen; Kafka's high watermark.
    pub fn visible(&self) -> i64 {
        let next = self.pending.get(self.seen);
        next.map_or(self.stored.end, |next| next.placed.batch.header.base_offset)
    }

    /// Records before it belong to no transaction that goes on; Kafka's last stable offset.
    pub fn stable(&self) -> i64 {
        let first = self.stored.ongoing.values().min();
        first.map_or(self.visible(), |&first| first.min(self.visible()))
    }

    /// In bytes, of all its segments.
    pub fn bytes(&self) -> u64 {
        self.stored.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Of what is not in the files of a segment yet.
    pub const fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Aborted transactions with records in a range of offsets.
    pub fn aborted(&self, from: i64, until: i64) -> Vec<Aborted> {
        let within =
            |aborted: &&Aborted| aborted.last_offset >= from && aborted.first_offset < until;
        self.stored.aborted.iter().filter(within).copied().collect()
    }

    /// Adds a batch that is at the log's end, under its sequence in the journal. One that was added
    /// before is not added again. [`Log::own`] comes first.
    pub fn append(&mut self, batch: Batch, sequence: u64, now_ms: i64, limits: Limits) {
        let header = batch.header;
        if sequence < self.stored.cut {
            return;
        }
        // A gap is what damage to the journal has left.
        debug_assert!(header.base_offset >= self.stored.end, "offsets are not used again");
        self.note(&batch, now_ms);
        let must_roll = std::mem::take(&mut self.must_roll);
        let is_full = |last: &Segment| must_roll || last.is_full(header.bytes, now_ms, limits);
        if self.stored.segments.last().is_none_or(is_full) {
            self.stored.segments.push(Segment::new(header.base_offset, now_ms));
        }
        let Some(last) = self.stored.segments.last_mut() else { return };
        self.dirty.insert(last.base);
        let placed = last.place(batch);
        self.pending_bytes += header.bytes;
        self.pending.push_back(Pending { sequence, placed });
        self.stored.end = header.end_offset();
    }

    /// Looks, once after an opening, whether a fork has the last segment's files too; those are not
    /// written.
    ///
    /// # Errors
    /// The file system's own.
    pub fn own(&mut self) -> io::Result<()> {
        if !self.is_looked_at {
            if let Some(last) = self.stored.segments.last() {
                self.must_roll = Files::of(&self.folder, last.base).is_shared()?;
            }
            self.is_looked_at = true;
        }
        Ok(())
    }

    fn note(&mut self, batch: &Batch, now_ms: i64) {
        let header = &batch.header;
        self.stored.producers.note(header, now_ms);
        let producer_id = header.producer_id;
        match marker::ending(batch) {
            Some(ending) => {
                let first = self.stored.ongoing.remove(&producer_id);
                if let (Ending::Abort, Some(first_offset)) = (ending, first) {
                    let last_offset = header.base_offset;
                    self.stored.aborted.push(Aborted { producer_id, first_offset, last_offset });
                }
            }
            None if header.is_transactional() => {
                self.stored.ongoing.entry(producer_id).or_insert(header.base_offset);
            }
            None => {}
        }
    }

    /// Records of the journal before `kept` may be seen. Says whether any can be that could not.
    pub fn keep(&mut self, kept: u64) -> bool {
        let before = self.seen;
        while self.pending.get(self.seen).is_some_and(|pending| pending.sequence < kept) {
            self.seen += 1;
        }
        self.seen > before
    }

    /// Where the batch with `offset` is and those behind it, up to `max_bytes` and before `until`.
    ///
    /// # Errors
    /// [`OutOfRange`] before the start, or behind the end.
    pub fn find(&self, offset: i64, until: i64, max_bytes: usize) -> Result<Found, OutOfRange> {
        if offset < self.stored.start || offset > self.stored.end {
            return Err(OutOfRange);
        }
        if offset >= until.min(self.visible()) {
            return Ok(Found::Nothing);
        }
        let first = self.pending.front().map(|pending| pending.placed.batch.header.base_offset);
        if first.is_some_and(|first| first <= offset) {
            return Ok(Found::Memory(self.in_memory(offset, until, max_bytes)));
        }
        let index = self.stored.segments.partition_point(|segment| segment.base <= offset);
        let Some(segment) = index.checked_sub(1).and_then(|index| self.stored.segments.get(index))
        else {
            return Err(OutOfRange);
        };
        let next = self.stored.segments.get(index).map(|next| next.base);
        Ok(Found::File(self.reading(segment), next))
    }

    fn in_memory(&self, offset: i64, until: i64, max_bytes: usize) -> Vec<Batch> {
        let header = |pending: &Pending| pending.placed.batch.header;
        let from = self.pending.partition_point(|pending| header(pending).end_offset() <= offset);
        let (mut bytes, mut batches) = (0, Vec::new());
        for pending in self.pending.range(from..self.seen.max(from)) {
            let header = header(pending);
            bytes += header.bytes;
            if header.base_offset >= until || (bytes > max_bytes && !batches.is_empty()) {
                break;
            }
            batches.push(pending.placed.batch.clone());
        }
        batches
    }

    /// What is written of a segment.
    fn reading(&self, segment: &Segment) -> Reading {
        let first = self.pending.front().map(|pending| &pending.placed);
        let (mut limit, mut entries) = (segment.bytes, segment.entries);
        if let Some(first) = first.filter(|first| first.segment <= segment.base) {
            limit = if first.segment == segment.base { first.at } else { 0 };
            let here = |pending: &&Pending| pending.placed.segment == segment.base;
            let mut unwritten = self.pending.iter().filter(here);
            let entry = unwritten.find_map(|pending| pending.placed.entry);
            entries = entry.map_or(entries, |(number, _)| number);
        }
        let files = Files::of(&self.folder, segment.base);
        Reading { files, base: segment.base, limit, entries }
    }

    /// Where the first batch may be that has a record at `timestamp_ms` or later: segments to look
    /// through in turn, then batches.
    pub fn at_time(&self, timestamp_ms: i64) -> (Vec<Reading>, Vec<Batch>) {
        let late = |segment: &&Segment| segment.max_timestamp >= timestamp_ms;
        let segments = self.stored.segments.iter().filter(late);
        // One of which nothing is written yet has no files.
        let readings = segments.map(|segment| self.reading(segment));
        let readings = readings.filter(|reading| reading.limit > 0).collect();
        let seen = self.pending.iter().take(self.seen).map(|pending| &pending.placed.batch);
        let late = |batch: &&Batch| batch.header.max_timestamp >= timestamp_ms;
        (readings, seen.filter(late).take(1).cloned().collect())
    }

    /// The latest time stamp of its records; [`NO_TIMESTAMP`] if there is none.
    pub fn max_timestamp(&self) -> i64 {
        let times = self.stored.segments.iter().map(|segment| segment.max_timestamp);
        times.max().unwrap_or(NO_TIMESTAMP)
    }

    /// Batches that may be seen and are of one segment, to be written to it; up to `max_bytes`, but
    /// at least one if there is one.
    pub fn to_write(&self, max_bytes: usize) -> Vec<Placed> {
        let (mut bytes, mut batches) = (0, Vec::new());
        for pending in self.pending.iter().take(self.seen) {
            let placed = &pending.placed;
            bytes += placed.batch.header.bytes;
            let is_other =
                batches.first().is_some_and(|first: &Placed| first.segment != placed.segment);
            if is_other || (bytes > max_bytes && !batches.is_empty()) {
                break;
            }
            batches.push(placed.clone());
        }
        batches
    }

    /// The first `count` of what [`Log::to_write`] gave are in their segment.
    pub fn written(&mut self, count: usize) {
        let count = count.min(self.seen);
        let bytes: usize =
            self.pending.drain(..count).map(|pending| pending.placed.batch.header.bytes).sum();
        self.seen -= count;
        self.pending_bytes -= bytes;
    }

    /// From which offset on records are left when segments are removed as a whole: those whose
    /// records are all from before `before_ms`, and the oldest while there are more than
    /// `bytes_max`. The last segment stays.
    pub fn retained_from(&self, before_ms: i64, bytes_max: u64) -> i64 {
        let mut bytes = self.bytes();
        for pair in self.stored.segments.windows(2) {
            let (segment, next) = (&pair[0], &pair[1]);
            let has_time = segment.max_timestamp != NO_TIMESTAMP;
            let latest = if has_time { segment.max_timestamp } else { segment.began_ms };
            if (latest >= before_ms && bytes <= bytes_max) || next.base > self.visible() {
                return segment.base.max(self.stored.start);
            }
            bytes -= segment.bytes;
        }
        let last = self.stored.segments.last();
        last.map_or(self.stored.start, |last| last.base.max(self.stored.start))
    }

    /// Removes records before `start`. Gives the files that are of no use any more.
    pub fn trim(&mut self, start: i64) -> Vec<Files> {
        self.stored.start = start.clamp(self.stored.start, self.stored.end);
        let start = self.stored.start;
        self.stored.aborted.retain(|aborted| aborted.last_offset >= start);
        let first = self.pending.front().map_or(i64::MAX, |pending| pending.placed.segment);
        let segments = &self.stored.segments;
        let gone = segments
            .windows(2)
            .take_while(|pair| pair[1].base <= start && pair[0].base < first)
            .count();
        let gone = self.stored.segments.drain(..gone);
        gone.map(|segment| Files::of(&self.folder, segment.base)).collect()
    }

    /// The folder of the partition.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What to keep of it, `cut` being the sequence of the journal's next record.
    pub fn checkpoint(&mut self, cut: u64) -> Checkpoint {
        self.stored.cut = cut;
        let unwritten = self.pending.iter().map(|pending| pending.placed.clone()).collect();
        let dirty = std::mem::take(&mut self.dirty);
        Checkpoint { stored: self.stored.clone(), unwritten, dirty }
    }

    /// These segments were not flushed after all.
    pub fn mark_dirty(&mut self, segments: BTreeSet<i64>) {
        self.dirty.extend(segments);
    }

    /// Whether the segment at `base` has no files yet; it has from now on.
    pub fn make(&mut self, base: i64) -> bool {
        let is_new = base > self.made;
        self.made = self.made.max(base);
        is_new
    }

    /// The segment at `base` has no files after all.
    pub fn not_made(&mut self, base: i64) {
        self.made = base - 1;
    }

    /// Forgets producers that sent nothing since `before_ms`.
    pub fn expire_producers(&mut self, before_ms: i64) {
        let ongoing = &self.stored.ongoing;
        if ongoing.is_empty() {
            self.stored.producers.expire(before_ms);
        }
    }
}

/// Cuts off the batches of `bytes` that are at `until` or behind it.
pub fn cut(bytes: Bytes, until: i64) -> Bytes {
    let is_before = |(_, header): &(usize, Header)| header.base_offset < until;
    let end = crate::batch::headers(&bytes).take_while(is_before).last();
    bytes.slice(..end.map_or(0, |(at, header)| (at + header.bytes).min(bytes.len())))
}
