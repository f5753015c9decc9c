//! Batches come in. They have their place in the journal when [`begin`] returns, and are kept when
//! [`Begun::finish`] does.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use kafka_protocol::protocol::StrBytes;

use super::call::{Answer, Asked, Call, Hangup};
use super::code;
use crate::error::QueueError;
use crate::service::{Accepted, Queue, WRITE};

/// `acks`: whether an answer is wanted at all.
const NO_ACKS: i16 = 0;
/// `acks`: of all replicas in sync.
const ALL_ACKS: i16 = -1;

/// Batches that have their place.
pub(super) struct Begun {
    call: Call,
    queue: Arc<Queue>,
    response: ProduceResponse,
    accepted: Vec<Accepted>,
    is_answered: bool,
}

/// Gives every batch of the request its place.
pub(super) async fn begin(mut call: Call) -> Result<Begun, Hangup> {
    let asked: Asked<ProduceRequest> = call.asked().await?;
    let acks = asked.request.acks;
    let (mut accepted, mut topics) = (Vec::new(), Vec::new());
    for topic in &asked.request.topic_data {
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for data in &topic.partition_data {
            let appended = append(&asked, topic, data).await;
            partitions.push(answered(data.index, &appended));
            accepted.extend(appended.ok());
        }
        let answer = TopicProduceResponse::default().with_name(topic.name.clone());
        topics.push(answer.with_partition_responses(partitions));
    }
    let response = ProduceResponse::default().with_responses(topics);
    let queue = Arc::clone(&asked.queue);
    Ok(Begun { call, queue, response, accepted, is_answered: acks != NO_ACKS })
}

/// Why a batch was not taken.
enum Refusal {
    Queue(QueueError),
    Kafka(ResponseError),
}

async fn append(
    asked: &Asked<ProduceRequest>,
    topic: &TopicProduceData,
    data: &PartitionProduceData,
) -> Result<Accepted, Refusal> {
    if !asked.queue.may(&asked.principal, WRITE) {
        return Err(Refusal::Kafka(ResponseError::TopicAuthorizationFailed));
    }
    let acks = asked.request.acks;
    if !(ALL_ACKS..=1).contains(&acks) {
        return Err(Refusal::Kafka(ResponseError::InvalidRequiredAcks));
    }
    let (topic, partition) = asked.queue.partition(&topic.name, data.index)?;
    let in_sync_min = topic.config.in_sync_min();
    if acks == ALL_ACKS && in_sync_min > 1 {
        return Err(QueueError::InSync(in_sync_min).into());
    }
    let records = data.records.as_ref().ok_or(Refusal::Kafka(ResponseError::InvalidRecord))?;
    Ok(asked.queue.append(&partition, &topic.config, records).await?)
}

impl From<QueueError> for Refusal {
    fn from(error: QueueError) -> Self {
        Self::Queue(error)
    }
}

fn answered(index: i32, appended: &Result<Accepted, Refusal>) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default().with_index(index);
    match appended {
        Ok(accepted) => answer
            .with_base_offset(accepted.base_offset)
            .with_log_append_time_ms(accepted.log_append_time_ms)
            .with_log_start_offset(accepted.log_start),
        Err(Refusal::Queue(error)) => answer
            .with_base_offset(-1)
            .with_error_code(code::of(error))
            .with_error_message(Some(StrBytes::from_string(error.to_string()))),
        Err(Refusal::Kafka(error)) => answer.with_base_offset(-1).with_error_code(error.code()),
    }
}

impl Begun {
    /// Answers once all that was taken is kept.
    pub(super) async fn finish(mut self) -> Answer {
        if !self.is_answered {
            return Ok(None);
        }
        for accepted in &self.accepted {
            if let Err(error) = self.queue.kept(accepted).await {
                self.fail(&error);
                break;
            }
        }
        self.call.encode(&self.response)
    }

    /// Nobody knows of what was taken whether it is kept.
    fn fail(&mut self, error: &QueueError) {
        let partitions =
            self.response.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses);
        for partition in partitions.filter(|partition| partition.error_code == 0) {
            partition.error_code = code::of(error);
            partition.base_offset = -1;
        }
    }
}
