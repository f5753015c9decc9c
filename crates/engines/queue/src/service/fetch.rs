//! The read path: batches from an offset on, from memory or from a segment, or a wait for some.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::Queue;
use crate::batch::Batch;
use crate::blocking::blocking;
use crate::error::QueueError;
use crate::log::{Aborted, Found, Log, OutOfRange, cut};
use crate::partition::Partition;

/// What is read of one partition.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Which.
    pub partition: Arc<Partition>,
    /// From where on.
    pub offset: i64,
    /// Up to how much, in bytes; but at least one batch.
    pub max_bytes: usize,
}

/// Bounds of one fetch.
#[derive(Debug, Clone, Copy)]
pub struct FetchLimits {
    /// Of all partitions together; but at least one batch.
    pub max_bytes: usize,
    /// With less it waits.
    pub min_bytes: usize,
    /// How long it waits at most.
    pub wait: Duration,
    /// Whether records of transactions that go on are held back.
    pub is_committed_only: bool,
}

/// What was read of one partition.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// Records before it can be seen.
    pub high_watermark: i64,
    /// Records before it belong to no transaction that goes on.
    pub last_stable: i64,
    /// Records before it are gone.
    pub log_start: i64,
    /// Aborted transactions among the records.
    pub aborted: Vec<Aborted>,
    /// Whole batches, one behind the other.
    pub batches: Vec<Bytes>,
}

impl Fetched {
    /// Of its batches.
    pub fn bytes(&self) -> usize {
        self.batches.iter().map(Bytes::len).sum()
    }
}

/// What was read of partitions, in the order in which they were wanted.
pub type Answers = Vec<Result<Fetched, QueueError>>;

impl Queue {
    /// Reads, and waits where there is too little.
    pub async fn fetch(&self, wanted: &[Wanted], limits: FetchLimits) -> Answers {
        let deadline = kit::clock::pause(limits.wait);
        tokio::pin!(deadline);
        let reader = Arc::new(Notify::new());
        loop {
            if !limits.wait.is_zero() {
                wanted.iter().for_each(|wanted| wanted.partition.wake_later(&reader));
            }
            let answers = self.look(wanted, limits).await;
            let is_failed = answers.iter().any(Result::is_err);
            let bytes: usize = answers.iter().flatten().map(Fetched::bytes).sum();
            if is_failed || bytes >= limits.min_bytes || limits.wait.is_zero() || wanted.is_empty()
            {
                return answers;
            }
            tokio::select! {
                () = reader.notified() => {}
                () = &mut deadline => return answers,
            }
        }
    }

    async fn look(&self, wanted: &[Wanted], limits: FetchLimits) -> Answers {
        let (mut left, mut answers) = (limits.max_bytes, Vec::with_capacity(wanted.len()));
        for wanted in wanted {
            let max_bytes = wanted.max_bytes.min(left);
            let answer = if left == 0 {
                self.watermarks(wanted)
            } else {
                self.read(wanted, max_bytes, limits.is_committed_only).await
            };
            left = left.saturating_sub(answer.as_ref().map_or(0, Fetched::bytes));
            answers.push(answer);
        }
        answers
    }

    fn watermarks(&self, wanted: &Wanted) -> Result<Fetched, QueueError> {
        self.watermarks_of(&mut wanted.partition.log(), wanted.offset)
    }

    fn watermarks_of(&self, log: &mut Log, offset: i64) -> Result<Fetched, QueueError> {
        log.keep(self.journal.kept_end());
        if offset < log.start() || offset > log.end() {
            return Err(OutOfRange.into());
        }
        Ok(Fetched {
            high_watermark: log.visible(),
            last_stable: log.stable(),
            log_start: log.start(),
            ..Fetched::default()
        })
    }

    async fn read(
        &self,
        wanted: &Wanted,
        max_bytes: usize,
        is_committed_only: bool,
    ) -> Result<Fetched, QueueError> {
        let mut offset = wanted.offset;
        loop {
            let (mut fetched, seen, found) = {
                let mut log = wanted.partition.log();
                let fetched = self.watermarks_of(&mut log, offset)?;
                let (stable, visible) = (fetched.last_stable, fetched.high_watermark);
                let seen = if is_committed_only { stable } else { visible };
                (fetched, seen, log.find(offset, seen, max_bytes)?)
            };
            match found {
                Found::Nothing => {}
                Found::Memory(batches) => {
                    fetched.batches = batches.iter().flat_map(parts).collect();
                }
                Found::File(reading, next) => {
                    let read = blocking(move || reading.read(offset, max_bytes)).await;
                    let bytes = read.map_err(|error| gone_or(error, &wanted.partition, offset))?;
                    if let Some(next) = next.filter(|_| bytes.is_empty()) {
                        offset = next;
                        continue;
                    }
                    fetched.batches = vec![cut(bytes, seen)];
                }
            }
            if is_committed_only && fetched.bytes() > 0 {
                fetched.aborted = wanted.partition.log().aborted(offset, seen);
            }
            return Ok(fetched);
        }
    }
}

/// Why a segment could not be read: it may have been deleted meanwhile.
fn gone_or(error: QueueError, partition: &Partition, offset: i64) -> QueueError {
    if partition.log().start() > offset { OutOfRange.into() } else { error }
}

fn parts(batch: &Batch) -> [Bytes; 2] {
    [Bytes::copy_from_slice(batch.parts()[0]), batch.records().clone()]
}
