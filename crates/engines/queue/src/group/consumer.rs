//! The coordinator of a group under the newer consumer protocol (KIP-848).
//!
//! There are no joins, syncs or generations that all wait for. The coordinator makes the plan
//! (the *target*), and each member is led towards it by its own heartbeats, one step at a time:
//!
//! ```text
//!   heartbeat: "I am in epoch 3 and own t0 t1"
//!     target of epoch 4 takes t1 away ----> answer: epoch 3, keep t0        (t1 is being revoked)
//!   heartbeat: "epoch 3, I own t0"    ----> answer: epoch 4, t0 and whatever is free of the target
//!   heartbeat: "epoch 4, I own t0"    ----> answer: epoch 4, what has become free since
//! ```
//!
//! The rule that makes this safe: a partition is given to its new owner only after the old one has
//! let it go, left, or been thrown out. The *group epoch* goes up when something changes that the
//! plan depends on; a member's epoch is that of the last target it was led to.
//!
//! A [`ConsumerGroup`] is told the time and how many partitions topics have. Every request is
//! answered at once. What must outlive a coordinator is one plain value, [`ConsumerGroupRecord`].
//! Subscriptions by regular expression are resolved to names by the caller. Topics are known by
//! name, so one that is deleted and created anew between two heartbeats is the same.

mod heartbeat;
mod reconcile;
mod uniform;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::assignment::{Assignment, PartitionCounts};
use super::model::{GroupError, Identity, InstanceId, MemberId};

pub use heartbeat::{Beat, Led};
pub use uniform::uniform;

/// The epoch a member claims to join, or to join again after it was fenced.
pub const JOIN_EPOCH: i32 = 0;
/// The epoch a member claims to leave.
pub const LEAVE_EPOCH: i32 = -1;
/// The epoch a static member claims to leave for a while: its place is kept.
pub const LEAVE_FOR_A_WHILE_EPOCH: i32 = -2;

/// A topic and the number of one of its partitions.
pub type Partition = (String, u32);

/// The bounds of a group, and the time-outs, which this protocol sets on the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerLimits {
    /// `group.consumer.session.timeout.ms`: without a heartbeat for so long a member is dead.
    pub session_timeout_ms: u32,
    /// `group.consumer.heartbeat.interval.ms`, which members are told.
    pub heartbeat_interval_ms: u32,
    /// `group.consumer.max.size`; one more is refused with [`GroupError::GroupMaxSizeReached`].
    pub members_max: usize,
    /// Bytes of the names of one member, its topics among them; more is refused with
    /// [`GroupError::InvalidRequest`].
    pub member_bytes_max: usize,
}

impl Default for ConsumerLimits {
    /// Kafka's time-outs; its group size is unbounded, ours is 1,000 members of 64 KiB.
    fn default() -> Self {
        Self {
            session_timeout_ms: 45_000,
            heartbeat_interval_ms: 5_000,
            members_max: 1_000,
            member_bytes_max: 64 * 1_024,
        }
    }
}

/// How the target is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assignor {
    /// Evenly, and moving as little as possible; see [`uniform`].
    #[default]
    Uniform,
    /// Topic by topic; see [`super::assignment::range`].
    Range,
}

impl Assignor {
    /// By the name clients use: `uniform` or `range`.
    ///
    /// # Errors
    /// [`GroupError::UnsupportedAssignor`] for another name.
    pub fn named(name: &str) -> Result<Self, GroupError> {
        match name {
            "uniform" => Ok(Self::Uniform),
            "range" => Ok(Self::Range),
            _ => Err(GroupError::UnsupportedAssignor),
        }
    }

    /// The name clients use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }
}

/// A group of the consumer protocol.
///
/// Invariants: no partition is assigned to, or being revoked from, two members; nor both for one.
#[derive(Debug)]
pub struct ConsumerGroup {
    limits: ConsumerLimits,
    record: ConsumerGroupRecord,
    /// Whether the record has changed since it was last asked.
    has_changed: bool,
    timers: BTreeMap<MemberId, Timers>,
}

/// When patience with a member ends.
#[derive(Clone, Copy, Debug)]
struct Timers {
    /// Dead unless it heartbeats.
    expires_at_ms: u64,
    /// Thrown out unless it has let go what is being revoked.
    revoke_by_ms: Option<u64>,
}

/// Everything of a group that outlives its coordinator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerGroupRecord {
    /// Goes up with every change that the target depends on.
    pub epoch: i32,
    /// The group epoch of which the target is.
    pub target_epoch: i32,
    /// The partition counts that the target was computed from.
    pub partitions: PartitionCounts,
    /// Where members are led.
    pub target: Assignment,
    /// Who is in the group.
    pub members: BTreeMap<MemberId, ConsumerMember>,
}

/// A member, as durable, and as operators see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerMember {
    /// Its configured name, if static.
    pub instance_id: Option<InstanceId>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub client_host: String,
    /// How long it may take to let partitions go.
    pub rebalance_timeout_ms: u32,
    /// The topics it wants.
    pub topics: BTreeSet<String>,
    /// The assignor it prefers, if it says so.
    pub assignor: Option<Assignor>,
    /// The last target it was led to; [`LEAVE_FOR_A_WHILE_EPOCH`] while it is away.
    pub epoch: i32,
    /// The one before, from which it may still ask if an answer was lost.
    pub previous_epoch: i32,
    /// What it may read.
    pub assigned: BTreeSet<Partition>,
    /// What it has been told to let go, and has not yet.
    pub revoking: BTreeSet<Partition>,
}

