//! Batches of records: requests prepared once, and what comes back.

use std::ops::Range;

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, Record,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use super::args::{BATCH_OVERHEAD, Shape};
use super::wire::{self, CORRELATION_AT};
use crate::clock;
use crate::error::BenchError;
use crate::random::Random;

/// Acknowledged by all in-sync replicas.
const ACKS_ALL: i16 = -1;
/// How long a broker may wait for its replicas.
const PRODUCE_TIMEOUT_MS: i32 = 10_000;
/// A partition index each of whose bytes differs from that of partition 0.
const EVERY_BYTE: i32 = 0x0101_0101;
/// A batch starts with its offset and with the length of what follows them.
const LOG_OVERHEAD: usize = 12;
/// Where a batch says which layout it has.
const MAGIC_AT: usize = 16;
/// Where a batch has the CRC of everything after it.
const CRC_AT: usize = 17;
/// Where a batch has the offset of its last record, from the first.
const LAST_DELTA_AT: usize = 23;

/// A produce request that is encoded once. Only its correlation id and its partitions change, and
/// neither is under a checksum.
#[derive(Debug)]
pub(crate) struct Prepared {
    frame: Vec<u8>,
    partitions_at: Vec<usize>,
}

impl Prepared {
    /// A request of `shape` with random values from `seed`.
    ///
    /// # Errors
    /// `BenchError::Usage` when it cannot be encoded.
    pub(crate) fn new(
        topic: &TopicName,
        shape: &Shape,
        version: i16,
        seed: u64,
    ) -> Result<Self, BenchError> {
        let mut random = Random::new(seed);
        let batches: Result<Vec<Bytes>, BenchError> = (0..shape.batches)
            .map(|_| {
                let count = 0..shape.batch_records;
                encode_batch(count.map(|_| random_value(shape.record_bytes, &mut random)))
            })
            .collect();
        let batches = batches?;
        let frame_for = |index: i32| {
            let request = produce_request(topic, batches.iter().map(|b| (index, b.clone())));
            wire::encode(&request, version, 0)
        };
        let (frame, other) = (frame_for(0)?, frame_for(EVERY_BYTE)?);
        // Where the two differ are the partitions, whatever the version's layout.
        let differing: Vec<usize> = (0..frame.len()).filter(|&at| frame[at] != other[at]).collect();
        let partitions_at: Vec<usize> = differing.chunks(4).map(|bytes| bytes[0]).collect();
        debug_assert_eq!(partitions_at.len(), batches.len());
        Ok(Self { frame, partitions_at })
    }

    /// The request number `correlation`, for `first` and the partitions after it of `count`.
    pub(crate) fn addressed(&mut self, correlation: i32, first: u32, count: u32) -> &[u8] {
        self.frame[CORRELATION_AT..CORRELATION_AT + 4].copy_from_slice(&correlation.to_be_bytes());
        for (step, &at) in (0..).zip(&self.partitions_at) {
            let partition = (first + step) % count;
            self.frame[at..at + 4].copy_from_slice(&partition.to_be_bytes());
        }
        &self.frame
    }
}

/// A request that wants batches acknowledged by all replicas, each for a partition.
pub(crate) fn produce_request(
    topic: &TopicName,
    batches: impl Iterator<Item = (i32, Bytes)>,
) -> ProduceRequest {
    let partitions = batches.map(|(index, batch)| {
        PartitionProduceData::default().with_index(index).with_records(Some(batch))
    });
    let topic = TopicProduceData::default()
        .with_name(topic.clone())
        .with_partition_data(partitions.collect());
    ProduceRequest::default()
        .with_acks(ACKS_ALL)
        .with_timeout_ms(PRODUCE_TIMEOUT_MS)
        .with_topic_data(vec![topic])
}

/// One batch of records with these values, at least one: no keys, not compressed.
///
/// # Errors
/// `BenchError::Usage` when it cannot be encoded.
pub(crate) fn encode_batch(values: impl Iterator<Item = Bytes>) -> Result<Bytes, BenchError> {
    let timestamp = clock::unix_ms();
    let record = |(number, value): (i32, Bytes)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: NO_PRODUCER_ID,
        producer_epoch: NO_PRODUCER_EPOCH,
        timestamp_type: TimestampType::Creation,
        offset: i64::from(number),
        // Counts on from the -1 that stands for none, as the encoder puts only records with the
        // same distance from their offsets into one batch.
        sequence: number - 1,
        timestamp,
        key: None,
        value: Some(value),
        headers: IndexMap::new(),
    };
    let records: Vec<Record> = (0..).zip(values).map(record).collect();
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut batch, &records, &options)
        .map_err(|error| BenchError::Usage(format!("encoding a batch: {error}")))?;
    Ok(batch.freeze())
}

/// Bytes that no codec makes shorter.
pub(crate) fn random_value(length: u32, random: &mut Random) -> Bytes {
    let words = (0..length.div_ceil(8)).flat_map(|_| random.next().to_ne_bytes());
    words.take(length as usize).collect()
}

/// What a fetch brought of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Walked {
    /// Whole batches.
    pub(crate) batches: u64,
    /// Their records.
    pub(crate) records: u64,
    /// The offset after the last of them.
    pub(crate) next_offset: i64,
}

