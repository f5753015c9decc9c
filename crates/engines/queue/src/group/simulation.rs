//! Random members against a group: obeying ones, crashing ones, and zombies.
//!
//! After every step:
//! - the tickets that are parked are exactly those that have not been answered;
//! - a request waits only in the phase in which it can, and the leader is a member;
//! - in a stable group each member has what the leader of that generation gave it;
//! - no claim commits that is of an older generation, of a member that left, or was taken over;
//! - the generation has not decreased (but to that of the record, when a successor takes over).
//!
//! In the end, with the remaining members obeying, every ticket is answered and the group is
//! stable with all of them in it, or empty.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;

use super::member::Waiting;
use super::testing::{SESSION_MS, join};
use super::*;

const CLIENTS: usize = 6;

#[derive(Clone, Copy, Debug)]
enum Op {
    /// A client does what its protocol tells it to do next.
    Act(usize),
    /// A client asks once more though its request is parked.
    Resend(usize),
    /// A client wants something else and rejoins.
    Change(usize),
    Leave(usize),
    /// A client forgets everything; the coordinator does not notice.
    Crash(usize),
    /// Somebody repeats an old claim.
    Zombie(usize),
    Pass(u64),
    HandOver,
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..CLIENTS;
    prop_oneof![
        20 => client.clone().prop_map(Op::Act),
        2 => client.clone().prop_map(Op::Resend),
        2 => client.clone().prop_map(Op::Change),
        2 => client.clone().prop_map(Op::Leave),
        2 => client.prop_map(Op::Crash),
        2 => (0_usize..1_000).prop_map(Op::Zombie),
        6 => (1_u64..SESSION_MS / 2).prop_map(Op::Pass),
        1 => (SESSION_MS..8 * SESSION_MS).prop_map(Op::Pass),
        1 => Just(Op::HandOver),
    ]
}

#[derive(Clone, Debug, Default, PartialEq)]
enum Stage {
    #[default]
    Out,
    Joining,
    Joined {
        members: Vec<MemberId>,
    },
    Syncing,
    In,
}

#[derive(Clone, Debug, Default)]
struct Client {
    stage: Stage,
    identity: Identity,
    generation: i32,
    subscription: u64,
}

/// The members' side of the world, and what is known to be true of the coordinator's.
struct World {
    group: Group,
    limits: Limits,
    record: GroupRecord,
    now_ms: u64,
    clients: Vec<Client>,
    /// Which client waits for the answer, unless it has forgotten.
    parked: BTreeMap<Ticket, Option<usize>>,
    next_ticket: u64,
    next_suffix: u64,
    /// The leader's plan of the newest generation that has one.
    plan: (i32, BTreeMap<MemberId, Bytes>),
    /// Everything that members have been told they are.
    claims: Vec<(Identity, i32)>,
    gone: BTreeSet<MemberId>,
    newest: i32,
}

