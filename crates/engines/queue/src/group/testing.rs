//! What the tests of a group share: a group with a clock, and short ways to say things.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;

/// A session time-out that suits all tests.
pub(super) const SESSION_MS: u64 = 10_000;
/// A rebalance time-out that suits all tests.
pub(super) const REBALANCE_MS: u64 = 60_000;

/// A join of a dynamic consumer without an id.
pub(super) fn join(client_id: &str) -> Join {
    Join {
        identity: Identity::default(),
        client_id: client_id.to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout_ms: SESSION_MS as u32,
        rebalance_timeout_ms: REBALANCE_MS as u32,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"topic"))],
        requires_known_id: false,
        can_skip_assignment: false,
        new_id_suffix: "1".to_owned(),
    }
}

/// A claim to be a dynamic member.
pub(super) fn member(id: &str) -> Identity {
    Identity { member_id: id.into(), instance_id: None }
}

/// A claim to be a static member.
pub(super) fn fixed(id: &str, name: &str) -> Identity {
    Identity { member_id: id.into(), instance_id: Some(name.into()) }
}

/// A group, its clock, and the answers that have not been looked at.
pub(super) struct Bench {
    pub(super) group: Group,
    pub(super) now_ms: u64,
    next_ticket: u64,
    pub(super) answers: BTreeMap<Ticket, Answer>,
    pub(super) recorded: Option<GroupRecord>,
}

impl Bench {
    /// A group whose first rebalance does not wait.
    pub(super) fn new() -> Self {
        Self::with(Limits { initial_rebalance_delay_ms: 0, ..Limits::default() })
    }

    pub(super) fn with(limits: Limits) -> Self {
        Self {
            group: Group::new(limits),
            now_ms: 1_000,
            next_ticket: 0,
            answers: BTreeMap::new(),
            recorded: None,
        }
    }

    fn take(&mut self, output: Output) {
        if output.persist {
            self.recorded = Some(self.group.record());
        }
        for (ticket, answer) in output.answers {
            assert!(self.answers.insert(ticket, answer).is_none(), "answered twice");
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// Joins; the answer may come later.
    pub(super) fn join(&mut self, join: Join) -> Ticket {
        let ticket = self.ticket();
        let output = self.group.join(self.now_ms, join, ticket);
        self.take(output);
        ticket
    }

    /// Rejoins under an identity.
    pub(super) fn rejoin(&mut self, identity: Identity) -> Ticket {
        self.join(Join { identity, ..join("client") })
    }

    /// Syncs with a plan of one byte string a member; the answer may come later.
    pub(super) fn sync(&mut self, id: &str, generation: i32, plan: &[(&str, &str)]) -> Ticket {
        let ticket = self.ticket();
        let part = |(id, part): &(&str, &str)| ((*id).into(), Bytes::from(part.to_string()));
        let assignments = plan.iter().map(part).collect();
        let sync = Sync { identity: member(id), generation, assignments, ..Sync::default() };
        let output = self.group.sync(self.now_ms, sync, ticket);
        self.take(output);
        ticket
    }

    pub(super) fn heartbeat(&mut self, id: &str, generation: i32) -> Result<(), GroupError> {
        self.group.heartbeat(self.now_ms, &member(id), generation)
    }

    pub(super) fn leave(&mut self, leaving: &[Identity]) -> Vec<Result<(), GroupError>> {
        let (results, output) = self.group.leave(self.now_ms, leaving);
        self.take(output);
        results
    }

    /// Lets time pass, with a tick at every deadline on the way.
    pub(super) fn pass(&mut self, wait_ms: u64) {
        let end_ms = self.now_ms + wait_ms;
        while let Some(deadline_ms) = self.group.next_deadline().filter(|at| *at <= end_ms) {
            self.now_ms = self.now_ms.max(deadline_ms);
            let output = self.group.tick(self.now_ms);
            self.take(output);
            assert!(self.group.next_deadline().is_none_or(|next| next > self.now_ms));
        }
        self.now_ms = end_ms;
    }

    /// The answer to a join that was taken in.
    pub(super) fn joined(&mut self, ticket: Ticket) -> Joined {
        match self.answers.remove(&ticket) {
            Some(Answer::Join(Ok(joined))) => joined,
            other => panic!("{other:?}"),
        }
    }

    /// The error of a join that was refused.
    pub(super) fn refused(&mut self, ticket: Ticket) -> JoinRefused {
        match self.answers.remove(&ticket) {
            Some(Answer::Join(Err(refused))) => refused,
            other => panic!("{other:?}"),
        }
    }

    /// The answer to a sync: the assignment as text.
    pub(super) fn synced(&mut self, ticket: Ticket) -> Result<String, GroupError> {
        match self.answers.remove(&ticket) {
            Some(Answer::Sync(result)) => {
                result.map(|synced| String::from_utf8(synced.assignment.to_vec()).unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn is_waiting(&self, ticket: Ticket) -> bool {
        !self.answers.contains_key(&ticket)
    }

    /// A stable group of `a-1`, the leader, with partition 0, and `b-1` with partition 1, in
    /// generation 2.
    pub(super) fn stable_pair() -> Self {
        let mut bench = Self::new();
        let a = bench.join(join("a"));
        assert_eq!(bench.joined(a).generation, 1);
        let sync = bench.sync("a-1", 1, &[("a-1", "0 1")]);
        assert_eq!(bench.synced(sync).unwrap(), "0 1");
        let b = bench.join(join("b"));
        let a = bench.rejoin(member("a-1"));
        assert_eq!((bench.joined(a).generation, bench.joined(b).generation), (2, 2));
        let of_b = bench.sync("b-1", 2, &[]);
        assert!(bench.is_waiting(of_b));
        let of_a = bench.sync("a-1", 2, &[("a-1", "0"), ("b-1", "1")]);
        assert_eq!(bench.synced(of_a).unwrap(), "0");
        assert_eq!(bench.synced(of_b).unwrap(), "1");
        assert_eq!(bench.group.state(), GroupState::Stable);
        bench
    }
}
