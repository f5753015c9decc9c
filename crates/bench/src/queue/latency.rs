//! How long a record is under way, from when it was due to be sent until a consumer has it.
//!
//! ```text
//! schedule ── sender ── broker ── reader, one a partition ── now - due
//!                └──── acknowledger                       ── now - due
//! ```
//!
//! The sender keeps its schedule whatever the broker does: records that are due while all of its
//! requests are unanswered wait, and their waiting counts. Each value starts with the moment its
//! record was due, so both ends use one clock and no record's wait is left out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ProduceRequest, TopicName};

use super::args::{QueueArgs, Shape};
use super::batch::{encode_batch, produce_request, random_value};
use super::broker::Broker;
use super::flush::Probe;
use super::produce::judge;
use super::reader::Reader;
use super::tally::{Outcome, Tally};
use super::topic::Topic;
use super::wire::{self, FrameReader, FrameWriter};
use super::{Window, join_all, sleep_until};
use crate::clock;
use crate::error::BenchError;
use crate::latency::Schedule;
use crate::random::Random;

/// Different values that records begin as; only the moment at the start of each is its own.
const FILLERS: usize = 64;
/// Bytes of that moment: nanoseconds since the start of the load.
pub(crate) const DUE_BYTES: usize = 8;

/// How long after the load records that were due in it may still be sent, and then be read.
const GRACE: Duration = Duration::from_secs(10);

/// What sender, acknowledger and readers of a load agree on.
#[derive(Debug)]
pub(crate) struct Load {
    /// The moments in values count from here.
    pub(crate) start: Instant,
    /// Records due in it are measured.
    pub(crate) window: Window,
    /// Records that readers have, and those that they will have once that is known.
    pub(crate) read: AtomicU64,
    acknowledged: AtomicU64,
}

impl Load {
    fn new(args: &QueueArgs) -> Self {
        let start = clock::now();
        let window = args.window();
        let acknowledged = AtomicU64::new(u64::MAX);
        Self { start, window, read: AtomicU64::new(0), acknowledged }
    }

    /// A broker that is slower than the rate is not waited for longer.
    fn sent_by(&self) -> Instant {
        self.window.until + GRACE
    }

    /// The last moment for readers.
    pub(crate) fn read_by(&self) -> Instant {
        self.sent_by() + GRACE
    }

    /// Readers have everything that was acknowledged.
    pub(crate) fn is_read(&self) -> bool {
        self.read.load(Ordering::Relaxed) >= self.acknowledged.load(Ordering::Relaxed)
    }

    /// How long ago a record was due, if that is measured.
    pub(crate) fn latency(&self, due: Instant, now: Instant) -> Option<Duration> {
        self.window.contains(due).then(|| now.saturating_duration_since(due))
    }
}

/// One round.
///
/// # Errors
/// Whatever keeps the figures from being measured.
pub(crate) fn round(
    broker: &Broker,
    args: &QueueArgs,
    topic: &Topic,
) -> Result<Outcome, BenchError> {
    let readers: Result<Vec<Reader>, BenchError> = (0..topic.partitions as i32)
        .map(|partition| Reader::connect(broker, &topic.name, partition))
        .collect();
    let readers = readers?;
    let senders: Result<Vec<_>, BenchError> =
        (0..args.connections()).map(|number| connect(broker, &topic.name, args, number)).collect();
    let senders = senders?;
    let probe = args.flush_dir.as_deref().map(Probe::new).transpose()?;
    let load = Arc::new(Load::new(args));
    let window = load.window;
    let flush = probe.map(|probe| std::thread::spawn(move || probe.run(window)));
    let readers: Vec<_> = readers
        .into_iter()
        .map(|reader| {
            let load = Arc::clone(&load);
            std::thread::spawn(move || reader.run(&load))
        })
        .collect();
    let mut threads = Vec::new();
    for (sender, acknowledger) in senders {
        let (of_sender, of_answers) = (Arc::clone(&load), Arc::clone(&load));
        threads.push(std::thread::spawn(move || sender.run(&of_sender)));
        threads.push(std::thread::spawn(move || acknowledger.run(&of_answers)));
    }
    let used = broker.used_in(window)?;
    let sent = join_all(threads)?;
    load.acknowledged.store(sent.all_records, Ordering::Relaxed);
    let total = join_all(readers)?;
    let acknowledgement = Some(sent.latencies.percentiles());
    let mut outcome = add_up(sent, total).outcome(window.until - window.from).with(used);
    outcome.detail.acknowledgement = acknowledgement;
    if let Some(flush) = flush {
        let flushed = flush.join().map_err(|_| BenchError::Thread)??;
        outcome.detail.flush = Some(flushed.percentiles());
    }
    Ok(outcome)
}

