//! Which topics there are, and who leads their partitions: always the one broker.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, MetadataRequest, MetadataResponse,
    TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::call::Asked;
use super::{NODE, code};
use crate::partition::LEADER_EPOCH;
use crate::service::{NewTopic, READ, WRITE};
use crate::state::Topic;

/// The version from which on topics may be named by their numbers.
const BY_ID: i16 = 10;

/// Answers `Metadata`.
pub(super) async fn metadata(asked: Asked<MetadataRequest>) -> MetadataResponse {
    let may_read = asked.queue.may(&asked.principal, READ);
    let topics = match &asked.request.topics {
        // Before version 1 there was no other way to ask for all.
        Some(topics) if !topics.is_empty() || asked.version > 0 => {
            let mut found = Vec::with_capacity(topics.len());
            for wanted in topics {
                let by_id = asked.version >= BY_ID && wanted.name.is_none();
                found.push(match (&wanted.name, by_id) {
                    (Some(name), _) if may_read => named(&asked, name).await,
                    (None, true) if may_read => numbered(&asked, wanted.topic_id),
                    _ => {
                        let code = ResponseError::TopicAuthorizationFailed.code();
                        let refused = MetadataResponseTopic::default().with_error_code(code);
                        refused.with_name(wanted.name.clone()).with_topic_id(wanted.topic_id)
                    }
                });
            }
            found
        }
        _ if may_read => asked.queue.topics().iter().map(described).collect(),
        _ => Vec::new(),
    };
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(NODE))
        .with_host(StrBytes::from_string(asked.site.host.clone()))
        .with_port(asked.site.port.into());
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(cluster(&asked.principal)))
        .with_controller_id(BrokerId(NODE))
        .with_topics(topics)
}

/// A namespace is a cluster of its own.
fn cluster(principal: &kit::auth::Principal) -> StrBytes {
    StrBytes::from_string(format!("backplane-{}", principal.namespace))
}

async fn named(asked: &Asked<MetadataRequest>, name: &TopicName) -> MetadataResponseTopic {
    let queue = &asked.queue;
    if let Some(topic) = queue.topic(name) {
        return described(&topic);
    }
    let mut answer = MetadataResponseTopic::default().with_name(Some(name.clone()));
    if let Err(error) = crate::topic::check_name(name) {
        return answer.with_error_code(code::of(&error.into()));
    }
    let is_made_now = queue.options().auto_create
        && asked.request.allow_auto_topic_creation
        && queue.may(&asked.principal, WRITE);
    if is_made_now {
        let name = name.to_string();
        let new = NewTopic { name: name.clone(), partitions: -1, replicas: -1, settings: vec![] };
        let made = queue.create_topic(new, false).await;
        if let Some(topic) = queue.topic(&name) {
            return described(&topic);
        }
        answer.error_code = code::of_result(&made);
    } else {
        answer.error_code = ResponseError::UnknownTopicOrPartition.code();
    }
    answer
}

fn numbered(asked: &Asked<MetadataRequest>, id: Uuid) -> MetadataResponseTopic {
    match asked.queue.topic_by_id(id.as_u128()) {
        Some(topic) => described(&topic),
        None => MetadataResponseTopic::default()
            .with_topic_id(id)
            .with_error_code(ResponseError::UnknownTopicId.code()),
    }
}

fn described(topic: &Arc<Topic>) -> MetadataResponseTopic {
    let one = || vec![BrokerId(NODE)];
    let partitions = topic.partitions.iter().map(|partition| {
        MetadataResponsePartition::default()
            .with_partition_index(partition.index)
            .with_leader_id(BrokerId(NODE))
            .with_leader_epoch(LEADER_EPOCH)
            .with_replica_nodes(one())
            .with_isr_nodes(one())
    });
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_string(topic.name.clone()))))
        .with_topic_id(Uuid::from_u128(topic.id))
        .with_partitions(partitions.collect())
}

/// Answers `DescribeCluster`.
pub(super) async fn describe_cluster(
    asked: Asked<DescribeClusterRequest>,
) -> DescribeClusterResponse {
    let broker = DescribeClusterBroker::default()
        .with_broker_id(BrokerId(NODE))
        .with_host(StrBytes::from_string(asked.site.host.clone()))
        .with_port(asked.site.port.into());
    DescribeClusterResponse::default()
        .with_cluster_id(cluster(&asked.principal))
        .with_controller_id(BrokerId(NODE))
        .with_endpoint_type(asked.request.endpoint_type.max(1))
        .with_brokers(vec![broker])
}
