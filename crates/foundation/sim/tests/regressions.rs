//! What the simulator found in kit, told step by step, so that it stays found whatever seeds draw.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kit::machine::Mistake;
use kit::sql::{Db, Durability, Migration, OpenOptions, SqlError};
use sim::disk::Failure;
use sim::machine::SimMachine;
use sim::scheduler::World;
use sim::seed::Seed;

const SCHEMA: &[Migration] = &[Migration {
    number: 1,
    name: "note",
    sql: "CREATE TABLE note (id BIGINT PRIMARY KEY);
          CREATE TABLE page (id BIGINT PRIMARY KEY, version BIGINT NOT NULL, body BLOB NOT NULL)",
}];

struct Bench {
    world: World,
    machine: Arc<SimMachine>,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let mut world = World::new(Seed(seed));
        let machine = world.add_machine();
        Self { world, machine }
    }

    /// Runs `task` to its end.
    fn run<T: Send + 'static>(&mut self, task: impl Future<Output = T> + Send + 'static) -> T {
        self.world.complete(&self.machine, task).unwrap()
    }

    fn open(&mut self) -> Db {
        self.open_at("/note.db")
    }

    fn open_at(&mut self, path: &str) -> Db {
        let options = OpenOptions {
            path: PathBuf::from(path),
            migrations: SCHEMA,
            durability: Durability::Flush,
        };
        self.run(async move {
            kit::machine::blocking(move || Db::open_sqlite(&options)).await.unwrap().unwrap()
        })
    }

    fn write(&mut self, db: &Db, id: i64) -> Result<(), SqlError> {
        let db = db.clone();
        self.run(async move {
            db.write(move |tx| tx.execute("INSERT INTO note VALUES (?1)", &[id.into()]).map(drop))
                .await
        })
    }

    fn blocking<T: Send + 'static>(&mut self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.run(async move { kit::machine::blocking(work).await.unwrap() })
    }

    fn settle(&mut self, db: &Db) -> Result<(), SqlError> {
        let store = db.embedded().unwrap();
        self.blocking(move || store.settle())
    }

    /// Ends the process, and with it, or not, the power.
    fn crash(&mut self, db: Db, power: bool) {
        drop(db);
        self.machine.sim_disk().kill();
        self.world.empty(&self.machine.clone());
        match power {
            true => self.machine.sim_disk().power_on(),
            false => self.machine.sim_disk().restart(),
        }
    }

    fn notes(&mut self, db: &Db) -> Vec<i64> {
        let (db, store) = (db.clone(), db.embedded().unwrap());
        self.blocking(move || store.check()).unwrap();
        let all = "SELECT id FROM note ORDER BY id";
        self.run(async move {
            db.read::<_, SqlError>(move |tx| tx.query(all, &[], |row| row.get(0))).await.unwrap()
        })
    }
}

/// The frames of a commit whose flush failed are in the log of the next process, and in no other
/// place: the system takes their pages for clean. Commits behind them were lost with them.
#[test]
fn a_commit_whose_flush_failed_takes_no_later_one_along() {
    for seed in 0..10 {
        for call in 1..=12 {
            let mut bench = Bench::new(seed);
            let db = bench.open();
            bench.write(&db, 1).unwrap();
            bench.machine.sim_disk().fail_call(call, Failure::Io);
            let second = bench.write(&db, 2);
            bench.crash(db, false);
            let db = bench.open();
            bench.write(&db, 3).unwrap();
            bench.crash(db, true);
            let db = bench.open();
            let notes = bench.notes(&db);
            assert!(notes.contains(&1) && notes.contains(&3), "{seed} {call} {notes:?}");
            assert!(second.is_err() || notes.contains(&2), "{seed} {call} {notes:?}");
        }
    }
}

