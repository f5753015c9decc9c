//! The control batch that ends a transaction in a partition (Apache Kafka, KIP-98, `EndTxnMarker`).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, CONTROL, Header, TRANSACTIONAL};

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Its records count.
    Commit,
    /// Its records are not to be read by those who read what is committed.
    Abort,
}

/// Of the one record: length, attributes, two deltas, and the key's length, each of one byte.
const KEY_AT: usize = 5;

/// The marker with which the transaction of a producer ends.
pub fn marker(ending: Ending, producer: (i64, i16), now_ms: i64) -> Batch {
    let kind = u8::from(ending == Ending::Commit);
    // Zig-zag: 32 is a length of 16, 8 one of 4, 12 one of 6. Key: version and kind; value: version
    // and the coordinator's epoch; no headers.
    let record = [32, 0, 0, 0, 8, 0, 0, 0, kind, 12, 0, 0, 0, 0, 0, 0, 0];
    let header = Header {
        base_offset: 0,
        bytes: 0,
        leader_epoch: 0,
        crc: 0,
        attributes: TRANSACTIONAL | CONTROL,
        last_offset_delta: 0,
        base_timestamp: now_ms,
        max_timestamp: now_ms,
        producer_id: producer.0,
        producer_epoch: producer.1,
        base_sequence: -1,
        records: 1,
    };
    Batch::made(header, Bytes::copy_from_slice(&record))
}

/// How a marker ends its transaction; none for any other batch.
pub fn ending(batch: &Batch) -> Option<Ending> {
    if !batch.header.is_control() {
        return None;
    }
    match batch.records().get(KEY_AT..KEY_AT + 4)? {
        [_, _, 0, 0] => Some(Ending::Abort),
        [_, _, 0, 1] => Some(Ending::Commit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::records::RecordBatchDecoder;

    use super::*;

    #[test]
    fn a_marker_is_what_clients_expect() {
        for (kind, how) in [(1, Ending::Commit), (0, Ending::Abort)] {
            let mut batch = marker(how, (77, 3), 5_000);
            batch.place(42, 0);
            assert_eq!(ending(&batch), Some(how));
            let bytes: Bytes = batch.parts().concat().into();
            let read = RecordBatchDecoder::decode(&mut bytes.clone()).unwrap().records;
            assert_eq!(read.len(), 1);
            assert!(read[0].control && read[0].transactional);
            assert_eq!((read[0].offset, read[0].producer_id, read[0].producer_epoch), (42, 77, 3));
            assert_eq!(read[0].key.as_deref(), Some(&[0, 0, 0, kind][..]));
            assert_eq!(read[0].value.as_ref().map(Bytes::len), Some(6));
        }
    }
}
