//! How operators see a group (`DescribeGroups`, `ListGroups`).

use bytes::Bytes;

use super::model::{InstanceId, MemberId};
use super::state::{Group, GroupState};

/// A group, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Where it is in a rebalance.
    pub state: GroupState,
    /// The current generation.
    pub generation: i32,
    /// `consumer`, say; empty if nobody has joined ever.
    pub protocol_type: String,
    /// The elected protocol; empty unless stable.
    pub protocol: String,
    /// In order of their ids.
    pub members: Vec<MemberView>,
}

/// A member, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Its id.
    pub member_id: MemberId,
    /// Its configured name, if static.
    pub instance_id: Option<InstanceId>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub client_host: String,
    /// What it said for the elected protocol; empty unless stable.
    pub metadata: Bytes,
    /// Its part of the plan; empty unless stable.
    pub assignment: Bytes,
}

impl Group {
    /// The group as it is now. Metadata and assignments are meaningful, and given, only while it
    /// is stable.
    pub fn view(&self) -> GroupView {
        let state = self.state();
        let elected = self.protocol.as_deref().filter(|_| state == GroupState::Stable);
        let members = self.members.iter().map(|(id, member)| MemberView {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: elected.map(|name| member.metadata(name)).unwrap_or_default(),
            assignment: elected.map(|_| member.assignment.clone()).unwrap_or_default(),
        });
        GroupView {
            state,
            generation: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: elected.unwrap_or_default().to_owned(),
            members: members.collect(),
        }
    }
}
