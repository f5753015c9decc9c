//! A heartbeat: join, go on, or leave, by the epoch it claims.

use std::collections::BTreeSet;

use super::{
    Assignor, ConsumerGroup, ConsumerMember, JOIN_EPOCH, LEAVE_EPOCH, LEAVE_FOR_A_WHILE_EPOCH,
    Partition, Timers,
};
use crate::group::assignment::PartitionCounts;
use crate::group::model::{GroupError, Identity, MemberId};

/// What a member says (`ConsumerGroupHeartbeat`). What has not changed need not be said, except
/// in a join.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// The member id is drawn by the client, or by the front door for the first version of the
    /// protocol; never empty.
    pub identity: Identity,
    /// The member's epoch, or one of the constants of [`super`].
    pub epoch: i32,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub client_host: String,
    /// How long it may take to let partitions go.
    pub rebalance_timeout_ms: Option<u32>,
    /// The topics it wants.
    pub topics: Option<BTreeSet<String>>,
    /// The assignor it prefers.
    pub assignor: Option<Assignor>,
    /// What it reads at the moment.
    pub owned: Option<BTreeSet<Partition>>,
}

/// What a member is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Led {
    /// To claim from now on.
    pub epoch: i32,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval_ms: u32,
    /// What it may read from now on, where that has changed or it said all it had to say.
    pub assigned: Option<BTreeSet<Partition>>,
}

impl ConsumerGroup {
    /// Takes in a heartbeat, with the partition counts of all topics as they are now. If it has
    /// [changed](Self::take_changed) the record, that must be durable before it is answered.
    ///
    /// # Errors
    /// [`GroupError::InvalidRequest`], [`GroupError::GroupMaxSizeReached`],
    /// [`GroupError::UnknownMemberId`], [`GroupError::FencedMemberEpoch`],
    /// [`GroupError::FencedInstanceId`], [`GroupError::UnreleasedInstanceId`].
    pub fn heartbeat(
        &mut self,
        now_ms: u64,
        beat: Beat,
        topics: &PartitionCounts,
    ) -> Result<Led, GroupError> {
        self.check(&beat)?;
        let id = beat.identity.member_id.clone();
        match beat.epoch {
            LEAVE_EPOCH | LEAVE_FOR_A_WHILE_EPOCH => return self.leave(&beat),
            JOIN_EPOCH => self.place(&beat)?,
            _ => self.check_epoch(&beat)?,
        }
        self.listen(now_ms, &id, &beat);
        self.retarget(topics);
        let before = self.record.members.get(&id).map(|member| member.assigned.clone());
        self.reconcile(now_ms, &id, beat.owned.as_ref());
        let member = self.record.members.get(&id).ok_or(GroupError::UnknownMemberId)?;
        let is_full =
            beat.rebalance_timeout_ms.is_some() && beat.topics.is_some() && beat.owned.is_some();
        let is_news = is_full || before.as_ref() != Some(&member.assigned);
        Ok(self.led(member.epoch, is_news.then(|| member.assigned.clone())))
    }

    fn led(&self, epoch: i32, assigned: Option<BTreeSet<Partition>>) -> Led {
        Led { epoch, heartbeat_interval_ms: self.limits.heartbeat_interval_ms, assigned }
    }

    fn check(&self, beat: &Beat) -> Result<(), GroupError> {
        let names = beat.topics.iter().flatten();
        // What it takes to hold a name counts too, so that many short ones do.
        let names: usize = names.map(|name| name.len() + size_of::<String>()).sum();
        let instance_id = &beat.identity.instance_id;
        let bytes = names
            + beat.identity.member_id.as_str().len()
            + instance_id.as_ref().map_or(0, |name| name.as_str().len())
            + beat.client_id.len()
            + beat.client_host.len();
        let is_whole = match beat.epoch {
            JOIN_EPOCH => {
                let owns_none = beat.owned.as_ref().is_some_and(BTreeSet::is_empty);
                owns_none && beat.topics.is_some() && beat.rebalance_timeout_ms.is_some()
            }
            LEAVE_FOR_A_WHILE_EPOCH => instance_id.is_some(),
            epoch => epoch >= LEAVE_EPOCH,
        };
        let is_named = !beat.identity.member_id.is_unknown();
        match is_whole && is_named && bytes <= self.limits.member_bytes_max {
            true => Ok(()),
            false => Err(GroupError::InvalidRequest),
        }
    }

