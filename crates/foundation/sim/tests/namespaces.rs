//! Namespaces that change: what is cut short leaves nothing behind, and a backup goes on beside it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kit::entropy::Entropy;
use kit::machine::Mistake;
use kit::namespace::{NamespaceError, NamespaceName, Namespaces, StateSettings};
use kit::sql::{Db, Durability, Migration, SqlError};
use kit::system::{Ctx, OpenError, Rooms, System};
use kit::telemetry::metrics::Metrics;
use parking_lot::Mutex;
use sim::machine::SimMachine;
use sim::scheduler::World;
use sim::seed::Seed;

struct Notes;

impl System for Notes {
    const NAME: &'static str = "notes";
    const MIGRATIONS: &'static [Migration] =
        &[Migration { number: 1, name: "notes", sql: "CREATE TABLE note (id BIGINT PRIMARY KEY)" }];
    type Instance = Db;

    fn open(&self, ctx: Ctx) -> Result<Arc<Db>, OpenError> {
        Ok(Arc::new(ctx.sql))
    }
}

fn name(text: &str) -> NamespaceName {
    text.parse().unwrap()
}

async fn add(namespaces: &Arc<Namespaces>, to: &str) {
    let db = Rooms::new(Arc::new(Notes), Arc::clone(namespaces)).open(&name(to)).await.unwrap();
    let insert = "INSERT INTO note SELECT COUNT(*) FROM note";
    db.write::<_, SqlError>(move |tx| tx.execute(insert, &[]).map(drop)).await.unwrap();
}

async fn count(namespaces: &Arc<Namespaces>, of: &str) -> i64 {
    let db = Rooms::new(Arc::new(Notes), Arc::clone(namespaces)).open(&name(of)).await.unwrap();
    let count = "SELECT COUNT(*) FROM note";
    let rows = db.read::<_, SqlError>(move |tx| tx.query(count, &[], |row| row.get(0)));
    rows.await.unwrap()[0]
}

fn open(data_dir: &str) -> Arc<Namespaces> {
    let settings = StateSettings {
        data_dir: PathBuf::from(data_dir),
        durability: Durability::Flush,
        sql_url: None,
        create_on_use: false,
    };
    Arc::new(Namespaces::open(settings, Entropy::machine(), Metrics::new()).unwrap())
}

fn hidden() -> usize {
    let entries = kit::disk::list(Path::new("/data/namespaces")).unwrap();
    let is_hidden = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with('.');
    entries.iter().filter(|entry| is_hidden(&entry.path)).count()
}

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

    /// Runs `task` to its end; none: the machine lost power before.
    fn run<T: Send + 'static>(
        &mut self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.world.complete(&self.machine, task)
    }
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Fork,
    Reset,
    Drop,
}

impl Change {
    async fn make(self, namespaces: &Namespaces) -> Result<(), NamespaceError> {
        match self {
            Self::Fork => namespaces.fork(&name("t"), &name("f")).await,
            Self::Reset => namespaces.reset(&name("t")).await,
            Self::Drop => namespaces.remove(&name("t")).await,
        }
    }
}

/// How many hidden directories a power loss before that call leaves, and the next start; none: the
/// change ends before it.
fn left_behind(change: Change, call: u64) -> Option<[usize; 2]> {
    let mut bench = Bench::new(call);
    let namespaces = bench.run(async { open("/data") }).unwrap();
    let at_work = Arc::clone(&namespaces);
    bench.run(async move {
        at_work.create(&name("t")).await.unwrap();
        add(&at_work, "t").await;
    });
    bench.machine.sim_disk().lose_power_before_call(call);
    let at_work = Arc::clone(&namespaces);
    let done = bench.run(async move { change.make(&at_work).await });
    if bench.machine.sim_disk().is_on() {
        done.unwrap().unwrap();
        return None;
    }
    bench.world.empty(&bench.machine.clone());
    drop(namespaces);
    bench.machine.sim_disk().power_on();
    let before = bench.run(async { hidden() }).unwrap();
    let namespaces = bench.run(async { open("/data") }).unwrap();
    bench.world.run(bench.world.now_us() + 1_000_000);
    let after = bench.run(async { hidden() }).unwrap();
    bench.run(async move {
        for found in namespaces.names().unwrap() {
            count(&namespaces, found.as_str()).await;
        }
    });
    Some([before, after])
}

/// Their files took their space for good.
#[test]
fn what_was_cut_short_is_removed_by_the_next_start() {
    for change in [Change::Fork, Change::Reset, Change::Drop] {
        let left: Vec<_> = (1..).map_while(|call| left_behind(change, call)).collect();
        let (with_any, calls) = (left.iter().filter(|[before, _]| *before > 0).count(), left.len());
        assert!(with_any > 1 && calls > 5, "{change:?}: {with_any} of {calls}");
        assert!(left.iter().all(|[_, after]| *after == 0), "{change:?}: {left:?}");
    }
}

