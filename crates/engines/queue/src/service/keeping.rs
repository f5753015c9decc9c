//! What happens to a batch behind its producer's back: the journal keeps it, so that it may be
//! seen; it is written to its segment; the segment is flushed, and the journal gives it up.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use journal::snapshot::SnapshotWriter;
use kit::disk;
use kit::files::make_folders;
use kit::machine;
use kit::sql::Durability;
use kit::worker::{Stop, Workers};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Queue, SNAPSHOTS};
use crate::blocking::blocking;
use crate::error::QueueError;
use crate::log::{Checkpoint, Stored};
use crate::partition::Partition;
use crate::segment::{Files, Placed};
use crate::state::{Kept, Topic};
use crate::transaction::Transactional;

/// Batches in memory that are not in their segments, in bytes; producers wait beyond.
const UNWRITTEN_BYTES_MAX: usize = 24 << 20;
/// What is written of one partition before the next one has its turn.
const TURN_BYTES: usize = 4 << 20;
/// How long batches may gather before they are written to their segments.
const WRITE_EVERY: Duration = Duration::from_millis(20);
/// After a failure, for the disk to get room again.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// What is appended between two checkpoints, in bytes: no more is read again at an opening.
const CHECKPOINT_BYTES: u64 = 256 << 20;
/// Time between two checkpoints while something is appended.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is on its way.
pub(super) struct Keeping {
    /// In the order of their sequences, give or take a few: batches that are not visible yet.
    appended: Mutex<VecDeque<(u64, Arc<Partition>)>>,
    has_appended: Notify,
    /// Partitions with visible batches that are not in a segment yet.
    unwritten: Mutex<Vec<Arc<Partition>>>,
    has_unwritten: Notify,
    unwritten_bytes: AtomicUsize,
    /// Why writing to segments failed, while it does.
    failure: Mutex<Option<QueueError>>,
    /// Whoever writes to segments, or says what is in them.
    pub(super) writing: Mutex<()>,
    /// [`Queue::appended`] as of the last checkpoint.
    checkpointed: AtomicU64,
}

impl Keeping {
    pub(super) fn new() -> Self {
        Self {
            appended: Mutex::default(),
            has_appended: Notify::new(),
            unwritten: Mutex::default(),
            has_unwritten: Notify::new(),
            unwritten_bytes: AtomicUsize::new(0),
            failure: Mutex::default(),
            writing: Mutex::default(),
            checkpointed: AtomicU64::new(0),
        }
    }

    /// A batch was appended.
    pub(super) fn appended(&self, sequence: u64, partition: &Arc<Partition>, bytes: usize) {
        self.unwritten_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.appended.lock().push_back((sequence, Arc::clone(partition)));
        self.has_appended.notify_one();
    }

    /// Partitions whose batches are kept now, each once or more often.
    fn take_kept(&self, kept: u64) -> Vec<Arc<Partition>> {
        let mut appended = self.appended.lock();
        let count = appended.iter().take_while(|(sequence, _)| *sequence < kept).count();
        appended.drain(..count).map(|(_, partition)| partition).collect()
    }
}

impl Queue {
    /// Has batches become visible, be written and be checkpointed, for as long as it lives.
    pub(super) fn start_keeping(self: &Arc<Self>, workers: &Workers) {
        let queue = Arc::clone(self);
        workers.spawn("queue: show what is kept", move |stop| queue.show(stop));
        let queue = Arc::clone(self);
        workers.spawn("queue: write segments", move |stop| queue.write_segments(stop));
        let queue = Arc::downgrade(self);
        let looked = Arc::new(Mutex::new(self.clock.now()));
        workers.every("queue: checkpoint", LOOK_EVERY, move || {
            let (queue, looked) = (queue.upgrade(), Arc::clone(&looked));
            async move {
                let Some(queue) = queue else { return };
                let now = queue.clock.now();
                let is_late = now.since(*looked.lock()) >= CHECKPOINT_EVERY;
                if !queue.is_checkpoint_due(is_late) {
                    return;
                }
                *looked.lock() = now;
                if let Err(error) = queue.checkpoint().await {
                    tracing::warn!(%error, "a checkpoint of the queue failed");
                }
            }
        });
    }

