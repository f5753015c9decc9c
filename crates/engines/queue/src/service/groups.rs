//! Consumer groups: requests that wait for others of the group, and what happens when time passes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kit::worker::{Stop, Workers};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::Queue;
use crate::error::QueueError;
use crate::group::{
    Answer, Group, GroupError, GroupState, GroupView, Identity, Join, JoinRefused, Joined, Limits,
    Output, Sync, Synced, Ticket,
};

/// How late a deadline may be noticed.
const TICK: Duration = Duration::from_millis(50);

/// The groups of a broker.
pub(super) struct Groups {
    limits: Limits,
    inner: Mutex<Inner>,
    has_groups: Notify,
}

#[derive(Default)]
struct Inner {
    groups: HashMap<String, Group>,
    parked: HashMap<Ticket, oneshot::Sender<Answer>>,
    last_ticket: u64,
}

impl Inner {
    /// Answers those whose wait is over.
    fn settle(&mut self, output: Output) {
        for (ticket, answer) in output.answers {
            if let Some(parked) = self.parked.remove(&ticket) {
                // Whoever hung up meanwhile is found out by its session.
                let _ = parked.send(answer);
            }
        }
    }

    fn park(&mut self) -> (Ticket, oneshot::Receiver<Answer>) {
        self.last_ticket += 1;
        let (ticket, (sender, receiver)) = (Ticket(self.last_ticket), oneshot::channel());
        self.parked.insert(ticket, sender);
        (ticket, receiver)
    }
}

impl Groups {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, inner: Mutex::default(), has_groups: Notify::new() }
    }
}

impl Queue {
    fn group_now_ms(&self) -> u64 {
        u64::try_from(self.now_ms()).unwrap_or(0)
    }

    pub(super) fn start_groups(self: &Arc<Self>, workers: &Workers) {
        let queue = Arc::clone(self);
        workers.spawn("queue: watch groups", move |stop| queue.watch_groups(stop));
    }

    async fn watch_groups(self: Arc<Self>, mut stop: Stop) {
        loop {
            let is_idle = self.groups.inner.lock().groups.is_empty();
            let next = async {
                match is_idle {
                    true => self.groups.has_groups.notified().await,
                    false => kit::clock::pause(TICK).await,
                }
            };
            tokio::select! {
                () = next => self.tick_groups(),
                () = stop.wait() => return,
            }
        }
    }

    fn tick_groups(&self) {
        let now_ms = self.group_now_ms();
        let mut inner = self.groups.inner.lock();
        let mut outputs = Vec::new();
        for group in inner.groups.values_mut() {
            if group.next_deadline().is_some_and(|deadline| deadline <= now_ms) {
                outputs.push(group.tick(now_ms));
            }
        }
        outputs.into_iter().for_each(|output| inner.settle(output));
        // One without members is what its offsets are; those are kept elsewhere.
        let is_over =
            |group: &Group| group.state() == GroupState::Empty && group.next_deadline().is_none();
        inner.groups.retain(|_, group| !is_over(group) || group.generation() > 0);
    }

    /// Joins a group, and waits until all its members have.
    ///
    /// # Errors
    /// As [`Group::join`] has them.
    pub async fn join_group(&self, group: &str, join: Join) -> Result<Joined, JoinRefused> {
        let asked_as = join.identity.member_id.clone();
        let answer = {
            let mut inner = self.groups.inner.lock();
            let (ticket, receiver) = inner.park();
            let new = || Group::new(self.groups.limits);
            let output = inner.groups.entry(group.to_owned()).or_insert_with(new).join(
                self.group_now_ms(),
                join,
                ticket,
            );
            inner.settle(output);
            self.groups.has_groups.notify_one();
            receiver
        };
        match answer.await {
            Ok(Answer::Join(joined)) => joined,
            _ => {
                Err(JoinRefused { error: GroupError::CoordinatorNotAvailable, member_id: asked_as })
            }
        }
    }

