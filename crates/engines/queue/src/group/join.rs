//! A member asks to be in the next generation.
//!
//! The cases, by who asks and when:
//!
//! | who | PreparingRebalance | CompletingRebalance | Stable |
//! |---|---|---|---|
//! | without an id | added | rebalance | rebalance |
//! | the same with a known instance id | takes over | takes over, rebalance | takes over * |
//! | with an id handed out before | added | rebalance | rebalance |
//! | member, protocols as before | waits | told again | told again; the leader: rebalance |
//! | member, protocols differ | waits | rebalance | rebalance |
//! | with another id | `UnknownMemberId` | `UnknownMemberId` | `UnknownMemberId` |
//!
//! \* with a rebalance only if its protocols differ. An empty group has no members, so whoever
//! comes without an id or with one handed out begins its first rebalance.

use super::limits::PROTOCOLS_MAX;
use super::member::{Member, Waiting, bytes_of};
use super::model::{
    Answer, GroupError, InstanceId, Join, JoinRefused, Joined, MemberId, Output, Ticket,
};
use super::state::{Group, GroupState, Phase};

impl Group {
    /// Takes in a join. It is answered when the next generation begins, or at once if it is
    /// refused or changes nothing; in the output of this call or of a later one.
    ///
    /// # Errors
    /// Answered as [`JoinRefused`] with [`GroupError::InvalidSessionTimeout`],
    /// [`GroupError::InvalidRequest`], [`GroupError::GroupMaxSizeReached`],
    /// [`GroupError::CoordinatorNotAvailable`], [`GroupError::InconsistentGroupProtocol`],
    /// [`GroupError::MemberIdRequired`], [`GroupError::FencedInstanceId`] or
    /// [`GroupError::UnknownMemberId`]; [`GroupError::RebalanceInProgress`] if the same member
    /// has joined once more meanwhile.
    pub fn join(&mut self, now_ms: u64, join: Join, ticket: Ticket) -> Output {
        let asked_as = join.identity.member_id.clone();
        match self.admit(now_ms, join, ticket) {
            Ok(None) => {}
            Ok(Some(joined)) => self.output.answers.push((ticket, Answer::Join(Ok(joined)))),
            Err((error, new_id)) => {
                let refused = JoinRefused { error, member_id: new_id.unwrap_or(asked_as) };
                self.output.answers.push((ticket, Answer::Join(Err(refused))));
            }
        }
        self.settle(now_ms);
        self.take_output()
    }

    /// An answer, or none if the join is parked; the refusal carries a new id if there is one.
    fn admit(
        &mut self,
        now_ms: u64,
        join: Join,
        ticket: Ticket,
    ) -> Result<Option<Joined>, (GroupError, Option<MemberId>)> {
        self.check_limits(&join).map_err(|error| (error, None))?;
        let id = join.identity.member_id.clone();
        // A static member that comes back under no id needs no place: it has one.
        let holder = join.identity.instance_id.as_ref().and_then(|name| self.holder_of(name));
        if self.is_full_for(holder.unwrap_or(&id)) {
            self.handed_out.remove(&id);
            self.forget(&id, GroupError::GroupMaxSizeReached);
            return Err((GroupError::GroupMaxSizeReached, None));
        }
        if id.is_unknown() {
            return self.admit_without_id(now_ms, join, ticket);
        }
        self.admit_with_id(now_ms, join, ticket).map_err(|error| (error, None))
    }

    fn check_limits(&self, join: &Join) -> Result<(), GroupError> {
        let limits = &self.limits;
        let session_timeouts = limits.session_timeout_min_ms..=limits.session_timeout_max_ms;
        if !session_timeouts.contains(&join.session_timeout_ms) {
            return Err(GroupError::InvalidSessionTimeout);
        }
        let instance_id = &join.identity.instance_id;
        let bytes = bytes_of(&join.protocols)
            + join.client_id.len()
            + join.client_host.len()
            + instance_id.as_ref().map_or(0, |id| id.as_str().len());
        if bytes > limits.member_bytes_max || join.protocols.len() > PROTOCOLS_MAX {
            return Err(GroupError::InvalidRequest);
        }
        let replaced = instance_id.as_ref().and_then(|name| self.holder_of(name));
        let replaced = replaced.unwrap_or(&join.identity.member_id);
        let others = self.members.iter().filter(|(id, _)| *id != replaced);
        let others_bytes: usize = others.map(|(_, member)| member.bytes()).sum();
        match others_bytes + bytes > limits.group_bytes_max {
            true => Err(GroupError::GroupMaxSizeReached),
            false => Ok(()),
        }
    }

