use std::collections::HashSet;

use proptest::prelude::*;

use super::counter::Take;
use super::*;

/// Servers and their durable table. Everything in `counters` is lost in a crash.
struct World {
    step: u64,
    table: RangeTable,
    counters: Vec<(String, Counter)>,
    issued: HashSet<u64>,
    crashes: u64,
}

#[derive(Debug, Clone)]
enum Action {
    Take(usize, u8),
    /// A checkpoint reaches the table; the answer comes back, or is lost on the way.
    Checkpoint(usize, bool),
    Lease(usize),
    Crash(usize),
    /// A second process of the same server starts while the first still runs.
    DoubleStart(usize),
    /// An operator declares the server dead. It may not be.
    Abandon(usize),
    Stop(usize),
}

fn action() -> impl Strategy<Value = Action> {
    let who = 0usize..8;
    prop_oneof![
        8 => (who.clone(), 1u8..30).prop_map(|(who, count)| Action::Take(who, count)),
        6 => (who.clone(), any::<bool>()).prop_map(|(who, heard)| Action::Checkpoint(who, heard)),
        4 => who.clone().prop_map(Action::Lease),
        2 => who.clone().prop_map(Action::Crash),
        1 => who.clone().prop_map(Action::DoubleStart),
        1 => who.clone().prop_map(Action::Abandon),
        1 => who.prop_map(Action::Stop),
    ]
}

impl World {
    fn new(step: u64, range_size: u64) -> Self {
        let plan = RangePlan { range_size, first_number: 5 };
        let mut world = Self {
            step,
            table: RangeTable::new(plan),
            counters: Vec::new(),
            issued: HashSet::new(),
            crashes: 0,
        };
        for server in 0..3 {
            world.start(format!("s{server}"));
        }
        world
    }

    fn start(&mut self, owner: String) {
        // Processes of this server that still live are fenced by the new one: each may lose what
        // it had reserved.
        self.crashes += self.living(&owner);
        let mut counter = Counter::new(self.step);
        for lease in self.table.recover(&owner).unwrap() {
            counter.add_range(&lease);
        }
        self.counters.push((owner, counter));
    }

    fn living(&self, owner: &str) -> u64 {
        self.counters.iter().filter(|(other, _)| other == owner).count() as u64
    }

    fn run(&mut self, action: &Action) {
        let count = self.counters.len();
        match *action {
            Action::Take(who, count_to_take) => self.take(who % count, count_to_take),
            Action::Checkpoint(who, heard) => self.checkpoint(who % count, heard),
            Action::Lease(who) => {
                let (owner, counter) = &mut self.counters[who % count];
                if counter.wants_range() {
                    counter.add_range(&self.table.lease(owner).unwrap());
                }
            }
            Action::Crash(who) => {
                let (owner, _) = self.counters.swap_remove(who % count);
                self.crashes += 1;
                self.start(owner);
            }
            Action::DoubleStart(who) => {
                let owner = self.counters[who % count].0.clone();
                self.start(owner);
            }
            Action::Abandon(who) => {
                let owner = self.counters[who % count].0.clone();
                self.crashes += self.living(&owner);
                self.table.abandon(&owner);
            }
            Action::Stop(who) => {
                let (owner, counter) = self.counters.swap_remove(who % count);
                self.give_back(counter);
                self.start(owner);
            }
        }
    }