/// What readers saw, with the problems of both ends; every acknowledged record has to be read
/// once.
fn add_up(sent: Tally, mut read: Tally) -> Tally {
    let has_answers = sent.failed == 0 && sent.refused == 0;
    if has_answers && read.all_records != sent.all_records {
        let (acknowledged, seen) = (sent.all_records, read.all_records);
        read.find_wrong(format!("{acknowledged} records acknowledged, {seen} read"));
    }
    read.merge(sent.unmeasured());
    read
}

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Ticket {
    correlation: i32,
    /// Its records in the schedule.
    first: u64,
    count: u64,
}

/// Sends records in batches when they are due.
#[derive(Debug)]
struct Batcher {
    writer: FrameWriter,
    version: i16,
    topic: TopicName,
    partitions: u32,
    next_partition: u32,
    batch_records: u64,
    linger: Duration,
    rate_per_s: f64,
    fillers: Vec<Bytes>,
    tickets: Sender<Ticket>,
    /// One for each request that may still be sent.
    free: Receiver<()>,
}

/// Takes the acknowledgements of a sender.
#[derive(Debug)]
struct Acknowledger {
    reader: FrameReader,
    version: i16,
    rate_per_s: f64,
    tickets: Receiver<Ticket>,
    free: Sender<()>,
}

fn connect(
    broker: &Broker,
    topic: &TopicName,
    args: &QueueArgs,
    number: usize,
) -> Result<(Batcher, Acknowledger), BenchError> {
    let shape = Shape::of(args)?;
    let connection = broker.connect()?;
    let version = connection.version::<ProduceRequest>()?;
    let (writer, reader) = connection.split();
    let (tickets, of_tickets) = channel();
    let (free, of_free) = channel();
    for _ in 0..args.in_flight {
        // Cannot fail: the other end is still here.
        let _ = free.send(());
    }
    let mut random = Random::new(number as u64);
    let rate_per_s = f64::from(args.rate) / args.connections() as f64;
    let batcher = Batcher {
        writer,
        version,
        topic: topic.clone(),
        partitions: shape.partitions,
        next_partition: number as u32 % shape.partitions,
        batch_records: u64::from(shape.batch_records),
        linger: Duration::from_millis(args.linger_ms),
        rate_per_s,
        fillers: (0..FILLERS).map(|_| random_value(shape.record_bytes, &mut random)).collect(),
        tickets,
        free: of_free,
    };
    let acknowledger = Acknowledger { reader, version, rate_per_s, tickets: of_tickets, free };
    Ok((batcher, acknowledger))
}

impl Batcher {
    /// Sends until every record that was due is on its way. Those that a broken connection keeps
    /// back are counted as failed, those that a slow broker keeps back as unsent.
    fn run(mut self, load: &Load) -> Tally {
        let mut tally = Tally::new();
        let schedule = Schedule::new(load.start, self.rate_per_s);
        let all = schedule.due_by(load.window.until);
        let mut next = 0;
        while next < all {
            // The acknowledger ends only after a failure, and has counted that.
            if self.free.recv().is_err() {
                tally.fail(all - next, "records were due after the connection failed".to_owned());
                break;
            }
            if clock::now() > load.sent_by() {
                tally.unsent = all - next;
                break;
            }
            let last_of_batch = schedule.due_at(next + self.batch_records - 1);
            sleep_until(last_of_batch.min(schedule.due_at(next) + self.linger));
            let due = schedule.due_by(clock::now()).min(all);
            let count = due.saturating_sub(next).clamp(1, self.batch_records);
            match self.send(&schedule, load.start, next, count) {
                Ok(ticket) => {
                    let _ = self.tickets.send(ticket);
                }
                Err(error) => {
                    tally.fail(all - next, error.to_string());
                    break;
                }
            }
            next += count;
        }
        tally
    }