    /// While a rebalance gathers joins, who comes first is in; those of the last generation who
    /// come too late are out. Otherwise members stay and newcomers are refused.
    fn is_full_for(&self, id: &MemberId) -> bool {
        let max = self.limits.members_max.max(1);
        let member = self.members.get(id);
        match self.phase {
            Phase::Empty | Phase::Dead => false,
            Phase::Preparing { .. } => {
                let joined = self.members.values().filter(|member| member.awaits_join()).count();
                !member.is_some_and(Member::awaits_join) && joined >= max
            }
            Phase::Completing { .. } | Phase::Stable { .. } => {
                member.is_none() && self.members.len() >= max
            }
        }
    }

    fn admit_without_id(
        &mut self,
        now_ms: u64,
        join: Join,
        ticket: Ticket,
    ) -> Result<Option<Joined>, (GroupError, Option<MemberId>)> {
        let instance_id = join.identity.instance_id.clone();
        let holder = instance_id.as_ref().and_then(|name| self.holder_of(name)).cloned();
        self.check_protocols(&join, holder.as_ref()).map_err(|error| (error, None))?;
        let prefix = instance_id.as_ref().map_or(join.client_id.as_str(), InstanceId::as_str);
        let new_id = MemberId::from(format!("{prefix}-{}", join.new_id_suffix).as_str());
        if self.members.contains_key(&new_id) || self.handed_out.contains_key(&new_id) {
            // The suffix is not unique. The client asks again, and draws another.
            return Err((GroupError::CoordinatorNotAvailable, None));
        }
        if let Some(holder) = holder {
            return Ok(self.take_over(now_ms, (&holder, new_id), join, ticket));
        }
        if instance_id.is_none() && join.requires_known_id {
            if self.handed_out.len() >= self.limits.members_max.max(1) {
                return Err((GroupError::GroupMaxSizeReached, None));
            }
            let expires_at_ms = now_ms.saturating_add(join.session_timeout_ms.into());
            self.handed_out.insert(new_id.clone(), expires_at_ms);
            return Err((GroupError::MemberIdRequired, Some(new_id)));
        }
        self.add(now_ms, new_id, join, ticket);
        Ok(None)
    }

    fn admit_with_id(
        &mut self,
        now_ms: u64,
        join: Join,
        ticket: Ticket,
    ) -> Result<Option<Joined>, GroupError> {
        let id = join.identity.member_id.clone();
        if join.identity.instance_id.is_none() && self.handed_out.contains_key(&id) {
            self.check_protocols(&join, None)?;
            self.add(now_ms, id, join, ticket);
            return Ok(None);
        }
        self.check_member(&join.identity)?;
        self.check_protocols(&join, Some(&id))?;
        let Some(member) = self.members.get(&id) else { return Err(GroupError::UnknownMemberId) };
        let is_unchanged = member.protocols == join.protocols;
        match self.state() {
            GroupState::CompletingRebalance if is_unchanged => {
                Ok(Some(self.tell_again(now_ms, &id)))
            }
            GroupState::Stable if is_unchanged && !self.is_leader(&id) => {
                Ok(Some(self.tell_again(now_ms, &id)))
            }
            _ => {
                self.rejoin(now_ms, &id, join, ticket);
                Ok(None)
            }
        }
    }

