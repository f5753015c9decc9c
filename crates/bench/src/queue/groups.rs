//! How long an offset commit takes while many consumer groups commit.
//!
//! Each group has a connection of its own, as a consumer has, and commits an offset for every
//! partition of one topic once a second, without members: the broker takes a commit of an empty
//! group from whoever asks (generation -1). The groups are spread over the second. A commit
//! counts from when it was due, so one that is held up delays no other out of sight.

use std::time::{Duration, Instant};

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{
    DeleteGroupsRequest, FindCoordinatorRequest, GroupId, OffsetCommitRequest, OffsetFetchRequest,
    TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::args::QueueArgs;
use super::broker::Broker;
use super::tally::{Outcome, Tally};
use super::topic::{Topic, error_name};
use super::wire::Connection;
use super::{Window, join_all, sleep_until};
use crate::clock;
use crate::error::BenchError;

/// From one commit of a group to its next.
const PERIOD: Duration = Duration::from_secs(1);
/// The longest until a broker knows where its groups are coordinated: the first group of all
/// makes it set up its own topic for them.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Between two tries.
const POLL: Duration = Duration::from_millis(100);
/// The coordinator loads, is not there yet, or is another: they pass.
const PASSING: [i16; 3] = [14, 15, 16];
/// A commit without membership.
const NO_GENERATION: i32 = -1;
/// Enough for a call and its buffers; there is a thread a group.
const STACK_BYTES: usize = 512 << 10;

/// One round.
///
/// # Errors
/// Whatever keeps the figures from being measured.
pub(crate) fn round(
    broker: &Broker,
    args: &QueueArgs,
    topic: &Topic,
) -> Result<Outcome, BenchError> {
    let groups: Result<Vec<Group>, BenchError> =
        (0..args.groups).map(|number| Group::ready(broker, topic, number)).collect();
    let groups = groups?;
    let ids: Vec<GroupId> = groups.iter().map(|group| group.id.clone()).collect();
    let (start, window) = (clock::now(), args.window());
    let mut threads = Vec::new();
    for (number, group) in (0..).zip(groups) {
        let first_due = start + PERIOD * number / ids.len() as u32;
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn(move || group.run(first_due, window));
        threads.push(thread.map_err(BenchError::system("starting a thread"))?);
    }
    let used = broker.used_in(window)?;
    let total = join_all(threads)?;
    // The figures are taken; a broker that cannot delete groups keeps them until they expire.
    let _ = broker.connect()?.call(&DeleteGroupsRequest::default().with_groups_names(ids));
    Ok(total.outcome(window.until - window.from).with(used))
}

/// One group with its connection.
#[derive(Debug)]
struct Group {
    connection: Connection,
    id: GroupId,
    topic: TopicName,
    partitions: Vec<i32>,
    /// What it committed last.
    committed: i64,
}

impl Group {
    /// Connects, waits for the coordinator, and commits for the first time.
    fn ready(broker: &Broker, topic: &Topic, number: usize) -> Result<Self, BenchError> {
        let id = GroupId(StrBytes::from_string(format!("{}-{number}", *topic.name)));
        let partitions = (0..topic.partitions as i32).collect();
        let connection = broker.connect()?;
        let mut group =
            Self { connection, id, topic: topic.name.clone(), partitions, committed: 0 };
        let deadline = clock::now() + READY_TIMEOUT;
        loop {
            let code = match group.find_coordinator()? {
                0 => group.commit()?,
                code => code,
            };
            match code {
                0 => return Ok(group),
                code if PASSING.contains(&code) && clock::now() < deadline => {
                    std::thread::sleep(POLL);
                }
                code => {
                    let what = format!("the first commit of {}", *group.id);
                    return Err(BenchError::Unexpected { what, answer: error_name(code) });
                }
            }
        }
    }

    fn find_coordinator(&mut self) -> Result<i16, BenchError> {
        let request = FindCoordinatorRequest::default().with_key(self.id.0.clone());
        self.connection.call(&request).map(|answer| answer.error_code)
    }

    /// Commits the next offset for every partition: 0, or the first error code.
    fn commit(&mut self) -> Result<i16, BenchError> {
        self.committed += 1;
        let partition = |index: &i32| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(*index)
                .with_committed_offset(self.committed)
        };
        let topic = OffsetCommitRequestTopic::default()
            .with_name(self.topic.clone())
            .with_partitions(self.partitions.iter().map(partition).collect());
        let request = OffsetCommitRequest::default()
            .with_group_id(self.id.clone())
            .with_generation_id_or_member_epoch(NO_GENERATION)
            .with_topics(vec![topic]);
        let answer = self.connection.call(&request)?;
        let mut codes = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let refusal = codes.find(|partition| partition.error_code != 0);
        Ok(refusal.map_or(0, |partition| partition.error_code))
    }

    /// Commits once a period until the window ends, then sees that the last commit is known.
    fn run(mut self, first_due: Instant, window: Window) -> Tally {
        let mut tally = Tally::new();
        let mut due = first_due;
        while due < window.until {
            sleep_until(due);
            match self.commit() {
                Err(error) => {
                    tally.fail(1, error.to_string());
                    return tally;
                }
                Ok(0) if window.contains(due) => {
                    tally.latencies.record(clock::now() - due);
                    tally.right += 1;
                }
                Ok(0) => {}
                Ok(code) => tally.refuse(error_name(code)),
            }
            due += PERIOD;
        }
        if tally.refused == 0 {
            match self.known() {
                Ok(offsets) if self.is_committed(&offsets) => {}
                Ok(offsets) => {
                    let committed = self.committed;
                    tally.find_wrong(format!("{committed} was committed, {offsets:?} are known"));
                }
                Err(error) => tally.fail(1, error.to_string()),
            }
        }
        tally
    }

    fn is_committed(&self, offsets: &[i64]) -> bool {
        let all = offsets.len() == self.partitions.len();
        all && offsets.iter().all(|offset| *offset == self.committed)
    }

    /// The offsets that the broker knows of the group.
    fn known(&mut self) -> Result<Vec<i64>, BenchError> {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(self.topic.clone())
            .with_partition_indexes(self.partitions.clone());
        let request = OffsetFetchRequest::default()
            .with_group_id(self.id.clone())
            .with_topics(Some(vec![topic]));
        let answer = self.connection.call(&request)?;
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        Ok(partitions.map(|partition| partition.committed_offset).collect())
    }
}
