//! Single records of a batch, for those few questions that need them. Compressed ones are bounded.

use std::io;

use bytes::Bytes;
use kafka_protocol::records::{Record, RecordBatchDecoder};

/// The offset and time stamp of a batch's first record at `time_ms` or later.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`]: its producer sent no records.
pub fn first_at(batch: Bytes, time_ms: i64) -> io::Result<Option<(i64, i64)>> {
    let records = decode(batch)?;
    let late = records.iter().find(|record| record.timestamp >= time_ms);
    Ok(late.map(|record| (record.offset, record.timestamp)))
}

fn decode(mut batch: Bytes) -> io::Result<Vec<Record>> {
    let decoded = RecordBatchDecoder::decode(&mut batch);
    decoded
        .map(|set| set.records)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
