//! The record batch, version 2: one layout on the wire, in the journal and in a partition's files.
//!
//! A broker fills in the base offset and the leader epoch, which the checksum does not cover, and
//! passes all else on as the producer sent it. Layout: the 61 bytes of [`Header`], then records,
//! which may be compressed (Apache Kafka, "Message Format", `DefaultRecordBatch`).

use bytes::Bytes;
use thiserror::Error;

/// Of a batch's header, in bytes.
pub const HEADER_BYTES: usize = 61;
/// Of what comes before the length counts: base offset and length.
pub const LENGTH_AT_END: usize = 12;
/// The checksum covers all from here on.
const CRC_FROM: usize = 21;
const MAGIC: i8 = 2;
const CODEC: i16 = 0b111;
const LOG_APPEND_TIME: i16 = 1 << 3;
pub(crate) const TRANSACTIONAL: i16 = 1 << 4;
pub(crate) const CONTROL: i16 = 1 << 5;
/// Of gzip, snappy, lz4 and zstd the last.
const CODEC_MAX: i16 = 4;
/// The producer id of a batch that no idempotent producer sent.
pub const NO_PRODUCER: i64 = -1;

/// Why bytes are no batch that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BatchError {
    /// They end before the batch does.
    #[error("the batch is cut off")]
    Cut,
    /// The message formats of before Kafka 0.11.
    #[error("message format {0} is not taken; send record batches of version 2")]
    Format(i8),
    /// The checksum says otherwise.
    #[error("the checksum does not fit the batch")]
    Checksum,
    /// A field contradicts another one, or the specification.
    #[error("the batch's {0} is not valid")]
    Field(&'static str),
}

/// The header of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The offset of its first record.
    pub base_offset: i64,
    /// Of the whole batch, in bytes.
    pub bytes: usize,
    /// The leader epoch in which it was appended.
    pub leader_epoch: i32,
    /// CRC-32C of all behind it.
    pub crc: u32,
    /// Codec, time stamp type, transactional, control.
    pub attributes: i16,
    /// The offset of its last record, less the base offset.
    pub last_offset_delta: i32,
    /// Of its first record, in ms since 1970.
    pub base_timestamp: i64,
    /// The latest of its records, in ms since 1970.
    pub max_timestamp: i64,
    /// Who sent it, or [`NO_PRODUCER`].
    pub producer_id: i64,
    /// Which life of the producer.
    pub producer_epoch: i16,
    /// The sequence of its first record, for its producer.
    pub base_sequence: i32,
    /// How many records.
    pub records: i32,
}

impl Header {
    /// Reads the header that `bytes` begin with. The batch itself may go on beyond them.
    ///
    /// # Errors
    /// [`BatchError`], but never [`BatchError::Checksum`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some((head, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            // The format stands before most of a header; old ones are shorter.
            return match bytes.get(16) {
                Some(&magic) if magic.cast_signed() != MAGIC => {
                    Err(BatchError::Format(magic.cast_signed()))
                }
                _ => Err(BatchError::Cut),
            };
        };
        let magic = head[16].cast_signed();
        if magic != MAGIC {
            return Err(BatchError::Format(magic));
        }
        let length = i32::from_be_bytes(at(head, 8));
        let behind = (HEADER_BYTES - LENGTH_AT_END) as i32;
        if length < behind {
            return Err(BatchError::Field("length"));
        }
        Ok(Self {
            base_offset: i64::from_be_bytes(at(head, 0)),
            bytes: length as usize + LENGTH_AT_END,
            leader_epoch: i32::from_be_bytes(at(head, 12)),
            crc: u32::from_be_bytes(at(head, 17)),
            attributes: i16::from_be_bytes(at(head, 21)),
            last_offset_delta: i32::from_be_bytes(at(head, 23)),
            base_timestamp: i64::from_be_bytes(at(head, 27)),
            max_timestamp: i64::from_be_bytes(at(head, 35)),
            producer_id: i64::from_be_bytes(at(head, 43)),
            producer_epoch: i16::from_be_bytes(at(head, 51)),
            base_sequence: i32::from_be_bytes(at(head, 53)),
            records: i32::from_be_bytes(at(head, 57)),
        })
    }

    /// The offset behind its last record.
    pub const fn end_offset(&self) -> i64 {
        self.base_offset + self.last_offset_delta as i64 + 1
    }

    /// Whether it belongs to a transaction.
    pub const fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether it is a marker that a broker wrote.
    pub const fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Whether its records are compressed.
    pub const fn is_compressed(&self) -> bool {
        self.attributes & CODEC != 0
    }

    /// What a producer may not get wrong, beyond the checksum.
    fn check(&self) -> Result<(), BatchError> {
        let wrong = |field| Err(BatchError::Field(field));
        if self.attributes & CODEC > CODEC_MAX {
            return wrong("codec");
        }
        if self.records < 1 || self.last_offset_delta != self.records - 1 {
            return wrong("record count");
        }
        let is_idempotent = self.producer_id != NO_PRODUCER;
        if is_idempotent && (self.producer_epoch < 0 || self.base_sequence < 0) {
            return wrong("producer epoch or sequence");
        }
        if self.is_transactional() && !is_idempotent {
            return wrong("producer id");
        }
        Ok(())
    }
}

