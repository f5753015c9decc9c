//! Where partitions begin and end, and where a time is in them.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
};

use super::call::Asked;
use super::code;
use crate::partition::LEADER_EPOCH;
use crate::service::{READ, When};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const LATEST_TIME: i64 = -3;
/// Of what is on this machine rather than in an archive.
const EARLIEST_LOCAL: i64 = -4;
const READ_COMMITTED: i8 = 1;
/// The version from which on the answer has a leader epoch.
const WITH_EPOCH: i16 = 4;

/// Answers `ListOffsets`.
pub(super) async fn list_offsets(asked: Asked<ListOffsetsRequest>) -> ListOffsetsResponse {
    let mut topics = Vec::with_capacity(asked.request.topics.len());
    for topic in &asked.request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            partitions.push(one(&asked, &topic.name, wanted).await);
        }
        let answer = ListOffsetsTopicResponse::default().with_name(topic.name.clone());
        topics.push(answer.with_partitions(partitions));
    }
    ListOffsetsResponse::default().with_topics(topics)
}

async fn one(
    asked: &Asked<ListOffsetsRequest>,
    topic: &str,
    wanted: &ListOffsetsPartition,
) -> ListOffsetsPartitionResponse {
    let answer =
        ListOffsetsPartitionResponse::default().with_partition_index(wanted.partition_index);
    let answer = answer.with_offset(-1).with_timestamp(-1);
    if !asked.queue.may(&asked.principal, READ) {
        return answer.with_error_code(ResponseError::TopicAuthorizationFailed.code());
    }
    let when = match wanted.timestamp {
        LATEST if asked.request.isolation_level == READ_COMMITTED => When::Stable,
        LATEST => When::Latest,
        EARLIEST | EARLIEST_LOCAL => When::Earliest,
        LATEST_TIME => When::LatestTime,
        time if time >= 0 => When::At(time),
        _ => return answer.with_error_code(ResponseError::InvalidRequest.code()),
    };
    let found = match asked.queue.partition(topic, wanted.partition_index) {
        Ok((_, partition)) => asked.queue.offset_at(&partition, when).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(Some((offset, time))) => {
            let epoch = if asked.version >= WITH_EPOCH { LEADER_EPOCH } else { -1 };
            answer.with_offset(offset).with_timestamp(time).with_leader_epoch(epoch)
        }
        Ok(None) => answer,
        Err(error) => answer.with_error_code(code::of(&error)),
    }
}

/// Answers `OffsetForLeaderEpoch`: there was never another leader.
pub(super) async fn end_of_epochs(
    asked: Asked<OffsetForLeaderEpochRequest>,
) -> OffsetForLeaderEpochResponse {
    let mut topics = Vec::with_capacity(asked.request.topics.len());
    for topic in &asked.request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let answer = EpochEndOffset::default().with_partition(wanted.partition);
            let found = match asked.queue.partition(&topic.topic, wanted.partition) {
                Ok((_, partition)) => asked.queue.offset_at(&partition, When::Latest).await,
                Err(error) => Err(error),
            };
            partitions.push(match found {
                Ok(_) if wanted.current_leader_epoch > LEADER_EPOCH => {
                    answer.with_error_code(ResponseError::UnknownLeaderEpoch.code())
                }
                Ok(_) if wanted.leader_epoch > LEADER_EPOCH => answer,
                Ok(latest) => answer
                    .with_leader_epoch(LEADER_EPOCH)
                    .with_end_offset(latest.map_or(-1, |(offset, _)| offset)),
                Err(error) => answer.with_error_code(code::of(&error)),
            });
        }
        let answer = OffsetForLeaderTopicResult::default().with_topic(topic.topic.clone());
        topics.push(answer.with_partitions(partitions));
    }
    OffsetForLeaderEpochResponse::default().with_topics(topics)
}
