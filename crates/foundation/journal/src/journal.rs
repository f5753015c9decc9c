//! The verbs, in the order of the write path.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kit::disk;
use kit::entropy::Entropy;
use kit::files::{Hold, Part, Store};
use kit::machine;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::error::JournalError;
use crate::frame::{self, PAYLOAD_BYTES_MAX, Record};
use crate::gather::{Added, Gather, Spare};
use crate::recovery::{self, Lost};
use crate::segment::{HEAD_BYTES, Name};
use crate::writer::{self, Full, Writer};

/// Records in memory that wait to be written, in bytes; more has to wait.
const GATHER_BYTES_MAX: u64 = 16 << 20;
/// Room of the first segment after an opening; each later one has twice the room of its
/// predecessor, up to `segment_bytes_max`.
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// Files that are kept for later segments.
const SPARES_MAX: usize = 2;

/// When a record counts as kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Once it is flushed: it survives power loss. All that gathers during a flush shares the next.
    EveryBatch,
    /// Once it is written: it survives `kill -9`. Flushed after this time at the latest.
    Interval(Duration),
    /// Once it is written, and flushed whenever the operating system does. For throw-away data.
    Never,
}

/// What a journal is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its folder, which is there and holds nothing else.
    pub folder: PathBuf,
    /// When a record counts as kept.
    pub flush: Flush,
    /// Room of a large segment, in bytes.
    pub segment_bytes_max: u64,
}

/// A journal; clones are the same one.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    options: Options,
    entropy: Entropy,
    state: Mutex<State>,
    /// Locked across calls to the disk; taken before `state` where both are.
    writer: Mutex<Writer>,
    /// Records before this are kept, as [`Flush`] means it.
    kept: AtomicU64,
    /// Records before this are flushed.
    flushed: AtomicU64,
    /// `kept` has moved, or nothing will be kept any more.
    moved: Notify,
    /// There may be room.
    freed: Notify,
}

struct State {
    gather: Gather,
    /// Bytes of promises and of records that are not written yet.
    held: u64,
    is_writing: bool,
    is_preparing: bool,
    is_flush_due: bool,
    /// Why there is no room, when the last attempt to make some failed.
    full: Option<JournalError>,
    failed: Option<JournalError>,
    /// Room of the next spare.
    next_bytes: u64,
}

/// Room for one record; given back when it is dropped.
pub struct Room {
    inner: Arc<Inner>,
    length: usize,
    is_used: bool,
}

