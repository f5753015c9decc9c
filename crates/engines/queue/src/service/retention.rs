//! What goes with time: segments that are older or more than a topic keeps, and producers that have
//! fallen silent.

use std::sync::Arc;
use std::time::Duration;

use kit::worker::Workers;

use super::Queue;
use crate::blocking::blocking;
use crate::error::QueueError;
use crate::partition::Partition;
use crate::state::{Change, Topic};
use crate::topic::PRODUCER_KNOWN_MS;

/// How often it is looked what has to go.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Queue {
    pub(super) fn start_retention(self: &Arc<Self>, workers: &Workers) {
        let queue = Arc::downgrade(self);
        workers.every("queue: delete what is too old", LOOK_EVERY, move || {
            let queue = queue.upgrade();
            async move {
                let Some(queue) = queue else { return };
                if let Err(error) = queue.retain().await {
                    tracing::warn!(%error, "old segments could not be deleted");
                }
            }
        });
    }

    /// Removes what topics keep no longer.
    ///
    /// # Errors
    /// [`QueueError`]; it is tried again.
    pub async fn retain(&self) -> Result<(), QueueError> {
        for topic in self.topics() {
            for partition in &topic.partitions {
                if let Some(start) = self.retained_from(&topic, partition) {
                    self.trim(partition, start).await?;
                }
            }
        }
        Ok(())
    }

    fn retained_from(&self, topic: &Topic, partition: &Partition) -> Option<i64> {
        let now_ms = self.now_ms();
        let before_ms = topic.config.retention_ms().map_or(i64::MIN, |ms| now_ms - ms);
        let bytes_max = topic.config.retention_bytes().unwrap_or(u64::MAX);
        let mut log = partition.log();
        log.expire_producers(now_ms - PRODUCER_KNOWN_MS);
        let start = log.retained_from(before_ms, bytes_max);
        (start > log.start()).then_some(start)
    }

    /// Removes the records of a partition before `start`.
    pub(super) async fn trim(
        &self,
        partition: &Arc<Partition>,
        start: i64,
    ) -> Result<(), QueueError> {
        self.change(Change::Trimmed { stream: partition.stream, start }, |_| Ok(())).await?;
        let files = partition.log().trim(start);
        blocking(move || files.iter().try_for_each(crate::segment::Files::remove)).await
    }
}
