use std::time::Duration;

use ids::model::IdError;
use kit::clock::Clock;

use super::support::{noon, open, open_with, sqlite, waits};

/// A4, A5, through the service: what cannot be waited for is refused, and time helps.
#[tokio::test]
async fn a_clock_that_stands_has_4096_ids() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::frozen(noon());
    let ids = open(&sqlite(&dir), &clock).await;
    for sequence in 0..4_096 {
        let id = ids.next_id().await.unwrap();
        assert_eq!(ids.decode(id).sequence, sequence);
    }
    let mut waiting = Box::pin(ids.next_id());
    assert!(waits(&mut waiting).await);
    clock.advance(Duration::from_millis(1));
    let id = waiting.await.unwrap();
    assert_eq!(ids.decode(id).sequence, 0);
    ids.next_ids(4_095).await.unwrap();
    assert!(matches!(ids.next_id().await, Err(IdError::ClockStands)));
}

/// A12.
#[tokio::test]
async fn the_end_of_the_epoch_is_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let end = kit::clock::Timestamp::parse("2080-07-10T17:30:30.208Z").unwrap();
    let clock = Clock::frozen(end);
    let ids = open(&sqlite(&dir), &clock).await;
    let last = ids.next_block(4_096).await.unwrap();
    assert_eq!(
        last.first + 4_095,
        ids.layout().max_id_at(ids.layout().last_ms()).unwrap() & !(0x3ff << 12)
    );
    clock.advance(Duration::from_millis(1));
    assert!(matches!(ids.next_id().await, Err(IdError::Layout(_))));
    assert_eq!(ids.status().await.unwrap().epoch_left_ms, 0);
    let early = Clock::frozen(kit::clock::Timestamp::parse("2010-01-01T00:00:00Z").unwrap());
    let early = open(&sqlite(&tempfile::tempdir().unwrap()), &early).await;
    assert!(matches!(early.next_id().await, Err(IdError::Layout(_))));
}

/// F9: ids of two layouts could be equal, so a store has one.
#[tokio::test]
async fn a_store_keeps_its_layout() {
    let dir = tempfile::tempdir().unwrap();
    let (db, clock) = (sqlite(&dir), Clock::frozen(noon()));
    open(&db, &clock).await;
    let other = open_with(&db, &clock, |section| {
        (section.timestamp_bits, section.datacenter_bits, section.machine_bits) = (43, 4, 4);
    });
    let refused = other.await.err().unwrap().to_string();
    assert!(refused.contains("41, 5, 5, 12 bits") && refused.contains("ids.epoch_ms"), "{refused}");
}

/// M4: whether the machine's clock is kept is asked when a worker is claimed.
#[tokio::test]
async fn a_clock_is_to_be_kept_where_that_is_required() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::frozen(noon());
    let strict = |section: &mut ids::Section| section.clock_kept_required = true;
    let ids = open_with(&sqlite(&dir), &clock, strict).await.unwrap();
    let kept = kit::clock_sync::ClockSync::read().is_some_and(|sync| sync.kept);
    match ids.next_id().await {
        Ok(_) => assert!(kept, "no time service keeps this clock"),
        Err(IdError::ClockUnkept(_)) => assert!(!kept, "a time service keeps this clock"),
        Err(other) => panic!("{other}"),
    }
}
