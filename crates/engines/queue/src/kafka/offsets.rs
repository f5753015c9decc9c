//! Groups say how far they have come, and ask for it.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::call::Asked;
use super::code;
use super::groups::identity;
use crate::service::{Queue, READ};
use crate::state::{Committed, TopicPartition};

/// The longest metadata of one offset, in bytes; Kafka's `offset.metadata.max.bytes`.
const METADATA_BYTES_MAX: usize = 4096;
/// The version from which on several groups are asked for at once.
const SEVERAL_GROUPS: i16 = 8;

/// `UNSTABLE_OFFSET_COMMIT`: an offset waits for a transaction; clients ask again.
const UNSTABLE: i16 = 88;

/// Answers `OffsetCommit`.
pub(super) async fn commit(asked: Asked<OffsetCommitRequest>) -> OffsetCommitResponse {
    let request = &asked.request;
    let member = identity(&request.member_id, request.group_instance_id.as_ref());
    let generation = request.generation_id_or_member_epoch;
    let refused = match asked.queue.may(&asked.principal, READ) {
        true => {
            let may = asked.queue.may_commit(&request.group_id, &member, generation);
            may.err().map(code::of_group)
        }
        false => Some(ResponseError::GroupAuthorizationFailed.code()),
    };
    let (mut offsets, mut topics) = (Vec::new(), Vec::new());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let code = refused.unwrap_or_else(|| refusal(&asked.queue, &topic.name, wanted));
            if code == 0 {
                offsets.push(committed(&asked.queue, &topic.name, wanted));
            }
            let answer = OffsetCommitResponsePartition::default();
            let answer = answer.with_partition_index(wanted.partition_index);
            partitions.push(answer.with_error_code(code));
        }
        let answer = OffsetCommitResponseTopic::default().with_name(topic.name.clone());
        topics.push(answer.with_partitions(partitions));
    }
    if !offsets.is_empty()
        && let Err(error) = asked.queue.commit_offsets(&request.group_id, offsets).await
    {
        let partitions = topics
            .iter_mut()
            .flat_map(|topic: &mut OffsetCommitResponseTopic| &mut topic.partitions);
        for partition in partitions.filter(|partition| partition.error_code == 0) {
            partition.error_code = code::of(&error);
        }
    }
    OffsetCommitResponse::default().with_topics(topics)
}

/// 0: it can be committed.
fn refusal(queue: &Queue, topic: &str, wanted: &OffsetCommitRequestPartition) -> i16 {
    let metadata = wanted.committed_metadata.as_ref().map_or(0, |metadata| metadata.len());
    if metadata > METADATA_BYTES_MAX {
        return ResponseError::OffsetMetadataTooLarge.code();
    }
    code::of_result(&queue.partition(topic, wanted.partition_index))
}

fn committed(
    queue: &Queue,
    topic: &TopicName,
    wanted: &OffsetCommitRequestPartition,
) -> (TopicPartition, Committed) {
    let committed = Committed {
        offset: wanted.committed_offset,
        leader_epoch: wanted.committed_leader_epoch,
        metadata: wanted.committed_metadata.clone().unwrap_or_default().to_string(),
        at_ms: queue.clock().now().micros() / 1_000,
    };
    ((topic.to_string(), wanted.partition_index), committed)
}

