//! What holds at any time, by name: one catalogue for property tests, simulation, `check-data` and
//! release assertions.
//!
//! An [`Invariant`] has an id that never changes, a sentence, and a pure predicate that answers
//! with the [`Violation`]s it finds. Those of what kit promises are here; a system has its own
//! catalogue of the same shape.

use std::collections::BTreeSet;
use std::fmt::Debug;

use thiserror::Error;

/// One entry of a catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invariant {
    /// Its name, which never changes.
    pub id: &'static str,
    /// What holds.
    pub holds: &'static str,
}

/// What breaks an invariant.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}: {found}, but {}", .invariant.id, .invariant.holds)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was found, as text for people.
    pub found: String,
}

impl Invariant {
    /// Says that `found` breaks it.
    pub fn broken_by(self, found: impl Into<String>) -> Violation {
        Violation { invariant: self, found: found.into() }
    }

    /// A violation unless it `holds`.
    ///
    /// # Errors
    /// What `found` tells, as a violation.
    pub fn unless(self, holds: bool, found: impl FnOnce() -> String) -> Result<(), Violation> {
        if holds { Ok(()) } else { Err(self.broken_by(found())) }
    }
}

/// D-1: after `kill -9` and power loss too.
pub const ACKNOWLEDGED_IS_THERE: Invariant =
    Invariant { id: "D-1", holds: "what was acknowledged is there" };
/// D-2: one commit is one piece.
pub const WHOLE_OR_NOT_AT_ALL: Invariant =
    Invariant { id: "D-2", holds: "a transaction is there as a whole or not at all" };
/// D-3: and what was refused before anything ran is not there either.
pub const NOTHING_MADE_UP: Invariant =
    Invariant { id: "D-3", holds: "only what a client asked for is there" };
/// D-4: as SQLite's own full check sees it.
pub const PAGES_ARE_SOUND: Invariant =
    Invariant { id: "D-4", holds: "the structure of every page is sound" };
/// D-5: what was left by whatever fault is opened again.
pub const STORES_OPEN: Invariant =
    Invariant { id: "D-5", holds: "a store can be opened after any fault that its model allows" };
/// D-6: a caller can tell what to do.
pub const FAULTS_ARE_NAMED: Invariant = Invariant {
    id: "D-6",
    holds: "a full or failing disk is told as such, and nothing else goes wrong",
};
/// D-7: no fault is for ever.
pub const SERVICE_RESUMES: Invariant =
    Invariant { id: "D-7", holds: "writes succeed again once the fault is over" };
/// D-8: and neither does one that cannot be written.
pub const READS_GO_ON: Invariant = Invariant { id: "D-8", holds: "a full disk stops no read" };
/// L-1: and so a read sees every write that was acknowledged before it began.
pub const ROWS_ARE_LINEARIZABLE: Invariant =
    Invariant { id: "L-1", holds: "reads and writes of a row are as if one after the other" };
/// F-1: the barrier of a fork is one commit.
pub const FORK_IS_A_PREFIX: Invariant =
    Invariant { id: "F-1", holds: "a fork has exactly what was committed before it" };
/// F-2: and neither sees the other's.
pub const FORK_STAYS_APART: Invariant =
    Invariant { id: "F-2", holds: "a fork changes by its own writes only" };
/// F-3: a fork is acknowledged once it is durable.
pub const FORK_IS_THERE: Invariant =
    Invariant { id: "F-3", holds: "an acknowledged namespace is there" };
/// N-1: whenever it is cut short.
pub const RESET_IS_WHOLE: Invariant =
    Invariant { id: "N-1", holds: "a reset leaves all that a namespace had, or an empty one" };
/// N-2: whenever it is cut short.
pub const DROP_IS_WHOLE: Invariant =
    Invariant { id: "N-2", holds: "a drop leaves all that a namespace had, or no namespace" };
