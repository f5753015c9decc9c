//! How much a broker takes in: connections that each keep some produce requests unanswered.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::Window;
use super::args::{QueueArgs, Shape};
use super::batch::Prepared;
use super::broker::Broker;
use super::tally::{Outcome, Tally};
use super::topic::{Topic, error_name};
use super::wire::{self, Connection};
use crate::clock;
use crate::error::BenchError;

/// Longer than any load, for one that ends by its number of requests.
const AGES: Duration = Duration::from_secs(3_600);

/// What the producers of a load have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// What a request holds.
    pub(crate) shape: Shape,
    /// Connections, a thread each.
    pub(crate) connections: usize,
    /// Unanswered requests on each.
    pub(crate) in_flight: usize,
    /// Each connection ends after so many.
    requests: u64,
    window: Window,
}

impl Load {
    /// A load for the time that the arguments give.
    fn timed(args: &QueueArgs, shape: Shape) -> Self {
        let window = args.window();
        let (connections, in_flight) = (args.connections(), args.in_flight);
        Self { shape, connections, in_flight, requests: u64::MAX, window }
    }

    /// A load of at least `value_bytes`.
    pub(crate) fn of_bytes(args: &QueueArgs, shape: Shape, value_bytes: u64) -> Self {
        Self::of_requests(args, shape, value_bytes.div_ceil(shape.request_value_bytes()))
    }

    /// A load that writes to every partition.
    fn of_partitions(args: &QueueArgs, shape: Shape) -> Self {
        // Connections start evenly spread; one more covers what the division leaves over.
        let each = shape.partitions.div_ceil(args.connections() as u32) + 1;
        let requests = u64::from(each.div_ceil(shape.batches));
        Self::of_requests(args, shape, requests * args.connections() as u64)
    }

    fn of_requests(args: &QueueArgs, shape: Shape, all: u64) -> Self {
        let (connections, in_flight) = (args.connections(), args.in_flight);
        let now = clock::now();
        let window = Window { from: now, until: now + AGES };
        let requests = all.div_ceil(connections as u64);
        Self { shape, connections, in_flight, requests, window }
    }
}

/// One round: the load, and a look at whether the topic holds what was acknowledged.
///
/// # Errors
/// Whatever keeps the figures from being measured.
pub(crate) fn round(
    broker: &Broker,
    args: &QueueArgs,
    topic: &Topic,
) -> Result<Outcome, BenchError> {
    let shape = Shape::of(args)?;
    let mut control = broker.connect()?;
    let held_before: i64 = topic.end_offsets(&mut control)?.iter().sum();
    let mut producers = connect(broker, topic, &shape, args.connections())?;
    // A broker sets a partition up at its first batch; a thousand of those would be the warm-up.
    let touch = Load::of_partitions(args, shape);
    let (touched, ()) = run_all(&mut producers, &touch, || Ok(()))?;
    let load = Load::timed(args, shape);
    let (mut total, used) = run_all(&mut producers, &load, || broker.used_in(load.window))?;
    total.merge(touched.unmeasured());
    check_ends(topic, held_before, &mut control, &mut total)?;
    Ok(total.outcome(load.window.until - load.window.from).with(used))
}

/// Writes a backlog as fast as the broker takes it.
///
/// # Errors
/// When the broker does not answer, or does not take all of it.
pub(crate) fn fill(broker: &Broker, topic: &Topic, load: &Load) -> Result<(), BenchError> {
    let mut producers = connect(broker, topic, &load.shape, load.connections)?;
    let (mut total, ()) = run_all(&mut producers, load, || Ok(()))?;
    check_ends(topic, 0, &mut broker.connect()?, &mut total)?;
    match total.problem {
        None => Ok(()),
        Some(answer) => {
            Err(BenchError::Unexpected { what: "writing the backlog".to_owned(), answer })
        }
    }
}

/// Runs a load on a thread a producer, and `meanwhile` beside them.
fn run_all<T>(
    producers: &mut [Producer],
    load: &Load,
    meanwhile: impl FnOnce() -> Result<T, BenchError>,
) -> Result<(Tally, T), BenchError> {
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            producers.iter_mut().map(|producer| scope.spawn(move || producer.run(load))).collect();
        let seen = meanwhile();
        let mut total = Tally::new();
        for thread in threads {
            total.merge(thread.join().map_err(|_| BenchError::Thread)?);
        }
        Ok((total, seen?))
    })
}

/// Counts a wrong answer unless the topic holds just what was acknowledged beside what it held
/// before.
fn check_ends(
    topic: &Topic,
    held_before: i64,
    control: &mut Connection,
    total: &mut Tally,
) -> Result<(), BenchError> {
    let held = topic.end_offsets(control)?.iter().sum::<i64>() - held_before;
    let acknowledged = total.all_records;
    // A request without an answer may or may not have been written.
    if total.failed == 0 && total.refused == 0 && held.unsigned_abs() != acknowledged {
        total.find_wrong(format!("{acknowledged} records acknowledged, the topic has {held}"));
    }
    Ok(())
}

