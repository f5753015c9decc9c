//! kit's stores under faults: promises hold, seeds repeat, and planted bugs are found.
//!
//! A bounded number of seeds; `cargo run --release -p sim --bin simulate` runs as many as wanted.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test panics, and tells")]

use std::time::Duration;

use sim::campaign::{Campaign, Cut, cpu_time};
use sim::disk::Failure;
use sim::scenarios::Scenario;
use sim::scenarios::exhaustive::{ShortRun, Turn};
use sim::scenarios::planted;
use sim::seed::Seed;

/// A planted bug must be found within so much processor time.
const FIND_TIME: Duration = Duration::from_secs(60);

fn promises_hold(scenario: Scenario, seeds: u64) {
    let campaign = Campaign { scenario, planted: None };
    let summary = campaign.run_all(0..seeds, || true);
    if let Some((seed, violation)) = summary.failed {
        panic!("{}", campaign.shrunk(seed, violation));
    }
    let counts = summary.counts;
    eprintln!("{}: {seeds} seeds, {counts:?}", scenario.name());
    assert!(counts.crashes > seeds && counts.refused > 0 && counts.acknowledged > 100 * seeds);
    assert_eq!(counts.forks > 0, scenario == Scenario::Forks);
    assert_eq!(counts.backups > 0, scenario == Scenario::Estates);
}

#[test]
fn what_sql_acknowledged_survives_every_fault() {
    promises_hold(Scenario::Sql, 16);
}

#[test]
fn forks_amid_writes_are_whole_and_stay_so() {
    promises_hold(Scenario::Forks, 12);
}

#[test]
fn the_outbox_loses_and_reorders_nothing() {
    promises_hold(Scenario::Outbox, 10);
}

#[test]
fn what_is_reset_dropped_or_backed_up_is_whole() {
    promises_hold(Scenario::Estates, 8);
}

#[test]
fn a_seed_run_twice_is_one_trace() {
    for scenario in Scenario::ALL {
        let campaign = Campaign { scenario, planted: None };
        let hash = |seed| {
            let outcome = campaign.replay(seed, &Cut::default());
            (outcome.trace.hash(), outcome.trace.count(), outcome.simulated_us)
        };
        // Seeds 3 and 6 are busy ones.
        for seed in [1, 3, 6] {
            assert_eq!(hash(seed), hash(seed), "{} {seed}", scenario.name());
        }
        assert_ne!(hash(1), hash(2));
    }
}

#[test]
fn every_planted_bug_is_found() {
    for bug in &planted::ALL {
        let campaign = Campaign { scenario: bug.scenario, planted: Some(bug) };
        let began = cpu_time();
        let summary = campaign.run_all(0..10_000, || cpu_time() - began < FIND_TIME);
        let took = cpu_time() - began;
        let Some((_, violation)) = summary.failed else {
            panic!("{} was not found in {} seeds, {took:?}", bug.name, summary.seeds);
        };
        eprintln!("{}: {} seeds, {took:.1?}: {violation}", bug.name, summary.seeds);
    }
}

#[test]
fn a_failure_is_shrunk_and_its_command_fails_again() {
    let bug = planted::Planted::find("failed-flush-hidden").unwrap();
    let campaign = Campaign { scenario: bug.scenario, planted: Some(bug) };
    let (seed, violation) = campaign.run_all(0..1_000, || true).failed.unwrap();
    let failure = campaign.shrunk(seed, violation.clone());
    assert_eq!(failure.violation().invariant, violation.invariant);
    let again = campaign.replay(seed, failure.cut()).violation.unwrap();
    assert_eq!(&again, failure.violation());
    let told = failure.to_string();
    let command = format!("again: cargo run -p sim --bin simulate -- --scenario sql --seed {seed}");
    assert!(told.contains(&command) && told.contains("the last events:"), "{told}");
    assert!(told.contains("--planted failed-flush-hidden"), "{told}");
}

/// A reset has a moment without a name, and a start that leaves it so is found.
#[test]
fn a_reset_that_is_cut_short_is_finished_by_the_next_start() {
    let short = ShortRun { scenario: Scenario::Estates, seed: Seed(7), length_us: 250_000 };
    let calls = short.calls().unwrap();
    let bug = &planted::RESET_FORGOTTEN;
    let found =
        (1..=calls).rev().find(|call| short.turn(*call, Turn::PowerLoss, Some(bug)).is_some());
    let found = found.unwrap();
    eprintln!("call {found} of {calls} finds it");
    assert!(short.turn(found, Turn::PowerLoss, None).is_none());
}

/// Every call to the disk of a short run fails in turn, and the power goes before each.
#[test]
fn every_call_takes_its_turn_to_fail() {
    let short = ShortRun { scenario: Scenario::Forks, seed: Seed(5), length_us: 200_000 };
    let calls = short.calls().unwrap();
    assert!(calls > 150, "{calls}");
    let turns = [
        Turn::PowerLoss,
        Turn::Fails(Failure::Io),
        Turn::Fails(Failure::Full),
        Turn::Fails(Failure::Short),
    ];
    for turn in turns {
        for call in 1..=calls {
            if let Some(broken) = short.turn(call, turn, None) {
                panic!("call {call} of {calls}, {turn:?}: {}", broken.violation);
            }
        }
    }
    eprintln!("{calls} calls, 4 turns each");
}
