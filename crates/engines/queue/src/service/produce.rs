//! The write path: a batch is checked, gets its offset and its place in the journal, and counts
//! once the journal keeps it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::Queue;
use crate::batch::Batch;
use crate::error::QueueError;
use crate::partition::{LEADER_EPOCH, Partition};
use crate::producers::Verdict;
use crate::topic::Config;

/// A batch that has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The offset of its first record.
    pub base_offset: i64,
    /// The broker's time that its records bear, in ms since 1970; -1: their producer's.
    pub log_append_time_ms: i64,
    /// Records before it are gone.
    pub log_start: i64,
    /// Of the journal, see [`Queue::kept`].
    sequence: u64,
}

impl Queue {
    /// Appends the one batch that `bytes` hold. It counts once [`Queue::kept`] says so.
    ///
    /// # Errors
    /// [`QueueError`].
    pub async fn append(
        &self,
        partition: &Arc<Partition>,
        config: &Config,
        bytes: &Bytes,
    ) -> Result<Accepted, QueueError> {
        let max = config.message_bytes_max();
        if bytes.len() > max {
            return Err(QueueError::TooLarge { bytes: bytes.len(), max });
        }
        let mut batch = Batch::parse(bytes)?;
        if batch.header.is_control() {
            return Err(crate::batch::BatchError::Field("control bit").into());
        }
        let now_ms = self.now_ms();
        if config.is_stamped() {
            batch.stamp(now_ms);
        }
        let log_append_time_ms = if config.is_stamped() { now_ms } else { -1 };
        let accepted = self.append_batch(partition, config, batch).await?;
        Ok(Accepted { log_append_time_ms, ..accepted })
    }

    /// Appends a batch that is known to be well.
    pub(super) async fn append_batch(
        &self,
        partition: &Arc<Partition>,
        config: &Config,
        mut batch: Batch,
    ) -> Result<Accepted, QueueError> {
        self.wait_for_segments().await?;
        let (length, now_ms) = (batch.header.bytes, self.now_ms());
        // Before the lock: the room may have to be made.
        let room = self.journal.room(length).await?;
        let mut log = partition.log();
        let (log_start, log_append_time_ms) = (log.start(), -1);
        if !batch.header.is_control()
            && let Verdict::Known { base_offset } = log.producers().check(&batch.header)?
        {
            let sequence = self.journal.next_sequence().saturating_sub(1);
            return Ok(Accepted { base_offset, log_append_time_ms, log_start, sequence });
        }
        let producer = (batch.header.producer_id, batch.header.producer_epoch);
        if batch.header.is_transactional() && !batch.header.is_control() {
            // Under the log: behind this look no marker can come before the batch.
            self.state.read().transactions.may_produce(producer, partition.stream)?;
        }
        let base_offset = log.end();
        batch.place(base_offset, LEADER_EPOCH);
        log.own()?;
        let sequence = self.journal.append(room, partition.stream, &batch.parts())?;
        log.append(batch, sequence, now_ms, config.limits());
        drop(log);
        self.appended.fetch_add(length as u64, Ordering::Relaxed);
        self.keeping.appended(sequence, partition, length);
        Ok(Accepted { base_offset, log_append_time_ms, log_start, sequence })
    }

    /// Waits until a batch is kept.
    ///
    /// # Errors
    /// [`QueueError::Journal`]: it is not known then whether it is.
    pub async fn kept(&self, accepted: &Accepted) -> Result<(), QueueError> {
        Ok(self.journal.kept(accepted.sequence).await?)
    }
}
