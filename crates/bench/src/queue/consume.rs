//! How fast a broker gives a backlog out: connections that share its partitions and fetch them to
//! their ends.

use std::time::{Duration, Instant};

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse, TopicName};

use super::args::{QueueArgs, Shape};
use super::batch::walk;
use super::broker::Broker;
use super::join_all;
use super::produce::{self, Load};
use super::tally::{Outcome, Tally};
use super::topic::{CLIENT, Topic, error_name};
use super::wire::{self, Connection};
use crate::clock;
use crate::error::BenchError;

/// The most of one answer over all partitions: 50 MiB, as the Java client asks for.
const FETCH_BYTES_MAX: i32 = 50 << 20;
/// How long the broker may wait for a first byte; the backlog is there, so it should not.
const MAX_WAIT_MS: i32 = 500;
/// Fetches in a row without a batch, after which a consumer gives up: 10 s of waiting.
const EMPTY_FETCHES_MAX: u32 = 20;

/// A topic that was written in full.
#[derive(Debug)]
pub(crate) struct Backlog {
    topic: Topic,
    /// The end offset of every partition.
    ends: Vec<i64>,
    record_bytes: u32,
}

/// A partition and how far it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Its index.
    pub(crate) partition: i32,
    /// The offset to read next.
    pub(crate) next: i64,
    /// The offset at which it is read in full.
    pub(crate) end: i64,
}

impl Position {
    fn is_past(&self) -> bool {
        self.next > self.end
    }
}

impl Backlog {
    /// Writes it.
    ///
    /// # Errors
    /// When the broker does not take it.
    pub(crate) fn write(broker: &Broker, args: &QueueArgs) -> Result<Self, BenchError> {
        let shape = Shape::of(args)?;
        let topic = super::new_topic(broker, args)?;
        let load = Load::of_bytes(args, shape, args.bytes);
        produce::fill(broker, &topic, &load)?;
        let ends = topic.end_offsets(&mut broker.connect()?)?;
        Ok(Self { topic, ends, record_bytes: shape.record_bytes })
    }

    /// One round: reads all of it, as often as fits into the time that the arguments give and
    /// at least once.
    ///
    /// # Errors
    /// Whatever keeps the figures from being measured.
    pub(crate) fn read(&self, broker: &Broker, args: &QueueArgs) -> Result<Outcome, BenchError> {
        let shares = share(&self.ends, args.connections());
        let consumers: Result<Vec<Consumer>, BenchError> =
            shares.into_iter().map(|share| Consumer::connect(broker, self, share, args)).collect();
        let consumers = consumers?;
        let meter = broker.meter()?;
        let began = clock::now();
        let until = began + Duration::from_secs(args.seconds);
        let threads: Vec<_> = consumers
            .into_iter()
            .map(|consumer| std::thread::spawn(move || consumer.run(until)))
            .collect();
        let total = join_all(threads)?;
        let (took, used) = (clock::now() - began, meter.read()?);
        Ok(total.outcome(took).with(used))
    }
}

/// Deals partitions out to at most `connections` consumers, in turn.
fn share(ends: &[i64], connections: usize) -> Vec<Vec<Position>> {
    let mut shares = vec![Vec::new(); connections.min(ends.len())];
    let count = shares.len();
    for (partition, &end) in (0..).zip(ends) {
        shares[partition as usize % count].push(Position { partition, next: 0, end });
    }
    shares
}

/// One connection with its partitions.
#[derive(Debug)]
struct Consumer {
    connection: Connection,
    version: i16,
    topic: TopicName,
    positions: Vec<Position>,
    partition_bytes: i32,
    record_bytes: u32,
}

impl Consumer {
    fn connect(
        broker: &Broker,
        backlog: &Backlog,
        positions: Vec<Position>,
        args: &QueueArgs,
    ) -> Result<Self, BenchError> {
        let connection = broker.connect()?;
        Ok(Self {
            version: connection.version::<FetchRequest>()?,
            connection,
            topic: backlog.topic.name.clone(),
            positions,
            partition_bytes: i32::try_from(args.partition_bytes).unwrap_or(i32::MAX),
            record_bytes: backlog.record_bytes,
        })
    }

    fn run(mut self, until: Instant) -> Tally {
        let mut tally = Tally::new();
        let share = self.positions.clone();
        while self.pass(&mut tally) && clock::now() < until {
            self.positions.clone_from(&share);
        }
        tally
    }

