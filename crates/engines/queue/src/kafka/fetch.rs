//! Batches go out. No fetch sessions are given: each request names all it wants (KIP-227 leaves
//! that to the broker).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, FetchableTopicResponse, PartitionData,
};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::call::Asked;
use super::code;
use crate::partition::LEADER_EPOCH;
use crate::service::{FetchLimits, Fetched, READ, Wanted};

/// The version from which on topics are named by their numbers.
const BY_ID: i16 = 13;
/// What one answer carries at most, in bytes, whatever a client asks for.
const FETCH_BYTES_MAX: usize = 16 << 20;
/// The longest wait.
const WAIT_MAX_MS: i32 = 300_000;
const READ_COMMITTED: i8 = 1;

/// A partition that is asked for: what is wanted of it, or why it cannot be had.
type Place = Result<Wanted, i16>;

/// Answers `Fetch`.
pub(super) async fn fetch(asked: Asked<FetchRequest>) -> FetchResponse {
    let request = &asked.request;
    if request.session_id != 0 {
        let code = ResponseError::FetchSessionIdNotFound.code();
        return FetchResponse::default().with_error_code(code);
    }
    let places: Vec<Vec<Place>> = request
        .topics
        .iter()
        .map(|topic| topic.partitions.iter().map(|wanted| place(&asked, topic, wanted)).collect())
        .collect();
    let wanted: Vec<Wanted> = places.iter().flatten().flatten().cloned().collect();
    let is_refused = places.iter().flatten().any(Result::is_err);
    let wait_ms = if is_refused { 0 } else { request.max_wait_ms.clamp(0, WAIT_MAX_MS) };
    let limits = FetchLimits {
        max_bytes: usize::try_from(request.max_bytes).unwrap_or(0).clamp(1, FETCH_BYTES_MAX),
        min_bytes: usize::try_from(request.min_bytes).unwrap_or(0).min(FETCH_BYTES_MAX),
        wait: Duration::from_millis(wait_ms.unsigned_abs().into()),
        is_committed_only: request.isolation_level == READ_COMMITTED,
    };
    let mut answers = asked.queue.fetch(&wanted, limits).await.into_iter();
    let mut topics = Vec::with_capacity(request.topics.len());
    for (topic, places) in request.topics.iter().zip(places) {
        let mut partitions = Vec::with_capacity(places.len());
        for (wanted, place) in topic.partitions.iter().zip(places) {
            let answer = match place {
                Ok(_) => answers.next().map(|answer| answer.map_err(|error| code::of(&error))),
                Err(code) => Some(Err(code)),
            };
            let answer = answer.unwrap_or(Err(ResponseError::UnknownServerError.code()));
            partitions.push(answered(wanted.partition, answer));
        }
        let answer = FetchableTopicResponse::default().with_topic(topic.topic.clone());
        topics.push(answer.with_topic_id(topic.topic_id).with_partitions(partitions));
    }
    FetchResponse::default().with_responses(topics)
}

fn place(asked: &Asked<FetchRequest>, topic: &FetchTopic, wanted: &FetchPartition) -> Place {
    if !asked.queue.may(&asked.principal, READ) {
        return Err(ResponseError::TopicAuthorizationFailed.code());
    }
    let name = match asked.version >= BY_ID {
        true => match asked.queue.topic_by_id(topic.topic_id.as_u128()) {
            Some(topic) => TopicName(StrBytes::from_string(topic.name.clone())),
            None => return Err(ResponseError::UnknownTopicId.code()),
        },
        false => topic.topic.clone(),
    };
    let found = asked.queue.partition(&name, wanted.partition);
    let (_, partition) = found.map_err(|error| code::of(&error))?;
    if wanted.current_leader_epoch > LEADER_EPOCH {
        return Err(ResponseError::UnknownLeaderEpoch.code());
    }
    let max_bytes = usize::try_from(wanted.partition_max_bytes).unwrap_or(0);
    Ok(Wanted { partition, offset: wanted.fetch_offset, max_bytes })
}

fn answered(index: i32, answer: Result<Fetched, i16>) -> PartitionData {
    let data = PartitionData::default().with_partition_index(index);
    let data = data.with_preferred_read_replica(BrokerId(-1));
    match answer {
        Ok(fetched) => {
            let aborted = fetched.aborted.iter().map(|aborted| {
                AbortedTransaction::default()
                    .with_producer_id(aborted.producer_id.into())
                    .with_first_offset(aborted.first_offset)
            });
            data.with_high_watermark(fetched.high_watermark)
                .with_last_stable_offset(fetched.last_stable)
                .with_log_start_offset(fetched.log_start)
                .with_aborted_transactions(Some(aborted.collect()))
                .with_records(Some(joined(fetched.batches)))
        }
        Err(code) => data
            .with_error_code(code)
            .with_high_watermark(-1)
            .with_last_stable_offset(-1)
            .with_log_start_offset(-1)
            .with_records(Some(Bytes::new())),
    }
}

fn joined(mut parts: Vec<Bytes>) -> Bytes {
    if parts.len() == 1 {
        return parts.swap_remove(0);
    }
    let mut whole = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    parts.iter().for_each(|part| whole.extend_from_slice(part));
    whole.freeze()
}
