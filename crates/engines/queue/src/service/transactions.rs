//! Transactions begin, grow and end. Steps of one transactional id are made one after the other.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use kit::worker::Workers;
use tokio::sync::{Mutex, MutexGuard};

use super::Queue;
use crate::error::QueueError;
use crate::group::Identity;
use crate::marker::{self, Ending};
use crate::state::{Change, Committed, TopicPartition};
use crate::transaction::{Phase, Producer, Step, TIMEOUT_MAX_MS, TransactionError, Transactional};

/// How often it is looked for transactions that take too long.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Locks for transactional ids: two that share one wait for each other.
const LOCKS: usize = 64;

/// One step at a time for each transactional id.
pub(super) struct StepLocks {
    locks: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl StepLocks {
    pub(super) fn new() -> Self {
        Self { locks: (0..LOCKS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }

    async fn lock(&self, id: &str) -> MutexGuard<'_, ()> {
        let place = self.hasher.hash_one(id) % LOCKS as u64;
        self.locks[place as usize].lock().await
    }
}

impl Queue {
    pub(super) fn start_transactions(self: &Arc<Self>, workers: &Workers) {
        let queue = Arc::downgrade(self);
        workers.every("queue: end transactions", LOOK_EVERY, move || {
            let queue = queue.upgrade();
            async move {
                let Some(queue) = queue else { return };
                if let Err(error) = queue.end_overdue().await {
                    tracing::warn!(%error, "a transaction could not be ended");
                }
            }
        });
    }

    /// Ends transactions that take too long, and those that a crash left half ended.
    async fn end_overdue(&self) -> Result<(), QueueError> {
        let (overdue, unfinished) = {
            let state = self.state.read();
            (state.transactions.overdue(self.now_ms()), state.transactions.unfinished())
        };
        for id in unfinished {
            let _one_at_a_time = self.steps.lock(&id).await;
            self.finish(&id).await?;
        }
        for id in overdue {
            let _one_at_a_time = self.steps.lock(&id).await;
            let Some(kept) = self.transactional(&id) else { continue };
            if matches!(kept.phase, Phase::Ongoing { .. }) {
                // Whoever comes with the epoch of before is told that it is too late.
                self.take_over(&id, &kept, kept.timeout_ms).await?;
            }
        }
        Ok(())
    }

    fn transactional(&self, id: &str) -> Option<Transactional> {
        self.state.read().transactions.all().get(id).cloned()
    }

    async fn step(
        &self,
        id: &str,
        step: Step,
        check: impl FnOnce(&crate::transaction::Transactions) -> Result<(), TransactionError>,
    ) -> Result<u64, QueueError> {
        let change = Change::Transaction { id: id.to_owned(), step };
        self.submit(change, |state| Ok(check(&state.transactions)?)).await
    }

    /// Gives a transactional id a producer, which fences the one before; `known` is the one that
    /// asks, if it had one. A transaction that goes on is aborted.
    ///
    /// # Errors
    /// [`QueueError::Transaction`], [`QueueError::Journal`].
    pub async fn take_transactional(
        &self,
        id: &str,
        timeout_ms: i64,
        known: Option<Producer>,
    ) -> Result<Producer, QueueError> {
        if !(1..=TIMEOUT_MAX_MS).contains(&timeout_ms) {
            return Err(TransactionError::Timeout.into());
        }
        let _one_at_a_time = self.steps.lock(id).await;
        let Some(kept) = self.transactional(id) else {
            let producer = (self.producer_id().await?, 0);
            let taken = Step::Taken { producer, timeout_ms };
            let sequence = self.step(id, taken, |_| Ok(())).await?;
            self.journal.kept(sequence).await?;
            return Ok(producer);
        };
        if known.is_some_and(|known| known != kept.producer) {
            return Err(TransactionError::Fenced.into());
        }
        self.take_over(id, &kept, timeout_ms).await
    }

    async fn take_over(
        &self,
        id: &str,
        kept: &Transactional,
        timeout_ms: i64,
    ) -> Result<Producer, QueueError> {
        if matches!(kept.phase, Phase::Ongoing { .. }) {
            self.step(id, Step::Ending(Ending::Abort), |_| Ok(())).await?;
        }
        self.finish(id).await?;
        let producer = match kept.successor() {
            Some(successor) => successor,
            None => (self.producer_id().await?, 0),
        };
        let sequence = self.step(id, Step::Taken { producer, timeout_ms }, |_| Ok(())).await?;
        self.journal.kept(sequence).await?;
        Ok(producer)
    }

    /// Has partitions belong to a producer's transaction, which begins with the first.
    ///
    /// # Errors
    /// [`QueueError::Transaction`], [`QueueError::UnknownPartition`], [`QueueError::Journal`].
    pub async fn add_to_transaction(
        &self,
        id: &str,
        producer: Producer,
        partitions: Vec<TopicPartition>,
    ) -> Result<(), QueueError> {
        let _one_at_a_time = self.steps.lock(id).await;
        let mut added = Vec::with_capacity(partitions.len());
        for of in partitions {
            let (_, partition) = self.partition(&of.0, of.1)?;
            added.push((of, partition.stream));
        }
        let step = Step::Partitions { added, at_ms: self.now_ms() };
        let sequence = self.step(id, step, |all| all.may_add(id, producer)).await?;
        Ok(self.journal.kept(sequence).await?)
    }

    /// Has a group's offsets belong to a producer's transaction.
    ///
    /// # Errors
    /// As [`Queue::add_to_transaction`].
    pub async fn add_group_to_transaction(
        &self,
        id: &str,
        producer: Producer,
        group: &str,
    ) -> Result<(), QueueError> {
        let _one_at_a_time = self.steps.lock(id).await;
        let step = Step::Group { group: group.to_owned(), at_ms: self.now_ms() };
        let sequence = self.step(id, step, |all| all.may_add(id, producer)).await?;
        Ok(self.journal.kept(sequence).await?)
    }

    /// Commits offsets with a producer's transaction.
    ///
    /// # Errors
    /// As [`Queue::add_to_transaction`].
    pub async fn commit_offsets_in_transaction(
        &self,
        id: &str,
        producer: Producer,
        group: &str,
        offsets: Vec<(TopicPartition, Committed)>,
    ) -> Result<(), QueueError> {
        let _one_at_a_time = self.steps.lock(id).await;
        let step = Step::Offsets { group: group.to_owned(), offsets };
        let check =
            |all: &crate::transaction::Transactions| all.may_commit_offsets(id, producer, group);
        let sequence = self.step(id, step, check).await?;
        Ok(self.journal.kept(sequence).await?)
    }

    /// Whether a member may commit offsets in a transaction.
    ///
    /// # Errors
    /// As [`crate::group::Group::may_commit_in_transaction`] has them.
    pub fn may_commit_in_transaction(
        &self,
        group: &str,
        identity: &Identity,
        generation: i32,
    ) -> Result<(), crate::group::GroupError> {
        self.with_group(group, |found| match found {
            Some(found) => found.may_commit_in_transaction(identity, generation),
            None if generation < 0 => Ok(()),
            None => Err(crate::group::GroupError::IllegalGeneration),
        })
    }

    /// Whether offsets of a group in a partition wait for a transaction to end.
    pub fn is_unstable(&self, group: &str, of: &TopicPartition) -> bool {
        self.state.read().transactions.is_unstable(group, of)
    }

    /// Ends a producer's transaction. One that has ended this way before has.
    ///
    /// # Errors
    /// [`QueueError::Transaction`], [`QueueError::Journal`].
    pub async fn end_transaction(
        &self,
        id: &str,
        producer: Producer,
        ending: Ending,
    ) -> Result<(), QueueError> {
        let _one_at_a_time = self.steps.lock(id).await;
        if !self.state.read().transactions.may_end(id, producer, ending)? {
            return Ok(());
        }
        let check =
            |all: &crate::transaction::Transactions| all.may_end(id, producer, ending).map(|_| ());
        self.step(id, Step::Ending(ending), check).await?;
        self.finish(id).await
    }

    /// Writes the markers of a transaction whose end is decided. One flush keeps all of it: the
    /// journal keeps nothing before what comes before.
    async fn finish(&self, id: &str) -> Result<(), QueueError> {
        let Some(kept) = self.transactional(id) else { return Ok(()) };
        let Phase::Ending(ending) = kept.phase else { return Ok(()) };
        for ((topic, index), stream) in &kept.partitions {
            // The topic may be another one by now.
            let Ok((topic, partition)) = self.partition(topic, *index) else { continue };
            if partition.stream != *stream {
                continue;
            }
            let batch = marker::marker(ending, kept.producer, self.now_ms());
            self.append_batch(&partition, &topic.config, batch).await?;
        }
        let sequence = self.step(id, Step::Ended, |_| Ok(())).await?;
        Ok(self.journal.kept(sequence).await?)
    }
}
