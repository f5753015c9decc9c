//! Leading a member to the target, one safe step a heartbeat.

use std::collections::{BTreeMap, BTreeSet};

use super::{Assignor, ConsumerGroup, Partition, uniform};
use crate::group::assignment::{self, PartitionCounts, Subscriptions};
use crate::group::model::MemberId;

impl ConsumerGroup {
    /// Computes the target anew if members, their wishes or partition counts have changed.
    pub(super) fn retarget(&mut self, topics: &PartitionCounts) {
        let wishes = self.record.members.values().flat_map(|member| &member.topics);
        let names: BTreeSet<&String> = wishes.collect();
        let count_of = |name: &String| topics.get(name).map(|count| (name.clone(), *count));
        let partitions: PartitionCounts = names.into_iter().filter_map(count_of).collect();
        if partitions != self.record.partitions {
            self.record.partitions = partitions;
            self.bump_epoch();
        }
        if self.record.target_epoch == self.record.epoch {
            return;
        }
        let members = self.record.members.iter();
        let wanted: Subscriptions =
            members.map(|(id, member)| (id.clone(), member.topics.clone())).collect();
        let partitions = &self.record.partitions;
        self.has_changed = true;
        self.record.target = match self.assignor() {
            Assignor::Uniform => uniform(&wanted, partitions, &self.record.target),
            Assignor::Range => assignment::range(&wanted, partitions),
        };
        self.record.target_epoch = self.record.epoch;
    }

    /// The one most members prefer; of equals the default.
    fn assignor(&self) -> Assignor {
        let mut votes: BTreeMap<Assignor, usize> = BTreeMap::new();
        for choice in self.record.members.values().filter_map(|member| member.assignor) {
            *votes.entry(choice).or_default() += 1;
        }
        let most = votes.values().copied().max();
        let winner = votes.into_iter().find(|(_, count)| Some(*count) == most);
        winner.map(|(choice, _)| choice).unwrap_or_default()
    }

    /// Takes the next step, if the member is ready for it; `owned` is what it says it reads.
    pub(super) fn reconcile(
        &mut self,
        now_ms: u64,
        id: &MemberId,
        owned: Option<&BTreeSet<Partition>>,
    ) {
        let Some(member) = self.record.members.get(id) else { return };
        if self.is_at_target(id, member) {
            return;
        }
        let target = self.record.target.get(id).cloned().unwrap_or_default();
        let target_epoch = self.record.target_epoch;
        let taken = self.taken_by_others(id, &target);
        let Some(member) = self.record.members.get_mut(id) else { return };
        let Some(timers) = self.timers.get_mut(id) else { return };
        let has_let_go =
            |what: &BTreeSet<Partition>| owned.is_some_and(|owned| owned.is_disjoint(what));
        if !member.revoking.is_empty() && !has_let_go(&member.revoking) {
            return;
        }
        self.has_changed = true;
        member.revoking.clear();
        timers.revoke_by_ms = None;
        let surplus: BTreeSet<Partition> = member.assigned.difference(&target).cloned().collect();
        member.assigned.retain(|partition| target.contains(partition));
        if !surplus.is_empty() && !has_let_go(&surplus) {
            member.revoking = surplus;
            let patience_ms = u64::from(member.rebalance_timeout_ms);
            timers.revoke_by_ms = Some(now_ms.saturating_add(patience_ms));
            return;
        }
        member.assigned.extend(target.into_iter().filter(|wanted| !taken.contains(wanted)));
        if member.epoch != target_epoch {
            member.previous_epoch = member.epoch;
            member.epoch = target_epoch;
        }
    }

    /// Those of `wanted` that another member may still be reading.
    fn taken_by_others(&self, id: &MemberId, wanted: &BTreeSet<Partition>) -> BTreeSet<Partition> {
        let others = self.record.members.iter().filter(|(other, _)| *other != id);
        let theirs = others.flat_map(|(_, member)| member.assigned.iter().chain(&member.revoking));
        theirs.filter(|partition| wanted.contains(*partition)).cloned().collect()
    }
}