    /// Reads its partitions to their ends once; false when something stands in the way.
    fn pass(&mut self, tally: &mut Tally) -> bool {
        let mut empty = 0;
        while let Some(first) = self.positions.first().copied() {
            let before = tally.right;
            if let Err(error) = self.fetch(tally) {
                tally.fail(1, error.to_string());
                return false;
            }
            if tally.wrong > 0 || tally.refused > 0 {
                return false;
            }
            empty = if tally.right > before { 0 } else { empty + 1 };
            if empty > EMPTY_FETCHES_MAX {
                tally.find_wrong(format!("nothing more came for {first:?}"));
                return false;
            }
            if let Some(past) = self.positions.iter().find(|position| position.is_past()) {
                tally.find_wrong(format!("more came than was written: {past:?}"));
                return false;
            }
            self.positions.retain(|position| position.next < position.end);
            // Those that were asked for first were served most; the others are first in turn.
            if !self.positions.is_empty() {
                self.positions.rotate_left(1);
            }
        }
        true
    }

    fn fetch(&mut self, tally: &mut Tally) -> Result<(), BenchError> {
        let correlation = self.connection.writer().next_correlation();
        let partitions = self.positions.iter();
        let partitions = partitions.map(|position| fetch_of(position, self.partition_bytes));
        let request = fetch_request(&self.topic, partitions.collect(), MAX_WAIT_MS);
        let frame = wire::encode(&request, self.version, correlation)?;
        let sent = clock::now();
        self.connection.writer().send(&frame)?;
        let answer = self.connection.reader().receive()?;
        match wire::decode::<FetchRequest>(&answer, self.version) {
            Ok((answered, response)) if answered == correlation => {
                self.take(&response, sent, tally);
            }
            Ok((answered, _)) => {
                tally.find_wrong(format!("answer {answered} to request {correlation}"));
            }
            Err(problem) => tally.find_wrong(problem),
        }
        self.connection.reader().recycle(answer);
        Ok(())
    }

    fn take(&mut self, response: &FetchResponse, sent: Instant, tally: &mut Tally) {
        tally.latencies.record(clock::now() - sent);
        if response.error_code != 0 {
            return tally.refuse(error_name(response.error_code));
        }
        for answer in response.responses.iter().flat_map(|topic| &topic.partitions) {
            if answer.error_code != 0 {
                let (index, name) = (answer.partition_index, error_name(answer.error_code));
                tally.refuse(format!("partition {index}: {name}"));
                continue;
            }
            let index = answer.partition_index;
            let position = self.positions.iter_mut().find(|known| known.partition == index);
            let Some(position) = position else {
                tally.find_wrong(format!("partition {index} was not asked for"));
                continue;
            };
            match walk(answer.records.as_deref().unwrap_or_default(), position.next) {
                Ok(walked) => {
                    tally.right += walked.batches;
                    tally.records += walked.records;
                    tally.value_bytes += walked.records * u64::from(self.record_bytes);
                    position.next = walked.next_offset;
                }
                Err(problem) => tally.find_wrong(format!("partition {index}: {problem}")),
            }
        }
    }
}

/// What a fetch asks of one partition.
pub(crate) fn fetch_of(position: &Position, partition_bytes: i32) -> FetchPartition {
    FetchPartition::default()
        .with_partition(position.partition)
        .with_fetch_offset(position.next)
        .with_partition_max_bytes(partition_bytes)
}

/// A fetch that waits for a first byte, outside any fetch session.
pub(crate) fn fetch_request(
    topic: &TopicName,
    partitions: Vec<FetchPartition>,
    max_wait_ms: i32,
) -> FetchRequest {
    let topic = FetchTopic::default().with_topic(topic.clone()).with_partitions(partitions);
    FetchRequest::default()
        .with_replica_id(CLIENT)
        .with_max_wait_ms(max_wait_ms)
        .with_min_bytes(1)
        .with_max_bytes(FETCH_BYTES_MAX)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_dealt_out_in_turn() {
        let shares = share(&[10, 11, 12, 13, 14], 2);
        let dealt: Vec<Vec<(i32, i64)>> = shares
            .iter()
            .map(|share| share.iter().map(|position| (position.partition, position.end)).collect())
            .collect();
        assert_eq!(dealt, [vec![(0, 10), (2, 12), (4, 14)], vec![(1, 11), (3, 13)]]);
        assert_eq!(share(&[1, 2], 8).len(), 2);
    }
}
