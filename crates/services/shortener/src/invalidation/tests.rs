//! A database's transactions in miniature, and a poller that watches them. What several pollers
//! promise together is in `together`.

mod together;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::snapshot::{ABSENCE_MAX_US, Change, Seen, Snapshot, Stale, stale_since};
use crate::model::ShortAddress;

fn address(code: &str) -> ShortAddress {
    ShortAddress { domain: String::new(), code: code.to_owned() }
}

/// Numbers are given when transactions begin; rows are visible when they commit.
#[derive(Default)]
struct Database {
    next: i64,
    running: Vec<i64>,
    committed: Vec<i64>,
}

impl Database {
    fn seen(&self) -> Seen {
        let oldest_running = self.running.first().copied().unwrap_or(self.next);
        let snapshot = Snapshot { oldest_running, next: self.next, running: self.running.clone() };
        Seen { snapshot, at_us: 0 }
    }

    fn begin(&mut self) {
        self.running.push(self.next);
        self.next += 1;
    }

    fn end(&mut self, place: usize, commits: bool) -> Option<i64> {
        if !self.running.is_empty() {
            let transaction = self.running.remove(place % self.running.len());
            if commits {
                self.committed.push(transaction);
                return Some(transaction);
            }
        }
        None
    }

    /// As the store's query does it: the rows from `oldest` on.
    fn changes_from(&self, oldest: i64) -> Vec<Change> {
        let rows = self.committed.iter().filter(|transaction| **transaction >= oldest);
        rows.map(|transaction| Change {
            transaction: *transaction,
            address: address(&transaction.to_string()),
        })
        .collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Begin,
    End { place: usize, commits: bool },
    Poll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Begin),
        (any::<usize>(), any::<bool>()).prop_map(|(place, commits)| Step::End { place, commits }),
        Just(Step::Poll),
    ]
}

proptest! {
    /// V-1 and V-2: transactions that end in any order, some of them long after later ones.
    #[test]
    fn every_committed_change_is_taken_once(steps in prop::collection::vec(step(), 0..200)) {
        let mut database = Database::default();
        let mut last = database.seen();
        let mut taken = Vec::new();
        for step in steps.into_iter().chain([Step::Poll]) {
            match step {
                Step::Begin => database.begin(),
                Step::End { place, commits } => drop(database.end(place, commits)),
                Step::Poll => {
                    let now = database.seen();
                    let changes = database.changes_from(last.snapshot.oldest_running);
                    match stale_since(&last, &now, changes) {
                        Stale::Links(links) => taken.extend(links),
                        Stale::Everything => prop_assert!(false, "nobody asked for that"),
                    }
                    last = now;
                }
            }
        }
        let wanted: BTreeSet<_> = database.committed.iter().map(i64::to_string).collect();
        let unique: BTreeSet<_> = taken.iter().map(|address| address.code.clone()).collect();
        prop_assert_eq!(taken.len(), unique.len());
        prop_assert_eq!(unique, wanted);
    }
}

#[test]
fn a_late_commit_below_what_was_seen_is_taken() {
    let mut database = Database::default();
    database.begin();
    database.begin();
    database.end(1, true);
    let early = database.seen();
    assert!(early.snapshot.saw(1) && !early.snapshot.saw(0));
    database.end(0, true);
    let changes = database.changes_from(early.snapshot.oldest_running);
    let stale = stale_since(&early, &database.seen(), changes);
    assert_eq!(stale, Stale::Links(vec![address("0")]));
}

#[test]
fn a_change_of_hosts_and_a_long_absence_concern_everything() {
    let seen = Database::default().seen();
    let hosts = Change { transaction: 7, address: address("") };
    let link = Change { transaction: 7, address: address("a") };
    assert_eq!(stale_since(&seen, &seen, vec![link.clone(), hosts]), Stale::Everything);
    let later = Seen { at_us: ABSENCE_MAX_US + 1, ..seen.clone() };
    assert_eq!(stale_since(&seen, &later, Vec::new()), Stale::Everything);
    assert_eq!(stale_since(&seen, &seen, vec![link]), Stale::Links(vec![address("a")]));
}

#[test]
fn a_snapshot_covers_what_ended_before_another_was_taken() {
    let mut database = Database::default();
    database.begin();
    database.begin();
    let neither = database.seen().snapshot;
    database.end(1, true);
    let one = database.seen().snapshot;
    database.end(0, true);
    let both = database.seen().snapshot;
    assert!(one.covers(&neither) && both.covers(&one) && both.covers(&both));
    assert!(!neither.covers(&one) && !one.covers(&both));
}

#[test]
fn snapshots_read_as_postgresql_writes_them() {
    let snapshot = Snapshot::parse("10:20:10,14,15").unwrap();
    let seen: Vec<i64> = (8..22).filter(|number| snapshot.saw(*number)).collect();
    assert_eq!(seen, [8, 9, 11, 12, 13, 16, 17, 18, 19]);
    assert_eq!(Snapshot::parse("7:7:").unwrap().running, Vec::<i64>::new());
    assert_eq!(snapshot.to_string(), "10:20:10,14,15");
    for not in ["", "7", "7:8", "7:8:x", "a:b:", "8:7:", "7:9:6", "7:9:9"] {
        assert_eq!(Snapshot::parse(not), None, "{not}");
    }
}
