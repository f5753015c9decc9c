//! Judging what reached the outbox's destination.

use std::collections::BTreeSet;

use kit::invariant::{
    EVENTS_ARE_DELIVERED, EVENTS_KEEP_ORDER, Invariant, ONLY_COMMITTED_EVENTS,
    ROWS_ARE_LINEARIZABLE, Violation,
};
use kit::sql::outbox::Event;

use super::book::Book;
use crate::checkers::delivery::{self, Problem, Times};
use crate::checkers::linearizability::{self, Verdict};

/// Steps for the history of a row.
const STEPS_MAX: u64 = 200_000;

/// The transactions of a store, or why they make no sense.
pub(super) type Found = Result<BTreeSet<u64>, Violation>;

fn txn_of(event: &Event) -> u64 {
    event.body.as_slice().try_into().map_or(0, u64::from_be_bytes)
}

/// After a recovery: nothing has left that is not there.
pub(super) fn arrived_were_committed(book: &mut Book, found: &BTreeSet<u64>) {
    let made_up = book.arrived.iter().map(txn_of).find(|txn| !found.contains(txn));
    let verdict = ONLY_COMMITTED_EVENTS
        .unless(made_up.is_none(), || format!("the event of transaction {made_up:?} had left"));
    book.judge(verdict);
}

/// At the end, with the outbox empty.
pub(super) fn all_events_arrived(book: &mut Book, found: &BTreeSet<u64>) {
    let mut by_id: Vec<&Event> = book.arrived.iter().collect();
    by_id.sort_by_key(|event| event.id);
    by_id.dedup_by_key(|event| event.id);
    let mut sent: Vec<(u64, String)> = by_id
        .iter()
        .filter(|event| found.contains(&txn_of(event)))
        .map(|event| (txn_of(event), event.key.clone()))
        .collect();
    let arrived: BTreeSet<u64> = sent.iter().map(|(txn, _)| *txn).collect();
    sent.extend(found.difference(&arrived).map(|txn| (*txn, "of the lost".to_owned())));
    let arrivals: Vec<u64> = book.arrived.iter().map(txn_of).collect();
    let problem = delivery::check(&sent, &arrivals, Times::AtLeast).into_iter().next();
    if let Some(problem) = problem {
        book.fail(invariant_of(&problem).broken_by(problem.to_string()));
    }
}

/// At the end: each row's operations have an order.
pub(super) fn rows_were_linearizable(book: &mut Book) {
    // A history that takes too long to judge says nothing.
    if let Verdict::Violated { key, story } = linearizability::check(&book.history, STEPS_MAX) {
        let last = story[story.len().saturating_sub(6)..].join("; ");
        book.fail(ROWS_ARE_LINEARIZABLE.broken_by(format!("row {key}: {last}")));
    }
}

fn invariant_of(problem: &Problem<u64>) -> Invariant {
    match problem {
        Problem::Lost(_) | Problem::Repeated(..) => EVENTS_ARE_DELIVERED,
        Problem::MadeUp(_) => ONLY_COMMITTED_EVENTS,
        Problem::Overtook { .. } => EVENTS_KEEP_ORDER,
    }
}