/// B-1: over all of its stores.
pub const SNAPSHOT_IS_ONE_INSTANT: Invariant =
    Invariant { id: "B-1", holds: "a snapshot of a namespace is of one instant" };
/// O-1: the relay repeats rather than loses.
pub const EVENTS_ARE_DELIVERED: Invariant =
    Invariant { id: "O-1", holds: "each committed event is delivered at least once" };
/// O-2: first deliveries, that is.
pub const EVENTS_KEEP_ORDER: Invariant =
    Invariant { id: "O-2", holds: "events of one key are delivered in the order of their commits" };
/// O-3: what was rolled back or lost never leaves.
pub const ONLY_COMMITTED_EVENTS: Invariant =
    Invariant { id: "O-3", holds: "an event that is delivered was committed" };
/// O-4: consumers drop by id what they have seen.
pub const ONE_EVENT_AN_ID: Invariant = Invariant { id: "O-4", holds: "an id is one event's" };

/// All of kit's, in order.
pub const CATALOGUE: [Invariant; 19] = [
    ACKNOWLEDGED_IS_THERE,
    WHOLE_OR_NOT_AT_ALL,
    NOTHING_MADE_UP,
    PAGES_ARE_SOUND,
    STORES_OPEN,
    FAULTS_ARE_NAMED,
    SERVICE_RESUMES,
    READS_GO_ON,
    ROWS_ARE_LINEARIZABLE,
    FORK_IS_A_PREFIX,
    FORK_STAYS_APART,
    FORK_IS_THERE,
    RESET_IS_WHOLE,
    DROP_IS_WHOLE,
    SNAPSHOT_IS_ONE_INSTANT,
    EVENTS_ARE_DELIVERED,
    EVENTS_KEEP_ORDER,
    ONLY_COMMITTED_EVENTS,
    ONE_EVENT_AN_ID,
];

/// What may be found in a store, in terms of transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds<T: Ord> {
    /// Acknowledged: must be there.
    pub must: BTreeSet<T>,
    /// Under way, or refused by a fault after they began: may be there.
    pub may: BTreeSet<T>,
}

impl<T: Ord + Debug + Clone> Bounds<T> {
    /// Exactly these.
    pub fn exactly(found: BTreeSet<T>) -> Self {
        Self { must: found, may: BTreeSet::new() }
    }

    /// Holds `found` against the bounds: what is missing breaks `if_missing`, what is too much
    /// `if_more`.
    ///
    /// # Errors
    /// The first transaction that is missing or too much.
    pub fn check(
        &self,
        found: &BTreeSet<T>,
        if_missing: Invariant,
        if_more: Invariant,
    ) -> Result<(), Violation> {
        let missing = self.must.difference(found).next();
        if_missing.unless(missing.is_none(), || format!("transaction {missing:?} is missing"))?;
        let more = found.iter().find(|one| !self.must.contains(one) && !self.may.contains(one));
        if_more.unless(more.is_none(), || format!("transaction {more:?} is there"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique() {
        let ids: BTreeSet<_> = CATALOGUE.iter().map(|invariant| invariant.id).collect();
        assert_eq!(ids.len(), CATALOGUE.len());
    }

    #[test]
    fn bounds_name_what_is_missing_and_what_is_too_much() {
        let bounds = Bounds { must: [1, 2].into(), may: [3].into() };
        let check = |found: &[i32]| {
            let found = found.iter().copied().collect();
            bounds.check(&found, ACKNOWLEDGED_IS_THERE, NOTHING_MADE_UP)
        };
        assert_eq!(check(&[1, 2]), Ok(()));
        assert_eq!(check(&[1, 2, 3]), Ok(()));
        let lost = check(&[1, 3]).unwrap_err().to_string();
        assert_eq!(lost, "D-1: transaction Some(2) is missing, but what was acknowledged is there");
        assert_eq!(check(&[1, 2, 4]).unwrap_err().invariant, NOTHING_MADE_UP);
    }
}
