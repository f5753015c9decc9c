//! V-3 in miniature: processes that join, look, renew, are slow or cut off, and changes that are
//! committed and acknowledged meanwhile, in any order.

use std::time::Duration;

use proptest::prelude::*;

use super::Database;
use crate::invalidation::lease::{JOIN_MAX, LEASE, Lease};
use crate::invalidation::peer::{Peer, all_saw};
use crate::invalidation::snapshot::Snapshot;

const PROCESSES: usize = 3;

/// Where a process is in its round: see `Watcher::renew` and `Shortener::fall_in`.
#[derive(Clone, Debug)]
enum Place {
    Idle,
    /// On the list, until the others know; since when, and what was visible at its first look at
    /// them.
    Joining {
        began: Duration,
        since: Option<Snapshot>,
    },
    /// A renewal is on its way to the database.
    Asked(Renewal),
    /// It is there, and the process has not heard of it yet.
    Written(Renewal),
    Renewed,
    /// A look has been answered, and not been acted on yet.
    Looked {
        seen: Snapshot,
        is_alone: bool,
    },
}

#[derive(Clone, Copy, Debug)]
struct Renewal {
    asked_at: Duration,
    /// When the process began to join; none while it holds a lease.
    joining_since: Option<Duration>,
}

struct Process {
    place: Place,
    last: Snapshot,
    lease: Lease,
    is_alone: bool,
}

/// A row of `peer`.
#[derive(Clone)]
struct Row {
    seen: Option<Snapshot>,
    lease_until: Duration,
}

/// A change that has been committed.
struct Change {
    transaction: i64,
    /// Whose.
    by: usize,
    committed_at: Duration,
    since: Option<Snapshot>,
    is_acknowledged: bool,
}

struct World {
    now: Duration,
    database: Database,
    processes: Vec<Process>,
    rows: Vec<Option<Row>>,
    changes: Vec<Change>,
}

impl World {
    fn new() -> Self {
        let database = Database::default();
        let processes = (0..PROCESSES).map(|_| Process {
            place: Place::Idle,
            last: database.seen().snapshot,
            lease: Lease::default(),
            is_alone: false,
        });
        let processes = processes.collect();
        let now = Duration::from_secs(1);
        Self { now, database, processes, rows: vec![None; PROCESSES], changes: Vec::new() }
    }

    fn leased(&self, own: usize) -> impl Iterator<Item = &Row> {
        let others = self.rows.iter().enumerate().filter(move |(id, _)| *id != own);
        others.filter_map(|(_, row)| row.as_ref()).filter(|row| row.lease_until > self.now)
    }

    fn peers(&self, own: usize) -> Vec<Peer> {
        let seen = self.leased(own).filter_map(|row| row.seen.clone());
        seen.map(|seen| Peer { seen }).collect()
    }

    /// In a transaction of its own, which has a number like any other.
    fn write_row(&mut self, id: usize, seen: Option<Snapshot>) {
        let lease = if seen.is_some() { LEASE } else { JOIN_MAX };
        self.rows[id] = Some(Row { seen, lease_until: self.now + lease });
        self.database.begin();
        self.database.end(self.database.running.len() - 1, false);
    }

    /// Takes the next step of a process's round.
    fn act(&mut self, id: usize) {
        let now = self.now;
        let is_held = self.processes[id].lease.is_held(now);
        let place = match self.processes[id].place.clone() {
            Place::Idle if !self.processes[id].lease.is_due(now) => Place::Renewed,
            Place::Idle if is_held => Place::Asked(Renewal { asked_at: now, joining_since: None }),
            Place::Idle => {
                self.processes[id].lease.given_up();
                self.write_row(id, None);
                Place::Joining { began: now, since: None }
            }
            Place::Joining { began, since } => {
                let since = since.unwrap_or_else(|| self.database.seen().snapshot);
                match all_saw(&since, &self.peers(id)) || now >= began + LEASE {
                    true => Place::Asked(Renewal { asked_at: now, joining_since: Some(began) }),
                    false => Place::Joining { began, since: Some(since) },
                }
            }
            Place::Asked(renewal) => {
                self.write_row(id, Some(self.processes[id].last.clone()));
                Place::Written(renewal)
            }
            Place::Written(Renewal { asked_at, joining_since }) => {
                let in_time = joining_since.map_or(is_held, |began| now < began + JOIN_MAX);
                if in_time {
                    self.processes[id].lease.renewed(asked_at);
                }
                if in_time { Place::Renewed } else { Place::Idle }
            }
            Place::Renewed => Place::Looked {
                seen: self.database.seen().snapshot,
                is_alone: self.leased(id).next().is_none(),
            },
            Place::Looked { seen, is_alone } => {
                let process = &mut self.processes[id];
                (process.last, process.is_alone) = (seen, is_alone);
                process.lease.looked();
                Place::Idle
            }
        };
        self.processes[id].place = place;
    }