    /// Gives, as leader, or asks for the plan of a generation, and waits until it is there.
    ///
    /// # Errors
    /// As [`Group::sync`] has them.
    pub async fn sync_group(&self, group: &str, sync: Sync) -> Result<Synced, GroupError> {
        let answer = {
            let mut inner = self.groups.inner.lock();
            let (ticket, receiver) = inner.park();
            let now_ms = self.group_now_ms();
            let Some(found) = inner.groups.get_mut(group) else {
                inner.parked.remove(&ticket);
                return Err(GroupError::UnknownMemberId);
            };
            let output = found.sync(now_ms, sync, ticket);
            inner.settle(output);
            receiver
        };
        match answer.await {
            Ok(Answer::Sync(synced)) => synced,
            _ => Err(GroupError::CoordinatorNotAvailable),
        }
    }

    /// A member says that it is there.
    ///
    /// # Errors
    /// As [`Group::heartbeat`] has them.
    pub fn heartbeat(
        &self,
        group: &str,
        identity: &Identity,
        generation: i32,
    ) -> Result<(), GroupError> {
        let now_ms = self.group_now_ms();
        let mut inner = self.groups.inner.lock();
        let found = inner.groups.get_mut(group).ok_or(GroupError::UnknownMemberId)?;
        found.heartbeat(now_ms, identity, generation)
    }

    /// Members leave.
    pub fn leave_group(&self, group: &str, leaving: &[Identity]) -> Vec<Result<(), GroupError>> {
        let now_ms = self.group_now_ms();
        let mut inner = self.groups.inner.lock();
        let Some(found) = inner.groups.get_mut(group) else {
            return leaving.iter().map(|_| Err(GroupError::UnknownMemberId)).collect();
        };
        let (results, output) = found.leave(now_ms, leaving);
        inner.settle(output);
        results
    }

    /// Whether a member may commit offsets, which also says that it is there.
    ///
    /// # Errors
    /// As [`Group::may_commit`] has them.
    pub fn may_commit(
        &self,
        group: &str,
        identity: &Identity,
        generation: i32,
    ) -> Result<(), GroupError> {
        let now_ms = self.group_now_ms();
        let mut inner = self.groups.inner.lock();
        match inner.groups.get_mut(group) {
            Some(found) => {
                found.may_commit(identity, generation)?;
                found.heard_from(now_ms, &identity.member_id);
                Ok(())
            }
            None if generation < 0 => Ok(()),
            None => Err(GroupError::IllegalGeneration),
        }
    }

    /// What `look` says of a group, if it has or had members.
    pub(super) fn with_group<R>(&self, name: &str, look: impl FnOnce(Option<&Group>) -> R) -> R {
        look(self.groups.inner.lock().groups.get(name))
    }

    /// How a group is; none if nothing is known of it.
    pub fn group(&self, name: &str) -> Option<GroupView> {
        if let Some(group) = self.groups.inner.lock().groups.get(name) {
            return Some(group.view());
        }
        let has_offsets = self.state.read().offsets.contains_key(name);
        has_offsets.then(|| Group::new(self.groups.limits).view())
    }

    /// All groups, by name.
    pub fn group_names(&self) -> Vec<String> {
        let mut names = self.groups_with_offsets();
        names.extend(self.groups.inner.lock().groups.keys().cloned());
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Deletes a group without members, with all its offsets.
    ///
    /// # Errors
    /// [`QueueError::NotEmpty`], [`QueueError::UnknownGroup`], [`QueueError::Journal`].
    pub async fn delete_group(&self, name: &str) -> Result<(), QueueError> {
        let was_here = {
            let mut inner = self.groups.inner.lock();
            match inner.groups.get_mut(name).map(Group::delete) {
                Some(Err(_)) => return Err(QueueError::NotEmpty(name.to_owned())),
                Some(Ok(())) => inner.groups.remove(name).is_some(),
                None => false,
            }
        };
        match self.delete_offsets(name, Vec::new()).await {
            Err(QueueError::UnknownGroup(_)) if was_here => Ok(()),
            deleted => deleted,
        }
    }

    /// A suffix for the id of a new member.
    pub fn member_suffix(&self) -> String {
        self.entropy.text(16)
    }
}
