//! What is on disk becomes state again: the latest snapshot, then the journal from there on.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use journal::frame::Record;
use journal::{Journal, snapshot};
use kit::clock::Clock;
use kit::disk;
use kit::entropy::Entropy;
use kit::files::{Files, Hold, Part, Store, make_folders};
use kit::machine;
use kit::sql::Durability;
use kit::worker::Workers;
use parking_lot::{MutexGuard, RwLock};
use tokio::sync::Notify;

use super::groups::Groups;
use super::keeping::{Keeping, write_out};
use super::transactions::StepLocks;
use super::{CHANGES, JOURNAL, Options, Queue, SNAPSHOTS, TOPICS};
use crate::batch::Batch;
use crate::error::QueueError;
use crate::partition::Partition;
use crate::state::{Change, Kept, State, Topic};
use crate::topic::Config;

/// Batches of a partition in memory while the journal is read, in bytes.
const REPLAY_BYTES: usize = 1 << 20;

/// What a broker is opened with, beside its options.
pub struct Surroundings<'s> {
    /// Its time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// Stores that a snapshot of the namespace waits for.
    pub files: &'s Files,
    /// Background work.
    pub workers: &'s Workers,
}

impl Queue {
    /// Opens the broker in a folder; one without anything in it is an empty broker. Blocks.
    ///
    /// # Errors
    /// [`QueueError::Journal`], [`QueueError::Storage`].
    pub fn open(options: Options, surroundings: Surroundings<'_>) -> Result<Arc<Self>, QueueError> {
        let Surroundings { clock, entropy, files, workers } = surroundings;
        let durability = match options.flush {
            journal::Flush::Never => Durability::Buffered,
            _ => Durability::Flush,
        };
        let folder = |name| options.folder.join(name);
        for name in [JOURNAL, SNAPSHOTS, TOPICS] {
            make_folders(&folder(name), durability)?;
        }
        let mut replay = Replay::new(&folder(TOPICS), clock.now().micros() / 1_000);
        let from = snapshot::read_latest(&folder(SNAPSHOTS), &mut |record| replay.take(record))?;
        replay.begin(from.unwrap_or(0));
        let journal_options = journal::Options {
            folder: folder(JOURNAL),
            flush: options.flush,
            segment_bytes_max: options.journal_segment_bytes,
        };
        let each = &mut |record: &Record<'_>| replay.record(record);
        let (journal, lost) = Journal::open(journal_options, entropy.clone(), each)?;
        for lost in &lost {
            tracing::error!(?lost, "records of the queue's journal cannot be read");
        }
        let state = replay.finish()?;
        let queue = Arc::new(Self {
            clock,
            entropy,
            journal,
            state: RwLock::new(state),
            keeping: Keeping::new(),
            groups: Groups::new(options.groups),
            steps: StepLocks::new(),
            options,
            producer_ids: tokio::sync::Mutex::new(0..0),
            changing_topics: tokio::sync::Mutex::new(()),
            appended: AtomicU64::new(0),
            drained: Notify::new(),
        });
        let store: Arc<dyn Store> = Arc::clone(&queue) as Arc<dyn Store>;
        files.register(&store);
        queue.start_keeping(workers);
        queue.start_retention(workers);
        queue.start_groups(workers);
        queue.start_transactions(workers);
        Ok(queue)
    }
}

/// State in the making.
struct Replay {
    state: State,
    by_stream: HashMap<u32, (Arc<Partition>, Arc<Config>)>,
    from: u64,
    now_ms: i64,
    failure: Option<QueueError>,
}

impl Replay {
    fn new(folder: &Path, now_ms: i64) -> Self {
        let state = State::new(folder);
        Self { state, by_stream: HashMap::new(), from: 0, now_ms, failure: None }
    }

    /// A record of the snapshot.
    fn take(&mut self, record: &Record<'_>) {
        match serde_json::from_slice::<Kept>(record.payload) {
            Ok(kept) => self.state.take(kept),
            Err(error) => self.fail(io::Error::from(error)),
        }
    }

