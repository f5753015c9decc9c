//! A member asks for its part of the plan.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::member::Waiting;
use super::model::{Answer, GroupError, MemberId, Output, Sync, Synced, Ticket};
use super::state::{Group, Phase};

impl Group {
    /// Takes in a sync. The leader's brings the plan and answers all; another's waits for it.
    ///
    /// # Errors
    /// Answered with [`GroupError::CoordinatorNotAvailable`], [`GroupError::UnknownMemberId`],
    /// [`GroupError::FencedInstanceId`], [`GroupError::IllegalGeneration`],
    /// [`GroupError::InconsistentGroupProtocol`], [`GroupError::InvalidRequest`] for a plan larger
    /// than [`super::Limits::group_bytes_max`], or [`GroupError::RebalanceInProgress`] if the next
    /// rebalance comes first.
    pub fn sync(&mut self, now_ms: u64, sync: Sync, ticket: Ticket) -> Output {
        match self.take_sync(now_ms, sync, ticket) {
            Ok(()) => {}
            Err(error) => self.output.refuse_sync(ticket, error),
        }
        self.take_output()
    }

    fn take_sync(&mut self, now_ms: u64, sync: Sync, ticket: Ticket) -> Result<(), GroupError> {
        self.check_sync(&sync)?;
        let id = sync.identity.member_id;
        match self.phase {
            Phase::Dead => Err(GroupError::CoordinatorNotAvailable),
            Phase::Empty => Err(GroupError::UnknownMemberId),
            Phase::Preparing { .. } => Err(GroupError::RebalanceInProgress),
            Phase::Completing { sync_deadline_ms } => {
                let plan = self.is_leader(&id).then(|| self.plan(sync.assignments)).transpose()?;
                self.park_sync(&id, ticket);
                if let Some(plan) = plan {
                    self.phase = Phase::Stable { sync_deadline_ms: Some(sync_deadline_ms) };
                    self.carry_out(now_ms, plan);
                }
                Ok(())
            }
            Phase::Stable { .. } => {
                self.answer_sync(now_ms, &id, ticket);
                Ok(())
            }
        }
    }

    fn check_sync(&self, sync: &Sync) -> Result<(), GroupError> {
        self.check_generation(&sync.identity, sync.generation)?;
        let is_type = sync.protocol_type.is_none() || sync.protocol_type == self.protocol_type;
        let is_protocol = sync.protocol.is_none() || sync.protocol == self.protocol;
        match is_type && is_protocol {
            true => Ok(()),
            // In a rebalance the next protocol is not elected yet: rejoining is what helps.
            false if matches!(self.phase, Phase::Preparing { .. }) => {
                Err(GroupError::RebalanceInProgress)
            }
            false => Err(GroupError::InconsistentGroupProtocol),
        }
    }

    /// The parts by member, where they are members.
    fn plan(
        &self,
        assignments: Vec<(MemberId, Bytes)>,
    ) -> Result<BTreeMap<MemberId, Bytes>, GroupError> {
        let of_members = assignments.into_iter().filter(|(id, _)| self.members.contains_key(id));
        let plan: BTreeMap<MemberId, Bytes> = of_members.collect();
        let bytes: usize = plan.values().map(Bytes::len).sum();
        match bytes > self.limits.group_bytes_max {
            true => Err(GroupError::InvalidRequest),
            false => Ok(plan),
        }
    }

    fn park_sync(&mut self, id: &MemberId, ticket: Ticket) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.has_synced = true;
        // The client gave up on its earlier sync and asks again.
        if let Some(displaced) = member.take_parked_sync() {
            self.output.refuse_sync(displaced, GroupError::RebalanceInProgress);
        }
        member.waiting = Some(Waiting::Sync(ticket));
    }

    fn carry_out(&mut self, now_ms: u64, mut plan: BTreeMap<MemberId, Bytes>) {
        let mut parked = Vec::new();
        for (id, member) in &mut self.members {
            member.assignment = plan.remove(id).unwrap_or_default();
            if let Some(ticket) = member.take_parked_sync() {
                parked.push((id.clone(), ticket));
            }
        }
        for (id, ticket) in parked {
            self.answer_sync(now_ms, &id, ticket);
        }
        self.output.persist = true;
    }

    fn answer_sync(&mut self, now_ms: u64, id: &MemberId, ticket: Ticket) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.has_synced = true;
        member.heard_from(now_ms);
        let synced = Synced {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol.clone().unwrap_or_default(),
            assignment: member.assignment.clone(),
        };
        self.output.answers.push((ticket, Answer::Sync(Ok(synced))));
        if self.members.values().all(|member| member.has_synced) {
            self.phase = Phase::Stable { sync_deadline_ms: None };
        }
    }
}