/// A backup found a namespace in its list, or a file in its folder, that was gone a moment later.
#[test]
fn a_backup_goes_on_while_namespaces_are_reset_and_dropped() {
    let mut without_dropped = 0;
    let seeds = 30;
    for seed in 0..seeds {
        let mut bench = Bench::new(seed);
        let mut rng = Seed(seed).fork("test").rng();
        let [drop_after, reset_after] = [0, 1].map(|_| Duration::from_micros(rng.below(6_000)));
        let dropped = bench.run(async move {
            let namespaces = open("/data");
            for each in ["a", "b", "c"] {
                namespaces.create(&name(each)).await.unwrap();
                add(&namespaces, each).await;
            }
            let source = Arc::clone(&namespaces);
            let copied = kit::machine::blocking(move || source.snapshot_all(Path::new("/backup")));
            let changed = async {
                kit::clock::pause(drop_after).await;
                namespaces.remove(&name("b")).await.unwrap();
                kit::clock::pause(reset_after).await;
                namespaces.reset(&name("c")).await.unwrap();
            };
            let (copied, ()) = tokio::join!(copied, changed);
            copied.unwrap().unwrap();
            let backup = open("/backup");
            assert_eq!(count(&backup, "a").await, 1);
            assert!(count(&backup, "c").await <= 1);
            assert!(count(&backup, "default").await == 0);
            !backup.names().unwrap().contains(&name("b"))
        });
        without_dropped += u64::from(dropped.unwrap());
    }
    assert!((1..seeds).contains(&without_dropped), "{without_dropped}");
}

/// A folder that a process made, and did not flush before it ended, was taken by the next one for a
/// durable one: what that acknowledged was lost with the folder's name.
#[test]
fn what_is_acknowledged_after_an_opening_that_was_killed_survives_a_power_loss() {
    for at_us in (0..).step_by(40) {
        let mut bench = Bench::new(1);
        let namespaces = bench.run(async { open("/data") }).unwrap();
        let ended = Arc::new(Mutex::new(false));
        let (told, machine) = (Arc::clone(&ended), Arc::clone(&bench.machine));
        let first = Arc::clone(&namespaces);
        bench.world.spawn(&machine, async move {
            add(&first, "default").await;
            *told.lock() = true;
        });
        bench.world.run(bench.world.now_us() + at_us);
        if *ended.lock() {
            assert!(at_us > 1_000, "the opening was cut short here and there");
            return;
        }
        machine.sim_disk().kill();
        bench.world.empty(&machine);
        drop(namespaces);
        machine.sim_disk().restart();
        let kept = bench.run(async {
            let namespaces = open("/data");
            add(&namespaces, "default").await;
            count(&namespaces, "default").await
        });
        machine.sim_disk().kill();
        bench.world.empty(&machine);
        machine.sim_disk().power_on();
        let found = bench.run(async { count(&open("/data"), "default").await });
        assert_eq!(found, kept, "killed after {at_us} us");
    }
}

/// Kills the process in a commit, and has the next one read before the power goes. What was read
/// and what is there then; none: the commit ends before it is killed.
fn read_then_lost(at_us: u64, mistake: Option<Mistake>) -> Option<[i64; 2]> {
    // Another power loss each time.
    let mut bench = Bench::new(at_us);
    let machine = Arc::clone(&bench.machine);
    mistake.into_iter().for_each(|mistake| machine.plant(mistake));
    let namespaces = bench.run(async { open("/data") }).unwrap();
    let first = Arc::clone(&namespaces);
    bench.run(async move { add(&first, "default").await });
    let (ended, second) = (Arc::new(Mutex::new(false)), Arc::clone(&namespaces));
    let told = Arc::clone(&ended);
    bench.world.spawn(&machine, async move {
        add(&second, "default").await;
        *told.lock() = true;
    });
    bench.world.run(bench.world.now_us() + at_us);
    if *ended.lock() {
        return None;
    }
    machine.sim_disk().kill();
    bench.world.empty(&machine);
    drop(namespaces);
    machine.sim_disk().restart();
    let read = bench.run(async { count(&open("/data"), "default").await }).unwrap();
    machine.sim_disk().kill();
    bench.world.empty(&machine);
    machine.sim_disk().power_on();
    let found = bench.run(async { count(&open("/data"), "default").await }).unwrap();
    Some([read, found])
}

/// What another process left in the log is made durable before anybody reads it, and a process that
/// trusts the log is found.
#[test]
fn what_was_read_after_a_kill_survives_a_power_loss() {
    let walk = |mistake| -> Vec<[i64; 2]> {
        (0..).step_by(10).map_while(|at_us| read_then_lost(at_us, mistake)).collect()
    };
    let sound = walk(None);
    assert!(sound.contains(&[1, 1]) && sound.contains(&[2, 2]), "{sound:?}");
    assert!(sound.iter().all(|[read, found]| read == found), "{sound:?}");
    let trusting = walk(Some(Mistake::TrustLog));
    assert!(trusting.contains(&[2, 1]), "{trusting:?}");
}