    async fn show(self: Arc<Self>, mut stop: Stop) {
        loop {
            let next = self.keeping.appended.lock().front().map(|(sequence, _)| *sequence);
            let Some(next) = next else {
                tokio::select! {
                    () = self.keeping.has_appended.notified() => continue,
                    () = stop.wait() => return,
                }
            };
            if self.journal.kept(next).await.is_err() {
                // Nothing will be kept any more, until it is opened again.
                return;
            }
            let kept = self.journal.kept_end();
            let mut partitions = self.keeping.take_kept(kept);
            partitions.sort_by_key(|partition| partition.stream);
            partitions.dedup_by_key(|partition| partition.stream);
            for partition in &partitions {
                partition.log().keep(kept);
                partition.wake();
            }
            self.keeping.unwritten.lock().extend(partitions);
            self.keeping.has_unwritten.notify_one();
        }
    }

    async fn write_segments(self: Arc<Self>, mut stop: Stop) {
        loop {
            tokio::select! {
                () = self.keeping.has_unwritten.notified() => {}
                () = stop.wait() => return,
            }
            if self.keeping.unwritten_bytes.load(Ordering::Relaxed) < TURN_BYTES {
                kit::clock::pause(WRITE_EVERY).await;
            }
            let queue = Arc::clone(&self);
            let written = blocking(move || queue.write_unwritten()).await;
            let is_written = written.is_ok();
            *self.keeping.failure.lock() = written.err();
            self.drained.notify_waiters();
            if !is_written {
                kit::clock::pause(RETRY_EVERY).await;
                self.keeping.has_unwritten.notify_one();
            }
        }
    }

