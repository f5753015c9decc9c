//! One suite, two engines: every behaviour here holds on SQLite and, when `BACKPLANE_TEST_POSTGRES`
//! names a server (`./test` starts one), on PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use kit::sql::bell;
use kit::sql::outbox::{self, Destination, Event, NewEvent};
use kit::sql::{Db, Durability, Migration, OpenOptions, SqlError};
use parking_lot::Mutex;

const SCHEMA: &[Migration] = &[
    Migration {
        number: 1,
        name: "accounts",
        sql: "CREATE TABLE account (
                  id BIGINT PRIMARY KEY, name TEXT NOT NULL, balance BIGINT NOT NULL)",
    },
    Migration {
        number: 2,
        name: "every portable type",
        sql:
            "ALTER TABLE account ADD COLUMN open BOOLEAN; ALTER TABLE account ADD COLUMN photo BLOB;
              ALTER TABLE account ADD COLUMN score DOUBLE",
    },
];

fn sqlite(dir: &tempfile::TempDir) -> Db {
    let path = dir.path().join("suite.db");
    let options = OpenOptions { path, migrations: SCHEMA, durability: Durability::Flush };
    Db::open_sqlite(&options).unwrap()
}

async fn postgres(schema: &'static str) -> Option<Db> {
    let url = std::env::var("BACKPLANE_TEST_POSTGRES").ok()?;
    let open = move || {
        let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        client.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).unwrap();
        Db::open_postgres(&url, schema.to_owned(), SCHEMA).unwrap()
    };
    Some(tokio::task::spawn_blocking(open).await.unwrap())
}

macro_rules! on_both_engines {
    ($($scenario:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                let dir = tempfile::tempdir().unwrap();
                super::$scenario(super::sqlite(&dir)).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                match super::postgres(concat!("suite_", stringify!($scenario))).await {
                    Some(db) => super::$scenario(db).await,
                    None => eprintln!("skipped: BACKPLANE_TEST_POSTGRES is not set"),
                }
            })*
        }
    };
}

on_both_engines!(
    every_type_comes_back,
    an_error_undoes_the_transaction,
    a_duplicate_is_told_apart,
    concurrent_transfers_keep_the_sum,
    the_outbox_keeps_order_and_delivers_again,
    a_panic_spoils_only_its_own_transaction,
    a_failure_among_many_is_undone_alone,
);

async fn open_account(db: &Db, id: i64, balance: i64) -> Result<(), SqlError> {
    db.write(move |tx| {
        tx.execute(
            "INSERT INTO account (id, name, balance) VALUES (?1, ?2, ?3)",
            &[id.into(), "someone".into(), balance.into()],
        )
        .map(drop)
    })
    .await
}

async fn balances(db: &Db) -> Vec<i64> {
    let read = |tx: &mut kit::sql::Tx<'_>| {
        tx.query("SELECT balance FROM account ORDER BY id", &[], |row| row.get(0))
    };
    db.read::<_, SqlError>(read).await.unwrap()
}

async fn every_type_comes_back(db: Db) {
    db.write(|tx| {
        tx.execute(
            "INSERT INTO account (id, name, balance, open, photo, score)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[
                i64::MIN.into(),
                "Zoë \u{1F980}".into(),
                i64::MAX.into(),
                true.into(),
                (&[0_u8, 255, 7]).into(),
                1.5.into(),
            ],
        )?;
        tx.execute(
            "INSERT INTO account (id, name, balance, photo) VALUES (?1, ?2, ?3, ?4)",
            &[2.into(), "".into(), 0.into(), kit::sql::Value::Null],
        )
    })
    .await
    .unwrap_or_else(|error: SqlError| panic!("{error}"));
    type Account = (String, i64, Option<bool>, Option<Vec<u8>>, Option<f64>);
    let rows: Vec<Account> = db
        .read(|tx| {
            tx.query(
                "SELECT name, balance, open, photo, score FROM account ORDER BY id",
                &[],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
            )
        })
        .await
        .unwrap_or_else(|error: SqlError| panic!("{error}"));
    let full = ("Zoë \u{1F980}".to_owned(), i64::MAX, Some(true), Some(vec![0, 255, 7]), Some(1.5));
    assert_eq!(rows, [full, (String::new(), 0, None, None, None)]);
}

async fn an_error_undoes_the_transaction(db: Db) {
    open_account(&db, 1, 10).await.unwrap();
    let refused: Result<(), SqlError> = db
        .write(|tx| {
            tx.execute("UPDATE account SET balance = 0", &[])?;
            Err(SqlError::Invalid("changed my mind".to_owned()))
        })
        .await;
    assert!(matches!(refused, Err(SqlError::Invalid(_))));
    assert_eq!(balances(&db).await, [10]);
}

