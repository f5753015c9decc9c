//! What is simulated now: kit's SQL store, its namespaces with their forks, and its outbox, each
//! under a plan of faults.

mod book;
mod deed;
mod estate;
pub mod exhaustive;
mod ledger;
mod outcome;
pub mod planted;
mod register;
mod service;
mod steward;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::str::FromStr;
use std::sync::Arc;

use kit::invariant::{FAULTS_ARE_NAMED, Violation};
use kit::sql::Durability;
use parking_lot::Mutex;

use crate::machine::SimMachine;
use crate::plan::{Fault, Model, Plan, Timed};
use crate::scheduler::{Stopped, World};
use crate::seed::Seed;
use crate::trace::{Trace, What};
use book::{Book, Faults};
use planted::Planted;
use service::{Load, Service};

/// How long after a fault clients may still hear of it, in microseconds.
const ECHO_US: u64 = 3_000_000;
/// A call that was to fail and was never made is let off after this long.
const LET_OFF_US: u64 = 1_500_000;
/// Simulated time that the end of a run may take.
const END_US: u64 = 120_000_000;
/// How often it is looked for.
const END_STEP_US: u64 = 20_000;

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Clients of one database.
    Sql,
    /// And namespaces forked while they write.
    Forks,
    /// And events that a relay takes to a queue.
    Outbox,
    /// And namespaces of two stores each that are reset, dropped and backed up.
    Estates,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sql, Self::Forks, Self::Outbox, Self::Estates];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Forks => "forks",
            Self::Outbox => "outbox",
            Self::Estates => "estates",
        }
    }

    fn model(self) -> Model {
        Model::ALL
    }

    fn load(self, plan: &Plan) -> Load {
        Load {
            pace: plan.pace,
            forks: self == Self::Forks,
            events: self == Self::Outbox,
            estates: self == Self::Estates,
        }
    }

    /// What goes wrong in the run of a seed.
    pub fn plan(self, seed: Seed) -> Plan {
        Plan::draw(seed, self.model())
    }

    /// Runs a seed with `plan`, which need not be all of the seed's own.
    pub fn run(self, seed: Seed, plan: &Plan, planted: Option<&Planted>) -> Outcome {
        Stage::new(self, seed, plan, planted).run(plan)
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|scenario| scenario.name() == name);
        known.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|scenario| scenario.name()).collect();
            format!("there is no scenario `{name}`; take one of {}", names.join(", "))
        })
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What happened.
    pub trace: Trace,
    /// How long it lasted, in microseconds of simulated time.
    pub simulated_us: u64,
    /// The first promise that was broken.
    pub violation: Option<Violation>,
    /// Figures of what was covered.
    pub counts: Counts,
}

/// What a run covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Transactions acknowledged.
    pub acknowledged: u64,
    /// Transactions refused, by a fault.
    pub refused: u64,
    /// Operations on rows that the judge of linearizability saw.
    pub judged: u64,
    /// Contents read and judged.
    pub checked: u64,
    /// Forks made.
    pub forks: u64,
    /// Namespaces found in backups.
    pub backups: u64,
    /// Crashes recovered from.
    pub crashes: u64,
    /// Calls to the disk until the end began.
    pub calls: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.checked += other.checked;
        self.judged += other.judged;
        self.forks += other.forks;
        self.backups += other.backups;
        self.crashes += other.crashes;
        self.calls += other.calls;
    }
}

/// What is to be done at a moment of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cue {
    Fault(usize),
    LetOff,
    SpaceBack,
    EchoOver,
}

struct Stage {
    world: World,
    machine: Arc<SimMachine>,
    book: Arc<Mutex<Book>>,
    service: Service,
    seed: Seed,
    cues: BinaryHeap<Reverse<(u64, Cue)>>,
    /// Until when a disk may fail or clients may hear of it.
    echo_until_us: u64,
    boots: u64,
    calls: u64,
}

impl Stage {
    fn new(scenario: Scenario, seed: Seed, plan: &Plan, planted: Option<&Planted>) -> Self {
        let mut world = World::new(seed);
        let machine = world.add_machine();
        machine.sim_disk().set_slowness(plan.pace.slowness);
        let book: Arc<Mutex<Book>> = Arc::default();
        let mut durability = Durability::Flush;
        if let Some(planted) = planted {
            planted.plant(&machine, &mut durability);
        }
        let load = scenario.load(plan);
        let service = Service::new(&machine, &book, durability, load, seed.fork("boot"));
        let faults = plan.faults.iter().enumerate();
        let cues = faults.map(|(at, timed)| Reverse((timed.at_us, Cue::Fault(at)))).collect();
        Self { world, machine, book, service, seed, cues, echo_until_us: 0, boots: 0, calls: 0 }
    }

    fn run(mut self, plan: &Plan) -> Outcome {
        // Before the first boot, which is a part of the run as any other.
        self.give_cues(0, &plan.faults);
        self.boot();
        while let Some(at_us) = self.next_cue(plan.length_us) {
            match self.world.run(at_us) {
                Stopped::Off(_) => self.recover_from_power_loss(),
                Stopped::Time | Stopped::Idle => self.give_cues(at_us, &plan.faults),
            }
            if self.is_broken() {
                break;
            }
        }
        self.calls = self.machine.sim_disk().calls();
        if !self.is_broken() {
            self.end();
        }
        self.outcome()
    }

