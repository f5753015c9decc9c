//! A topic of one run: made with a fresh name, known to have leaders, deleted when dropped.

use std::net::SocketAddr;
use std::time::Duration;

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, DeleteTopicsRequest, ListOffsetsRequest, MetadataRequest,
    TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::wire::Connection;
use crate::clock;
use crate::error::BenchError;

/// The longest that a broker may take to make a topic.
const CREATE_TIMEOUT_MS: i32 = 10_000;
/// The longest until every partition of a new topic takes requests.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks at a new topic.
const POLL: Duration = Duration::from_millis(50);
/// `ListOffsets`: the end of a partition instead of a time.
const LATEST: i64 = -1;
/// A request from a client, not from a replica.
pub(crate) const CLIENT: BrokerId = BrokerId(-1);

/// A topic on one broker; deleted when dropped.
#[derive(Debug)]
pub(crate) struct Topic {
    address: SocketAddr,
    /// No other run has it.
    pub(crate) name: TopicName,
    /// From 0 up to this.
    pub(crate) partitions: u32,
}

impl Topic {
    /// Makes it, and waits until every partition can be written to.
    ///
    /// # Errors
    /// `BenchError::Broker` when the broker does not answer, `BenchError::Unexpected` when it
    /// refuses, and `BenchError::Usage` when a partition is led by another broker.
    pub(crate) fn create(
        connection: &mut Connection,
        address: SocketAddr,
        partitions: u32,
    ) -> Result<Self, BenchError> {
        let name = StrBytes::from_string(format!("bench-{}", clock::run_tag()));
        let name = TopicName(name);
        let wanted = CreatableTopic::default()
            .with_name(name.clone())
            .with_num_partitions(i32::try_from(partitions).unwrap_or(i32::MAX))
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default()
            .with_topics(vec![wanted])
            .with_timeout_ms(CREATE_TIMEOUT_MS);
        let answer = connection.call(&request)?;
        let refusal = answer.topics.iter().find(|topic| topic.error_code != 0);
        if let Some(refusal) = refusal {
            let message = refusal.error_message.as_deref().unwrap_or_default();
            let answer = format!("{} {message}", error_name(refusal.error_code));
            return Err(BenchError::Unexpected { what: format!("creating {}", *name), answer });
        }
        let topic = Self { address, name, partitions };
        topic.wait_until_ready(connection)?;
        Ok(topic)
    }

    /// Metadata may name leaders that do not lead yet, so the leaders themselves are asked.
    fn wait_until_ready(&self, connection: &mut Connection) -> Result<(), BenchError> {
        let deadline = clock::now() + READY_TIMEOUT;
        loop {
            self.check_leaders(connection)?;
            match self.ask_ends(connection)? {
                Ok(_) => return Ok(()),
                Err(answer) if clock::now() > deadline => {
                    let what = format!("{} after {READY_TIMEOUT:?}", *self.name);
                    return Err(BenchError::Unexpected { what, answer });
                }
                Err(_) => std::thread::sleep(POLL),
            }
        }
    }

    /// All load goes to one address, so one broker has to lead all partitions.
    fn check_leaders(&self, connection: &mut Connection) -> Result<(), BenchError> {
        let wanted = MetadataRequestTopic::default().with_name(Some(self.name.clone()));
        let answer =
            connection.call(&MetadataRequest::default().with_topics(Some(vec![wanted])))?;
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let mut leaders = partitions.map(|partition| *partition.leader_id).filter(|id| *id >= 0);
        let first = leaders.next();
        match leaders.all(|leader| Some(leader) == first) {
            true => Ok(()),
            false => Err(BenchError::Usage(
                "the partitions are led by several brokers; give a cluster of one".to_owned(),
            )),
        }
    }

    /// The end offset of every partition, in their order.
    ///
    /// # Errors
    /// `BenchError::Broker` when the broker does not answer, `BenchError::Unexpected` when it
    /// refuses or leaves a partition out.
    pub(crate) fn end_offsets(&self, connection: &mut Connection) -> Result<Vec<i64>, BenchError> {
        self.ask_ends(connection)?.map_err(|answer| BenchError::Unexpected {
            what: format!("end offsets of {}", *self.name),
            answer,
        })
    }

    /// The end offsets, or the first refusal in words.
    fn ask_ends(
        &self,
        connection: &mut Connection,
    ) -> Result<Result<Vec<i64>, String>, BenchError> {
        let asked = (0..self.partitions as i32).map(|index| {
            ListOffsetsPartition::default().with_partition_index(index).with_timestamp(LATEST)
        });
        let topic = ListOffsetsTopic::default()
            .with_name(self.name.clone())
            .with_partitions(asked.collect());
        let request =
            ListOffsetsRequest::default().with_replica_id(CLIENT).with_topics(vec![topic]);
        let answer = connection.call(&request)?;
        let mut ends = vec![Err("no answer for it".to_owned()); self.partitions as usize];
        for partition in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            let index = usize::try_from(partition.partition_index).ok();
            if let Some(end) = index.and_then(|index| ends.get_mut(index)) {
                *end = match partition.error_code {
                    0 => Ok(partition.offset),
                    code => Err(error_name(code)),
                };
            }
        }
        let named = ends.into_iter().enumerate();
        Ok(named.map(|(index, end)| end.map_err(|e| format!("partition {index}: {e}"))).collect())
    }

    fn delete(&self) -> Result<(), BenchError> {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![self.name.clone()])
            .with_timeout_ms(CREATE_TIMEOUT_MS);
        Connection::open(self.address)?.call(&request).map(|_| ())
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // The figures are taken; a broker that has gone by now keeps its topic.
        let _ = self.delete();
    }
}

/// An error code in the protocol's own words, such as `UnknownTopicOrPartition (3)`.
pub(crate) fn error_name(code: i16) -> String {
    match kafka_protocol::ResponseError::try_from_code(code) {
        Some(error) => format!("{error:?} ({code})"),
        None => format!("error {code}"),
    }
}
