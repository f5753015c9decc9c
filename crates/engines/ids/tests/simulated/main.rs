//! No id twice, whatever clocks, leases, processes and the registry's store do: generators on
//! machines of their own that take workers from one registry.
//!
//! What is assumed: one store, a database of kit on a machine of its own, that nodes call. Calls
//! and answers are late or lost, the store loses power, fails and stands still, but there is one of
//! it and what it acknowledged it keeps. Nodes are restarted, also with an earlier clock, and stand
//! still for longer than a lease; clocks are skewed, drift and are set by up to an hour. What is
//! left out: a store of several replicas, and callers who take what a dead process gave them for
//! new.
//!
//! The registry's statements, the generator and the layout are those that ship. The seat is the
//! test's own (`node.rs`), by the rules of `src/seat.rs` but without its watch for clocks that jump
//! ahead, so that more goes wrong here than there.
//!
//! `BACKPLANE_TEST_LONG` runs ten times the seeds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what was run is told")]

mod node;
mod stage;
mod store;
mod tally;

use self::node::Mistake;
use self::stage::run;
use self::tally::Counts;

const SEEDS: u64 = 60;
/// A mistake must be found within so many.
const SEEDS_TO_FIND: u64 = 60;

#[test]
fn no_id_is_made_twice() {
    let long = std::env::var_os("BACKPLANE_TEST_LONG").is_some();
    let seeds = if long { 10 * SEEDS } else { SEEDS };
    let mut all = Counts::default();
    for seed in 0..seeds {
        let outcome = run(seed, None);
        assert_eq!(outcome.twice, None, "seed {seed}");
        assert_eq!(outcome.past_its_mark, None, "seed {seed}");
        all.add(&outcome.counts);
    }
    eprintln!("{seeds} seeds: {all:?}");
    assert!(all.ids >= 10_000_000, "{all:?}");
    for (what, count) in [
        ("claims", all.claims),
        ("losses", all.losses),
        ("refused claims", all.refused),
        ("unanswered calls", all.unanswered),
        ("clocks behind", all.behind),
        ("restarts", all.restarts),
        ("starts of the store", all.boots),
    ] {
        assert!(count >= seeds, "{what}: {all:?}");
    }
}

#[test]
fn a_seed_run_twice_makes_the_same_ids() {
    let made = |seed| run(seed, None).runs;
    assert_eq!(made(7), made(7));
    assert_ne!(made(7), made(8));
}

#[test]
fn every_planted_mistake_makes_an_id_twice() {
    for mistake in Mistake::ALL {
        let found = (0..SEEDS_TO_FIND).find(|seed| run(*seed, Some(mistake)).twice.is_some());
        let seed = found.unwrap_or_else(|| panic!("{mistake:?} is not found"));
        eprintln!("{mistake:?}: seed {seed}");
    }
}