/// Goes over the batches of one partition from `offset` on and checks the CRC and the offsets of
/// each, which is what every client does whatever it does with the records. A batch that the
/// fetch cut off at its end is left.
///
/// # Errors
/// What is wrong with a batch, in words.
pub(crate) fn walk(mut bytes: &[u8], offset: i64) -> Result<Walked, String> {
    let mut walked = Walked { next_offset: offset, ..Walked::default() };
    while let Some(batch) = whole_batch(bytes)? {
        let batch = &bytes[batch];
        bytes = &bytes[batch.len()..];
        let base = (&batch[..8]).get_i64();
        let last = base + i64::from((&batch[LAST_DELTA_AT..]).get_i32());
        let crc = (&batch[CRC_AT..]).get_u32();
        if batch[MAGIC_AT] != 2 || crc32c::crc32c(&batch[CRC_AT + 4..]) != crc {
            return Err(format!("the batch at offset {base} is damaged"));
        }
        // A fetch may start inside a batch, never after a gap.
        if base > walked.next_offset || last < walked.next_offset {
            return Err(format!("offsets {base} to {last} came for {}", walked.next_offset));
        }
        walked.batches += 1;
        walked.records += (last + 1 - walked.next_offset).unsigned_abs();
        walked.next_offset = last + 1;
    }
    Ok(walked)
}

fn whole_batch(bytes: &[u8]) -> Result<Option<Range<usize>>, String> {
    if bytes.len() < LOG_OVERHEAD {
        return Ok(None);
    }
    let length = (&bytes[8..]).get_i32();
    let end = usize::try_from(length).map(|length| LOG_OVERHEAD + length);
    match end {
        Ok(end) if end >= BATCH_OVERHEAD as usize => Ok((end <= bytes.len()).then_some(0..end)),
        _ => Err(format!("a batch of {length} bytes")),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::protocol::{Decodable as _, StrBytes, decode_request_header_from_buffer};
    use kafka_protocol::records::RecordBatchDecoder;

    use super::*;

    const SHAPE: Shape =
        Shape { partitions: 300, record_bytes: 100, batch_records: 70, batches: 3 };

    fn topic() -> TopicName {
        TopicName(StrBytes::from_static_str("t"))
    }

    /// A frame as a broker reads it.
    fn read(frame: &[u8], version: i16) -> (i32, ProduceRequest) {
        assert_eq!((&frame[..4]).get_u32() as usize, frame.len() - 4);
        let mut rest = Bytes::copy_from_slice(&frame[4..]);
        let header = decode_request_header_from_buffer(&mut rest).expect("a header");
        assert_eq!((header.request_api_key, header.request_api_version), (0, version));
        let request = ProduceRequest::decode(&mut rest, version).expect("a request");
        assert!(rest.is_empty());
        (header.correlation_id, request)
    }

    #[test]
    fn a_prepared_request_reads_as_it_was_addressed_in_every_version() {
        for version in 3..=12 {
            let mut prepared = Prepared::new(&topic(), &SHAPE, version, 7).expect("encodes");
            for (correlation, first, partitions) in
                [(1, 0, [0, 1, 2]), (70_000, 298, [298, 299, 0]), (2, 255, [255, 256, 257])]
            {
                let (number, request) = read(prepared.addressed(correlation, first, 300), version);
                assert_eq!((number, request.acks), (correlation, ACKS_ALL));
                let sent = &request.topic_data[0].partition_data;
                let indices: Vec<i32> = sent.iter().map(|partition| partition.index).collect();
                assert_eq!((indices.as_slice(), sent.len()), (&partitions[..], 3));
            }
        }
    }

    #[test]
    fn its_batches_hold_different_values_of_the_length() {
        let mut prepared = Prepared::new(&topic(), &SHAPE, 9, 7).expect("encodes");
        let (_, request) = read(prepared.addressed(1, 0, 300), 9);
        let mut values = std::collections::HashSet::new();
        for partition in &request.topic_data[0].partition_data {
            let mut records = partition.records.clone().expect("records");
            let sets = RecordBatchDecoder::decode_all(&mut records).expect("whole batches");
            assert_eq!((sets.len(), sets[0].compression), (1, Compression::None));
            assert_eq!((sets[0].records[0].producer_id, sets[0].records[0].sequence), (-1, -1));
            for (offset, record) in (0..).zip(&sets[0].records) {
                assert_eq!((record.offset, record.key.as_ref()), (offset, None));
                values.insert(record.value.clone().expect("a value"));
            }
        }
        assert_eq!(values.len(), 210);
        assert!(values.iter().all(|value| value.len() == 100));
    }

    fn batch(base: i64, records: u32) -> Vec<u8> {
        let mut random = Random::new(1);
        let values = (0..records).map(|_| random_value(20, &mut random));
        let mut batch = encode_batch(values).expect("encodes").to_vec();
        // The base offset stands before what the CRC covers, so that a broker may set it.
        batch[..8].copy_from_slice(&base.to_be_bytes());
        batch
    }

    #[test]
    fn walks_whole_batches_and_leaves_a_part() {
        let mut bytes = [batch(5, 3), batch(8, 1), batch(9, 40)].concat();
        let all = Walked { batches: 3, records: 44, next_offset: 49 };
        assert_eq!(walk(&bytes, 5), Ok(all));
        // A fetch from inside the first batch brings it whole.
        assert_eq!(walk(&bytes, 7).map(|walked| walked.records), Ok(42));
        bytes.pop();
        assert_eq!(walk(&bytes, 5), Ok(Walked { batches: 2, records: 4, next_offset: 9 }));
        assert_eq!(walk(&[], 5), Ok(Walked { next_offset: 5, ..Walked::default() }));
    }

    #[test]
    fn finds_damage_gaps_and_repeats() {
        let mut damaged = batch(0, 3);
        *damaged.last_mut().expect("bytes") ^= 1;
        assert!(walk(&damaged, 0).is_err_and(|error| error.contains("damaged")));
        assert!(walk(&[batch(0, 3), batch(4, 1)].concat(), 0).is_err());
        assert!(walk(&[batch(0, 3), batch(0, 3)].concat(), 0).is_err());
        assert!(walk(&[0xFF; 64], 0).is_err_and(|error| error.contains("-1 bytes")));
    }
}
