use ids::model::IdError;
use ids::ticket::Plan;
use kit::clock::Clock;

use super::support::{noon, open, postgres, sqlite};

/// A13: two servers that step by two.
#[tokio::test]
async fn servers_that_step_by_k_share_the_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let ids = open(&sqlite(&dir), &Clock::frozen(noon())).await;
    for (name, first) in [("odd", 1), ("even", 2)] {
        ids.create_ticket(name, Plan { first, step: 2, block: 1 }).await.unwrap();
        let mut numbers = Vec::new();
        for _ in 0..3 {
            numbers.push(ids.next_tickets(name, 1).await.unwrap().first);
        }
        assert_eq!(numbers, [first, first + 2, first + 4]);
    }
    let three = ids.next_tickets("odd", 3).await.unwrap();
    assert_eq!((three.first, three.last()), (7, 11));
}

#[tokio::test]
async fn a_ticket_counts_without_a_gap_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir);
    for number in 1..=5 {
        let ids = open(&db, &Clock::frozen(noon())).await;
        assert_eq!(ids.next_tickets("invoice", 1).await.unwrap().first, number);
    }
}

#[tokio::test]
async fn a_block_is_handed_out_from_memory_and_never_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir);
    let ids = open(&db, &Clock::frozen(noon())).await;
    let plan = Plan { first: 1, step: 1, block: 100 };
    ids.create_ticket("order", plan).await.unwrap();
    for number in 1..=150 {
        assert_eq!(ids.next_tickets("order", 1).await.unwrap().first, number);
    }
    drop(ids);
    let ids = open(&db, &Clock::frozen(noon())).await;
    assert_eq!(ids.next_tickets("order", 1).await.unwrap().first, 201);
    ids.create_ticket("order", Plan { first: 9, ..plan }).await.unwrap();
    assert!(matches!(ids.create_ticket("order", Plan::default()).await, Err(IdError::Ticket(_))));
    assert!(matches!(ids.next_tickets("", 1).await, Err(IdError::Name(_))));
    assert!(matches!(ids.next_tickets(&"x".repeat(65), 1).await, Err(IdError::Name(_))));
    let last = Plan { first: i64::MAX as u64 / 2, step: 1_000_000, block: 1 };
    ids.create_ticket("last", last).await.unwrap();
    assert!(ids.next_tickets("last", 1).await.is_ok());
}

/// A13: several processes count one ticket on one database.
#[tokio::test(flavor = "multi_thread")]
async fn processes_on_one_database_count_together() {
    let Some(db) = postgres("ids_tickets").await else { return };
    let clock = Clock::frozen(noon());
    let (one, other) = (open(&db, &clock).await, open(&db, &clock).await);
    let mut numbers = Vec::new();
    for _ in 0..20 {
        let (a, b) = tokio::join!(one.next_tickets("t", 1), other.next_tickets("t", 1));
        numbers.extend([a.unwrap().first, b.unwrap().first]);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
}
