//! The machines of one run, and what goes wrong with them.

use std::sync::Arc;

use ids::generator::Run;
use ids::layout::{Layout, TWITTER_EPOCH_MS, Widths, Worker};
use ids::registry::{self, WorkerRow};
use kit::clock::Clock;
use kit::sql::{Durability, SqlError};
use parking_lot::Mutex;
use sim::clock::NodeClock;
use sim::disk::Failure;
use sim::machine::SimMachine;
use sim::scheduler::{Stopped, World};
use sim::seed::{Rng, Seed};

use super::node::{Mistake, Node};
use super::store::{self, Door, Line};
use super::tally::{Counts, Tally};

const LENGTH_US: u64 = 60_000_000;
const SECOND_US: u64 = 1_000_000;

/// How a run ended.
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    pub(crate) runs: Vec<Run>,
    /// An id that was made twice.
    pub(crate) twice: Option<u64>,
    /// An id of a millisecond that no row in the store covers after a power loss.
    pub(crate) past_its_mark: Option<u64>,
}

struct Stage {
    world: World,
    seed: Seed,
    rng: Rng,
    layout: Layout,
    store: Arc<SimMachine>,
    nodes: Vec<Arc<SimMachine>>,
    door: Door,
    tally: Arc<Mutex<Tally>>,
    mistake: Option<Mistake>,
}

/// One run, of several leases: often more nodes than workers.
pub(crate) fn run(seed: u64, mistake: Option<Mistake>) -> Outcome {
    let mut stage = Stage::new(Seed(seed), mistake);
    stage.boot_store();
    (0..stage.nodes.len()).for_each(|node| stage.boot_node(node));
    while stage.world.now_us() < LENGTH_US {
        let until_us = stage.world.now_us() + stage.rng.below(SECOND_US);
        while let Stopped::Off(_) = stage.world.run(until_us) {
            stage.restart_store(true);
        }
        stage.break_something();
    }
    stage.end()
}

impl Stage {
    fn new(seed: Seed, mistake: Option<Mistake>) -> Self {
        let mut world = World::new(seed);
        let mut rng = seed.fork("stage").rng();
        let machine = rng.within(1..=2) as u32;
        let widths = Widths { timestamp: 51 - machine, datacenter: 0, machine, sequence: 12 };
        let store = world.add_machine();
        let nodes: Vec<_> = (0..rng.within(3..=5)).map(|_| world.add_machine()).collect();
        for node in &nodes {
            let skew_us = signed(&mut rng, 2 * SECOND_US);
            *node.clock().lock() = NodeClock { skew_us, drift_ppm: signed(&mut rng, 500) };
        }
        let layout = Layout::new(TWITTER_EPOCH_MS, widths).unwrap();
        let (door, tally) = (Door::default(), Arc::default());
        Self { world, seed, rng, layout, store, nodes, door, tally, mistake }
    }

    fn boot_store(&mut self) {
        let flushes = self.mistake != Some(Mistake::StoreWithoutFlush);
        let durability = if flushes { Durability::Flush } else { Durability::Buffered };
        *self.door.lock() = None;
        self.tally.lock().counts.boots += 1;
        let (machine, door) = (Arc::clone(&self.store), Arc::clone(&self.door));
        self.world.spawn(&self.store, store::serve(machine, door, durability));
    }

    fn restart_store(&mut self, by_power_loss: bool) {
        let machine = Arc::clone(&self.store);
        machine.sim_disk().kill();
        self.world.empty(&machine);
        match by_power_loss {
            true => machine.sim_disk().power_on(),
            false => machine.sim_disk().restart(),
        }
        self.boot_store();
    }

    fn boot_node(&mut self, number: usize) {
        let seed = self.seed.fork("node").numbered(self.rng.bits());
        let workers = self.layout.workers();
        let machine = self.rng.below(workers) as u32;
        let node = Node {
            layout: self.layout,
            clock: Clock::system(),
            line: Line { door: Arc::clone(&self.door), rng: seed.fork("line").rng() },
            rng: seed.rng(),
            wanted: self.rng.chance(1, 3).then_some(Worker { datacenter: 0, machine }),
            tally: Arc::clone(&self.tally),
            mistake: self.mistake,
        };
        self.world.spawn(&self.nodes[number], node.run());
    }