impl Journal {
    /// Opens the journal in a folder and gives every record in it to `each`, in order. What
    /// [`Lost`] names could not be given; whether to go on without is the caller's to decide.
    /// Blocks.
    ///
    /// # Errors
    /// [`JournalError::Overlap`], [`JournalError::Read`].
    pub fn open(
        options: Options,
        entropy: Entropy,
        each: &mut dyn FnMut(&Record<'_>),
    ) -> Result<(Self, Vec<Lost>), JournalError> {
        let found = recovery::recover(&options.folder, each)?;
        let next = found.segments.last().map_or(0, |segment| segment.end);
        let next_number = found.segments.last().map_or(0, |segment| segment.head.number + 1);
        let (spares, spare_number) = keep_spares(&options.folder, found.spares)?;
        let full = found
            .segments
            .iter()
            .map(|segment| Full { path: segment.name.path(&options.folder), end: segment.end });
        let flushes = options.flush == Flush::EveryBatch;
        let writer = Writer::new(&options.folder, flushes, full.collect(), spare_number);
        let state = State {
            gather: Gather::new(next, next_number, spares),
            held: 0,
            is_writing: false,
            is_preparing: false,
            is_flush_due: false,
            full: None,
            failed: None,
            next_bytes: SEGMENT_BYTES_MIN.min(options.segment_bytes_max),
        };
        let inner = Inner {
            options,
            entropy,
            state: Mutex::new(state),
            writer: Mutex::new(writer),
            kept: AtomicU64::new(next),
            flushed: AtomicU64::new(next),
            moved: Notify::new(),
            freed: Notify::new(),
        };
        Ok((Self(Arc::new(inner)), found.lost))
    }

    /// The sequence of the next record.
    pub fn next_sequence(&self) -> u64 {
        self.0.state.lock().gather.next
    }

    /// Waits for room for a record of `length` bytes: in memory for as long as others are written
    /// out, and in a file, which is made if there is none.
    ///
    /// # Errors
    /// [`JournalError::TooLong`], [`JournalError::Full`], [`JournalError::Failed`].
    pub async fn room(&self, length: usize) -> Result<Room, JournalError> {
        if length > PAYLOAD_BYTES_MAX {
            let (bytes, max) = (length as u64, PAYLOAD_BYTES_MAX as u64);
            return Err(JournalError::TooLong { bytes, max });
        }
        let span = frame::span(length) as u64;
        loop {
            let freed = self.0.freed.notified();
            if let Some(room) = self.promise(length, span)? {
                return Ok(room);
            }
            freed.await;
        }
    }

    /// None: wait until something is freed.
    fn promise(&self, length: usize, span: u64) -> Result<Option<Room>, JournalError> {
        let mut state = self.0.state.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        if state.held > 0 && state.held + span > GATHER_BYTES_MAX {
            return Ok(None);
        }
        if state.gather.promise(span) {
            state.held += span;
            return Ok(Some(Room { inner: Arc::clone(&self.0), length, is_used: false }));
        }
        if let Some(error) = state.full.take() {
            return Err(error);
        }
        if !state.is_preparing {
            state.is_preparing = true;
            self.prepare(&mut state, span);
        }
        Ok(None)
    }

    /// Has a spare made in which a record of `span` bytes is sure to find room.
    fn prepare(&self, state: &mut State, span: u64) {
        let bytes = state.next_bytes.max(span * 2);
        state.next_bytes = (bytes * 2).min(self.0.options.segment_bytes_max).max(bytes);
        let inner = Arc::clone(&self.0);
        drop(machine::blocking(move || {
            let path = machine::lock(&inner.writer).spare_path();
            let flushes = inner.options.flush == Flush::EveryBatch;
            let made = writer::make_spare(path, bytes, flushes);
            let mut state = inner.state.lock();
            state.is_preparing = false;
            match made {
                Ok(spare) => state.gather.spares.push_back(spare),
                Err(source) => {
                    let source = Arc::new(source);
                    state.full = Some(JournalError::Full { bytes, source });
                }
            }
            drop(state);
            inner.freed.notify_waiters();
        }));
    }

    /// Adds a record: `parts`, one behind the other, which are as long together as the room that
    /// was asked for. Gives its sequence. It is on its way then; [`Journal::kept`] waits for it.
    ///
    /// # Errors
    /// [`JournalError::TooLong`] when the parts are longer than the room, [`JournalError::Failed`].
    pub fn append(
        &self,
        mut room: Room,
        stream: u32,
        parts: &[&[u8]],
    ) -> Result<u64, JournalError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length != room.length {
            let (bytes, max) = (length as u64, room.length as u64);
            return Err(JournalError::TooLong { bytes, max });
        }
        let payload_crc = frame::checksum_of(parts);
        let mut state = self.0.state.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        room.is_used = true;
        let durable = self.0.flushed.load(Ordering::Acquire);
        let added = Added { stream, parts, payload_crc, durable };
        let sequence = state.gather.add(&added, || self.0.entropy.number());
        if !state.is_writing {
            state.is_writing = true;
            let inner = Arc::clone(&self.0);
            drop(machine::blocking(move || inner.write_out()));
        }
        Ok(sequence)
    }

    /// Records before this sequence are kept.
    pub fn kept_end(&self) -> u64 {
        self.0.kept.load(Ordering::Acquire)
    }

    /// Waits until the record `sequence` and all before it are kept.
    ///
    /// # Errors
    /// [`JournalError::Failed`]; then it is not known whether it was.
    pub async fn kept(&self, sequence: u64) -> Result<(), JournalError> {
        loop {
            let moved = self.0.moved.notified();
            if self.0.kept.load(Ordering::Acquire) > sequence {
                return Ok(());
            }
            if let Some(error) = &self.0.state.lock().failed {
                return Err(error.clone());
            }
            moved.await;
        }
    }

    /// Records before `sequence` are needed no more. Blocks.
    ///
    /// # Errors
    /// The file system's own, as [`JournalError::Read`]; what was not given up then is, next time.
    pub fn release(&self, sequence: u64) -> Result<(), JournalError> {
        let mut writer = machine::lock(&self.0.writer);
        let wanted = SPARES_MAX.saturating_sub(self.0.state.lock().gather.spares.len());
        let spares = writer.release(sequence, wanted)?;
        if !spares.is_empty() {
            self.0.state.lock().gather.spares.extend(spares);
            self.0.freed.notify_waiters();
        }
        Ok(())
    }
}