/// A new main file took its place and the flush of its folder failed: the store was unavailable for
/// good: it knew its main file by the number of the old one.
#[test]
fn a_swap_that_fails_half_way_is_made_up_for() {
    let mut failed = 0;
    for call in 1..=40 {
        let mut bench = Bench::new(call);
        let db = bench.open();
        bench.write(&db, 1).unwrap();
        let store = db.embedded().unwrap();
        bench
            .blocking(move || {
                let held = store.hold();
                kit::disk::hard_link(held.main_file(), Path::new("/fork.db"))
            })
            .unwrap();
        bench.machine.sim_disk().fail_call(call, Failure::Io);
        failed += u32::from(bench.settle(&db).is_err());
        bench.machine.sim_disk().fail_call(0, Failure::Io);
        bench.write(&db, 2).unwrap();
        bench.settle(&db).unwrap();
        assert_eq!(bench.notes(&db), [1, 2], "call {call}");
        bench.write(&db, 3).unwrap();
        bench.crash(db, true);
        let db = bench.open();
        assert_eq!(bench.notes(&db), [1, 2, 3], "call {call}");
    }
    assert!(failed > 10, "{failed}");
}

/// A failing read ended the transaction, and the reader was told that its statement was refused.
#[test]
fn a_failing_read_is_told_as_one() {
    let mut told = 0;
    for call in 1..=40 {
        let mut bench = Bench::new(1);
        let db = bench.open();
        bench.write(&db, 1).unwrap();
        bench.settle(&db).unwrap();
        bench.crash(db, true);
        let db = bench.open();
        let reader = db.clone();
        bench.machine.sim_disk().fail_call(call, Failure::Io);
        let count = bench.run(async move {
            let count = "SELECT COUNT(*) FROM note";
            reader
                .read::<_, SqlError>(move |tx| tx.query(count, &[], |row| row.get::<i64>(0)))
                .await
        });
        match count {
            Ok(rows) => assert_eq!(rows, [1]),
            Err(SqlError::Io(..)) => told += 1,
            Err(other) => panic!("call {call}: {other}"),
        }
    }
    assert!(told > 0);
}

/// Writes a page each, in one transaction.
async fn write_pages(db: Db, ids: std::ops::Range<i64>, version: i64) {
    let body = vec![7_u8; 3_300];
    db.write::<_, SqlError>(move |tx| {
        for id in ids.clone() {
            tx.execute(
                "INSERT INTO page VALUES (?1, ?2, ?3)
                 ON CONFLICT (id) DO UPDATE SET version = excluded.version",
                &[id.into(), version.into(), body.as_slice().into()],
            )?;
        }
        Ok(())
    })
    .await
    .unwrap();
}

/// Whether a fork that is made while a checkpoint moves pages beside the writes keeps its pages.
fn fork_beside_a_checkpoint_is_whole(mistake: Option<Mistake>) -> bool {
    let mut bench = Bench::new(1);
    mistake.into_iter().for_each(|mistake| bench.machine.plant(mistake));
    let db = bench.open();
    bench.run(write_pages(db.clone(), 0..3_000, 1));
    bench.settle(&db).unwrap();
    // The writer moves what the pass before this one left.
    bench.run(kit::clock::pause(std::time::Duration::from_secs(1)));
    bench.write(&db, 1).unwrap();
    // Enough for a pass to begin, and still be under way when the next commit ends.
    bench.run(write_pages(db.clone(), 0..2_500, 2));
    bench.run(kit::clock::pause(std::time::Duration::from_millis(5)));
    let store = db.embedded().unwrap();
    bench.blocking(move || {
        let held = store.hold();
        kit::disk::hard_link(held.main_file(), Path::new("/fork.db")).unwrap();
        let (log, bytes) = held.log();
        kit::disk::copy_start(&log, Path::new("/fork.db-wal"), bytes).unwrap();
    });
    // More than a pass may leave, so another one follows: into a file that is now shared.
    bench.run(write_pages(db.clone(), 2_500..3_000, 3));
    bench.run(kit::clock::pause(std::time::Duration::from_secs(2)));
    let fork = bench.open_at("/fork.db");
    let newer = bench.run(async move {
        let newer = "SELECT COUNT(*) FROM page WHERE version = 3";
        fork.read::<_, SqlError>(move |tx| tx.query(newer, &[], |row| row.get::<i64>(0))).await
    });
    newer.is_ok_and(|rows| rows == [0])
}

#[test]
fn a_fork_waits_for_the_checkpoint_beside_the_writes() {
    assert!(fork_beside_a_checkpoint_is_whole(None));
    assert!(!fork_beside_a_checkpoint_is_whole(Some(Mistake::ForkBesideCheckpoint)));
}
