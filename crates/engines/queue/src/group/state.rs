//! The group and its phases.

use std::collections::BTreeMap;

use super::limits::Limits;
use super::member::Member;
use super::model::{GroupError, Identity, InstanceId, MemberId, Output};

/// A consumer group under the classic protocol. See the module for the whole picture.
///
/// Invariants: the leader is a member; there is a leader exactly if there are members; all members
/// share a protocol; only in [`GroupState::PreparingRebalance`] is a join parked and only in
/// [`GroupState::CompletingRebalance`] a sync; the generation never decreases.
#[derive(Debug)]
pub struct Group {
    pub(super) limits: Limits,
    pub(super) phase: Phase,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    /// The one elected for this generation.
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<MemberId>,
    pub(super) members: BTreeMap<MemberId, Member>,
    /// Ids that were given to clients which have not joined with them yet, and when they expire.
    pub(super) handed_out: BTreeMap<MemberId, u64>,
    /// What the current call has brought about so far.
    pub(super) output: Output,
}

/// Where a group is in a rebalance, with the moment at which waiting ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Empty,
    /// Joins are gathered.
    Preparing {
        deadline_ms: u64,
        initial: Option<InitialDelay>,
    },
    /// Members know the generation, the leader's plan is awaited.
    Completing {
        sync_deadline_ms: u64,
    },
    /// The plan is there; until the deadline some may not have asked for their part.
    Stable {
        sync_deadline_ms: Option<u64>,
    },
    Dead,
}

/// The first rebalance of an empty group waits for more members, though all known have joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InitialDelay {
    /// By how much waiting may be prolonged still.
    pub(super) remaining_ms: u64,
    /// Whether somebody came in the current wait, so that it is worth another.
    pub(super) member_added: bool,
}

/// The state of a group as operators know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// No members; offsets may be there.
    Empty,
    /// Waiting for members to rejoin.
    PreparingRebalance,
    /// Waiting for the leader's plan.
    CompletingRebalance,
    /// Every member has its part.
    Stable,
    /// Dissolved: deleted, or handed to another coordinator.
    Dead,
}

impl GroupState {
    /// As `DescribeGroups` and `ListGroups` spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

impl Group {
    /// A group without members, generation 0.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            handed_out: BTreeMap::new(),
            output: Output::default(),
        }
    }

    /// Where the group is in a rebalance.
    pub fn state(&self) -> GroupState {
        match self.phase {
            Phase::Empty => GroupState::Empty,
            Phase::Preparing { .. } => GroupState::PreparingRebalance,
            Phase::Completing { .. } => GroupState::CompletingRebalance,
            Phase::Stable { .. } => GroupState::Stable,
            Phase::Dead => GroupState::Dead,
        }
    }

    /// The current generation: 0 before the first rebalance.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// Dissolves a group without members, as `DeleteGroups` asks.
    ///
    /// # Errors
    /// [`GroupError::NonEmptyGroup`] with members, [`GroupError::GroupIdNotFound`] if it is gone.
    pub fn delete(&mut self) -> Result<(), GroupError> {
        match self.phase {
            Phase::Dead => Err(GroupError::GroupIdNotFound),
            Phase::Empty => {
                self.phase = Phase::Dead;
                self.handed_out.clear();
                Ok(())
            }
            _ => Err(GroupError::NonEmptyGroup),
        }
    }

    /// Lets go of the group because another coordinator has it now: whoever waits is told
    /// [`GroupError::NotCoordinator`] and will find the other one.
    pub fn resign(&mut self) -> Output {
        let ids: Vec<MemberId> = self.members.keys().cloned().collect();
        for id in ids {
            self.forget(&id, GroupError::NotCoordinator);
        }
        self.handed_out.clear();
        self.phase = Phase::Dead;
        self.take_output()
    }

    pub(super) fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.output)
    }

    /// The member of a static name.
    pub(super) fn holder_of(&self, instance_id: &InstanceId) -> Option<&MemberId> {
        let mut holders = self.members.iter();
        let is_it = |member: &Member| member.instance_id.as_ref() == Some(instance_id);
        holders.find(|(_, member)| is_it(member)).map(|(id, _)| id)
    }

    /// Whether the claimed member is in the group under the claimed name.
    pub(super) fn check_member(&self, identity: &Identity) -> Result<(), GroupError> {
        if self.phase == Phase::Dead {
            return Err(GroupError::CoordinatorNotAvailable);
        }
        let member = self.members.get(&identity.member_id);
        let Some(instance_id) = &identity.instance_id else {
            return member.map(|_| ()).ok_or(GroupError::UnknownMemberId);
        };
        if member.is_some_and(|member| member.instance_id.as_ref() == Some(instance_id)) {
            return Ok(());
        }
        match self.holder_of(instance_id) {
            Some(_) => Err(GroupError::FencedInstanceId),
            None => Err(GroupError::UnknownMemberId),
        }
    }

    /// The same, and in the current generation.
    pub(super) fn check_generation(
        &self,
        identity: &Identity,
        generation: i32,
    ) -> Result<(), GroupError> {
        self.check_member(identity)?;
        match generation == self.generation {
            true => Ok(()),
            false => Err(GroupError::IllegalGeneration),
        }
    }

    /// How long the slowest member may take in a rebalance.
    pub(super) fn rebalance_timeout_ms(&self) -> u64 {
        let timeouts = self.members.values().map(|member| u64::from(member.rebalance_timeout_ms));
        timeouts.max().unwrap_or(0)
    }

    pub(super) fn is_leader(&self, id: &MemberId) -> bool {
        self.leader.as_ref() == Some(id)
    }
}