    fn give_back(&mut self, counter: Counter) {
        for (lease, next) in counter.into_unused() {
            match self.table.give_back(lease, next) {
                Ok(()) | Err(RangeError::Fenced { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn take(&mut self, who: usize, count: u8) {
        for _ in 0..count {
            match self.counters[who].1.take() {
                Take::Number(number) => {
                    assert!(self.issued.insert(number), "R-1: {number} was issued twice");
                }
                Take::NeedsCheckpoint => self.checkpoint(who, true),
                Take::NeedsRange => return,
            }
        }
    }

    fn checkpoint(&mut self, who: usize, heard: bool) {
        let counter = &mut self.counters[who].1;
        let Some(checkpoint) = counter.checkpoint_due() else { return };
        match self.table.checkpoint(checkpoint) {
            _ if !heard => counter.checkpoint_failed(checkpoint),
            Ok(()) => counter.checkpoint_done(checkpoint),
            Err(RangeError::Fenced { .. }) => counter.fenced(checkpoint.lease),
            Err(error) => panic!("{error}"),
        }
        assert!(counter.outstanding() <= self.step);
    }

    /// Numbers below a mark that were never issued, once every live counter has stopped.
    fn lost(&mut self) -> u64 {
        for (_, counter) in std::mem::take(&mut self.counters) {
            self.give_back(counter);
        }
        let passed: u64 = self.table.rows().map(|row| row.resume_at - row.start).sum();
        passed - self.issued.len() as u64
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_number_twice_and_at_most_n_lost_a_crash(
        step in 1u64..40,
        range_size in 1u64..120,
        actions in prop::collection::vec(action(), 1..200),
    ) {
        let mut world = World::new(step, range_size);
        for action in &actions {
            world.run(action);
        }
        let lost = world.lost();
        prop_assert!(lost <= world.crashes * step, "R-2: {} crashes lost {lost}", world.crashes);
    }
}

#[test]
fn a_mark_covers_numbers_before_they_are_handed_out() {
    let mut table = RangeTable::new(RangePlan { range_size: 1000, first_number: 0 });
    let mut counter = Counter::new(100);
    assert_eq!(counter.take(), Take::NeedsRange);
    counter.add_range(&table.lease("s1").unwrap());
    assert_eq!(counter.take(), Take::NeedsCheckpoint);
    let checkpoint = counter.checkpoint_due().unwrap();
    assert_eq!(checkpoint.resume_at, 100);
    assert_eq!(counter.take(), Take::NeedsCheckpoint);
    table.checkpoint(checkpoint).unwrap();
    counter.checkpoint_done(checkpoint);
    assert_eq!(counter.take(), Take::Number(0));

    // Killed here: the successor starts at the mark and 99 numbers are skipped.
    let lease = table.recover("s1").unwrap().remove(0);
    assert_eq!((lease.next, lease.end), (100, 1000));
}

#[test]
fn the_next_checkpoint_is_due_at_half_and_never_reserves_more_than_n() {
    let mut table = RangeTable::new(RangePlan { range_size: 1000, first_number: 0 });
    let mut counter = Counter::new(100);
    counter.add_range(&table.lease("s1").unwrap());
    let first = counter.checkpoint_due().unwrap();
    counter.checkpoint_done(first);
    for _ in 0..49 {
        counter.take();
    }
    assert_eq!(counter.checkpoint_due(), None);
    counter.take();
    assert_eq!(counter.checkpoint_due().unwrap().resume_at, 150);
    // Under way: the reserved half goes on being handed out.
    assert_eq!(counter.take(), Take::Number(50));
    assert_eq!(counter.checkpoint_due(), None);
}

#[test]
fn two_servers_get_different_ranges_and_the_map_reads_as_the_requirement_shows_it() {
    let mut table = RangeTable::new(RangePlan::default());
    for server in 1..=10 {
        let lease = table.lease(&format!("s{server}")).unwrap();
        assert_eq!(lease.next, (server - 1) * 1_000_000);
        assert_eq!(lease.end, server * 1_000_000);
    }
    let owners: Vec<_> = table.rows().filter_map(|row| row.owner.clone()).collect();
    assert_eq!(owners.len(), 10);
}

#[test]
fn a_fenced_owner_keeps_what_it_reserved_and_no_more() {
    let mut table = RangeTable::new(RangePlan { range_size: 1000, first_number: 0 });
    let mut old = Counter::new(10);
    old.add_range(&table.lease("s1").unwrap());
    let first = old.checkpoint_due().unwrap();
    table.checkpoint(first).unwrap();
    old.checkpoint_done(first);

    assert_eq!(table.recover("s1").unwrap()[0].next, 10);
    for number in 0..5 {
        assert_eq!(old.take(), Take::Number(number));
    }
    let refused = old.checkpoint_due().unwrap();
    assert_eq!(table.checkpoint(refused), Err(RangeError::Fenced { range: 0 }));
    old.fenced(refused.lease);
    for number in 5..10 {
        assert_eq!(old.take(), Take::Number(number));
    }
    assert_eq!(old.take(), Take::NeedsRange);
}

#[test]
fn the_space_ends_with_an_error_not_with_a_wrap() {
    let plan = RangePlan { range_size: 100, first_number: SPACE_OF_EIGHT - 150 };
    let mut table = RangeTable::new(plan);
    table.lease("s1").unwrap();
    let last = table.lease("s1").unwrap();
    assert_eq!((last.end - last.next, last.end), (50, SPACE_OF_EIGHT));
    assert_eq!(table.lease("s1"), Err(RangeError::Exhausted));
    let none = RangePlan { range_size: 0, first_number: 0 };
    assert_eq!(RangeTable::new(none).lease("s1"), Err(RangeError::EmptyRange));
}

#[test]
fn marks_only_move_forward_within_the_range() {
    let mut table = RangeTable::new(RangePlan { range_size: 100, first_number: 0 });
    let id = table.lease("s1").unwrap().id;
    let mark = |resume_at| Checkpoint { lease: id, resume_at };
    table.checkpoint(mark(50)).unwrap();
    assert!(matches!(table.checkpoint(mark(49)), Err(RangeError::BadMark { .. })));
    assert!(matches!(table.checkpoint(mark(101)), Err(RangeError::BadMark { .. })));
    assert!(matches!(table.give_back(id, 51), Err(RangeError::BadMark { .. })));
    table.give_back(id, 20).unwrap();
    assert_eq!(table.rows().next().unwrap().state(), RangeState::Free);
    assert_eq!(table.lease("s2").unwrap().next, 20);
    let unknown = Checkpoint { lease: LeaseId { range: 9, epoch: 1 }, resume_at: 1 };
    assert_eq!(table.checkpoint(unknown), Err(RangeError::Unknown(9)));
}

/// Acceptance 5: ten servers, ranges of 1 M, 5 M numbers in all.
#[test]
fn ten_servers_hand_out_five_million_distinct_numbers() {
    let mut table = RangeTable::new(RangePlan::default());
    let mut counters: Vec<_> = (0..10).map(|_| Counter::new(1000)).collect();
    let mut seen = vec![false; 10_000_000];
    for turn in 0..5_000_000usize {
        let counter = &mut counters[turn * 7 % 10];
        let number = loop {
            match counter.take() {
                Take::Number(number) => break number,
                Take::NeedsRange => counter.add_range(&table.lease("any").unwrap()),
                Take::NeedsCheckpoint => {
                    let checkpoint = counter.checkpoint_due().unwrap();
                    table.checkpoint(checkpoint).unwrap();
                    counter.checkpoint_done(checkpoint);
                }
            }
        };
        let index = usize::try_from(number).unwrap();
        assert!(!std::mem::replace(&mut seen[index], true), "{number} twice");
    }
}