/// A batch as it is stored: a header of our own, and the records as they came.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What it says.
    pub header: Header,
    head: [u8; HEADER_BYTES],
    records: Bytes,
}

impl Batch {
    /// The one batch that `bytes` hold.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn parse(bytes: &Bytes) -> Result<Self, BatchError> {
        let header = Header::decode(bytes)?;
        match bytes.len() {
            length if length < header.bytes => return Err(BatchError::Cut),
            length if length > header.bytes => {
                return Err(BatchError::Field("number in a request"));
            }
            _ => {}
        }
        if crc32c::crc32c(&bytes[CRC_FROM..]) != header.crc {
            return Err(BatchError::Checksum);
        }
        header.check()?;
        let mut head = [0; HEADER_BYTES];
        head.copy_from_slice(&bytes[..HEADER_BYTES]);
        Ok(Self { header, head, records: bytes.slice(HEADER_BYTES..) })
    }

    /// A batch as [`Batch::parts`] gave it, from a place that vouches for its bytes.
    ///
    /// # Errors
    /// [`BatchError::Cut`], [`BatchError::Format`], [`BatchError::Field`].
    pub fn stored(bytes: Bytes) -> Result<Self, BatchError> {
        let header = Header::decode(&bytes)?;
        if bytes.len() != header.bytes {
            return Err(BatchError::Cut);
        }
        let mut head = [0; HEADER_BYTES];
        head.copy_from_slice(&bytes[..HEADER_BYTES]);
        Ok(Self { header, head, records: bytes.slice(HEADER_BYTES..) })
    }

    /// A batch that a broker makes: `header` but for length and checksum, which follow from
    /// `records`.
    pub fn made(header: Header, records: Bytes) -> Self {
        let bytes = HEADER_BYTES + records.len();
        let mut batch =
            Self { header: Header { bytes, ..header }, head: [0; HEADER_BYTES], records };
        batch.head[16] = MAGIC.cast_unsigned();
        let header = batch.header;
        let mut put =
            |at: usize, field: &[u8]| batch.head[at..at + field.len()].copy_from_slice(field);
        put(8, &((bytes - LENGTH_AT_END) as i32).to_be_bytes());
        put(21, &header.attributes.to_be_bytes());
        put(23, &header.last_offset_delta.to_be_bytes());
        put(27, &header.base_timestamp.to_be_bytes());
        put(35, &header.max_timestamp.to_be_bytes());
        put(43, &header.producer_id.to_be_bytes());
        put(51, &header.producer_epoch.to_be_bytes());
        put(53, &header.base_sequence.to_be_bytes());
        put(57, &header.records.to_be_bytes());
        batch.seal();
        batch.place(header.base_offset, header.leader_epoch);
        batch
    }

    /// Gives it its place in a partition.
    pub fn place(&mut self, base_offset: i64, leader_epoch: i32) {
        self.header.base_offset = base_offset;
        self.header.leader_epoch = leader_epoch;
        self.head[..8].copy_from_slice(&base_offset.to_be_bytes());
        self.head[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
    }

    /// Has all its records bear the broker's time, in ms, as topics with `LogAppendTime` want it.
    pub fn stamp(&mut self, now_ms: i64) {
        self.header.attributes |= LOG_APPEND_TIME;
        self.header.max_timestamp = now_ms;
        self.head[21..23].copy_from_slice(&self.header.attributes.to_be_bytes());
        self.head[35..43].copy_from_slice(&now_ms.to_be_bytes());
        self.seal();
    }

    fn seal(&mut self) {
        let crc = crc32c::crc32c_append(crc32c::crc32c(&self.head[CRC_FROM..]), &self.records);
        self.header.crc = crc;
        self.head[17..21].copy_from_slice(&crc.to_be_bytes());
    }

    /// Its records, as they came.
    pub const fn records(&self) -> &Bytes {
        &self.records
    }

    /// Its bytes: the one behind the other.
    pub fn parts(&self) -> [&[u8]; 2] {
        [&self.head, &self.records]
    }
}

/// The headers of the whole batches that `bytes` begin with, and where each lies. Ends at the first
/// that is none, or not there as a whole.
pub fn headers(bytes: &[u8]) -> impl Iterator<Item = (usize, Header)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let header = Header::decode(bytes.get(at..)?).ok()?;
        let found = at;
        at = at.checked_add(header.bytes).filter(|&end| end <= bytes.len())?;
        Some((found, header))
    })
}

/// A fixed number of bytes of a header, `from` being within it by construction.
fn at<const N: usize>(head: &[u8; HEADER_BYTES], from: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&head[from..from + N]);
    field
}

#[cfg(test)]
pub(crate) mod tests {
    use bytes::BytesMut;
    use kafka_protocol::indexmap::IndexMap;
    use kafka_protocol::records::{
        Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions,
        TimestampType,
    };
    use proptest::prelude::*;

    use super::*;

