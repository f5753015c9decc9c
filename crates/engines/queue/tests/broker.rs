//! A broker on real files: what it acknowledged is there again, whatever comes between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use journal::Flush;
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use kit::clock::{Clock, Timestamp};
use kit::entropy::Entropy;
use kit::files::Files;
use kit::worker::Workers;
use queue::error::QueueError;
use queue::group::Limits;
use queue::log::OutOfRange;
use queue::service::{FetchLimits, NewTopic, Options, Queue, Surroundings, Wanted, When};
use queue::state::Committed;
use queue::topic::Alter;

const NOW_MS: i64 = 1_700_000_000_000;

/// A broker, and what goes with it.
struct Broker {
    queue: Arc<Queue>,
    clock: Clock,
    files: Files,
    workers: Workers,
}

fn options(folder: &Path) -> Options {
    Options {
        folder: folder.to_owned(),
        flush: Flush::EveryBatch,
        journal_segment_bytes: 1 << 20,
        partitions_default: 1,
        anonymous: false,
        groups: Limits::default(),
        auto_create: false,
    }
}

async fn open(folder: &Path) -> Broker {
    let (clock, files, workers) = (
        Clock::frozen(Timestamp::from_micros(NOW_MS * 1_000)),
        Files::default(),
        Workers::default(),
    );
    let (options, given) = (options(folder), (clock.clone(), files.clone(), workers.clone()));
    let queue = tokio::task::spawn_blocking(move || {
        let (clock, files, workers) = given;
        let entropy = Entropy::machine();
        let surroundings = Surroundings { clock, entropy, files: &files, workers: &workers };
        Queue::open(options, surroundings)
    });
    Broker { queue: queue.await.unwrap().unwrap(), clock, files, workers }
}

impl Broker {
    /// Ends it as a process is ended that is told to.
    async fn close(self) {
        self.workers.stop().await;
    }

    async fn topic(&self, name: &str, settings: &[(&str, &str)]) {
        let settings = settings.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let (name, settings) = (name.to_owned(), settings.collect());
        let new = NewTopic { name, partitions: 2, replicas: 1, settings };
        self.queue.create_topic(new, false).await.unwrap();
    }

    async fn produce(&self, topic: &str, values: &[String]) -> i64 {
        let (topic, partition) = self.queue.partition(topic, 0).unwrap();
        let batch = batch(values);
        let accepted = self.queue.append(&partition, &topic.config, &batch).await.unwrap();
        self.queue.kept(&accepted).await.unwrap();
        accepted.base_offset
    }

    async fn read(&self, topic: &str, offset: i64) -> Result<Vec<(i64, String)>, QueueError> {
        let (_, partition) = self.queue.partition(topic, 0).unwrap();
        let wanted = Wanted { partition, offset, max_bytes: 64 << 10 };
        let limits = FetchLimits {
            max_bytes: 1 << 20,
            min_bytes: 1,
            wait: Duration::ZERO,
            is_committed_only: false,
        };
        let fetched = self.queue.fetch(&[wanted], limits).await.remove(0)?;
        let mut bytes: Bytes = fetched.batches.concat().into();
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let records = RecordBatchDecoder::decode(&mut bytes).unwrap().records;
            let value = |record: &Record| String::from_utf8(record.value.clone()?.into()).ok();
            found.extend(records.iter().map(|record| (record.offset, value(record).unwrap())));
        }
        Ok(found)
    }

    /// All records from an offset on.
    async fn all(&self, topic: &str, mut offset: i64) -> Vec<(i64, String)> {
        let mut all = Vec::new();
        loop {
            let found = self.read(topic, offset).await.unwrap();
            let Some((last, _)) = found.last() else { return all };
            let from = offset;
            offset = last + 1;
            all.extend(found.into_iter().filter(|(offset, _)| *offset >= from));
        }
    }

    /// Waits until no batch is in memory only.
    async fn settle(&self, topic: &str) {
        let (_, partition) = self.queue.partition(topic, 0).unwrap();
        while partition.log().pending_bytes() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn batch(values: &[String]) -> Bytes {
    let record = |(value, offset): (&String, i64)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset,
        sequence: offset as i32 - 1,
        timestamp: NOW_MS + offset,
        key: None,
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: IndexMap::new(),
    };
    let records: Vec<_> = values.iter().zip(0..).map(record).collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::Lz4 };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).unwrap();
    bytes.freeze()
}

