//! From one generation to the next.

use bytes::Bytes;

use super::member::{Member, Waiting};
use super::model::{Answer, GroupError, Joined, JoinedMember, MemberId};
use super::protocol;
use super::state::{Group, InitialDelay, Phase};

/// How often it is looked whether static members have come back when nobody else is there.
const POSTPONE_MIN_MS: u64 = 1_000;

impl Group {
    /// Asks all members to rejoin, unless they are being asked already.
    pub(super) fn prepare_rebalance(&mut self, now_ms: u64) {
        let (delay_ms, initial) = match self.phase {
            Phase::Preparing { .. } | Phase::Dead => return,
            Phase::Empty => {
                let delay_ms = u64::from(self.limits.initial_rebalance_delay_ms);
                let remaining_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms);
                (delay_ms, Some(InitialDelay { remaining_ms, member_added: false }))
            }
            Phase::Completing { .. } | Phase::Stable { .. } => (self.rebalance_timeout_ms(), None),
        };
        self.call_off_syncs(now_ms);
        self.phase = Phase::Preparing { deadline_ms: now_ms.saturating_add(delay_ms), initial };
    }

    /// No plan will come for those who wait for one.
    fn call_off_syncs(&mut self, now_ms: u64) {
        for member in self.members.values_mut() {
            if let Some(ticket) = member.take_parked_sync() {
                self.output.refuse_sync(ticket, GroupError::RebalanceInProgress);
                member.heard_from(now_ms);
            }
        }
    }

    /// Ends the gathering of joins if it is time: all have joined, or waiting is over.
    pub(super) fn settle(&mut self, now_ms: u64) {
        let Phase::Preparing { deadline_ms, initial } = self.phase else { return };
        let all_joined =
            self.handed_out.is_empty() && self.members.values().all(Member::awaits_join);
        match initial {
            None if all_joined || now_ms >= deadline_ms => self.complete_join(now_ms),
            Some(initial) if now_ms >= deadline_ms => self.end_initial_delay(now_ms, initial),
            _ => {}
        }
    }

    fn end_initial_delay(&mut self, now_ms: u64, initial: InitialDelay) {
        let configured_ms = u64::from(self.limits.initial_rebalance_delay_ms);
        let delay_ms = configured_ms.min(initial.remaining_ms);
        if !initial.member_added || delay_ms == 0 {
            return self.complete_join(now_ms);
        }
        let remaining_ms = initial.remaining_ms - delay_ms;
        let initial = Some(InitialDelay { remaining_ms, member_added: false });
        self.phase = Phase::Preparing { deadline_ms: now_ms.saturating_add(delay_ms), initial };
    }

    /// Begins the next generation with those who have joined. Static members keep their place
    /// though they have not: that is what they are for; only their session time-out removes them.
    fn complete_join(&mut self, now_ms: u64) {
        self.members.retain(|_, member| member.awaits_join() || member.instance_id.is_some());
        if self.members.is_empty() {
            return self.become_empty();
        }
        if !self.elect_leader() {
            let delay_ms = self.rebalance_timeout_ms().max(POSTPONE_MIN_MS);
            let deadline_ms = now_ms.saturating_add(delay_ms);
            self.phase = Phase::Preparing { deadline_ms, initial: None };
            return;
        }
        self.generation = self.generation.saturating_add(1);
        self.protocol = protocol::elect(self.members.values());
        debug_assert!(self.protocol.is_some(), "a join without a common protocol is refused");
        let sync_deadline_ms = now_ms.saturating_add(self.rebalance_timeout_ms());
        self.phase = Phase::Completing { sync_deadline_ms };
        self.answer_joins(now_ms);
    }

    /// The last member is gone. The generation goes up, so that it cannot commit after that.
    fn become_empty(&mut self) {
        self.generation = self.generation.saturating_add(1);
        self.protocol = None;
        self.leader = None;
        self.phase = Phase::Empty;
        self.output.persist = true;
    }

    /// Keeps the leader if it has joined, else takes another who has; whether there is one.
    fn elect_leader(&mut self) -> bool {
        let leader = self.leader.as_ref().and_then(|id| self.members.get(id));
        if leader.is_some_and(Member::awaits_join) {
            return true;
        }
        let mut members = self.members.iter();
        let elected = members.find(|(_, member)| member.awaits_join()).map(|(id, _)| id.clone());
        let is_there = elected.is_some();
        self.leader = elected.or_else(|| self.members.keys().next().cloned());
        is_there
    }

    fn answer_joins(&mut self, now_ms: u64) {
        let ids: Vec<MemberId> = self.members.keys().cloned().collect();
        for id in ids {
            let joined = self.joined(&id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.is_new = false;
            member.has_synced = false;
            member.assignment = Bytes::new();
            member.heard_from(now_ms);
            if let Some(ticket) = member.take_parked_join() {
                self.output.answers.push((ticket, Answer::Join(Ok(joined))));
            }
        }
    }

    /// The current generation as `member_id` is told of it.
    pub(super) fn joined(&self, member_id: &MemberId) -> Joined {
        let protocol = self.protocol.clone().unwrap_or_default();
        let member_of = |(id, member): (&MemberId, &Member)| JoinedMember {
            member_id: id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(&protocol),
        };
        let is_leader = self.is_leader(member_id);
        let told = is_leader.then(|| self.members.iter().map(member_of).collect());
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: member_id.clone(),
            skip_assignment: false,
            members: told.unwrap_or_default(),
            protocol,
        }
    }

    /// Takes a member out and begins what follows from that.
    pub(super) fn remove(&mut self, id: &MemberId, now_ms: u64) {
        self.forget(id, GroupError::UnknownMemberId);
        match self.phase {
            Phase::Completing { .. } | Phase::Stable { .. } => self.prepare_rebalance(now_ms),
            Phase::Empty | Phase::Preparing { .. } | Phase::Dead => {}
        }
    }

    /// Takes a member out; what it waits for ends in `error`. Another becomes leader in its place.
    pub(super) fn forget(&mut self, id: &MemberId, error: GroupError) {
        let Some(member) = self.members.remove(id) else { return };
        match member.waiting {
            Some(Waiting::Join(ticket)) => self.output.refuse_join(ticket, error, id),
            Some(Waiting::Sync(ticket)) => self.output.refuse_sync(ticket, error),
            None => {}
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
    }
}
