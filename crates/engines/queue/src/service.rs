//! The verbs of the broker, for one namespace.
//!
//! - `opening`: what is found on disk becomes state again. `keeping`: what was appended becomes
//!   visible, is written to segments, and is given up by the journal.
//! - `produce`, `fetch`, `offsets`: the write path and the read paths.
//! - `groups`: consumers that share. `transactions`: what counts together or not at all.
//! - `topics`: what is made, changed and deleted. `retention`: what goes with time.

mod fetch;
mod groups;
mod keeping;
mod offsets;
mod opening;
mod produce;
mod retention;
mod topics;
mod transactions;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use journal::{Flush, Journal};
use kit::auth::{Kind, Principal};
use kit::clock::Clock;
use kit::entropy::Entropy;
use parking_lot::RwLock;
use tokio::sync::Notify;

pub use fetch::Answers;
pub use fetch::{FetchLimits, Fetched, Wanted};
use keeping::Keeping;
pub use offsets::When;
pub use opening::Surroundings;
pub use produce::Accepted;
pub use topics::NewTopic;

use crate::error::QueueError;
use crate::partition::Partition;
use crate::state::{Change, State, Topic};

/// The stream of the journal under which changes stand; those of partitions begin behind it.
const CHANGES: u32 = 0;
/// Folders of a broker.
const JOURNAL: &str = "journal";
const SNAPSHOTS: &str = "snapshots";
const TOPICS: &str = "topics";

/// Scopes: what a principal has to be allowed.
pub const READ: &str = "queue:read";
/// To produce, and to commit offsets.
pub const WRITE: &str = "queue:write";
/// To make, change and delete topics.
pub const ADMINISTER: &str = "queue:admin";

/// How a broker keeps what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Its folder.
    pub folder: PathBuf,
    /// When a record counts as kept.
    pub flush: Flush,
    /// Room of a large segment of the journal, in bytes.
    pub journal_segment_bytes: u64,
    /// Partitions of a topic that is made without a number of them.
    pub partitions_default: i32,
    /// Whether those without a credential are allowed everything.
    pub anonymous: bool,
    /// What a group may take.
    pub groups: crate::group::Limits,
    /// Whether a topic is made when a producer first names it.
    pub auto_create: bool,
}

/// A broker's state and what can be done to it.
pub struct Queue {
    options: Options,
    clock: Clock,
    entropy: Entropy,
    journal: Journal,
    state: RwLock<State>,
    keeping: Keeping,
    groups: groups::Groups,
    steps: transactions::StepLocks,
    /// Producer ids before this are set aside in the journal.
    producer_ids: tokio::sync::Mutex<std::ops::Range<i64>>,
    /// Held from a look at topics to their change, until their files are as they are.
    changing_topics: tokio::sync::Mutex<()>,
    /// Bytes that were appended since it was opened.
    appended: AtomicU64,
    drained: Notify,
}

impl Queue {
    /// Whether a principal is allowed what a scope stands for. Without a credential all is, where
    /// the options say so.
    pub fn may(&self, principal: &Principal, scope: &str) -> bool {
        (self.options.anonymous && principal.kind == Kind::Anonymous) || principal.may(scope)
    }

    /// What it was opened with.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Its time.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().micros() / 1_000
    }

    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.state.read().topics.get(name).cloned()
    }

    /// The topic of this number.
    pub fn topic_by_id(&self, id: u128) -> Option<Arc<Topic>> {
        let state = self.state.read();
        state.topics.get(state.ids.get(&id)?).cloned()
    }

    /// All topics, by name.
    pub fn topics(&self) -> Vec<Arc<Topic>> {
        self.state.read().topics.values().cloned().collect()
    }

    /// A partition.
    ///
    /// # Errors
    /// [`QueueError::UnknownPartition`].
    pub fn partition(
        &self,
        topic: &str,
        index: i32,
    ) -> Result<(Arc<Topic>, Arc<Partition>), QueueError> {
        let topic = self.topic(topic).ok_or(QueueError::UnknownPartition)?;
        let partition = topic.partition(index).cloned().ok_or(QueueError::UnknownPartition)?;
        Ok((topic, partition))
    }

    /// Makes a change if `check` agrees, and returns once it is kept.
    async fn change(
        &self,
        change: Change,
        check: impl FnOnce(&State) -> Result<(), QueueError>,
    ) -> Result<(), QueueError> {
        let sequence = self.submit(change, check).await?;
        Ok(self.journal.kept(sequence).await?)
    }

    /// Makes a change if `check` agrees. It counts once the journal has kept the sequence.
    async fn submit(
        &self,
        change: Change,
        check: impl FnOnce(&State) -> Result<(), QueueError>,
    ) -> Result<u64, QueueError> {
        let text = serde_json::to_vec(&change).map_err(std::io::Error::from)?;
        let room = self.journal.room(text.len()).await?;
        let sequence = {
            let mut state = self.state.write();
            check(&state)?;
            let sequence = self.journal.append(room, CHANGES, &[&text])?;
            state.apply(change);
            sequence
        };
        Ok(sequence)
    }

    /// A range of producer ids that nobody has.
    ///
    /// # Errors
    /// [`QueueError::Journal`].
    pub async fn producer_id(&self) -> Result<i64, QueueError> {
        const SET_ASIDE: i64 = 1_000;
        let mut ids = self.producer_ids.lock().await;
        if ids.is_empty() {
            let first = self.state.read().producer_id;
            let next = first + SET_ASIDE;
            self.change(Change::ProducerIds { next }, |_| Ok(())).await?;
            *ids = first..next;
        }
        let id = ids.start;
        ids.start += 1;
        Ok(id)
    }
}
