//! Transactions of producers.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, EndTxnRequest, EndTxnResponse, ProducerId, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
};

use super::call::Asked;
use super::code;
use super::groups::identity;
use crate::error::QueueError;
use crate::marker::Ending;
use crate::service::WRITE;
use crate::state::Committed;
use crate::transaction::{Producer, TransactionError};

/// The version from which on a fenced producer is told so by an error of its own.
const TELLS_FENCED: i16 = 2;

/// A number; older versions know another one for a producer that was fenced.
pub(super) fn coded(error: &QueueError, tells_fenced: bool) -> i16 {
    match error {
        QueueError::Transaction(TransactionError::Fenced) if !tells_fenced => {
            ResponseError::InvalidProducerEpoch.code()
        }
        error => code::of(error),
    }
}

fn producer(id: ProducerId, epoch: i16) -> Producer {
    (id.0, epoch)
}

/// Answers `AddPartitionsToTxn`: all partitions are added, or none.
pub(super) async fn add_partitions(
    asked: Asked<AddPartitionsToTxnRequest>,
) -> AddPartitionsToTxnResponse {
    let request = &asked.request;
    let topics = &request.v3_and_below_topics;
    let named = topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|index| (topic.name.to_string(), *index)));
    let named: Vec<_> = named.collect();
    let unknown: Vec<_> = named
        .iter()
        .filter(|(topic, index)| asked.queue.partition(topic, *index).is_err())
        .cloned()
        .collect();
    let code = if !asked.queue.may(&asked.principal, WRITE) {
        ResponseError::TransactionalIdAuthorizationFailed.code()
    } else if !unknown.is_empty() {
        ResponseError::OperationNotAttempted.code()
    } else {
        let id = &request.v3_and_below_transactional_id;
        let by = producer(request.v3_and_below_producer_id, request.v3_and_below_producer_epoch);
        let added = asked.queue.add_to_transaction(id, by, named).await;
        added.err().map_or(0, |error| coded(&error, asked.version >= TELLS_FENCED))
    };
    let of_topic = |topic: &AddPartitionsToTxnTopic| {
        let partitions = topic.partitions.iter().map(|index| {
            let is_unknown = unknown.contains(&(topic.name.to_string(), *index));
            let none = ResponseError::UnknownTopicOrPartition.code();
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(if is_unknown { none } else { code })
        });
        let answer = AddPartitionsToTxnTopicResult::default().with_name(topic.name.clone());
        answer.with_results_by_partition(partitions.collect())
    };
    let topics = topics.iter().map(of_topic).collect();
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(topics)
}

/// Answers `AddOffsetsToTxn`.
pub(super) async fn add_offsets(asked: Asked<AddOffsetsToTxnRequest>) -> AddOffsetsToTxnResponse {
    let request = &asked.request;
    if !asked.queue.may(&asked.principal, WRITE) {
        let code = ResponseError::TransactionalIdAuthorizationFailed.code();
        return AddOffsetsToTxnResponse::default().with_error_code(code);
    }
    let by = producer(request.producer_id, request.producer_epoch);
    let id = &request.transactional_id;
    let added = asked.queue.add_group_to_transaction(id, by, &request.group_id).await;
    let code = added.err().map_or(0, |error| coded(&error, asked.version >= TELLS_FENCED));
    AddOffsetsToTxnResponse::default().with_error_code(code)
}

/// Answers `TxnOffsetCommit`.
pub(super) async fn commit_offsets(
    asked: Asked<TxnOffsetCommitRequest>,
) -> TxnOffsetCommitResponse {
    let request = &asked.request;
    let at_ms = asked.queue.clock().now().micros() / 1_000;
    let offsets = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|wanted| {
            let committed = Committed {
                offset: wanted.committed_offset,
                leader_epoch: wanted.committed_leader_epoch,
                metadata: wanted.committed_metadata.clone().unwrap_or_default().to_string(),
                at_ms,
            };
            ((topic.name.to_string(), wanted.partition_index), committed)
        })
    });
    let member = identity(&request.member_id, request.group_instance_id.as_ref());
    let (group, by) = (&request.group_id, producer(request.producer_id, request.producer_epoch));
    let may = asked.queue.may_commit_in_transaction(group, &member, request.generation_id);
    let code = match may {
        _ if !asked.queue.may(&asked.principal, WRITE) => {
            ResponseError::TransactionalIdAuthorizationFailed.code()
        }
        Err(error) => code::of_group(error),
        Ok(()) => {
            let id = &request.transactional_id;
            let offsets = offsets.collect();
            let committed = asked.queue.commit_offsets_in_transaction(id, by, group, offsets).await;
            committed.err().map_or(0, |error| coded(&error, false))
        }
    };
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let answer = TxnOffsetCommitResponsePartition::default();
            answer.with_partition_index(wanted.partition_index).with_error_code(code)
        });
        let answer = TxnOffsetCommitResponseTopic::default().with_name(topic.name.clone());
        answer.with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

/// Answers `EndTxn`.
pub(super) async fn end(asked: Asked<EndTxnRequest>) -> EndTxnResponse {
    let request = &asked.request;
    if !asked.queue.may(&asked.principal, WRITE) {
        let code = ResponseError::TransactionalIdAuthorizationFailed.code();
        return EndTxnResponse::default().with_error_code(code);
    }
    let ending = if request.committed { Ending::Commit } else { Ending::Abort };
    let by = producer(request.producer_id, request.producer_epoch);
    let ended = asked.queue.end_transaction(&request.transactional_id, by, ending).await;
    let code = ended.err().map_or(0, |error| coded(&error, asked.version >= TELLS_FENCED));
    EndTxnResponse::default().with_error_code(code)
}
