use std::collections::HashSet;
use std::time::Duration;

use ids::generator::Run;
use ids::model::IdError;
use ids::text::{self, Form};
use kit::clock::Clock;

use super::support::{noon, open, sqlite};

fn all(runs: &[Run]) -> impl Iterator<Item = u64> {
    runs.iter().flat_map(|run| run.first..run.first + run.count)
}

#[tokio::test]
async fn ids_rise_and_say_when_they_were_made() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let ids = open(&sqlite(&dir), &clock).await;
    let before = clock.now().micros() / 1_000;
    let mut last = 0;
    for _ in 0..20_000 {
        let id = ids.next_id().await.unwrap();
        assert!(id > last);
        last = id;
    }
    let made_ms = i64::try_from(ids.decode(last).time_ms).unwrap();
    assert!((before..=clock.now().micros() / 1_000).contains(&made_ms));
    let batch = ids.next_ids(10_000).await.unwrap();
    assert_eq!(all(&batch).count(), 10_000);
    assert!(all(&batch).is_sorted() && all(&batch).next() > Some(last));
    let block = ids.next_block(4_096).await.unwrap();
    assert_eq!((ids.decode(block.first).sequence, block.count), (0, 4_096));
    assert!(Some(block.first) > all(&batch).last());
}

#[tokio::test]
async fn counts_out_of_bounds_are_refused_and_cost_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ids = open(&sqlite(&dir), &Clock::frozen(noon())).await;
    for count in [0, 100_001, u64::MAX] {
        assert!(matches!(ids.next_ids(count).await, Err(IdError::Count { max: 100_000, .. })));
        assert!(matches!(ids.next_tickets("t", count).await, Err(IdError::Count { .. })));
    }
    assert!(matches!(ids.next_block(4_097).await, Err(IdError::Count { max: 4_096, .. })));
    assert!(matches!(ids.lease_range(u64::MAX).await, Err(IdError::Count { .. })));
    assert_eq!(ids.decode(ids.next_id().await.unwrap()).sequence, 0);
}

#[tokio::test]
async fn a_range_is_its_holders_alone() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::frozen(noon());
    let ids = open(&sqlite(&dir), &clock).await;
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let range = ids.lease_range(10_000).await.unwrap();
        assert_eq!((range.count, range.until_ms - range.from_ms), (3 * 4_096, 2));
        assert_eq!(
            range.first,
            ids.layout().min_id_at(range.from_ms).unwrap() | range.first & 0x3f_f000
        );
        for ms in 0..3 {
            let first = range.first + (ms << 22);
            for id in first..first + 4_096 {
                assert_eq!(ids.decode(id).worker, range.worker);
                assert!(seen.insert(id));
            }
        }
    }
    // What runs ahead there holds up nobody here.
    let id = ids.next_id().await.unwrap();
    assert_eq!(ids.decode(id).time_ms * 1_000, u64::try_from(noon().micros()).unwrap());
    assert!(seen.insert(id));
    // All that may be leased ahead is leased.
    let whole = 60_000 * 4_096;
    let other = open(&sqlite(&tempfile::tempdir().unwrap()), &clock).await;
    other.lease_range(whole).await.unwrap();
    let refused = other.lease_range(2 * 4_096).await;
    assert!(matches!(refused, Err(IdError::RangesAhead { ahead_max_ms: 60_000 })));
    clock.advance(Duration::from_secs(1));
    other.lease_range(1).await.unwrap();
}

#[tokio::test]
async fn an_id_has_a_public_face_a_text_and_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir);
    let ids = open(&db, &Clock::frozen(noon())).await;
    let id = ids.next_id().await.unwrap();
    let face = ids.hide(id).unwrap();
    assert_ne!(face, id);
    let again = open(&db, &Clock::frozen(noon())).await;
    assert_eq!(again.reveal(face).unwrap(), id, "the key is the store's");
    let typed = text::write_typed("ord", id).unwrap();
    assert_eq!(ids.parse(&typed, None).unwrap(), id);
    assert_eq!(ids.parse(&Form::Base62.write(id), Some(Form::Base62)).unwrap(), id);
    assert!(matches!(ids.parse("9223372036854775808", None), Err(IdError::NoId(_))));
    let (min, max) = ids.bounds(noon()).unwrap();
    assert!((min..=max).contains(&id));
    assert!(ids.bounds(noon().minus(Duration::from_secs(2_000_000_000))).is_err());
    assert!(ids.readings(&id.to_string())[0].plausible);
}