/// Answers `OffsetFetch`.
pub(super) async fn fetch(asked: Asked<OffsetFetchRequest>) -> OffsetFetchResponse {
    let request = &asked.request;
    let may_read = asked.queue.may(&asked.principal, READ);
    let refused = ResponseError::GroupAuthorizationFailed.code();
    if asked.version >= SEVERAL_GROUPS {
        let groups = request.groups.iter().map(|group| match may_read {
            true => of_group(&asked.queue, group, request.require_stable),
            false => OffsetFetchResponseGroup::default()
                .with_group_id(group.group_id.clone())
                .with_error_code(refused),
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    if !may_read {
        return OffsetFetchResponse::default().with_error_code(refused);
    }
    let wanted = request.topics.as_ref().map(|topics| {
        let all = topics.iter().map(|topic| (&topic.name, &topic.partition_indexes[..]));
        all.collect::<Vec<_>>()
    });
    let found = find(&asked.queue, &request.group_id, wanted);
    let topics = found.into_iter().map(|(name, offsets)| {
        let partitions = offsets.into_iter().map(|(index, committed)| {
            let is_unstable = request.require_stable
                && asked.queue.is_unstable(&request.group_id, &(name.to_string(), index));
            OffsetFetchResponsePartition::default()
                .with_error_code(if is_unstable { UNSTABLE } else { 0 })
                .with_partition_index(index)
                .with_committed_offset(committed.offset)
                .with_committed_leader_epoch(committed.leader_epoch)
                .with_metadata(Some(StrBytes::from_string(committed.metadata)))
        });
        let answer = OffsetFetchResponseTopic::default().with_name(name.clone());
        answer.with_partitions(partitions.collect())
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

fn of_group(
    queue: &Queue,
    group: &OffsetFetchRequestGroup,
    is_stable_only: bool,
) -> OffsetFetchResponseGroup {
    let wanted = group.topics.as_ref().map(|topics| {
        let all = topics.iter().map(|topic| (&topic.name, &topic.partition_indexes[..]));
        all.collect::<Vec<_>>()
    });
    let found = find(queue, &group.group_id, wanted);
    let topics = found.into_iter().map(|(name, offsets)| {
        let partitions = offsets.into_iter().map(|(index, committed)| {
            let is_unstable =
                is_stable_only && queue.is_unstable(&group.group_id, &(name.to_string(), index));
            OffsetFetchResponsePartitions::default()
                .with_error_code(if is_unstable { UNSTABLE } else { 0 })
                .with_partition_index(index)
                .with_committed_offset(committed.offset)
                .with_committed_leader_epoch(committed.leader_epoch)
                .with_metadata(Some(StrBytes::from_string(committed.metadata)))
        });
        let answer = OffsetFetchResponseTopics::default().with_name(name.clone());
        answer.with_partitions(partitions.collect())
    });
    OffsetFetchResponseGroup::default()
        .with_group_id(group.group_id.clone())
        .with_topics(topics.collect())
}

/// Where a group is that never committed.
fn nowhere() -> Committed {
    Committed { offset: -1, leader_epoch: -1, metadata: String::new(), at_ms: 0 }
}

/// What a group has committed, for all partitions or for those that are wanted.
fn find(
    queue: &Queue,
    group: &str,
    wanted: Option<Vec<(&TopicName, &[i32])>>,
) -> Vec<(TopicName, Vec<(i32, Committed)>)> {
    let offsets = queue.committed_offsets(group);
    if let Some(wanted) = wanted {
        let of_topic = |(name, indexes): (&TopicName, &[i32])| {
            let of = |index: &i32| {
                let key = (name.to_string(), *index);
                (*index, offsets.get(&key).cloned().unwrap_or_else(nowhere))
            };
            (name.clone(), indexes.iter().map(of).collect())
        };
        return wanted.into_iter().map(of_topic).collect();
    }
    let mut topics: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for ((topic, index), committed) in offsets {
        topics.entry(topic).or_default().push((index, committed));
    }
    let named = |name| TopicName(StrBytes::from_string(name));
    topics.into_iter().map(|(name, offsets)| (named(name), offsets)).collect()
}

/// Answers `OffsetDelete`.
pub(super) async fn delete(asked: Asked<OffsetDeleteRequest>) -> OffsetDeleteResponse {
    let request = &asked.request;
    if !asked.queue.may(&asked.principal, READ) {
        let code = ResponseError::GroupAuthorizationFailed.code();
        return OffsetDeleteResponse::default().with_error_code(code);
    }
    let of = request.topics.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|partition| (topic.name.to_string(), partition.partition_index))
    });
    let deleted = asked.queue.delete_some_offsets(&request.group_id, of.collect()).await;
    if let Err(error) = &deleted {
        return OffsetDeleteResponse::default().with_error_code(code::of(error));
    }
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetDeleteResponsePartition::default().with_partition_index(partition.partition_index)
        });
        let answer = OffsetDeleteResponseTopic::default().with_name(topic.name.clone());
        answer.with_partitions(partitions.collect())
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}