    /// The snapshot is over; the journal follows from `from` on.
    fn begin(&mut self, from: u64) {
        self.from = from;
        let topics: Vec<_> = self.state.topics.values().cloned().collect();
        topics.iter().for_each(|topic| self.list(topic));
    }

    fn list(&mut self, topic: &Topic) {
        for partition in &topic.partitions {
            let with = (Arc::clone(partition), Arc::clone(&topic.config));
            self.by_stream.insert(partition.stream, with);
        }
    }

    fn record(&mut self, record: &Record<'_>) {
        let sequence = record.header.sequence;
        if sequence < self.from || self.failure.is_some() {
            return;
        }
        let done = match record.header.stream {
            CHANGES if sequence < self.state.cut => Ok(()),
            CHANGES => self.change(record.payload),
            stream => self.batch(stream, sequence, record.payload),
        };
        if let Err(error) = done {
            self.fail(error);
        }
    }

    fn change(&mut self, payload: &[u8]) -> io::Result<()> {
        let change = serde_json::from_slice::<Change>(payload)?;
        match &change {
            // What lies there is of an earlier topic of that name, or of this one from before the
            // crash; the journal has all of it.
            Change::TopicCreated { name, .. } | Change::TopicDeleted { name } => {
                remove_folder(&self.state.topic_folder(name))?;
            }
            Change::Trimmed { stream, start } => {
                if let Some((partition, _)) = self.by_stream.get(stream) {
                    let files = partition.log().trim(*start);
                    files.iter().try_for_each(crate::segment::Files::remove)?;
                }
            }
            _ => {}
        }
        let topic = match &change {
            Change::TopicCreated { name, .. }
            | Change::PartitionsAdded { name, .. }
            | Change::TopicConfigured { name, .. }
            | Change::TopicDeleted { name } => Some(name.clone()),
            _ => None,
        };
        let before = topic.as_ref().and_then(|name| self.state.topics.get(name).cloned());
        self.state.apply(change);
        for partition in before.iter().flat_map(|topic| &topic.partitions) {
            self.by_stream.remove(&partition.stream);
        }
        if let Some(topic) = topic.and_then(|name| self.state.topics.get(&name).cloned()) {
            self.list(&topic);
        }
        Ok(())
    }

    fn batch(&mut self, stream: u32, sequence: u64, payload: &[u8]) -> io::Result<()> {
        // A topic that was deleted before the snapshot.
        let Some((partition, config)) = self.by_stream.get(&stream) else { return Ok(()) };
        let batch = Batch::stored(Bytes::copy_from_slice(payload)).map_err(io::Error::other)?;
        let is_much = {
            let mut log = partition.log();
            log.own()?;
            log.append(batch, sequence, self.now_ms, config.limits());
            log.keep(u64::MAX);
            log.pending_bytes() >= REPLAY_BYTES
        };
        if is_much { write_out(partition, |_| {}) } else { Ok(()) }
    }

    fn fail(&mut self, error: io::Error) {
        tracing::error!(%error, "the queue cannot be read");
        self.failure.get_or_insert(error.into());
    }

    fn finish(self) -> Result<State, QueueError> {
        for partition in self.state.partitions() {
            write_out(partition, |_| {})?;
        }
        self.failure.map_or(Ok(self.state), Err)
    }
}

/// Removes a folder, if it is there.
pub(super) fn remove_folder(folder: &Path) -> io::Result<()> {
    match disk::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Store for Queue {
    fn hold(&self) -> Box<dyn Hold + '_> {
        // In this order wherever both are taken.
        let writing = machine::lock(&self.keeping.writing);
        Box::new(Held { journal: Store::hold(&self.journal), _writing: writing })
    }
}

struct Held<'q> {
    journal: Box<dyn Hold + 'q>,
    _writing: MutexGuard<'q, ()>,
}

impl Hold for Held<'_> {
    /// Segments are linked: what a snapshot counts on is flushed and never changes, and who opens
    /// a segment that is linked begins another one.
    fn parts(&self) -> Vec<(std::path::PathBuf, Part)> {
        self.journal.parts()
    }
}