impl World {
    fn new(limits: Limits) -> Self {
        let mut clients = vec![Client::default(); CLIENTS];
        for (number, client) in clients.iter_mut().enumerate() {
            client.identity.instance_id = static_name(number);
        }
        let group = Group::new(limits);
        Self {
            record: group.record(),
            group,
            limits,
            now_ms: 0,
            clients,
            parked: BTreeMap::new(),
            next_ticket: 0,
            next_suffix: 0,
            plan: (0, BTreeMap::new()),
            claims: Vec::new(),
            gone: BTreeSet::new(),
            newest: 0,
        }
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Act(number) => self.act(number),
            Op::Resend(number) => match self.clients[number].stage {
                Stage::Joining => self.send_join(number),
                Stage::Syncing => self.send_sync(number, Vec::new()),
                _ => {}
            },
            Op::Change(number) => {
                self.clients[number].subscription += 1;
                self.send_join(number);
            }
            Op::Leave(number) => self.leave(number),
            Op::Crash(number) => self.crash(number),
            Op::Zombie(claim) => self.haunt(claim),
            Op::Pass(wait_ms) => {
                self.now_ms += wait_ms;
                self.tick();
            }
            Op::HandOver => self.hand_over(),
        }
        self.check();
    }

    fn act(&mut self, number: usize) {
        match self.clients[number].stage.clone() {
            Stage::Out => self.send_join(number),
            Stage::Joined { members } => self.send_sync(number, members),
            Stage::In => self.heartbeat(number),
            Stage::Joining | Stage::Syncing => {}
        }
    }

    fn ticket(&mut self, number: Option<usize>) -> Ticket {
        self.next_ticket += 1;
        let ticket = Ticket(self.next_ticket);
        if number.is_some() {
            // Whoever asks anew does not wait for an earlier answer.
            self.disown(number);
        }
        self.parked.insert(ticket, number);
        ticket
    }

    fn disown(&mut self, number: Option<usize>) {
        for owner in self.parked.values_mut().filter(|owner| **owner == number) {
            *owner = None;
        }
    }

    fn send_join(&mut self, number: usize) {
        self.next_suffix += 1;
        let ticket = self.ticket(Some(number));
        let client = &mut self.clients[number];
        client.stage = Stage::Joining;
        let metadata = Bytes::from(client.subscription.to_string());
        let range = ("range".to_owned(), metadata.clone());
        let other = (["sticky", "roundrobin"][number % 2].to_owned(), metadata);
        let join = Join {
            identity: client.identity.clone(),
            protocols: if client.subscription.is_multiple_of(2) {
                vec![range, other]
            } else {
                vec![range]
            },
            requires_known_id: number.is_multiple_of(2),
            can_skip_assignment: number % 4 < 2,
            rebalance_timeout_ms: 5_000 + 5_000 * number as u32,
            new_id_suffix: self.next_suffix.to_string(),
            ..join(&format!("client{number}"))
        };
        let before = self.group.state();
        let output = self.group.join(self.now_ms, join, ticket);
        let is_refusal = |answer: &Answer| matches!(answer, Answer::Join(Err(_)));
        let mut answers = output.answers.iter();
        if answers.any(|(answered, answer)| *answered == ticket && is_refusal(answer)) {
            let is_harmless = self.group.state() == before;
            assert!(is_harmless || before == GroupState::PreparingRebalance, "it disturbed others");
        }
        self.take(output);
    }

    fn send_sync(&mut self, number: usize, members: Vec<MemberId>) {
        let ticket = self.ticket(Some(number));
        let client = &mut self.clients[number];
        client.stage = Stage::Syncing;
        let (identity, generation) = (client.identity.clone(), client.generation);
        let part = |id: MemberId| {
            let part = Bytes::from(format!("{id} in {generation}, ticket {}", ticket.0));
            (id, part)
        };
        let plan: Vec<(MemberId, Bytes)> = members.into_iter().map(part).collect();
        let was_completing = self.group.state() == GroupState::CompletingRebalance;
        let sync = Sync { identity, generation, assignments: plan.clone(), ..Sync::default() };
        let output = self.group.sync(self.now_ms, sync, ticket);
        if was_completing && self.group.state() == GroupState::Stable {
            assert!(generation > self.plan.0, "a second plan for a generation");
            self.plan = (generation, plan.into_iter().collect());
        }
        self.take(output);
    }

    fn heartbeat(&mut self, number: usize) {
        let Client { identity, generation, .. } = self.clients[number].clone();
        let result = self.group.heartbeat(self.now_ms, &identity, generation);
        if let Err(error) = result {
            self.refused(number, error);
        }
    }

    /// What a client does about an error.
    fn refused(&mut self, number: usize, error: GroupError) {
        let client = &mut self.clients[number];
        client.stage = Stage::Out;
        match error {
            GroupError::RebalanceInProgress | GroupError::IllegalGeneration => {}
            // As a real one does, or else dies and is started anew.
            _ => client.identity.member_id = MemberId::default(),
        }
    }

    fn leave(&mut self, number: usize) {
        self.disown(Some(number));
        let identity = std::mem::take(&mut self.clients[number].identity);
        let (results, output) = self.group.leave(self.now_ms, std::slice::from_ref(&identity));
        if results == [Ok(())] {
            self.gone.insert(identity.member_id);
        }
        self.take(output);
        self.crash(number);
    }

    fn crash(&mut self, number: usize) {
        self.disown(Some(number));
        let identity = Identity { instance_id: static_name(number), ..Identity::default() };
        self.clients[number] = Client { identity, ..Client::default() };
    }

    fn haunt(&mut self, claim: usize) {
        if self.claims.is_empty() {
            return;
        }
        let (identity, generation) = self.claims[claim % self.claims.len()].clone();
        let is_stale = self.is_stale(&identity, generation);
        let result = self.group.heartbeat(self.now_ms, &identity, generation);
        assert!(!(is_stale && result.is_ok()), "a zombie's heartbeat was taken");
        if is_stale {
            let ticket = self.ticket(None);
            let assignments = vec![(identity.member_id.clone(), Bytes::from_static(b"stale"))];
            let sync = Sync { identity, generation, assignments, ..Sync::default() };
            let output = self.group.sync(self.now_ms, sync, ticket);
            self.take(output);
        }
    }

    fn is_stale(&self, identity: &Identity, generation: i32) -> bool {
        generation < self.newest || self.gone.contains(&identity.member_id)
    }

    fn tick(&mut self) {
        if self.group.next_deadline().is_some_and(|deadline_ms| deadline_ms <= self.now_ms) {
            let output = self.group.tick(self.now_ms);
            self.take(output);
        }
    }

    /// The coordinator dies, and another takes over what was made durable.
    fn hand_over(&mut self) {
        let output = self.group.resign();
        self.take(output);
        assert_eq!(self.parked, BTreeMap::new());
        self.group = Group::restore(self.limits, self.record.clone(), self.now_ms);
        let generation = self.group.generation();
        self.newest = generation;
        // Nor does a leave that was not durable yet: only the session time-out removes them now.
        let recorded = &self.record.members;
        self.gone.retain(|id| recorded.iter().all(|member| member.member_id != *id));
        // What members were told of a generation that came to nothing does not count.
        self.claims.retain(|(_, claimed)| *claimed <= generation);
        for client in self.clients.iter_mut().filter(|client| client.generation > generation) {
            client.generation = -1;
        }
    }

    fn take(&mut self, output: Output) {
        for (ticket, answer) in output.answers {
            let owner = self.parked.remove(&ticket).expect("answered once");
            match answer {
                Answer::Join(Ok(joined)) => self.joined(owner, joined),
                Answer::Join(Err(refused)) => {
                    let Some(number) = owner else { continue };
                    self.refused(number, refused.error);
                    if refused.error == GroupError::MemberIdRequired {
                        self.clients[number].identity.member_id = refused.member_id;
                    }
                }
                Answer::Sync(Ok(synced)) => self.synced(owner, &synced),
                Answer::Sync(Err(error)) => {
                    owner.into_iter().for_each(|number| self.refused(number, error));
                }
            }
        }
        if output.persist {
            self.record = self.group.record();
        }
    }

    fn joined(&mut self, owner: Option<usize>, joined: Joined) {
        assert!(joined.generation >= self.newest, "told of an old generation");
        self.newest = joined.generation;
        let Some(number) = owner else { return };
        let client = &mut self.clients[number];
        if let Some(name) = client.identity.instance_id.clone() {
            for (claimed, _) in &self.claims {
                let is_same = claimed.instance_id.as_ref() == Some(&name);
                if is_same && claimed.member_id != joined.member_id {
                    self.gone.insert(claimed.member_id.clone());
                }
            }
        }
        client.identity.member_id = joined.member_id.clone();
        client.generation = joined.generation;
        let is_leader = joined.leader == joined.member_id && !joined.skip_assignment;
        let members = joined.members.into_iter().map(|member| member.member_id);
        assert!(!is_leader || members.len() > 0);
        client.stage = Stage::Joined { members: members.filter(|_| is_leader).collect() };
        self.claims.push((client.identity.clone(), client.generation));
    }

    fn synced(&mut self, owner: Option<usize>, synced: &Synced) {
        let Some(number) = owner else { return };
        let client = &mut self.clients[number];
        client.stage = Stage::In;
        assert_eq!(client.generation, self.plan.0, "a plan of another generation");
        let part = |id: &MemberId| self.plan.1.get(id).cloned().unwrap_or_default();
        if client.identity.instance_id.is_none() {
            assert_eq!(synced.assignment, part(&client.identity.member_id));
        }
    }

    fn check(&self) {
        let waiting = self.group.members.values().filter_map(|member| member.waiting);
        let tickets = waiting.clone().map(|(Waiting::Join(ticket) | Waiting::Sync(ticket))| ticket);
        let tickets: BTreeSet<Ticket> = tickets.collect();
        assert_eq!(tickets, self.parked.keys().copied().collect(), "a ticket was lost");
        let state = self.group.state();
        for parked in waiting {
            match parked {
                Waiting::Join(_) => assert_eq!(state, GroupState::PreparingRebalance),
                Waiting::Sync(_) => assert_eq!(state, GroupState::CompletingRebalance),
            }
        }
        let (leader, members) = (&self.group.leader, &self.group.members);
        assert_eq!(leader.is_none(), members.is_empty());
        assert!(leader.as_ref().is_none_or(|id| members.contains_key(id)));
        assert!(members.len() <= 2 * self.limits.members_max);
        assert!(self.group.generation() >= self.newest);
        match state {
            GroupState::Empty => assert!(members.is_empty()),
            GroupState::Stable => self.check_plan(),
            _ => {}
        }
        for (identity, generation) in &self.claims {
            if self.is_stale(identity, *generation) {
                let result = self.group.may_commit(identity, *generation);
                assert!(result.is_err(), "a zombie's commit was taken");
            }
        }
    }

    /// Everybody has its part. A static member may have a new id; its part is that of the old one.
    fn check_plan(&self) {
        assert_eq!(self.group.generation(), self.plan.0);
        let mut parts: Vec<Bytes> = Vec::new();
        for seen in self.group.view().members {
            match self.plan.1.get(&seen.member_id) {
                Some(part) => assert_eq!(&seen.assignment, part),
                None => {
                    assert!(seen.instance_id.is_some());
                    assert!(self.plan.1.values().any(|part| *part == seen.assignment));
                }
            }
            parts.push(seen.assignment);
        }
        let distinct: BTreeSet<&Bytes> = parts.iter().collect();
        assert_eq!(distinct.len(), parts.len(), "a part was given twice");
    }

    /// Everybody who is there obeys from now on.
    fn come_to_rest(&mut self, present: usize) {
        (present..CLIENTS).for_each(|number| self.leave(number));
        for _ in 0..400 {
            (0..present).for_each(|number| self.run(Op::Act(number)));
            self.run(Op::Pass(2_000));
        }
        assert_eq!(self.parked, BTreeMap::new());
        let are_in = self.clients[..present].iter().all(|client| client.stage == Stage::In);
        assert!(are_in, "{:?}", self.clients);
        assert_eq!(self.group.members.len(), present);
        let at_rest = if present == 0 { GroupState::Empty } else { GroupState::Stable };
        assert_eq!(self.group.state(), at_rest);
    }
}

/// Every third client is static.
fn static_name(number: usize) -> Option<InstanceId> {
    (number % 3 == 2).then(|| format!("static{number}").as_str().into())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn members_are_never_confused_and_come_to_rest(
        ops in prop::collection::vec(op(), 1..150),
        delay_ms in prop::sample::select(vec![0_u32, 3_000]),
        members_max in prop::sample::select(vec![3_usize, 1_000]),
        present in 0..=CLIENTS,
    ) {
        let initial_rebalance_delay_ms = delay_ms;
        let limits = Limits { initial_rebalance_delay_ms, members_max, ..Limits::default() };
        let mut world = World::new(limits);
        ops.into_iter().for_each(|op| world.run(op));
        world.come_to_rest(present.min(members_max));
    }
}
