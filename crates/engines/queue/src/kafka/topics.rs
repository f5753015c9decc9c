//! Topics are made, grown, emptied and deleted.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::call::Asked;
use super::{NODE, code};
use crate::error::QueueError;
use crate::service::{ADMINISTER, NewTopic, WRITE};

/// The version from which on topics may be named by their numbers.
const DELETE_BY_ID: i16 = 6;
/// The version from which on the answer says what was made.
const WITH_SETTINGS: i16 = 5;

fn message(error: &QueueError) -> Option<StrBytes> {
    Some(StrBytes::from_string(error.to_string()))
}

/// Answers `CreateTopics`.
pub(super) async fn create(asked: Asked<CreateTopicsRequest>) -> CreateTopicsResponse {
    let (mut results, topics) = (Vec::new(), &asked.request.topics);
    for wanted in topics {
        let answer = CreatableTopicResult::default().with_name(wanted.name.clone());
        let answer = answer.with_num_partitions(-1).with_replication_factor(-1);
        if !asked.queue.may(&asked.principal, ADMINISTER) {
            results.push(answer.with_error_code(ResponseError::TopicAuthorizationFailed.code()));
            continue;
        }
        let is_twice = topics.iter().filter(|other| other.name == wanted.name).count() > 1;
        if is_twice {
            results.push(answer.with_error_code(ResponseError::InvalidRequest.code()));
            continue;
        }
        let made = match new_topic(wanted) {
            Ok(new) => asked.queue.create_topic(new, asked.request.validate_only).await,
            Err(error) => Err(error),
        };
        results.push(match made {
            Ok(()) => created(&asked, answer),
            Err(error) => {
                answer.with_error_code(code::of(&error)).with_error_message(message(&error))
            }
        });
    }
    CreateTopicsResponse::default().with_topics(results)
}

fn new_topic(wanted: &CreatableTopic) -> Result<NewTopic, QueueError> {
    let settings = wanted
        .configs
        .iter()
        .filter_map(|config| Some((config.name.to_string(), config.value.as_ref()?.to_string())));
    let mut new = NewTopic {
        name: wanted.name.to_string(),
        partitions: wanted.num_partitions,
        replicas: wanted.replication_factor,
        settings: settings.collect(),
    };
    if !wanted.assignments.is_empty() {
        let is_ours = |ids: &Vec<_>| ids.len() == 1 && ids[0] == NODE;
        if !wanted.assignments.iter().all(|assignment| is_ours(&assignment.broker_ids)) {
            return Err(QueueError::Replicas);
        }
        new.partitions = i32::try_from(wanted.assignments.len()).unwrap_or(i32::MAX);
        new.replicas = 1;
    }
    Ok(new)
}

fn created(
    asked: &Asked<CreateTopicsRequest>,
    answer: CreatableTopicResult,
) -> CreatableTopicResult {
    // None after a trial, and when it was deleted in the same moment.
    let Some(topic) = asked.queue.topic(&answer.name) else { return answer };
    let partitions = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
    if asked.version < WITH_SETTINGS {
        return answer;
    }
    let configs = super::configs::created(&topic.config);
    answer
        .with_topic_id(Uuid::from_u128(topic.id))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(Some(configs))
}

/// Answers `DeleteTopics`.
pub(super) async fn delete(asked: Asked<DeleteTopicsRequest>) -> DeleteTopicsResponse {
    let request = &asked.request;
    let named = request
        .topic_names
        .iter()
        .map(|name| DeleteTopicState::default().with_name(Some(name.clone())));
    let wanted: Vec<_> = match asked.version >= DELETE_BY_ID {
        true => request.topics.clone(),
        false => named.collect(),
    };
    let mut results = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let name = wanted.name.clone().or_else(|| {
            let topic = asked.queue.topic_by_id(wanted.topic_id.as_u128())?;
            Some(TopicName(StrBytes::from_string(topic.name.clone())))
        });
        let id = name.as_ref().and_then(|name| asked.queue.topic(name)).map(|topic| topic.id);
        let answer = DeletableTopicResult::default()
            .with_name(name.clone())
            .with_topic_id(id.map_or(wanted.topic_id, Uuid::from_u128));
        if !asked.queue.may(&asked.principal, ADMINISTER) {
            results.push(answer.with_error_code(ResponseError::TopicAuthorizationFailed.code()));
            continue;
        }
        let Some(name) = name else {
            results.push(answer.with_error_code(ResponseError::UnknownTopicId.code()));
            continue;
        };
        results.push(match asked.queue.delete_topic(&name).await {
            Ok(()) => answer,
            Err(error) => {
                answer.with_error_code(code::of(&error)).with_error_message(message(&error))
            }
        });
    }
    DeleteTopicsResponse::default().with_responses(results)
}

/// Answers `CreatePartitions`.
pub(super) async fn add_partitions(
    asked: Asked<CreatePartitionsRequest>,
) -> CreatePartitionsResponse {
    let mut results = Vec::with_capacity(asked.request.topics.len());
    for wanted in &asked.request.topics {
        let answer = CreatePartitionsTopicResult::default().with_name(wanted.name.clone());
        if !asked.queue.may(&asked.principal, ADMINISTER) {
            results.push(answer.with_error_code(ResponseError::TopicAuthorizationFailed.code()));
            continue;
        }
        let is_trial = asked.request.validate_only;
        results.push(
            match asked.queue.add_partitions(&wanted.name, wanted.count, is_trial).await {
                Ok(()) => answer,
                Err(error) => {
                    answer.with_error_code(code::of(&error)).with_error_message(message(&error))
                }
            },
        );
    }
    CreatePartitionsResponse::default().with_results(results)
}

/// Answers `DeleteRecords`.
pub(super) async fn delete_records(asked: Asked<DeleteRecordsRequest>) -> DeleteRecordsResponse {
    let mut topics = Vec::with_capacity(asked.request.topics.len());
    for topic in &asked.request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let answer = DeleteRecordsPartitionResult::default()
                .with_partition_index(wanted.partition_index)
                .with_low_watermark(-1);
            if !asked.queue.may(&asked.principal, WRITE) {
                let code = ResponseError::TopicAuthorizationFailed.code();
                partitions.push(answer.with_error_code(code));
                continue;
            }
            let deleted = match asked.queue.partition(&topic.name, wanted.partition_index) {
                Ok((_, partition)) => asked.queue.delete_records(&partition, wanted.offset).await,
                Err(error) => Err(error),
            };
            partitions.push(match deleted {
                Ok(start) => answer.with_low_watermark(start),
                Err(error) => answer.with_error_code(code::of(&error)),
            });
        }
        let answer = DeleteRecordsTopicResult::default().with_name(topic.name.clone());
        topics.push(answer.with_partitions(partitions));
    }
    DeleteRecordsResponse::default().with_topics(topics)
}