    /// Whether the join fits the other members; `myself` is not counted.
    fn check_protocols(&self, join: &Join, myself: Option<&MemberId>) -> Result<(), GroupError> {
        match self.phase {
            Phase::Dead => return Err(GroupError::CoordinatorNotAvailable),
            _ if join.protocol_type.is_empty() || join.protocols.is_empty() => {
                return Err(GroupError::InconsistentGroupProtocol);
            }
            Phase::Empty => return Ok(()),
            _ => {}
        }
        let others = self.members.iter().filter(|&(id, _)| Some(id) != myself);
        let suits_all = |name: &str| others.clone().all(|(_, member)| member.supports(name));
        let is_shared = join.protocols.iter().any(|(name, _)| suits_all(name));
        let is_empty = self.members.is_empty();
        let is_of_type = is_empty || self.protocol_type.as_ref() == Some(&join.protocol_type);
        match is_of_type && is_shared {
            true => Ok(()),
            false => Err(GroupError::InconsistentGroupProtocol),
        }
    }

    fn add(&mut self, now_ms: u64, id: MemberId, join: Join, ticket: Ticket) {
        self.handed_out.remove(&id);
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.clone());
            self.leader = Some(id.clone());
        }
        let mut member = Member::new(join, now_ms);
        member.waiting = Some(Waiting::Join(ticket));
        self.members.insert(id, member);
        if let Phase::Preparing { initial: Some(initial), .. } = &mut self.phase {
            initial.member_added = true;
        }
        self.prepare_rebalance(now_ms);
    }

    fn rejoin(&mut self, now_ms: u64, id: &MemberId, join: Join, ticket: Ticket) {
        // First, because what it says now counts in how long the rebalance may take.
        if let Some(member) = self.members.get_mut(id) {
            member.update(join);
        }
        self.prepare_rebalance(now_ms);
        let Some(member) = self.members.get_mut(id) else { return };
        // The client gave up on its earlier join and asks again.
        if let Some(displaced) = member.take_parked_join() {
            self.output.refuse_join(displaced, GroupError::RebalanceInProgress, id);
        }
        member.waiting = Some(Waiting::Join(ticket));
    }

    fn tell_again(&mut self, now_ms: u64, id: &MemberId) -> Joined {
        if let Some(member) = self.members.get_mut(id) {
            member.heard_from(now_ms);
        }
        self.joined(id)
    }

    /// A restarted static member gets a new id and the place of the old one, which is fenced. In
    /// a stable group nobody else notices, as long as it wants what it wanted before. (Kafka asks
    /// only whether the elected protocol stays; a changed subscription would go unserved.)
    fn take_over(
        &mut self,
        now_ms: u64,
        (old_id, new_id): (&MemberId, MemberId),
        join: Join,
        ticket: Ticket,
    ) -> Option<Joined> {
        let member = self.members.remove(old_id)?;
        let was_leader = self.is_leader(old_id);
        let is_unchanged = member.protocols == join.protocols;
        self.fence(old_id, member, &new_id);
        if is_unchanged && self.state() == GroupState::Stable {
            let can_skip = join.can_skip_assignment;
            self.members.get_mut(&new_id)?.update(join);
            self.output.persist = true;
            let joined = self.tell_again(now_ms, &new_id);
            return Some(match was_leader {
                true => leader_again(joined, can_skip, old_id),
                false => joined,
            });
        }
        self.rejoin(now_ms, &new_id, join, ticket);
        None
    }

    fn fence(&mut self, old_id: &MemberId, mut member: Member, new_id: &MemberId) {
        match member.waiting.take() {
            Some(Waiting::Join(parked)) => {
                self.output.refuse_join(parked, GroupError::FencedInstanceId, old_id);
            }
            Some(Waiting::Sync(parked)) => {
                self.output.refuse_sync(parked, GroupError::FencedInstanceId);
            }
            None => {}
        }
        if self.is_leader(old_id) {
            self.leader = Some(new_id.clone());
        }
        self.members.insert(new_id.clone(), member);
    }
}

/// A leader that restarts must not make a new plan, because a stable group would not be told of
/// it. It is told to skip it, or, if it does not understand that, that its old self leads.
fn leader_again(joined: Joined, can_skip: bool, old_id: &MemberId) -> Joined {
    match can_skip {
        true => Joined { skip_assignment: true, ..joined },
        false => Joined { leader: old_id.clone(), members: Vec::new(), ..joined },
    }
}