async fn a_duplicate_is_told_apart(db: Db) {
    open_account(&db, 1, 10).await.unwrap();
    assert!(matches!(open_account(&db, 1, 11).await, Err(SqlError::Duplicate(_))));
    assert_eq!(balances(&db).await, [10]);
}

async fn concurrent_transfers_keep_the_sum(db: Db) {
    for id in 0..4 {
        open_account(&db, id, 1_000).await.unwrap();
    }
    let runs = Arc::new(AtomicU32::new(0));
    let transfers = (0..200_i64).map(|n| {
        let (db, runs) = (db.clone(), Arc::clone(&runs));
        tokio::spawn(async move {
            db.write::<_, SqlError>(move |tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                let (from, to) = (n % 4, (n + 1) % 4);
                let of = "SELECT balance FROM account WHERE id = ?1";
                let there: i64 = tx.find(of, &[from.into()], |row| row.get(0))?.unwrap();
                let set = "UPDATE account SET balance = balance + ?2 WHERE id = ?1";
                tx.execute(set, &[from.into(), (-there / 10).into()])?;
                tx.execute(set, &[to.into(), (there / 10).into()])
            })
            .await
        })
    });
    let mut contended = 0;
    for transfer in transfers.collect::<Vec<_>>() {
        match transfer.await.unwrap() {
            Ok(_) => {}
            Err(SqlError::Contended(_)) => contended += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(balances(&db).await.iter().sum::<i64>(), 4_000);
    assert!(runs.load(Ordering::Relaxed) >= 200);
    assert!(contended < 200, "some transfers must get through");
}

#[derive(Default)]
struct Received {
    events: Mutex<Vec<Event>>,
    down: Mutex<bool>,
}

impl Destination for Received {
    async fn deliver(&self, events: Vec<Event>) -> Result<(), String> {
        if *self.down.lock() {
            return Err("the queue is down".to_owned());
        }
        self.events.lock().extend(events);
        Ok(())
    }
}

async fn the_outbox_keeps_order_and_delivers_again(db: Db) {
    let now = kit::clock::Timestamp::from_micros(5);
    for number in 0..3_u8 {
        db.write(move |tx| {
            let body = [number];
            let event = NewEvent { topic: "t", key: "k", body: &body, created_at: now };
            outbox::insert(tx, &event)
        })
        .await
        .unwrap();
    }
    let received = Received::default();
    *received.down.lock() = true;
    assert!(matches!(outbox::relay_once(&db, &received).await, Err(SqlError::Unavailable(_))));
    *received.down.lock() = false;
    assert_eq!(outbox::relay_once(&db, &received).await.unwrap(), 3);
    assert_eq!(outbox::relay_once(&db, &received).await.unwrap(), 0);
    let events = received.events.lock();
    let ids: Vec<_> = events.iter().map(|event| (event.id, event.body.clone())).collect();
    assert_eq!(ids, [(1, vec![0]), (2, vec![1]), (3, vec![2])]);
}

async fn a_panic_spoils_only_its_own_transaction(db: Db) {
    open_account(&db, 1, 10).await.unwrap();
    let broken: Result<(), SqlError> = db.write(|_| panic!("a bug")).await;
    assert!(matches!(broken, Err(SqlError::Invalid(_))));
    open_account(&db, 2, 20).await.unwrap();
    assert_eq!(balances(&db).await, [10, 20]);
}

/// Transactions that change rows and then fail share a commit with others that must not notice.
async fn a_failure_among_many_is_undone_alone(db: Db) {
    let writes = (0..200_i64).map(|id| {
        let db = db.clone();
        tokio::spawn(async move {
            db.write::<_, SqlError>(move |tx| {
                tx.execute(
                    "INSERT INTO account (id, name, balance) VALUES (?1, ?2, ?3)",
                    &[id.into(), "someone".into(), id.into()],
                )?;
                match id % 3 {
                    0 => Err(SqlError::Invalid("changed my mind".to_owned())),
                    _ => Ok(()),
                }
            })
            .await
        })
    });
    for (id, write) in (0..).zip(writes.collect::<Vec<_>>()) {
        assert_eq!(write.await.unwrap().is_ok(), id % 3 != 0, "{id}");
    }
    assert_eq!(balances(&db).await, (0..200).filter(|id| id % 3 != 0).collect::<Vec<_>>());
}

/// The heart of a fork: link the main file, copy the used part of the log.
fn fork(from: &kit::sql::sqlite::Sqlite, to: &std::path::Path) {
    let held = from.hold();
    std::fs::hard_link(held.main_file(), to).unwrap();
    let (log, bytes) = held.log();
    let log = std::fs::read(log).unwrap_or_default();
    let bytes = usize::try_from(bytes).unwrap().min(log.len());
    std::fs::write(to.with_extension("db-wal"), &log[..bytes]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_and_its_parent_go_separate_ways() {
    let dir = tempfile::tempdir().unwrap();
    let parent = sqlite(&dir);
    open_account(&parent, 1, 10).await.unwrap();
    let store = parent.embedded().unwrap();
    store.settle().unwrap();
    open_account(&parent, 2, 20).await.unwrap();
    let path = dir.path().join("fork.db");
    fork(&store, &path);
    let options = OpenOptions { path, migrations: SCHEMA, durability: Durability::Flush };
    let child = Db::open_sqlite(&options).unwrap();
    open_account(&parent, 3, 30).await.unwrap();
    open_account(&child, 4, 40).await.unwrap();
    assert_eq!(balances(&parent).await, [10, 20, 30]);
    assert_eq!(balances(&child).await, [10, 20, 40]);
    // Both move their logs into main files of their own: more pages than a checkpoint waits for.
    for id in 100..1_300 {
        let (one, other) = tokio::join!(open_account(&parent, id, 1), open_account(&child, id, 2));
        one.and(other).unwrap();
    }
    store.settle().unwrap();
    child.embedded().unwrap().settle().unwrap();
    assert_eq!(balances(&parent).await[..3], [10, 20, 30]);
    assert_eq!(balances(&child).await[..3], [10, 20, 40]);
    assert_eq!(balances(&parent).await.len(), 1_203);
    assert_eq!(balances(&child).await[3..], [2; 1_200]);
    store.check().unwrap();
    child.embedded().unwrap().check().unwrap();
}

/// A main file that a fork shares must not change, however many checkpoints are due: each fork has
/// what was acknowledged before it, in order and without a gap, and stays so while the parent goes
/// on.
#[tokio::test(flavor = "multi_thread")]
async fn forks_amid_checkpoints_are_whole_and_stay_so() {
    const WRITERS: i64 = 16;
    const FORKS: usize = 12;
    let dir = tempfile::tempdir().unwrap();
    let parent = sqlite(&dir);
    let store = parent.embedded().unwrap();
    let acknowledged = Arc::new(AtomicI64::new(0));
    let ended = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (parent, acknowledged) = (parent.clone(), Arc::clone(&acknowledged));
            let ended = Arc::clone(&ended);
            tokio::spawn(async move {
                // Scattered keys: each commit dirties pages all over the file.
                for number in 0_i64.. {
                    if ended.load(Ordering::Relaxed) {
                        return number;
                    }
                    let id = (writer * 1_000_000 + number).wrapping_mul(0x5851_F42D_4C95_7F2D);
                    open_large_account(&parent, id, writer, number).await.unwrap();
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                0
            })
        })
        .collect();
    let mut forks = Vec::new();
    for number in 0..FORKS {
        // A log is due to be moved after a few hundred of these, so forks meet every state of it.
        let due = acknowledged.load(Ordering::Relaxed) + 400;
        while acknowledged.load(Ordering::Relaxed) < due {
            tokio::task::yield_now().await;
        }
        let path = dir.path().join(format!("fork-{number}.db"));
        let before = acknowledged.load(Ordering::Relaxed);
        fork(&store, &path);
        let options = OpenOptions { path, migrations: SCHEMA, durability: Durability::Flush };
        let child = Db::open_sqlite(&options).unwrap();
        let seen = numbers_by_writer(&child).await;
        assert!(seen.iter().map(|numbers| numbers.len() as i64).sum::<i64>() >= before);
        forks.push((child, seen));
    }
    ended.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    for writer in writers {
        written.push(writer.await.unwrap());
    }
    store.settle().unwrap();
    for (child, seen) in &forks {
        assert_eq!(&numbers_by_writer(child).await, seen);
        child.embedded().unwrap().check().unwrap();
        for numbers in seen {
            assert!(numbers.iter().copied().eq(0..numbers.len() as i64), "a gap");
        }
    }
    store.check().unwrap();
    drop(store);
    drop(parent);
    let reopened = numbers_by_writer(&sqlite(&dir)).await;
    assert_eq!(reopened.iter().map(|numbers| numbers.len() as i64).collect::<Vec<_>>(), written);
}

async fn open_large_account(db: &Db, id: i64, writer: i64, number: i64) -> Result<(), SqlError> {
    let name = format!("{writer:03}{}", "x".repeat(1_500));
    db.write(move |tx| {
        let values = [id.into(), name.as_str().into(), number.into()];
        tx.execute("INSERT INTO account (id, name, balance) VALUES (?1, ?2, ?3)", &values).map(drop)
    })
    .await
}

/// What each writer of [`open_large_account`] wrote, in ascending order.
async fn numbers_by_writer(db: &Db) -> Vec<Vec<i64>> {
    let sql = "SELECT substr(name, 1, 3), balance FROM account ORDER BY balance";
    let rows: Vec<(String, i64)> = db
        .read::<_, SqlError>(move |tx| tx.query(sql, &[], |row| Ok((row.get(0)?, row.get(1)?))))
        .await
        .unwrap();
    let mut numbers = vec![Vec::new(); 16];
    for (writer, number) in rows {
        numbers[writer.parse::<usize>().unwrap()].push(number);
    }
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir);
    open_account(&db, 1, 10).await.unwrap();
    drop(db);
    assert_eq!(balances(&sqlite(&dir)).await, [10]);
}

/// A checkpoint writes the first page, which holds the size, before the last one. `kill -9` between
/// the two is no damage, as long as the log is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_cut_short_is_finished_by_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir);
    let store = db.embedded().unwrap();
    store.settle().unwrap();
    let short = std::fs::metadata(store.path()).unwrap().len();
    for id in 0..400 {
        open_account(&db, id, id).await.unwrap();
    }
    let log = std::fs::read(dir.path().join("suite.db-wal")).unwrap();
    store.settle().unwrap();
    let main = std::fs::read(store.path()).unwrap();
    assert!(main.len() as u64 > short);
    let cut_short = tempfile::tempdir().unwrap();
    let path = cut_short.path().join("suite.db");
    let kept = usize::try_from(short).unwrap();
    std::fs::write(&path, &main[..kept]).unwrap();
    let refused = Db::open_sqlite(&OpenOptions {
        path: path.clone(),
        migrations: SCHEMA,
        durability: Durability::Flush,
    });
    assert!(matches!(refused.err(), Some(SqlError::Corrupt(..))), "nothing has the other pages");
    std::fs::write(&path, &main[..kept]).unwrap();
    std::fs::write(cut_short.path().join("suite.db-wal"), log).unwrap();
    let recovered = sqlite(&cut_short);
    assert_eq!(balances(&recovered).await, (0..400).collect::<Vec<_>>());
    recovered.embedded().unwrap().check().unwrap();
}