fn values(from: i64, count: i64) -> Vec<String> {
    (from..from + count).map(|number| format!("value {number} {}", "x".repeat(200))).collect()
}

/// Produces records whose values say their offsets, in batches.
async fn fill(broker: &Broker, topic: &str, from: i64, batches: i64) -> i64 {
    let mut next = from;
    for _ in 0..batches {
        assert_eq!(broker.produce(topic, &values(next, 10)).await, next);
        next += 10;
    }
    next
}

fn numbered(found: &[(i64, String)], from: i64, until: i64) {
    let offsets: Vec<_> = found.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, (from..until).collect::<Vec<_>>());
    for (offset, value) in found {
        assert!(value.starts_with(&format!("value {offset} ")), "{offset}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_there_after_every_kind_of_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut next = 0;
    for round in 0..6 {
        let broker = open(dir.path()).await;
        if round == 0 {
            broker.topic("events", &[("segment.bytes", "16384")]).await;
        }
        numbered(&broker.all("events", 0).await, 0, next);
        next = fill(&broker, "events", next, 40).await;
        if round % 2 == 0 {
            broker.queue.checkpoint().await.unwrap();
            next = fill(&broker, "events", next, 7).await;
        }
        if round % 3 == 0 {
            broker.settle("events").await;
        }
        numbered(&broker.all("events", 0).await, 0, next);
        broker.close().await;
    }
    let folder = dir.path().join("topics/events/Partition-0");
    let logs = std::fs::read_dir(folder).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "log")
    });
    assert!(logs.count() > 2, "segments of 16 KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_and_a_time_are_found_in_memory_and_in_files() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path()).await;
    broker.topic("events", &[("segment.bytes", "16384")]).await;
    let end = fill(&broker, "events", 0, 50).await;
    for is_in_files in [false, true] {
        if is_in_files {
            broker.settle("events").await;
        }
        for offset in [0, 1, 9, 10, 255, end - 1] {
            numbered(&broker.all("events", offset).await, offset, end);
        }
        assert_eq!(broker.read("events", end).await.unwrap(), []);
        for bad in [-1, end + 1] {
            let refusal = broker.read("events", bad).await.unwrap_err();
            assert!(matches!(refusal, QueueError::OutOfRange(OutOfRange)), "{bad}");
        }
        let (_, partition) = broker.queue.partition("events", 0).unwrap();
        let at = async |when| broker.queue.offset_at(&partition, when).await.unwrap();
        assert_eq!(at(When::Earliest).await, Some((0, -1)));
        assert_eq!(at(When::Latest).await, Some((end, -1)));
        // In each batch the record at place n is n ms late.
        assert_eq!(at(When::At(NOW_MS + 4)).await, Some((4, NOW_MS + 4)));
        assert_eq!(at(When::At(0)).await, Some((0, NOW_MS)));
        assert_eq!(at(When::At(NOW_MS + 10)).await, None);
        assert_eq!(at(When::LatestTime).await, Some((9, NOW_MS + 9)));
    }
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_old_segments_go_by_size_and_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path()).await;
    let settings = [("segment.bytes", "16384"), ("retention.bytes", "40000")];
    broker.topic("events", &settings).await;
    let end = fill(&broker, "events", 0, 200).await;
    broker.settle("events").await;
    let (_, partition) = broker.queue.partition("events", 0).unwrap();
    let before = partition.log().bytes();
    broker.queue.retain().await.unwrap();
    let start = partition.log().start();
    let bytes = partition.log().bytes();
    assert!(start > 0 && before > 40_000 && (20_000..=40_000).contains(&bytes), "{bytes} bytes");
    numbered(&broker.all("events", start).await, start, end);
    let refusal = broker.read("events", start - 1).await.unwrap_err();
    assert!(matches!(refusal, QueueError::OutOfRange(OutOfRange)));

    let week = ("retention.ms".to_owned(), Alter::Set("604800000".to_owned()));
    broker.queue.configure_topic("events", &[week], false).await.unwrap();
    broker.queue.retain().await.unwrap();
    assert_eq!(partition.log().start(), start, "they are young");
    broker.clock.advance(Duration::from_secs(8 * 86_400));
    broker.queue.retain().await.unwrap();
    let start = partition.log().start();
    assert!(start > 0 && start < end, "the last segment stays");
    broker.close().await;

    let broker = open(dir.path()).await;
    numbered(&broker.all("events", start).await, start, end);
    assert_eq!(broker.produce("events", &values(end, 1)).await, end, "offsets are not used again");
    broker.close().await;
}

