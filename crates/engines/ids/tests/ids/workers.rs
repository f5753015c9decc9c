use std::collections::HashSet;

use kit::clock::Clock;
use kit::sql::{Db, SqlError};

use super::support::{machine, noon, open, open_with, postgres, sqlite};

/// Two generators with one place on one store, which an embedded store only has when a process was
/// stopped and went on after another took over: each issues what is its own, never the other's.
#[tokio::test(flavor = "multi_thread")]
async fn two_generators_given_one_place_never_make_one_id() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir);
    let clock = Clock::system();
    let one = open_with(&db, &clock, machine(3)).await.unwrap();
    let mut seen = HashSet::new();
    assert!(seen.insert(one.next_id().await.unwrap()));
    let other = open_with(&db, &clock, machine(3)).await.unwrap();
    let make = |ids: std::sync::Arc<ids::Ids>| async move {
        let mut made = Vec::new();
        for _ in 0..30 {
            if let Ok(runs) = ids.next_ids(5_000).await {
                made.extend(runs.into_iter().flat_map(|run| run.first..run.first + run.count));
            }
        }
        made
    };
    let (ones, others) = tokio::join!(tokio::spawn(make(one)), tokio::spawn(make(other)));
    let (ones, others) = (ones.unwrap(), others.unwrap());
    assert!(!ones.is_empty() && !others.is_empty());
    for id in ones.into_iter().chain(others) {
        assert!(seen.insert(id), "{id} twice");
    }
}

/// A8, on one PostgreSQL: the second finds out at its start, and says what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_generator_at_one_place_is_refused() {
    let Some(db) = postgres("ids_second").await else { return };
    let clock = Clock::frozen(noon());
    let first = open_with(&db, &clock, machine(3)).await.unwrap();
    let refused = open_with(&db, &clock, machine(3)).await.err().unwrap();
    assert_eq!(refused.setting, "ids.machine");
    assert!(refused.what.contains("data centre 0 machine 3 is leased until"), "{}", refused.what);
    let id = first.next_id().await.unwrap();
    assert_eq!(first.decode(id).worker.machine, 3);
    // Its lease ran out while it was stopped: the place is free, and it does not go on there.
    clock.advance(std::time::Duration::from_secs(60));
    let second = open_with(&db, &clock, machine(3)).await.unwrap();
    let theirs = second.next_id().await.unwrap();
    let refused = first.next_id().await.err().unwrap().to_string();
    assert!(refused.contains("is leased until"), "{refused}");
    assert!(theirs > id);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_on_one_database_find_places_of_their_own() {
    let Some(db) = postgres("ids_places").await else { return };
    let clock = Clock::system();
    let mut seen = HashSet::new();
    let mut places = HashSet::new();
    for _ in 0..4 {
        let ids = open(&db, &clock).await;
        for run in ids.next_ids(9_000).await.unwrap() {
            places.insert(ids.decode(run.first).worker);
            for id in run.first..run.first + run.count {
                assert!(seen.insert(id), "{id} twice");
            }
        }
        // Its lease goes on though it is gone: nobody else takes the place.
    }
    assert_eq!(places.len(), 4);
}

#[tokio::test]
async fn what_the_catalogue_says_holds_and_is_noticed_when_it_does_not() {
    let dir = tempfile::tempdir().unwrap();
    noticed(sqlite(&dir)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_noticed_on_postgres_too() {
    let Some(db) = postgres("ids_catalogue").await else { return };
    noticed(db).await;
}

async fn noticed(db: Db) {
    let ids = open(&db, &Clock::frozen(noon())).await;
    ids.next_id().await.unwrap();
    ids.next_tickets("t", 1).await.unwrap();
    let check = || db.read(ids::registry::violations);
    assert_eq!(check().await.unwrap(), Vec::<String>::new());
    let spoil = "UPDATE worker SET machine = 32";
    db.write::<_, SqlError>(move |tx| tx.execute(spoil, &[]).map(drop)).await.unwrap();
    let spoil = "UPDATE ticket SET step = 0";
    db.write::<_, SqlError>(move |tx| tx.execute(spoil, &[]).map(drop)).await.unwrap();
    let found = check().await.unwrap();
    assert!(found[0].starts_with("I-1: worker 0/32") && found[1].starts_with("I-2: ticket t"));
}