#[tokio::test]
async fn a_damaged_or_newer_file_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("suite.db");
    let options =
        |migrations| OpenOptions { path: path.clone(), migrations, durability: Durability::Flush };
    drop(Db::open_sqlite(&options(SCHEMA)).unwrap());
    let newer = Db::open_sqlite(&options(&SCHEMA[..1])).err().unwrap().to_string();
    assert!(newer.contains("suite.db is at schema 2, newer than the 1 known here"), "{newer}");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 4_096]).unwrap();
    let torn = Db::open_sqlite(&options(SCHEMA)).err().unwrap();
    assert!(matches!(&torn, SqlError::Corrupt(store, _) if store.ends_with("suite.db")), "{torn}");
    // Byte 47 is the schema format, 1 to 4.
    let mut unknown = whole.clone();
    unknown[47] = 55;
    std::fs::write(&path, &unknown).unwrap();
    let unknown = Db::open_sqlite(&options(SCHEMA)).err().unwrap();
    assert!(matches!(&unknown, SqlError::Corrupt(store, _) if store.ends_with("suite.db")));
    std::fs::write(&path, b"not a database, whatever its name says").unwrap();
    let foreign = Db::open_sqlite(&options(SCHEMA)).err().unwrap();
    assert!(matches!(foreign, SqlError::Corrupt(..)), "{foreign}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bell_wakes_those_of_its_own_database() {
    let Some(db) = postgres("suite_bell").await else { return };
    let other = postgres("suite_bell_other").await.unwrap();
    let (first, second, elsewhere) =
        (db.bell().unwrap(), db.bell().unwrap(), other.bell().unwrap());
    let ring = |tx: &mut kit::sql::Tx<'_>| bell::ring(tx);
    let both = async { tokio::join!(first.rung(), second.rung()) };
    // Once: for what was rung before the session listened.
    both.await;
    elsewhere.rung().await;
    db.read::<_, SqlError>(ring).await.unwrap();
    tokio::join!(first.rung(), second.rung());
    let quiet = tokio::time::timeout(Duration::from_millis(100), elsewhere.rung()).await;
    assert!(quiet.is_err());
}
