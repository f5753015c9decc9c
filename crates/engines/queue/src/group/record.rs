//! The part of a group that outlives a coordinator.
//!
//! It is written when a plan is in force, when the group becomes empty, and when a static member
//! is taken over (see [`super::Output::persist`]). A rebalance under way is not: whoever takes the
//! group over begins from the last plan, and members of a generation that came to nothing are told
//! `IllegalGeneration` and rejoin.

use bytes::Bytes;

use super::limits::Limits;
use super::member::Member;
use super::model::{InstanceId, MemberId};
use super::state::{Group, Phase};

/// What is made durable of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// The generation in force.
    pub generation: i32,
    /// `consumer`, say.
    pub protocol_type: Option<String>,
    /// The elected protocol; none without members.
    pub protocol: Option<String>,
    /// Who made the plan; none without members.
    pub leader: Option<MemberId>,
    /// Everybody, in order of their ids.
    pub members: Vec<MemberRecord>,
}

/// What is made durable of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRecord {
    /// Its id.
    pub member_id: MemberId,
    /// Its configured name, if static.
    pub instance_id: Option<InstanceId>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub client_host: String,
    /// As in [`super::Join::session_timeout_ms`].
    pub session_timeout_ms: u32,
    /// As in [`super::Join::rebalance_timeout_ms`].
    pub rebalance_timeout_ms: u32,
    /// As in [`super::Join::protocols`]: all, so that an unchanged member is known as such.
    pub protocols: Vec<(String, Bytes)>,
    /// Its part of the plan.
    pub assignment: Bytes,
}

impl Group {
    /// What is to be made durable now.
    pub fn record(&self) -> GroupRecord {
        let members = self.members.iter().map(|(id, member)| MemberRecord {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            session_timeout_ms: member.session_timeout_ms,
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            protocols: member.protocols.clone(),
            assignment: member.assignment.clone(),
        });
        GroupRecord {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: members.collect(),
        }
    }

    /// Takes over a group from its record at `now_ms`. Members have a full session time-out to
    /// find this coordinator.
    pub fn restore(limits: Limits, record: GroupRecord, now_ms: u64) -> Self {
        let mut group = Self::new(limits);
        group.generation = record.generation;
        group.protocol_type = record.protocol_type;
        if record.members.is_empty() {
            return group;
        }
        group.members = record.members.into_iter().map(|said| restored(said, now_ms)).collect();
        let leader = record.leader.filter(|id| group.members.contains_key(id));
        group.leader = leader.or_else(|| group.members.keys().next().cloned());
        group.protocol = record.protocol;
        group.phase = Phase::Stable { sync_deadline_ms: None };
        group
    }
}

fn restored(record: MemberRecord, now_ms: u64) -> (MemberId, Member) {
    let member = Member {
        instance_id: record.instance_id,
        client_id: record.client_id,
        client_host: record.client_host,
        session_timeout_ms: record.session_timeout_ms,
        rebalance_timeout_ms: record.rebalance_timeout_ms,
        protocols: record.protocols,
        assignment: record.assignment,
        expires_at_ms: now_ms.saturating_add(record.session_timeout_ms.into()),
        is_new: false,
        has_synced: true,
        waiting: None,
    };
    (record.member_id, member)
}