    fn write_unwritten(&self) -> io::Result<()> {
        let mut partitions = std::mem::take(&mut *self.keeping.unwritten.lock());
        partitions.sort_by_key(|partition| partition.stream);
        partitions.dedup_by_key(|partition| partition.stream);
        while let Some(partition) = partitions.pop() {
            if let Err(error) = self.write_partition(&partition) {
                partitions.push(partition);
                self.keeping.unwritten.lock().extend(partitions);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes what may be seen of a partition to its segments. Blocks.
    pub(super) fn write_partition(&self, partition: &Partition) -> io::Result<()> {
        let _writing = machine::lock(&self.keeping.writing);
        write_out(partition, |bytes| {
            self.keeping.unwritten_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.drained.notify_waiters();
        })
    }

    /// Waits while too much is in memory.
    pub(super) async fn wait_for_segments(&self) -> Result<(), QueueError> {
        loop {
            let drained = self.drained.notified();
            if self.keeping.unwritten_bytes.load(Ordering::Relaxed) <= UNWRITTEN_BYTES_MAX {
                return Ok(());
            }
            if let Some(error) = &*self.keeping.failure.lock() {
                return Err(error.clone());
            }
            drained.await;
        }
    }

    fn is_checkpoint_due(&self, is_late: bool) -> bool {
        let since = self.appended.load(Ordering::Relaxed)
            - self.keeping.checkpointed.load(Ordering::Relaxed);
        since >= CHECKPOINT_BYTES || (is_late && since > 0)
    }

    /// Makes all that is in segments durable and has the journal give up what it holds of it.
    ///
    /// # Errors
    /// [`QueueError`]; the journal holds all then.
    pub async fn checkpoint(self: &Arc<Self>) -> Result<(), QueueError> {
        let appended = self.appended.load(Ordering::Relaxed);
        let next = self.journal.next_sequence();
        let queue = Arc::clone(self);
        let records = blocking(move || queue.flush_segments()).await?;
        // Segments may hold what the journal does not keep yet.
        if let Some(last) = self.journal.next_sequence().checked_sub(1) {
            self.journal.kept(last).await?;
        }
        let queue = Arc::clone(self);
        blocking(move || queue.keep_snapshot(next, &records)).await?;
        self.keeping.checkpointed.store(appended, Ordering::Relaxed);
        Ok(())
    }

    /// Makes durable all that was appended, and gives what a snapshot says of it.
    fn flush_segments(&self) -> Result<Vec<Kept>, QueueError> {
        let (mut records, topics) = self.cut();
        for topic in topics {
            let mut partitions = Vec::new();
            for partition in &topic.partitions {
                partitions.push((partition.stream, self.flush_partition(partition)?));
            }
            let (name, config) = (topic.name.clone(), topic.config.as_ref().clone());
            records.push(Kept::Topic { name, id: topic.id, config, partitions });
        }
        Ok(records)
    }

    fn keep_snapshot(&self, next: u64, records: &[Kept]) -> Result<(), QueueError> {
        let _writing = machine::lock(&self.keeping.writing);
        let folder = self.options.folder.join(SNAPSHOTS);
        let mut writer = SnapshotWriter::begin(&folder, next, &self.entropy)?;
        for record in records {
            writer.add(0, &serde_json::to_vec(record).map_err(io::Error::from)?)?;
        }
        let oldest = writer.finish()?;
        Ok(self.journal.release(oldest)?)
    }

    /// What changes made, as of one moment, and the topics of then.
    fn cut(&self) -> (Vec<Kept>, Vec<Arc<Topic>>) {
        let state = self.state.read();
        let cut = self.journal.next_sequence();
        let numbers = Kept::Numbers { producer_id: state.producer_id, stream: state.stream, cut };
        let offsets = state.offsets.iter().map(|(group, offsets)| Kept::Offsets {
            group: group.clone(),
            offsets: offsets.iter().map(|(of, at)| (of.clone(), at.clone())).collect(),
        });
        let of_id = |(id, kept): (&String, &Transactional)| Kept::Transaction {
            id: id.clone(),
            kept: kept.clone(),
        };
        let transactions = state.transactions.all().iter().map(of_id);
        let records = std::iter::once(numbers).chain(offsets).chain(transactions).collect();
        (records, state.topics.values().cloned().collect())
    }

    /// What is in a partition's segments, which are durable from now on.
    fn flush_partition(&self, partition: &Partition) -> io::Result<Stored> {
        let _writing = machine::lock(&self.keeping.writing);
        let (checkpoint, folder) = {
            let mut log = partition.log();
            // Nothing of the partition comes between, since its log is held.
            let cut = self.journal.next_sequence();
            (log.checkpoint(cut), log.folder().to_owned())
        };
        if !checkpoint.dirty.is_empty() && !partition.is_deleted() {
            let flushes = self.options.flush != journal::Flush::Never;
            if let Err(error) = write_checkpoint(partition, &folder, &checkpoint, flushes) {
                partition.log().mark_dirty(checkpoint.dirty);
                return Err(error);
            }
        }
        Ok(checkpoint.stored)
    }
}

fn write_checkpoint(
    partition: &Partition,
    folder: &Path,
    checkpoint: &Checkpoint,
    flushes: bool,
) -> io::Result<()> {
    for placed in checkpoint.unwritten.chunk_by(|one, next| one.segment == next.segment) {
        write_segment(partition, folder, placed)?;
    }
    if !flushes {
        return Ok(());
    }
    for base in &checkpoint.dirty {
        match Files::of(folder, *base).flush() {
            // It was removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            flushed => flushed?,
        }
    }
    // The names of the segment, the partition and the topic.
    folder.ancestors().take(3).try_for_each(disk::flush_folder)
}

/// Writes what may be seen of a partition to its segments, and tells `written` how many bytes, turn
/// by turn. One at a time.
pub(super) fn write_out(partition: &Partition, written: impl Fn(usize)) -> io::Result<()> {
    loop {
        let (placed, folder) = {
            let log = partition.log();
            (log.to_write(TURN_BYTES), log.folder().to_owned())
        };
        if placed.is_empty() {
            return Ok(());
        }
        write_segment(partition, &folder, &placed)?;
        partition.log().written(placed.len());
        written(placed.iter().map(|placed| placed.batch.header.bytes).sum());
    }
}

/// Writes batches of one segment, whose files are made if this is the first of it. One at a time.
fn write_segment(partition: &Partition, folder: &Path, placed: &[Placed]) -> io::Result<()> {
    let Some(first) = placed.first().filter(|_| !partition.is_deleted()) else { return Ok(()) };
    let files = Files::of(folder, first.segment);
    if partition.log().make(first.segment) {
        let made = make_folders(folder, Durability::Buffered).and_then(|()| files.create());
        if let Err(error) = made {
            partition.log().not_made(first.segment);
            return Err(error);
        }
    }
    files.write(placed)
}