    /// A static member that leaves for a while keeps its partitions: nobody reads them, so that
    /// nothing moves if it comes back within the session time-out.
    fn leave(&mut self, beat: &Beat) -> Result<Led, GroupError> {
        self.member(&beat.identity)?;
        let id = &beat.identity.member_id;
        match self.record.members.get_mut(id) {
            Some(member) if beat.epoch == LEAVE_FOR_A_WHILE_EPOCH => {
                member.epoch = LEAVE_FOR_A_WHILE_EPOCH;
                member.revoking.clear();
                self.has_changed = true;
                if let Some(timers) = self.timers.get_mut(id) {
                    timers.revoke_by_ms = None;
                }
            }
            _ => self.remove(id),
        }
        Ok(self.led(beat.epoch, None))
    }

    /// Sees to it that there is a member for one who joins.
    fn place(&mut self, beat: &Beat) -> Result<(), GroupError> {
        let id = &beat.identity.member_id;
        let holder = beat.identity.instance_id.as_ref().and_then(|name| self.holder_of(name));
        match holder.cloned() {
            Some(holder) if holder != *id => self.take_over(&holder, id),
            _ if self.record.members.contains_key(id) => Ok(()),
            _ if self.record.members.len() >= self.limits.members_max => {
                Err(GroupError::GroupMaxSizeReached)
            }
            _ => {
                let instance_id = beat.identity.instance_id.clone();
                let newcomer = ConsumerMember { instance_id, ..ConsumerMember::default() };
                self.record.members.insert(id.clone(), newcomer);
                self.bump_epoch();
                Ok(())
            }
        }
    }

    /// A static member comes back under a new id, and takes the place that was kept.
    fn take_over(&mut self, old_id: &MemberId, id: &MemberId) -> Result<(), GroupError> {
        let is_away = |member: &&ConsumerMember| member.epoch == LEAVE_FOR_A_WHILE_EPOCH;
        self.record.members.get(old_id).filter(is_away).ok_or(GroupError::UnreleasedInstanceId)?;
        if self.record.members.contains_key(id) {
            return Err(GroupError::InvalidRequest);
        }
        self.has_changed = true;
        self.timers.remove(old_id);
        if let Some(member) = self.record.members.remove(old_id) {
            self.record.members.insert(id.clone(), member);
        }
        if let Some(target) = self.record.target.remove(old_id) {
            self.record.target.insert(id.clone(), target);
        }
        Ok(())
    }

    /// An older epoch passes only from a member that lost the last answer, and shows so.
    fn check_epoch(&self, beat: &Beat) -> Result<(), GroupError> {
        let member = self.member(&beat.identity)?;
        let owned = beat.owned.as_ref();
        let is_last_lost = beat.epoch == member.previous_epoch
            && beat.epoch < member.epoch
            && owned.is_some_and(|owned| owned.is_subset(&member.assigned));
        match beat.epoch == member.epoch || is_last_lost {
            true => Ok(()),
            false => Err(GroupError::FencedMemberEpoch),
        }
    }

    /// Takes over what the member says of itself.
    fn listen(&mut self, now_ms: u64, id: &MemberId, beat: &Beat) {
        let Some(member) = self.record.members.get_mut(id) else { return };
        let expires_at_ms = now_ms.saturating_add(self.limits.session_timeout_ms.into());
        let fresh = Timers { expires_at_ms, revoke_by_ms: None };
        self.timers.entry(id.clone()).or_insert(fresh).expires_at_ms = expires_at_ms;
        let is_elsewhere =
            member.client_id != beat.client_id || member.client_host != beat.client_host;
        self.has_changed |= is_elsewhere;
        member.client_id.clone_from(&beat.client_id);
        member.client_host.clone_from(&beat.client_host);
        if let Some(rebalance_timeout_ms) = beat.rebalance_timeout_ms {
            self.has_changed |= rebalance_timeout_ms != member.rebalance_timeout_ms;
            member.rebalance_timeout_ms = rebalance_timeout_ms;
        }
        let is_new_assignor = beat.assignor.is_some() && beat.assignor != member.assignor;
        let is_new_topics = beat.topics.as_ref().is_some_and(|said| *said != member.topics);
        if let Some(topics) = &beat.topics {
            member.topics.clone_from(topics);
        }
        member.assignor = beat.assignor.or(member.assignor);
        if is_new_topics || is_new_assignor {
            self.bump_epoch();
        }
    }
}