    fn is_broken(&self) -> bool {
        self.book.lock().violation.is_some() || !self.world.panics().is_empty()
    }

    /// When to stop next: at a cue, else at the end.
    fn next_cue(&self, length_us: u64) -> Option<u64> {
        if self.world.now_us() >= length_us {
            return None;
        }
        let cue_us = self.cues.peek().map_or(length_us, |Reverse((at_us, _))| *at_us);
        Some(cue_us.clamp(self.world.now_us(), length_us))
    }

    fn give_cues(&mut self, now_us: u64, faults: &[Timed]) {
        while let Some(Reverse((at_us, cue))) = self.cues.peek().copied() {
            if at_us > now_us {
                break;
            }
            self.cues.pop();
            let disk = self.machine.sim_disk();
            match cue {
                Cue::Fault(number) => self.begin(faults[number].fault),
                Cue::LetOff => disk.fail_call(0, crate::disk::Failure::Io),
                Cue::SpaceBack => disk.set_capacity(None),
                Cue::EchoOver if self.echo_until_us <= now_us => {
                    self.book.lock().faults = Faults::default();
                }
                Cue::EchoOver => {}
            }
        }
    }

    fn begin(&mut self, fault: Fault) {
        let now_us = self.world.now_us();
        let disk = self.machine.sim_disk().clone();
        match fault {
            Fault::PowerLoss { call } => disk.lose_power_before_call(call),
            Fault::Kill => {
                disk.kill();
                self.world.empty(&self.machine.clone());
                disk.restart();
                self.boot();
            }
            Fault::FailedCall { call, failure } => {
                disk.fail_call(call, failure);
                self.cues.push(Reverse((now_us + LET_OFF_US, Cue::LetOff)));
                let full = failure == crate::disk::Failure::Full;
                self.expect_refusals(LET_OFF_US, Faults { full, failing: true });
            }
            Fault::FullDisk { room, for_us } => {
                disk.set_capacity(Some(disk.used() + room));
                self.cues.push(Reverse((now_us + for_us, Cue::SpaceBack)));
                self.expect_refusals(for_us, Faults { full: true, failing: false });
            }
            Fault::Pause { for_us } => self.world.pause(&self.machine.clone(), for_us),
            Fault::ClockStep { by_us } => {
                self.machine.clock().lock().step(by_us);
                self.machine.note(What::ClockStep, by_us.unsigned_abs(), u64::from(by_us < 0));
            }
        }
    }

    fn expect_refusals(&mut self, for_us: u64, faults: Faults) {
        let until_us = self.world.now_us() + for_us + ECHO_US;
        self.echo_until_us = self.echo_until_us.max(until_us);
        self.cues.push(Reverse((until_us, Cue::EchoOver)));
        let mut book = self.book.lock();
        book.faults.full |= faults.full;
        book.faults.failing |= faults.failing;
    }

    fn recover_from_power_loss(&mut self) {
        self.world.empty(&self.machine.clone());
        self.machine.sim_disk().power_on();
        self.boot();
    }

    fn next_service(&mut self) -> Service {
        self.boots += 1;
        self.book.lock().forks_cut_short();
        let seed = self.seed.fork("boot").numbered(self.boots);
        let Service { machine, book, durability, load, .. } = &self.service;
        Service::new(machine, book, *durability, *load, seed)
    }

    fn boot(&mut self) {
        let service = self.next_service();
        self.world.spawn(&self.machine, service.run());
    }

    /// The faults end, the power goes once more, and everything must be there.
    fn end(&mut self) {
        let disk = self.machine.sim_disk().clone();
        disk.set_capacity(None);
        disk.kill();
        self.world.empty(&self.machine.clone());
        disk.power_on();
        self.book.lock().faults = Faults::default();
        let service = self.next_service();
        let ended = Arc::new(Mutex::new(false));
        let place = Arc::clone(&ended);
        self.service = service.clone();
        self.world.spawn(&self.machine, async move {
            *place.lock() = service.run_to_the_end().await;
        });
        let until_us = self.world.now_us() + END_US;
        while !*ended.lock() && self.world.now_us() < until_us && !self.is_broken() {
            let _ = self.world.run(self.world.now_us() + END_STEP_US);
        }
        if !*ended.lock() {
            self.book.lock().fail(service::unfinished("the last recovery did not end"));
        }
        outcome::rows_were_linearizable(&mut self.book.lock());
    }

    fn outcome(self) -> Outcome {
        let panic = self.world.panics().first();
        let panicked = panic.map(|text| FAULTS_ARE_NAMED.broken_by(format!("a panic: {text}")));
        let book = self.book.lock();
        let counts = Counts {
            acknowledged: book.acknowledged,
            refused: book.refused,
            checked: book.checked,
            judged: book.history.len() as u64,
            forks: book.forks,
            backups: book.backups,
            crashes: self.boots.saturating_sub(1),
            calls: self.calls,
        };
        Outcome {
            trace: self.world.trace(),
            simulated_us: self.world.now_us(),
            violation: panicked.or_else(|| book.violation.clone()),
            counts,
        }
    }
}
