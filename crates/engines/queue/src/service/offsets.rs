//! Offsets: where a partition begins and ends, where a time is in it, and how far groups have come.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::Queue;
use crate::blocking::blocking;
use crate::error::QueueError;
use crate::partition::Partition;
use crate::record;
use crate::segment::NO_TIMESTAMP;
use crate::state::{Change, Committed, State, TopicPartition};

/// A place in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Of the first record.
    Earliest,
    /// Behind the last record.
    Latest,
    /// Behind the last record that belongs to no transaction that goes on.
    Stable,
    /// Of the record with the latest time.
    LatestTime,
    /// Of the first record at this time, in ms since 1970, or later.
    At(i64),
}

impl Queue {
    /// An offset and the time stamp of the record that has it, or -1. None: there is no such
    /// record.
    ///
    /// # Errors
    /// [`QueueError::Storage`].
    pub async fn offset_at(
        &self,
        partition: &Arc<Partition>,
        when: When,
    ) -> Result<Option<(i64, i64)>, QueueError> {
        let (start, latest, stable, latest_time) = {
            let mut log = partition.log();
            log.keep(self.journal.kept_end());
            (log.start(), log.visible(), log.stable(), log.max_timestamp())
        };
        match when {
            When::Earliest => Ok(Some((start, NO_TIMESTAMP))),
            When::Latest => Ok(Some((latest, NO_TIMESTAMP))),
            When::Stable => Ok(Some((stable, NO_TIMESTAMP))),
            When::LatestTime if latest_time == NO_TIMESTAMP => Ok(None),
            When::LatestTime => self.offset_of_time(partition, latest_time, start).await,
            When::At(time) => self.offset_of_time(partition, time, start).await,
        }
    }

    async fn offset_of_time(
        &self,
        partition: &Arc<Partition>,
        time: i64,
        start: i64,
    ) -> Result<Option<(i64, i64)>, QueueError> {
        let (readings, batches) = partition.log().at_time(time);
        let found = blocking(move || {
            for reading in readings {
                if let Some(bytes) = reading.at_time(time)? {
                    return Ok::<_, std::io::Error>(Some(bytes));
                }
            }
            Ok(None)
        });
        let in_memory = batches.first().map(|batch| Bytes::from(batch.parts().concat()));
        let Some(bytes) = found.await?.or(in_memory) else { return Ok(None) };
        Ok(record::first_at(bytes, time)?.map(|(offset, time)| (offset.max(start), time)))
    }

    /// Keeps how far a group has come.
    ///
    /// # Errors
    /// [`QueueError::Journal`].
    pub async fn commit_offsets(
        &self,
        group: &str,
        offsets: Vec<(TopicPartition, Committed)>,
    ) -> Result<(), QueueError> {
        let group = group.to_owned();
        self.change(Change::OffsetsCommitted { group, offsets }, |_| Ok(())).await
    }

    /// How far a group has come in all partitions it committed for.
    pub fn committed_offsets(&self, group: &str) -> BTreeMap<TopicPartition, Committed> {
        self.state.read().offsets.get(group).cloned().unwrap_or_default()
    }

    /// How far a group has come in one partition.
    pub fn committed_offset(&self, group: &str, of: &TopicPartition) -> Option<Committed> {
        self.state.read().offsets.get(group)?.get(of).cloned()
    }

    /// Groups that have committed offsets.
    pub fn groups_with_offsets(&self) -> Vec<String> {
        self.state.read().offsets.keys().cloned().collect()
    }

    /// Forgets how far a group has come in some partitions.
    ///
    /// # Errors
    /// As [`Queue::delete_offsets`].
    pub async fn delete_some_offsets(
        &self,
        group: &str,
        of: Vec<TopicPartition>,
    ) -> Result<(), QueueError> {
        // None named would mean all.
        if of.is_empty() { Ok(()) } else { self.delete_offsets(group, of).await }
    }

    /// Forgets how far a group has come: in some partitions, or with none named in all.
    ///
    /// # Errors
    /// [`QueueError::UnknownGroup`], [`QueueError::Journal`].
    pub(super) async fn delete_offsets(
        &self,
        group: &str,
        of: Vec<TopicPartition>,
    ) -> Result<(), QueueError> {
        let is_known = |state: &State| match state.offsets.contains_key(group) {
            true => Ok(()),
            false => Err(QueueError::UnknownGroup(group.to_owned())),
        };
        self.change(Change::OffsetsDeleted { group: group.to_owned(), of }, is_known).await
    }
}
