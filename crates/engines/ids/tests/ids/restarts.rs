use std::collections::HashSet;
use std::time::Duration;

use kit::clock::Clock;
use kit::entropy::Entropy;

use super::support::{before_noon, machine, noon, open, open_with, sqlite, waits};

/// A7: killed, and started again at once with the clock a second earlier. Nothing tells the store
/// of the end: dropping an instance is what `kill -9` leaves behind.
#[tokio::test]
async fn a_restart_with_an_earlier_clock_repeats_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir);
    let first = open(&db, &Clock::frozen(noon())).await;
    let mut seen = HashSet::new();
    for _ in 0..4_096 {
        assert!(seen.insert(first.next_id().await.unwrap()));
    }
    drop(first);
    let second = open(&db, &before_noon(Duration::from_secs(1))).await;
    for _ in 0..4_096 {
        assert!(seen.insert(second.next_id().await.unwrap()));
    }
}

/// With a place that is set there is no other to go to: it waits until its mark has passed.
#[tokio::test]
async fn a_restart_at_a_fixed_place_waits_for_its_mark() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir);
    let first = open_with(&db, &Clock::frozen(noon()), machine(7)).await.unwrap();
    let last = first.next_id().await.unwrap();
    drop(first);
    let clock = Clock::frozen(noon());
    let second = open_with(&db, &clock, machine(7)).await.unwrap();
    let mut waiting = Box::pin(second.next_id());
    assert!(waits(&mut waiting).await);
    clock.advance(Duration::from_millis(2_001));
    let next = waiting.await.unwrap();
    assert!(next > last);
    let behind = second.decode(next).time_ms - second.decode(last).time_ms;
    assert_eq!(behind, 2_001, "after what may have been issued, and no later");
}

/// Restarts at random, each with a clock up to three seconds earlier or later than the last.
#[tokio::test]
async fn no_history_of_restarts_repeats_an_id() {
    let entropy = Entropy::seeded(7);
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir);
    let (mut seen, mut at) = (HashSet::new(), noon());
    for _ in 0..200 {
        let span = Duration::from_millis(entropy.number() % 3_000);
        at = if entropy.number().is_multiple_of(2) { at.minus(span) } else { at.plus(span) };
        let clock = Clock::frozen(at);
        let ids = open(&db, &clock).await;
        for _ in 0..entropy.number() % 4 {
            for run in ids.next_ids(entropy.number() % 3_000 + 1).await.unwrap() {
                for id in run.first..run.first + run.count {
                    assert!(seen.insert(id), "{id} twice");
                }
            }
            clock.advance(Duration::from_millis(entropy.number() % 1_500 + 1));
        }
        at = clock.now();
    }
    assert!(seen.len() > 100_000);
}