impl Inner {
    /// Writes what has gathered, and what gathers meanwhile, until nothing has.
    fn write_out(self: &Arc<Self>) {
        loop {
            let mut writer = machine::lock(&self.writer);
            let (pieces, end) = {
                let mut state = self.state.lock();
                let pieces = state.gather.take();
                if pieces.is_empty() {
                    state.is_writing = false;
                    return;
                }
                (pieces, state.gather.next)
            };
            let written = writer.write(&pieces);
            // Whoever wants to hold the files has its turn between two batches.
            MutexGuard::unlock_fair(writer);
            if let Err(error) = written {
                return self.fail(error);
            }
            self.written(pieces, end);
        }
    }

    fn written(self: &Arc<Self>, pieces: Vec<crate::gather::Piece>, end: u64) {
        let bytes: usize = pieces.iter().map(|piece| piece.records()).sum();
        {
            let mut state = self.state.lock();
            state.held = state.held.saturating_sub(bytes as u64);
            state.gather.take_back(pieces);
            if let Flush::Interval(span) = self.options.flush
                && !state.is_flush_due
            {
                state.is_flush_due = true;
                self.flush_after(span);
            }
        }
        if self.options.flush == Flush::EveryBatch {
            self.flushed.store(end, Ordering::Release);
        }
        self.kept.store(end, Ordering::Release);
        self.moved.notify_waiters();
        self.freed.notify_waiters();
    }

    /// From now on nothing is kept: after a failed flush nobody knows what is on the disk.
    fn fail(&self, error: std::io::Error) {
        tracing::error!(%error, folder = %self.options.folder.display(), "the journal failed");
        let mut state = self.state.lock();
        state.failed = Some(JournalError::Failed(Arc::new(error)));
        state.is_writing = false;
        drop(state);
        self.moved.notify_waiters();
        self.freed.notify_waiters();
    }

    fn flush_after(self: &Arc<Self>, span: Duration) {
        let inner = Arc::clone(self);
        drop(machine::spawn(async move {
            kit::clock::pause(span).await;
            drop(machine::blocking(move || {
                let mut writer = machine::lock(&inner.writer);
                inner.state.lock().is_flush_due = false;
                let end = inner.kept.load(Ordering::Acquire);
                match writer.flush() {
                    Ok(()) => inner.flushed.store(end, Ordering::Release),
                    Err(error) => inner.fail(error),
                }
            }));
        }));
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !self.is_used {
            let span = frame::span(self.length) as u64;
            let mut state = self.inner.state.lock();
            state.gather.release(span);
            state.held = state.held.saturating_sub(span);
            drop(state);
            self.inner.freed.notify_waiters();
        }
    }
}

impl Store for Journal {
    fn hold(&self) -> Box<dyn Hold + '_> {
        Box::new(Held(machine::lock(&self.0.writer)))
    }
}

struct Held<'j>(MutexGuard<'j, Writer>);

impl Hold for Held<'_> {
    fn parts(&self) -> Vec<(PathBuf, Part)> {
        let (full, open) = self.0.files();
        let full = full.iter().map(|full| (full.path.clone(), Part::Immutable));
        full.chain(open.map(|(path, bytes)| (path, Part::Tail { bytes }))).collect()
    }
}

/// The files that later segments are made in, and the largest number among their names; what is
/// too many is removed.
fn keep_spares(folder: &Path, found: Vec<PathBuf>) -> Result<(VecDeque<Spare>, u64), JournalError> {
    let (mut spares, mut last) = (VecDeque::new(), 0);
    for path in found {
        if let Some(Name::Spare(number)) = Name::of(&path) {
            last = last.max(number);
        }
        let metadata = disk::metadata(&path)?;
        let is_kept = spares.len() < SPARES_MAX
            && metadata.links == 1
            && metadata.bytes >= HEAD_BYTES as u64 + SEGMENT_BYTES_MIN;
        match (is_kept, Name::of(&path)) {
            (true, Some(Name::Spare(_))) => {
                spares.push_back(Spare { path, bytes: metadata.bytes });
            }
            (true, _) => {
                last += 1;
                let spare = Name::Spare(last).path(folder);
                disk::rename(&path, &spare)?;
                spares.push_back(Spare { path: spare, bytes: metadata.bytes });
            }
            (false, _) => disk::remove_file(&path)?,
        }
    }
    Ok((spares, last))
}