fn connect(
    broker: &Broker,
    topic: &Topic,
    shape: &Shape,
    connections: usize,
) -> Result<Vec<Producer>, BenchError> {
    (0..connections)
        .map(|number| {
            let connection = broker.connect()?;
            let version = connection.version::<ProduceRequest>()?;
            let prepared = Prepared::new(&topic.name, shape, version, number as u64)?;
            // Connections start at different partitions, so that none is written to by all.
            let next_partition = number as u32 * shape.partitions / connections as u32;
            Ok(Producer { connection, version, prepared, next_partition })
        })
        .collect()
}

/// One connection with its request.
#[derive(Debug)]
struct Producer {
    connection: Connection,
    version: i16,
    prepared: Prepared,
    next_partition: u32,
}

impl Producer {
    /// Keeps requests unanswered until the load is over, then takes the last answers.
    fn run(&mut self, load: &Load) -> Tally {
        let mut tally = Tally::new();
        let mut unanswered = VecDeque::with_capacity(load.in_flight);
        let mut left = load.requests;
        loop {
            while unanswered.len() < load.in_flight && left > 0 {
                let now = clock::now();
                if now >= load.window.until {
                    left = 0;
                    break;
                }
                left -= 1;
                match self.send(&load.shape) {
                    Ok(correlation) => unanswered.push_back((correlation, now)),
                    Err(error) => {
                        tally.fail(1 + unanswered.len() as u64, error.to_string());
                        return tally;
                    }
                }
            }
            let Some((correlation, sent)) = unanswered.pop_front() else { return tally };
            if let Err(error) = self.take(correlation, sent, load, &mut tally) {
                tally.fail(1 + unanswered.len() as u64, error.to_string());
                return tally;
            }
        }
    }

    fn send(&mut self, shape: &Shape) -> Result<i32, BenchError> {
        let correlation = self.connection.writer().next_correlation();
        let first = self.next_partition;
        self.next_partition = (first + shape.batches) % shape.partitions;
        let frame = self.prepared.addressed(correlation, first, shape.partitions);
        self.connection.writer().send(frame)?;
        Ok(correlation)
    }

    fn take(
        &mut self,
        correlation: i32,
        sent: Instant,
        load: &Load,
        tally: &mut Tally,
    ) -> Result<(), BenchError> {
        let reader = self.connection.reader();
        let frame = reader.receive()?;
        let now = clock::now();
        match judge(&frame, self.version, correlation) {
            Err(problem) => tally.find_wrong(problem),
            Ok(Some(refusal)) => tally.refuse(refusal),
            Ok(None) => {
                tally.all_records += load.shape.request_records();
                if load.window.contains(now) {
                    tally.latencies.record(now - sent);
                    tally.right += 1;
                    tally.records += load.shape.request_records();
                    tally.value_bytes += load.shape.request_value_bytes();
                }
            }
        }
        reader.recycle(frame);
        Ok(())
    }
}

/// The refusal in an acknowledgement, if it has one.
///
/// # Errors
/// When it is none, or of another request.
pub(crate) fn judge(
    frame: &bytes::Bytes,
    version: i16,
    correlation: i32,
) -> Result<Option<String>, String> {
    let (answered, response) = wire::decode::<ProduceRequest>(frame, version)?;
    if answered != correlation {
        return Err(format!("answer {answered} to request {correlation}"));
    }
    Ok(refusal(&response))
}

fn refusal(response: &ProduceResponse) -> Option<String> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions
        .filter(|partition| partition.error_code != 0)
        .map(|partition| {
            let message = partition.error_message.as_deref().unwrap_or_default();
            let name = error_name(partition.error_code);
            format!("partition {}: {name} {message}", partition.index)
        })
        .next()
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use kafka_protocol::messages::ResponseHeader;
    use kafka_protocol::messages::produce_response::{
        PartitionProduceResponse, TopicProduceResponse,
    };
    use kafka_protocol::protocol::{Encodable as _, HeaderVersion as _};

    use super::*;

    fn answer(correlation: i32, codes: &[i16]) -> Bytes {
        let partition = |(index, code): (i32, &i16)| {
            PartitionProduceResponse::default().with_index(index).with_error_code(*code)
        };
        let partitions = (0..).zip(codes).map(partition).collect();
        let topic = TopicProduceResponse::default().with_partition_responses(partitions);
        let response = ProduceResponse::default().with_responses(vec![topic]);
        let header = ResponseHeader::default().with_correlation_id(correlation);
        let mut bytes = BytesMut::new();
        header.encode(&mut bytes, ProduceResponse::header_version(9)).expect("encodes");
        response.encode(&mut bytes, 9).expect("encodes");
        bytes.freeze()
    }

    #[test]
    fn an_acknowledgement_is_of_its_request_and_of_every_partition() {
        assert_eq!(judge(&answer(5, &[0, 0]), 9, 5), Ok(None));
        let refused = judge(&answer(5, &[0, 6]), 9, 5).expect("an answer").expect("a refusal");
        assert!(refused.starts_with("partition 1: NotLeaderOrFollower (6)"), "{refused}");
        assert!(judge(&answer(4, &[0]), 9, 5).is_err_and(|text| text.contains("answer 4")));
        assert!(judge(&Bytes::from_static(&[0, 0, 0, 5, 0, 9]), 9, 5).is_err());
    }
}