/// A fork shares the files of segments, and neither sees what the other writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_goes_its_own_way() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    let broker = open(&one).await;
    broker.topic("events", &[]).await;
    let forked = fill(&broker, "events", 0, 30).await;
    broker.queue.checkpoint().await.unwrap();
    let at_fork = fill(&broker, "events", forked, 5).await;
    let (files, from, to) = (broker.files.clone(), one.clone(), two.clone());
    tokio::task::spawn_blocking(move || files.snapshot(&from, &to)).await.unwrap().unwrap();
    let end = fill(&broker, "events", at_fork, 20).await;
    broker.settle("events").await;

    let fork = open(&two).await;
    numbered(&fork.all("events", 0).await, 0, at_fork);
    assert_eq!(fork.produce("events", &["forked".to_owned()]).await, at_fork);
    fork.queue.checkpoint().await.unwrap();
    fork.close().await;
    numbered(&broker.all("events", 0).await, 0, end);
    broker.close().await;
    let broker = open(&one).await;
    numbered(&broker.all("events", 0).await, 0, end);
    broker.close().await;
    let fork = open(&two).await;
    assert_eq!(fork.all("events", at_fork).await, [(at_fork, "forked".to_owned())]);
    fork.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_and_offsets_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let broker = open(dir.path()).await;
    broker.topic("events", &[]).await;
    broker.topic("gone", &[]).await;
    fill(&broker, "gone", 0, 3).await;
    let committed =
        Committed { offset: 7, leader_epoch: 0, metadata: "half way".to_owned(), at_ms: NOW_MS };
    let of = ("events".to_owned(), 1);
    broker.queue.commit_offsets("billing", vec![(of.clone(), committed.clone())]).await.unwrap();
    broker.queue.checkpoint().await.unwrap();
    broker.queue.delete_topic("gone").await.unwrap();
    let first = broker.queue.producer_id().await.unwrap();
    broker.topic("gone", &[]).await;
    broker.queue.add_partitions("events", 5, false).await.unwrap();
    broker.close().await;

    let broker = open(dir.path()).await;
    let names: Vec<_> = broker.queue.topics().iter().map(|topic| topic.name.clone()).collect();
    assert_eq!(names, ["events", "gone"]);
    assert_eq!(broker.queue.topic("events").unwrap().partitions.len(), 5);
    assert_eq!(broker.all("gone", 0).await, [], "it is another one");
    assert_eq!(broker.queue.committed_offset("billing", &of), Some(committed));
    assert!(broker.queue.producer_id().await.unwrap() > first);
    let new = NewTopic { name: "events".to_owned(), partitions: 1, ..NewTopic::default() };
    let again = NewTopic { replicas: 1, ..new };
    let refusal = broker.queue.create_topic(again, false).await.unwrap_err();
    assert!(matches!(refusal, QueueError::Exists(_)), "{refusal}");
    broker.close().await;
}

/// What was still to be written of a deleted topic is not written to the next one of its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_of_the_same_name_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut broker = open(dir.path()).await;
    for round in 0..20 {
        broker.topic("events", &[("segment.bytes", "16384")]).await;
        fill(&broker, "events", 0, 30).await;
        if round % 4 == 0 {
            broker.queue.checkpoint().await.unwrap();
        }
        broker.queue.delete_topic("events").await.unwrap();
        broker.topic("events", &[]).await;
        let end = fill(&broker, "events", 0, 2).await;
        if round % 3 == 0 {
            broker.close().await;
            broker = open(dir.path()).await;
        }
        broker.settle("events").await;
        numbered(&broker.all("events", 0).await, 0, end);
        broker.queue.delete_topic("events").await.unwrap();
    }
    assert!(!dir.path().join("topics/events").exists());
    broker.close().await;
}
