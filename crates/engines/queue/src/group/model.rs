//! The nouns of a group: identities, requests, answers, errors.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// The name a coordinator gave a member; empty is one that has none yet. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(Arc<str>);

impl MemberId {
    /// Whether the caller has not been given an id yet.
    pub fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for MemberId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// The name a member was configured with (`group.instance.id`), which makes it *static*: the same
/// over restarts (KIP-345). Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for InstanceId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// Who a request claims to be from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// As the coordinator named it.
    pub member_id: MemberId,
    /// As its owner named it, if it is static.
    pub instance_id: Option<InstanceId>,
}

/// Under which the caller keeps a request that has to wait. Its choice; unique among those parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// A member asks to be in the next generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Its id is unknown at the first join.
    pub identity: Identity,
    /// What the client calls itself; the first part of a new member id.
    pub client_id: String,
    /// Where it connects from, for operators.
    pub client_host: String,
    /// Without a sign of life for so long it is dead.
    pub session_timeout_ms: u32,
    /// How long it may take to rejoin, and to sync, in a rebalance.
    pub rebalance_timeout_ms: u32,
    /// `consumer` or `connect`, say; one group has one.
    pub protocol_type: String,
    /// What it can do, best first, each with metadata for the leader (its subscription).
    pub protocols: Vec<(String, Bytes)>,
    /// Whether a dynamic member without an id is told one and must join again with it (from
    /// `JoinGroup` version 4), so that a lost answer leaves no ghost member behind.
    pub requires_known_id: bool,
    /// Whether it understands [`Joined::skip_assignment`] (from `JoinGroup` version 9).
    pub can_skip_assignment: bool,
    /// Makes a new member id unique: from the caller's source of randomness, 128 bits or more.
    pub new_id_suffix: String,
}

/// A member asks for its part of the plan; the leader brings the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sync {
    /// Who asks.
    pub identity: Identity,
    /// As told when it joined.
    pub generation: i32,
    /// As told when it joined, where the client says it.
    pub protocol_type: Option<String>,
    /// As told when it joined, where the client says it.
    pub protocol: Option<String>,
    /// The leader's plan; ignored from others.
    pub assignments: Vec<(MemberId, Bytes)>,
}

/// The answer to a join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Which the member is in now.
    pub generation: i32,
    /// As all members said.
    pub protocol_type: String,
    /// The one chosen by vote.
    pub protocol: String,
    /// Who makes the plan.
    pub leader: MemberId,
    /// The member's own id.
    pub member_id: MemberId,
    /// The leader need not make a plan: the one in force stays (KIP-814).
    pub skip_assignment: bool,
    /// Everybody, for the leader; empty for the others.
    pub members: Vec<JoinedMember>,
}

/// What the leader is told of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub member_id: MemberId,
    /// Its configured name, if static.
    pub instance_id: Option<InstanceId>,
    /// What it said for the chosen protocol.
    pub metadata: Bytes,
}

/// The answer to a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// As all members said.
    pub protocol_type: String,
    /// The one chosen by vote.
    pub protocol: String,
    /// The member's part of the plan; empty if the leader gave it none.
    pub assignment: Bytes,
}

/// Why a join failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRefused {
    /// The reason.
    pub error: GroupError,
    /// The id to come back with after [`GroupError::MemberIdRequired`]; else the one given.
    pub member_id: MemberId,
}

/// The answer to a parked request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a join.
    Join(Result<Joined, JoinRefused>),
    /// To a sync.
    Sync(Result<Synced, GroupError>),
}

/// What came of a call.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Answers to this request and to those parked before.
    pub answers: Vec<(Ticket, Answer)>,
    /// Whether [`super::Group::record`] must be made durable before the answers are sent, so that
    /// no member acts on what a successor of this coordinator would not know.
    pub persist: bool,
}

impl Output {
    pub(super) fn refuse_join(&mut self, ticket: Ticket, error: GroupError, id: &MemberId) {
        let refused = JoinRefused { error, member_id: id.clone() };
        self.answers.push((ticket, Answer::Join(Err(refused))));
    }

    pub(super) fn refuse_sync(&mut self, ticket: Ticket, error: GroupError) {
        self.answers.push((ticket, Answer::Sync(Err(error))));
    }
}

/// Why a group refuses, in Kafka's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// No such member: it was never in, left, or was too slow. It must join anew.
    #[error("the member is not in the group")]
    UnknownMemberId,
    /// The member belongs to another generation: it must rejoin.
    #[error("the generation is not the current one")]
    IllegalGeneration,
    /// The member must rejoin to be in the next generation.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// Its protocol type differs, or it has no protocol that all others support.
    #[error("no protocol is shared with the other members")]
    InconsistentGroupProtocol,
    /// It must join again with the id in the answer.
    #[error("the member must join with the id it is given")]
    MemberIdRequired,
    /// Another process has taken over its `group.instance.id`. Fatal for the old one.
    #[error("another member has taken over the instance id")]
    FencedInstanceId,
    /// [`super::Limits::members_max`] or [`super::Limits::group_bytes_max`] would be passed.
    #[error("the group is full")]
    GroupMaxSizeReached,
    /// Outside [`super::Limits::session_timeout_min_ms`] and its maximum.
    #[error("the session time-out is out of bounds")]
    InvalidSessionTimeout,
    /// The group was dissolved in this moment: look for the coordinator and join anew.
    #[error("the coordinator is not available")]
    CoordinatorNotAvailable,
    /// This coordinator has handed the group to another.
    #[error("the coordinator has moved")]
    NotCoordinator,
    /// More than [`super::Limits::member_bytes_max`] or [`super::PROTOCOLS_MAX`] allow, a plan that
    /// is too large, or a heartbeat that does not say what it must.
    #[error("the request is not fit for a group")]
    InvalidRequest,
    /// The member's epoch is not the one the coordinator knows: it must give up all and rejoin.
    #[error("the member epoch is fenced")]
    FencedMemberEpoch,
    /// The commit was made in another epoch; the next heartbeat tells the right one.
    #[error("the member epoch is stale")]
    StaleMemberEpoch,
    /// Another member holds the instance id, and has not left.
    #[error("the instance id is in use")]
    UnreleasedInstanceId,
    /// There is no such server-side assignor.
    #[error("the assignor is not supported")]
    UnsupportedAssignor,
    /// A group with members cannot be deleted.
    #[error("the group has members")]
    NonEmptyGroup,
    /// The group is gone.
    #[error("there is no such group")]
    GroupIdNotFound,
}
