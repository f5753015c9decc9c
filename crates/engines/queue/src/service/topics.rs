//! Topics are made, changed and deleted.

use std::sync::Arc;

use kit::machine;

use super::Queue;
use super::opening::remove_folder;
use crate::blocking::blocking;
use crate::error::QueueError;
use crate::partition::Partition;
use crate::state::Change;
use crate::topic::{Alter, Config, PARTITIONS_MAX, check_name};

/// A topic that is to be made.
#[derive(Debug, Clone, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; -1: as many as is usual here.
    pub partitions: i32,
    /// Replicas of each; -1 or 1.
    pub replicas: i16,
    /// What differs from the default settings.
    pub settings: Vec<(String, String)>,
}

impl Queue {
    /// Makes a topic, or only says whether it could be.
    ///
    /// # Errors
    /// [`QueueError::Exists`] and what is wrong with the request.
    pub async fn create_topic(&self, new: NewTopic, is_trial: bool) -> Result<(), QueueError> {
        check_name(&new.name)?;
        if !matches!(new.replicas, -1 | 1) {
            return Err(QueueError::Replicas);
        }
        let count = match new.partitions {
            -1 => self.options.partitions_default,
            count => count,
        };
        let count = within_bounds(count)?;
        let mut config = Config::default();
        for (name, value) in new.settings {
            config.alter(&name, &Alter::Set(value))?;
        }
        let _one_at_a_time = self.changing_topics.lock().await;
        if self.topic(&new.name).is_some() {
            return Err(QueueError::Exists(new.name));
        }
        if is_trial {
            return Ok(());
        }
        // Left over of an earlier topic of that name, should anything be.
        let folder = self.state.read().topic_folder(&new.name);
        blocking(move || remove_folder(&folder)).await?;
        let (name, id) = (new.name, u128::from_be_bytes(self.entropy.bytes16()));
        let streams = self.streams(count);
        let change = Change::TopicCreated { name, id, streams, config };
        self.change(change, |_| Ok(())).await
    }

    /// Deletes a topic and all that is in it.
    ///
    /// # Errors
    /// [`QueueError::UnknownPartition`], [`QueueError::Journal`].
    pub async fn delete_topic(self: &Arc<Self>, name: &str) -> Result<(), QueueError> {
        let _one_at_a_time = self.changing_topics.lock().await;
        let topic = self.topic(name).ok_or(QueueError::UnknownPartition)?;
        self.change(Change::TopicDeleted { name: name.to_owned() }, |_| Ok(())).await?;
        let (queue, folder) = (Arc::clone(self), self.state.read().topic_folder(name));
        let remove = move || {
            // Whoever writes its segments at this moment is waited for.
            let _writing = machine::lock(&queue.keeping.writing);
            topic.partitions.iter().for_each(|partition| partition.delete());
            topic.partitions.iter().for_each(|partition| partition.wake());
            remove_folder(&folder)
        };
        if let Err(error) = blocking(remove).await {
            // They take room until the name is used again; the topic is gone all the same.
            tracing::warn!(%error, topic = name, "files of a deleted topic are left");
        }
        Ok(())
    }

    /// Gives a topic more partitions, `count` in all.
    ///
    /// # Errors
    /// [`QueueError::UnknownPartition`], [`QueueError::Partitions`].
    pub async fn add_partitions(
        &self,
        name: &str,
        count: i32,
        is_trial: bool,
    ) -> Result<(), QueueError> {
        let _one_at_a_time = self.changing_topics.lock().await;
        let topic = self.topic(name).ok_or(QueueError::UnknownPartition)?;
        let (count, now) = (within_bounds(count)?, topic.partitions.len());
        if count <= now {
            let refusal = format!("the topic has {now} partitions, which can only become more");
            return Err(QueueError::Partitions(refusal));
        }
        if is_trial {
            return Ok(());
        }
        let streams = self.streams(count - now);
        self.change(Change::PartitionsAdded { name: name.to_owned(), streams }, |_| Ok(())).await
    }

    /// Changes settings of a topic, all or none, or only says whether they could be.
    ///
    /// # Errors
    /// [`QueueError::UnknownPartition`], [`QueueError::Topic`].
    pub async fn configure_topic(
        &self,
        name: &str,
        changes: &[(String, Alter)],
        is_trial: bool,
    ) -> Result<(), QueueError> {
        let _one_at_a_time = self.changing_topics.lock().await;
        let topic = self.topic(name).ok_or(QueueError::UnknownPartition)?;
        let mut config = Config::clone(&topic.config);
        for (setting, alter) in changes {
            config.alter(setting, alter)?;
        }
        if is_trial {
            return Ok(());
        }
        self.change(Change::TopicConfigured { name: name.to_owned(), config }, |_| Ok(())).await
    }

    /// Removes the records of a partition before `start`; -1: all that can be seen. Gives the first
    /// offset that is left.
    ///
    /// # Errors
    /// [`QueueError::OutOfRange`], [`QueueError::Journal`].
    pub async fn delete_records(
        &self,
        partition: &Arc<Partition>,
        start: i64,
    ) -> Result<i64, QueueError> {
        let (first, visible) = {
            let mut log = partition.log();
            log.keep(self.journal.kept_end());
            (log.start(), log.visible())
        };
        let start = if start == -1 { visible } else { start };
        if start < 0 || start > visible {
            return Err(crate::log::OutOfRange.into());
        }
        if start > first {
            self.trim(partition, start).await?;
        }
        Ok(start.max(first))
    }

    /// Numbers for new partitions that no partition has or had.
    fn streams(&self, count: usize) -> Vec<u32> {
        let mut state = self.state.write();
        let first = state.stream;
        state.stream = first.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        (first..state.stream).collect()
    }
}

fn within_bounds(count: i32) -> Result<usize, QueueError> {
    let counted = usize::try_from(count).ok();
    counted.filter(|count| (1..=PARTITIONS_MAX).contains(count)).ok_or_else(|| {
        QueueError::Partitions(format!("a topic has 1 to {PARTITIONS_MAX} partitions, not {count}"))
    })
}