    fn break_something(&mut self) {
        let number = self.rng.below(self.nodes.len() as u64) as usize;
        let node = Arc::clone(&self.nodes[number]);
        let span_us = self.rng.below(3 * SECOND_US);
        match self.rng.below(16) {
            0..=2 => self.world.pause(&node, span_us),
            // Longer than a lease.
            3 => self.world.pause(&node, 3 * SECOND_US + span_us),
            4..=6 => self.set_clock(&node, 3 * SECOND_US),
            7 => {
                // Leases of a clock that is an hour ahead outlast the run.
                let is_far = self.rng.chance(1, 12);
                self.set_clock(&node, if is_far { 3_600 * SECOND_US } else { 15 * SECOND_US });
            }
            8..=11 => {
                self.restart_node(number);
                if self.rng.chance(1, 2) {
                    // Its clock is earlier than that of the process before it.
                    node.clock().lock().step(-(span_us as i64));
                }
            }
            12 => self.restart_store(false),
            13 => self.store.sim_disk().lose_power_before_call(self.rng.within(1..=30)),
            14 => self.store.sim_disk().fail_call(self.rng.within(1..=30), Failure::Io),
            _ => self.world.pause(&self.store.clone(), span_us),
        }
    }

    fn set_clock(&mut self, node: &SimMachine, bound_us: u64) {
        let by_us = signed(&mut self.rng, bound_us);
        let mut clock = node.clock().lock();
        // Time servers set it right again before long.
        if clock.skew_us.unsigned_abs() > 10 * SECOND_US {
            clock.skew_us = 0;
        }
        clock.step(by_us);
    }

    /// The process of a node ends where it is.
    fn end_node(&mut self, number: usize) {
        let node = Arc::clone(&self.nodes[number]);
        node.sim_disk().kill();
        self.world.empty(&node);
        node.sim_disk().restart();
    }

    /// The next process knows nothing.
    fn restart_node(&mut self, number: usize) {
        self.end_node(number);
        self.tally.lock().counts.restarts += 1;
        self.boot_node(number);
    }

    /// What the store has kept after a last power loss is judged too.
    fn end(mut self) -> Outcome {
        (0..self.nodes.len()).for_each(|node| self.end_node(node));
        self.restart_store(true);
        let found = Arc::new(Mutex::new(None));
        let place = Arc::clone(&found);
        let mut line = Line { door: Arc::clone(&self.door), rng: self.seed.fork("end").rng() };
        self.world.spawn(&self.nodes[0], async move {
            while place.lock().is_none() {
                let judged = line.call::<_, SqlError>(registry::workers).await;
                *place.lock() = judged.and_then(Result::ok);
                kit::clock::pause(std::time::Duration::from_millis(100)).await;
            }
        });
        while found.lock().is_none() {
            self.world.run(self.world.now_us() + SECOND_US / 10);
        }
        assert!(self.world.panics().is_empty(), "{:?}", self.world.panics());
        let rows: Vec<WorkerRow> = found.lock().take().unwrap();
        let mut tally = self.tally.lock();
        let twice = tally.twice();
        let runs = std::mem::take(&mut tally.runs);
        let is_covered = |run: &&Run| {
            let made = self.layout.decode(run.first);
            let row = rows.iter().find(|row| row.worker == made.worker);
            row.is_some_and(|row| made.time_ms <= row.issued_until_ms)
        };
        let past_its_mark = runs.iter().find(|run| !is_covered(run)).map(|run| run.first);
        Outcome { counts: tally.counts.clone(), runs, twice, past_its_mark }
    }
}

/// From `-bound` to `bound`.
fn signed(rng: &mut Rng, bound: u64) -> i64 {
    rng.within(0..=2 * bound) as i64 - bound as i64
}