/// The state of a group, as operators know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerGroupState {
    /// No members; offsets may be there.
    Empty,
    /// The target is older than the group epoch; the next heartbeat computes it.
    Assigning,
    /// Some member is not at the target yet.
    Reconciling,
    /// Every member has what the target gives it.
    Stable,
}

impl ConsumerGroupState {
    /// As `ListGroups` and `ConsumerGroupDescribe` spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        }
    }
}

impl ConsumerGroup {
    /// A group without members.
    pub fn new(limits: ConsumerLimits) -> Self {
        Self {
            limits,
            record: ConsumerGroupRecord::default(),
            has_changed: false,
            timers: BTreeMap::new(),
        }
    }

    /// Takes over a group at `now_ms`; members have full time-outs from then on.
    pub fn restore(limits: ConsumerLimits, record: ConsumerGroupRecord, now_ms: u64) -> Self {
        let timers_of = |(id, member): (&MemberId, &ConsumerMember)| {
            let is_revoking = !member.revoking.is_empty();
            let patience_ms = u64::from(member.rebalance_timeout_ms);
            let timers = Timers {
                expires_at_ms: now_ms.saturating_add(limits.session_timeout_ms.into()),
                revoke_by_ms: is_revoking.then(|| now_ms.saturating_add(patience_ms)),
            };
            (id.clone(), timers)
        };
        let timers = record.members.iter().map(timers_of).collect();
        Self { limits, record, has_changed: false, timers }
    }

    /// The whole of it: for operators, and to be made durable. After a call that
    /// [changed](Self::take_changed) it, that comes before its answer.
    pub fn record(&self) -> &ConsumerGroupRecord {
        &self.record
    }

    /// Whether the record has changed since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    /// Where the group is.
    pub fn state(&self) -> ConsumerGroupState {
        let record = &self.record;
        if record.members.is_empty() {
            return ConsumerGroupState::Empty;
        }
        if record.target_epoch < record.epoch {
            return ConsumerGroupState::Assigning;
        }
        match record.members.iter().all(|(id, member)| self.is_at_target(id, member)) {
            true => ConsumerGroupState::Stable,
            false => ConsumerGroupState::Reconciling,
        }
    }

    fn is_at_target(&self, id: &MemberId, member: &ConsumerMember) -> bool {
        let is_led = member.epoch == self.record.target_epoch && member.revoking.is_empty();
        let target = self.record.target.get(id);
        is_led && target.map_or(member.assigned.is_empty(), |target| *target == member.assigned)
    }

    /// Whether offsets may be committed under this claim. A consumer that manages its partitions
    /// itself claims epoch -1; it may only while nobody is in the group.
    ///
    /// # Errors
    /// [`GroupError::UnknownMemberId`], [`GroupError::FencedInstanceId`],
    /// [`GroupError::StaleMemberEpoch`].
    pub fn may_commit(&self, identity: &Identity, epoch: i32) -> Result<(), GroupError> {
        if epoch < 0 && self.record.members.is_empty() {
            return Ok(());
        }
        let member = self.member(identity)?;
        match epoch >= 0 && member.epoch == epoch {
            true => Ok(()),
            false => Err(GroupError::StaleMemberEpoch),
        }
    }

    fn member(&self, identity: &Identity) -> Result<&ConsumerMember, GroupError> {
        if let Some(name) = &identity.instance_id {
            let holder = self.holder_of(name).ok_or(GroupError::UnknownMemberId)?;
            if *holder != identity.member_id {
                return Err(GroupError::FencedInstanceId);
            }
        }
        self.record.members.get(&identity.member_id).ok_or(GroupError::UnknownMemberId)
    }

    fn holder_of(&self, name: &InstanceId) -> Option<&MemberId> {
        let mut members = self.record.members.iter();
        members.find(|(_, member)| member.instance_id.as_ref() == Some(name)).map(|(id, _)| id)
    }

    /// The earliest moment at which [`Self::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<u64> {
        let soonest = |timers: &Timers| {
            timers.revoke_by_ms.map_or(timers.expires_at_ms, |at| at.min(timers.expires_at_ms))
        };
        self.timers.values().map(soonest).min()
    }

    /// Throws out who has been silent for the session time-out, or has not let go what it was to
    /// for its rebalance time-out; whether there was anybody.
    pub fn tick(&mut self, now_ms: u64) -> bool {
        let is_out = |timers: &Timers| {
            timers.expires_at_ms <= now_ms || timers.revoke_by_ms.is_some_and(|at| at <= now_ms)
        };
        let out = self.timers.iter().filter(|(_, timers)| is_out(timers));
        let out: Vec<MemberId> = out.map(|(id, _)| id.clone()).collect();
        out.iter().for_each(|id| self.remove(id));
        !out.is_empty()
    }

    /// What the member had is free from now on; the others' target is computed anew.
    fn remove(&mut self, id: &MemberId) {
        self.timers.remove(id);
        self.record.target.remove(id);
        if self.record.members.remove(id).is_some() {
            self.bump_epoch();
        }
    }

    /// The target is out of date. Changes before it is computed count as one.
    fn bump_epoch(&mut self) {
        self.has_changed = true;
        if self.record.epoch == self.record.target_epoch {
            self.record.epoch = self.record.epoch.saturating_add(1);
        }
    }
}