    fn acknowledge(&mut self, change: usize) {
        let Some(change) = change.checked_rem(self.changes.len()) else { return };
        let (by, committed_at) = (self.changes[change].by, self.changes[change].committed_at);
        let writer = &self.processes[by];
        let seen = self.database.seen().snapshot;
        let peers = self.peers(by);
        let is_alone = writer.lease.is_held(self.now) && writer.is_alone;
        let since = self.changes[change].since.get_or_insert(seen);
        let is_in_force = is_alone || all_saw(since, &peers) || self.now >= committed_at + LEASE;
        self.changes[change].is_acknowledged |= is_in_force;
    }

    /// V-3; who is cut off may answer, until it has reached the database again.
    fn stale_answer(&self) -> Option<(usize, i64)> {
        let acknowledged = self.changes.iter().filter(|change| change.is_acknowledged);
        let pairs = acknowledged.flat_map(|change| (0..PROCESSES).map(move |id| (id, change)));
        let mut stale = pairs.filter(|(id, change)| {
            let process = &self.processes[*id];
            let forgot = *id == change.by || process.last.saw(change.transaction);
            let is_cut_off =
                !process.lease.is_held(self.now) && matches!(process.place, Place::Idle);
            process.lease.may_answer(self.now) && !forgot && !is_cut_off
        });
        stale.next().map(|(id, change)| (id, change.transaction))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Pass(Duration),
    Begin,
    End { place: usize, commits: bool, by: usize },
    Act(usize),
    CutOff(usize),
    Acknowledge(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let passing = (1_u64..400).prop_map(|millis| Step::Pass(Duration::from_millis(millis)));
    let ending = (any::<usize>(), any::<bool>(), 0..PROCESSES)
        .prop_map(|(place, commits, by)| Step::End { place, commits, by });
    prop_oneof![
        2 => passing,
        2 => Just(Step::Begin),
        2 => ending,
        8 => (0..PROCESSES).prop_map(Step::Act),
        1 => (0..PROCESSES).prop_map(Step::CutOff),
        4 => any::<usize>().prop_map(Step::Acknowledge),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_process_with_a_lease_answers_with_what_was_replaced(
        steps in prop::collection::vec(step(), 0..300),
    ) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Pass(span) => world.now += span,
                Step::Begin => world.database.begin(),
                Step::End { place, commits, by } => {
                    let ended = world.database.end(place, commits);
                    world.changes.extend(ended.map(|transaction| Change {
                        transaction,
                        by,
                        committed_at: world.now,
                        since: None,
                        is_acknowledged: false,
                    }));
                }
                Step::Act(id) => world.act(id),
                Step::CutOff(id) => {
                    world.processes[id].lease.cut_off();
                    world.processes[id].place = Place::Idle;
                }
                Step::Acknowledge(change) => world.acknowledge(change),
            }
            prop_assert_eq!(world.stale_answer(), None);
        }
    }
}

/// All go round undisturbed: they are soon in step, and a change waits for one look of each.
#[test]
fn processes_that_reach_the_database_need_no_lease_to_run_out() {
    let mut world = World::new();
    let rounds = |world: &mut World, count| (0..count).for_each(|turn| world.act(turn % PROCESSES));
    rounds(&mut world, PROCESSES * 20);
    assert!(world.processes.iter().all(|process| process.lease.is_held(world.now)));
    assert!(world.processes.iter().all(|process| !process.is_alone));
    world.database.begin();
    let transaction = world.database.end(0, true).unwrap();
    let (by, committed_at) = (0, world.now);
    world.changes.push(Change {
        transaction,
        by,
        committed_at,
        since: None,
        is_acknowledged: false,
    });
    world.acknowledge(0);
    assert!(!world.changes[0].is_acknowledged);
    world.now += Duration::from_millis(300);
    rounds(&mut world, PROCESSES * 10);
    world.acknowledge(0);
    assert!(!world.changes[0].is_acknowledged, "a look is told of with the next renewal");
    world.now += Duration::from_millis(300);
    rounds(&mut world, PROCESSES * 10);
    world.acknowledge(0);
    assert!(world.changes[0].is_acknowledged);
}

/// Somebody has found the row expired meanwhile, and would not wait for it.
#[test]
fn a_renewal_that_comes_after_the_lease_is_none() {
    let mut world = World::new();
    let round = |world: &mut World, id: usize| {
        while !world.processes[id].lease.is_held(world.now)
            || !matches!(world.processes[id].place, Place::Idle)
        {
            world.act(id);
        }
    };
    round(&mut world, 0);
    world.now += Duration::from_millis(350);
    world.act(0);
    assert!(matches!(world.processes[0].place, Place::Asked(_)));
    world.now += LEASE;
    round(&mut world, 2);
    assert!(world.processes[2].is_alone);
    world.act(0);
    world.act(0);
    assert!(matches!(world.processes[0].place, Place::Idle));
    assert!(!world.processes[0].lease.may_answer(world.now));
}