    fn send(
        &mut self,
        schedule: &Schedule,
        start: Instant,
        first: u64,
        count: u64,
    ) -> Result<Ticket, BenchError> {
        let values = (first..first + count).map(|number| {
            let filler = &self.fillers[number as usize % self.fillers.len()];
            stamped(filler, schedule.due_at(number) - start)
        });
        let batch = encode_batch(values)?;
        let correlation = self.writer.next_correlation();
        let partition = self.next_partition as i32;
        self.next_partition = (self.next_partition + 1) % self.partitions;
        let request = produce_request(&self.topic, std::iter::once((partition, batch)));
        self.writer.send(&wire::encode(&request, self.version, correlation)?)?;
        Ok(Ticket { correlation, first, count })
    }
}

fn stamped(filler: &Bytes, due: Duration) -> Bytes {
    let mut value = BytesMut::from(&filler[..]);
    let nanoseconds = u64::try_from(due.as_nanos()).unwrap_or(u64::MAX);
    value[..DUE_BYTES].copy_from_slice(&nanoseconds.to_be_bytes());
    value.freeze()
}

/// How long after the start of the load a record was due.
///
/// # Errors
/// When the value is too short to say.
pub(crate) fn due_of(value: &[u8]) -> Result<Duration, String> {
    let stamp = value.first_chunk::<DUE_BYTES>();
    let stamp = stamp.ok_or_else(|| format!("a value of {} bytes", value.len()))?;
    Ok(Duration::from_nanos(u64::from_be_bytes(*stamp)))
}

impl Acknowledger {
    fn run(mut self, load: &Load) -> Tally {
        let mut tally = Tally::new();
        let schedule = Schedule::new(load.start, self.rate_per_s);
        while let Ok(ticket) = self.tickets.recv() {
            let frame = match self.reader.receive() {
                Ok(frame) => frame,
                Err(error) => {
                    tally.fail(ticket.count, error.to_string());
                    return tally;
                }
            };
            let now = clock::now();
            match judge(&frame, self.version, ticket.correlation) {
                Err(problem) => tally.find_wrong(problem),
                Ok(Some(refusal)) => tally.refuse(refusal),
                Ok(None) => {
                    tally.all_records += ticket.count;
                    let dues = (ticket.first..ticket.first + ticket.count)
                        .map(|number| schedule.due_at(number));
                    dues.filter_map(|due| load.latency(due, now))
                        .for_each(|latency| tally.latencies.record(latency));
                }
            }
            self.reader.recycle(frame);
            // The sender may have sent its last.
            let _ = self.free.send(());
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_says_when_it_was_due() {
        let filler = Bytes::from_static(&[7; 20]);
        let due = Duration::from_nanos(1_234_567_890_123);
        let value = stamped(&filler, due);
        assert_eq!((due_of(&value), value.len()), (Ok(due), 20));
        assert_eq!((&value[8..], &filler[..]), (&[7; 12][..], &[7; 20][..]));
        assert!(due_of(&value[..7]).is_err_and(|text| text.contains("7 bytes")));
    }

    #[test]
    fn a_record_that_was_not_read_is_a_wrong_answer() {
        let counted = |all_records, right| Tally { all_records, right, ..Tally::new() };
        let total = add_up(counted(5, 0), counted(5, 3));
        assert_eq!((total.wrong, total.right, total.all_records), (0, 3, 10));
        let total = add_up(counted(5, 0), counted(4, 3));
        assert_eq!(total.problem.as_deref(), Some("5 records acknowledged, 4 read"));
        let refused = Tally { refused: 1, ..counted(5, 0) };
        assert_eq!(add_up(refused, counted(4, 3)).wrong, 0);
    }

    #[test]
    fn only_what_was_due_in_the_window_is_measured() {
        let start = clock::now();
        let second = Duration::from_secs(1);
        let window = Window { from: start + second, until: start + 2 * second };
        let (read, acknowledged) = (AtomicU64::new(3), AtomicU64::new(u64::MAX));
        let load = Load { start, window, read, acknowledged };
        assert_eq!(load.latency(start, start + 2 * second), None);
        assert_eq!(load.latency(start + second, start + 5 * second), Some(4 * second));
        assert_eq!(load.latency(start + 2 * second, start + 5 * second), None);
        assert!(!load.is_read());
        load.acknowledged.store(3, Ordering::Relaxed);
        assert!(load.is_read());
    }
}
