//! A consumer of one partition with long polls, for the latency of records.

use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::messages::{FetchRequest, TopicName};
use kafka_protocol::records::{Record, RecordBatchDecoder};

use super::broker::Broker;
use super::consume::{Position, fetch_of, fetch_request};
use super::latency::{Load, due_of};
use super::tally::Tally;
use super::topic::error_name;
use super::wire::{self, Connection};
use crate::clock;
use crate::error::BenchError;

/// The longest that a fetch waits for a first byte.
const MAX_WAIT_MS: i32 = 500;
/// The most of one answer.
const PARTITION_BYTES: i32 = 1 << 20;

/// The reader of one partition.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    version: i16,
    topic: TopicName,
    position: Position,
}

impl Reader {
    /// Connects.
    ///
    /// # Errors
    /// `BenchError::Broker` when the broker does not answer.
    pub(crate) fn connect(
        broker: &Broker,
        topic: &TopicName,
        partition: i32,
    ) -> Result<Self, BenchError> {
        let connection = broker.connect()?;
        let version = connection.version::<FetchRequest>()?;
        let position = Position { partition, next: 0, end: i64::MAX };
        Ok(Self { connection, version, topic: topic.clone(), position })
    }

    /// Reads until all readers have everything, or it took too long.
    pub(crate) fn run(mut self, load: &Load) -> Tally {
        let mut tally = Tally::new();
        while !load.is_read() && clock::now() < load.read_by() {
            let before = tally.all_records;
            if let Err(error) = self.fetch(load, &mut tally) {
                tally.fail(1, error.to_string());
                return tally;
            }
            load.read.fetch_add(tally.all_records - before, Ordering::Relaxed);
            if tally.wrong > 0 || tally.refused > 0 {
                return tally;
            }
        }
        tally
    }

    fn fetch(&mut self, load: &Load, tally: &mut Tally) -> Result<(), BenchError> {
        let correlation = self.connection.writer().next_correlation();
        let asked = fetch_of(&self.position, PARTITION_BYTES);
        let request = fetch_request(&self.topic, vec![asked], MAX_WAIT_MS);
        let frame = wire::encode(&request, self.version, correlation)?;
        self.connection.writer().send(&frame)?;
        let answer = self.connection.reader().receive()?;
        let now = clock::now();
        match records(&answer, self.version, correlation) {
            Err(problem) => tally.find_wrong(problem),
            Ok(Err(refusal)) => tally.refuse(refusal),
            Ok(Ok(records)) => {
                for record in records {
                    if let Err(problem) = self.take(&record, (load, now), tally) {
                        tally.find_wrong(problem);
                    }
                }
            }
        }
        self.connection.reader().recycle(answer);
        Ok(())
    }

    fn take(
        &mut self,
        record: &Record,
        (load, now): (&Load, Instant),
        tally: &mut Tally,
    ) -> Result<(), String> {
        // A fetch brings whole batches, so records from before its offset may come again.
        if record.offset < self.position.next {
            return Ok(());
        }
        if record.offset > self.position.next {
            return Err(format!("offset {} came for {}", record.offset, self.position.next));
        }
        self.position.next += 1;
        let value = record.value.as_deref().unwrap_or_default();
        let due = load.start + due_of(value)?;
        tally.all_records += 1;
        if let Some(latency) = load.latency(due, now) {
            tally.latencies.record(latency);
            tally.right += 1;
            tally.records += 1;
            tally.value_bytes += value.len() as u64;
        }
        Ok(())
    }
}

/// The records of an answer, or the refusal in it. The decoder checks every CRC.
fn records(
    answer: &Bytes,
    version: i16,
    correlation: i32,
) -> Result<Result<Vec<Record>, String>, String> {
    let (answered, response) = wire::decode::<FetchRequest>(answer, version)?;
    if answered != correlation {
        return Err(format!("answer {answered} to request {correlation}"));
    }
    if response.error_code != 0 {
        return Ok(Err(error_name(response.error_code)));
    }
    let mut all = Vec::new();
    for partition in response.responses.into_iter().flat_map(|topic| topic.partitions) {
        if partition.error_code != 0 {
            return Ok(Err(error_name(partition.error_code)));
        }
        let mut bytes = partition.records.unwrap_or_default();
        let sets = RecordBatchDecoder::decode_all(&mut bytes).map_err(|error| error.to_string())?;
        all.extend(sets.into_iter().flat_map(|set| set.records));
    }
    Ok(Ok(all))
}