    fn record(offset: i64, value: &[u8]) -> Record {
        Record {
            transactional: false,
            control: false,
            partition_leader_epoch: -1,
            producer_id: NO_PRODUCER,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset,
            sequence: offset as i32 - 1,
            timestamp: 1_000 + offset,
            key: Some(Bytes::from_static(b"key")),
            value: Some(Bytes::copy_from_slice(value)),
            headers: IndexMap::new(),
            delete_horizon: false,
        }
    }

    /// A batch as a client of the `kafka-protocol` crate sends it.
    pub(crate) fn sent(values: &[&[u8]], compression: Compression) -> Bytes {
        let records: Vec<_> =
            values.iter().zip(0..).map(|(value, offset)| record(offset, value)).collect();
        encode(&records, compression)
    }

    /// A batch of an idempotent producer.
    pub(crate) fn sent_by(producer: (i64, i16), sequence: i32, values: &[&[u8]]) -> Bytes {
        let with = |(value, index): (&&[u8], i32)| Record {
            producer_id: producer.0,
            producer_epoch: producer.1,
            sequence: sequence + index,
            ..record(index.into(), value)
        };
        let records: Vec<_> = values.iter().zip(0..).map(with).collect();
        encode(&records, Compression::None)
    }

    fn encode(records: &[Record], compression: Compression) -> Bytes {
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression };
        RecordBatchEncoder::encode(&mut bytes, records, &options).unwrap();
        bytes.freeze()
    }

    fn bytes_of(batch: &Batch) -> Bytes {
        batch.parts().concat().into()
    }

    #[test]
    fn a_placed_batch_is_what_was_sent_but_for_offset_and_epoch() {
        let codecs = [
            Compression::None,
            Compression::Gzip,
            Compression::Snappy,
            Compression::Lz4,
            Compression::Zstd,
        ];
        for codec in codecs {
            let sent = sent(&[b"one", b"two", b"three"], codec);
            let mut batch = Batch::parse(&sent).unwrap();
            batch.place(500, 7);
            let stored = bytes_of(&batch);
            assert_eq!(stored[16..], sent[16..], "{codec:?}");
            assert_eq!(batch.header.end_offset(), 503);
            let again = Batch::stored(stored.clone()).unwrap();
            assert_eq!(again.header, batch.header);
            let read = RecordBatchDecoder::decode(&mut stored.clone()).unwrap().records;
            let values: Vec<_> = read.iter().map(|record| record.value.clone().unwrap()).collect();
            assert_eq!(values, ["one", "two", "three"]);
            let offsets: Vec<_> = read.iter().map(|record| record.offset).collect();
            assert_eq!(offsets, [500, 501, 502]);
        }
    }

    #[test]
    fn a_stamped_batch_has_the_brokers_time_and_a_checksum_that_fits() {
        let mut batch = Batch::parse(&sent(&[b"one", b"two"], Compression::None)).unwrap();
        assert_eq!(batch.header.max_timestamp, 1_001);
        batch.stamp(9_999);
        let stored = bytes_of(&batch);
        let read = RecordBatchDecoder::decode(&mut stored.clone()).unwrap().records;
        assert_eq!(read[0].timestamp_type, TimestampType::LogAppend);
        assert_eq!(Batch::parse(&stored).unwrap().header.max_timestamp, 9_999);
    }

    #[test]
    fn what_is_no_batch_is_refused_with_its_reason() {
        let good = sent(&[b"one", b"two"], Compression::None);
        let with = |at: usize, value: &[u8]| {
            let mut bytes = good.to_vec();
            bytes[at..at + value.len()].copy_from_slice(value);
            let crc = crc32c::crc32c(&bytes[CRC_FROM..]);
            bytes[17..21].copy_from_slice(&crc.to_be_bytes());
            Batch::parse(&bytes.into()).unwrap_err()
        };
        assert_eq!(with(16, &[1]), BatchError::Format(1));
        assert_eq!(with(21, &[0, 5]), BatchError::Field("codec"));
        assert_eq!(with(21, &[0, 16]), BatchError::Field("producer id"));
        assert_eq!(with(57, &[0, 0, 0, 0]), BatchError::Field("record count"));
        assert_eq!(with(43, &[0; 8]), BatchError::Field("producer epoch or sequence"));
        assert_eq!(with(8, &[0xff; 4]), BatchError::Field("length"));
        assert_eq!(Batch::parse(&Bytes::new()).unwrap_err(), BatchError::Cut);
        let twice: Bytes = [&good[..], &good[..]].concat().into();
        assert_eq!(Batch::parse(&twice).unwrap_err(), BatchError::Field("number in a request"));
        assert_eq!(headers(&twice).count(), 2);
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_never_taken(index in 0_usize..1_000, bit in 0_u8..8) {
            let mut bytes = sent(&[b"one", b"two"], Compression::None).to_vec();
            let index = 16 + index % (bytes.len() - 16);
            bytes[index] ^= 1 << bit;
            prop_assert!(Batch::parse(&bytes.into()).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Batch::parse(&bytes.clone().into());
            prop_assert!(headers(&bytes).count() <= 200 / HEADER_BYTES);
        }
    }
}
