//! What happens when nothing happens: time-outs.
//!
//! | what is awaited | for how long | and then |
//! |---|---|---|
//! | a sign of life | session time-out | the member is out, the others rebalance |
//! | the join of a handed out id | session time-out | the id is forgotten |
//! | joins, first rebalance | initial delay, prolonged by newcomers | who has joined is in |
//! | joins | longest rebalance time-out | who has joined is in |
//! | syncs | longest rebalance time-out | who has not synced is out, the others rebalance |

use super::member::Member;
use super::model::{MemberId, Output};
use super::state::{Group, Phase};

impl Group {
    /// The earliest moment at which [`Self::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<u64> {
        let phase_ms = match self.phase {
            Phase::Preparing { deadline_ms, .. } => Some(deadline_ms),
            Phase::Completing { sync_deadline_ms } => Some(sync_deadline_ms),
            Phase::Stable { sync_deadline_ms } => sync_deadline_ms,
            Phase::Empty | Phase::Dead => None,
        };
        let members_ms = self.members.values().filter_map(Member::deadline_ms);
        members_ms.chain(self.handed_out.values().copied()).chain(phase_ms).min()
    }

    /// Does what is due. Late calls are fine: whoever is heard from before one is alive.
    pub fn tick(&mut self, now_ms: u64) -> Output {
        self.handed_out.retain(|_, expires_at_ms| *expires_at_ms > now_ms);
        let is_due = |deadline_ms: u64| deadline_ms <= now_ms;
        let is_dead = |member: &Member| member.deadline_ms().is_some_and(is_due);
        self.remove_where(now_ms, is_dead);
        self.remove_unsynced(now_ms);
        self.settle(now_ms);
        self.take_output()
    }

    fn remove_unsynced(&mut self, now_ms: u64) {
        let deadline_ms = match self.phase {
            Phase::Completing { sync_deadline_ms } => sync_deadline_ms,
            Phase::Stable { sync_deadline_ms: Some(deadline_ms) } => deadline_ms,
            _ => return,
        };
        if now_ms < deadline_ms {
            return;
        }
        self.remove_where(now_ms, |member| !member.has_synced);
    }

    fn remove_where(&mut self, now_ms: u64, is_out: impl Fn(&Member) -> bool) {
        let out = self.members.iter().filter(|(_, member)| is_out(member));
        let out: Vec<MemberId> = out.map(|(id, _)| id.clone()).collect();
        for id in out {
            self.remove(&id, now_ms);
        }
    }
}
