//! Topics are made, changed and deleted.

use std::sync::Arc;

use kit::disk;

use super::Queue;
use crate::blocking::blocking;
use crate::error::QueueError;
use crate::partition::Partition;
use crate::state::{Change, State};
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
        if self.topic(&new.name).is_some() {
            return Err(QueueError::Exists(new.name));
        }
        if is_trial {
            return Ok(());
        }
        let (name, id) = (new.name, u128::from_be_bytes(self.entropy.bytes16()));
        let streams = self.streams(count);
        let change = Change::TopicCreated { name: name.clone(), id, streams, config };
        let is_new = |state: &State| match state.topics.contains_key(&name) {
            true => Err(QueueError::Exists(name.clone())),
            false => Ok(()),
        };
        self.change(change, is_new).await
    }

    /// Deletes a topic and all that is in it.
    ///
    /// # Errors
    /// [`QueueError::UnknownPartition`], [`QueueError::Journal`].
    pub async fn delete_topic(&self, name: &str) -> Result<(), QueueError> {
        let topic = self.topic(name).ok_or(QueueError::UnknownPartition)?;
        let is_there = |state: &State| match state.topics.contains_key(name) {
            true => Ok(()),
            false => Err(QueueError::UnknownPartition),
        };
        self.change(Change::TopicDeleted { name: name.to_owned() }, is_there).await?;
        topic.partitions.iter().for_each(|partition| partition.wake());
        let folder = self.state.read().topic_folder(name);
        let remove = move || match disk::exists(&folder) {
            true => disk::remove_dir_all(&folder),
            false => Ok(()),
        };
        if let Err(error) = blocking(remove).await {
            // It takes room until the next opening; the topic is gone all the same.
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
        let is_as_before = |state: &State| {
            let topic = state.topics.get(name).ok_or(QueueError::UnknownPartition)?;
            if topic.partitions.len() == now {
                return Ok(());
            }
            Err(QueueError::Partitions("partitions were added just now; look again".to_owned()))
        };
        self.change(Change::PartitionsAdded { name: name.to_owned(), streams }, is_as_before).await
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
        let _one_at_a_time = self.configuring.lock().await;
        let topic = self.topic(name).ok_or(QueueError::UnknownPartition)?;
        let mut config = Config::clone(&topic.config);
        for (setting, alter) in changes {
            config.alter(setting, alter)?;
        }
        if is_trial {
            return Ok(());
        }
        let is_there = |state: &State| match state.topics.contains_key(name) {
            true => Ok(()),
            false => Err(QueueError::UnknownPartition),
        };
        self.change(Change::TopicConfigured { name: name.to_owned(), config }, is_there).await
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
