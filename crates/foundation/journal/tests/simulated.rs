//! A journal on a simulated machine that loses power, fails and fills up: every call of a short run
//! in turn, and seeds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use journal::{Flush, Journal, JournalError, Options};
use kit::entropy::Entropy;
use parking_lot::Mutex;
use sim::disk::{Failure, Lie};
use sim::machine::SimMachine;
use sim::scheduler::{Stopped, World};
use sim::seed::{Rng, Seed};

const FOLDER: &str = "/journal";
/// Payloads are long enough to go over several segments in a short run.
const PAYLOAD_BYTES_MAX: u64 = 24 << 10;

/// What must be there, by sequence, as far as anyone was told.
#[derive(Default)]
struct Book {
    /// Appended in this boot, told or not.
    sent: BTreeMap<u64, Vec<u8>>,
    /// What the last recovery gave: it is durable and stays.
    recovered: BTreeMap<u64, Vec<u8>>,
    /// Behind the last record that any recovery gave.
    recovered_end: u64,
    /// Records before this were acknowledged.
    acknowledged: u64,
    /// Records before this were released.
    released: u64,
    boots: u64,
    broken: Option<String>,
    is_done: bool,
}

impl Book {
    fn breaks(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }

    fn acknowledge(&mut self, sequence: u64) -> u64 {
        self.acknowledged = self.acknowledged.max(sequence + 1);
        self.acknowledged
    }

    /// Compares what a recovery gave with what may be there.
    fn judge(&mut self, found: BTreeMap<u64, Vec<u8>>) {
        let end = found.keys().next_back().map_or(0, |last| last + 1);
        let first = found.keys().next().copied().unwrap_or(0);
        if found.len() as u64 != end - first {
            self.breaks(format!("{first} to {end} with gaps: {:?}", found.keys()));
        }
        if first > self.released {
            self.breaks(format!("{first} is the first, only {} were released", self.released));
        }
        let must = self.acknowledged.max(self.recovered_end);
        if end < must {
            self.breaks(format!("{end} records are there, {must} were told of"));
        }
        for (sequence, payload) in &found {
            let before = self.recovered.get(sequence);
            if before.or_else(|| self.sent.get(sequence)) != Some(payload) {
                self.breaks(format!("record {sequence} is another one"));
            }
        }
        (self.recovered, self.recovered_end) = (found, end);
        self.sent.clear();
    }
}

fn options() -> Options {
    let folder = Path::new(FOLDER).to_owned();
    Options { folder, flush: Flush::EveryBatch, segment_bytes_max: 128 << 10 }
}

/// One boot: recovers, tells the book, and has clients write.
async fn serve(book: Arc<Mutex<Book>>, machine: Arc<SimMachine>, seed: Seed, writes: u64) {
    for _ in 0..40 {
        let opened = kit::machine::blocking(move || {
            match kit::disk::create_dir(Path::new(FOLDER)) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(error.into());
                }
                _ => {}
            }
            kit::disk::flush_folder(Path::new("/"))?;
            let mut found = BTreeMap::new();
            let entropy = Entropy::seeded(seed.fork("runs").0);
            let journal = Journal::open(options(), entropy, &mut |record| {
                found.insert(record.header.sequence, record.payload.to_vec());
            });
            journal.map(|(journal, lost)| (journal, lost, found))
        });
        let Ok(opened) = opened.await else { return };
        match opened {
            Ok((journal, lost, found)) => {
                if !lost.is_empty() {
                    let missing = format!("no disk is damaged, but {} are missing", lost[0]);
                    book.lock().breaks(missing);
                }
                book.lock().judge(found);
                return write(&book, &machine, &journal, seed.fork("clients").rng(), writes).await;
            }
            Err(JournalError::Read(_)) => kit::clock::pause(Duration::from_millis(100)).await,
            Err(other) => return book.lock().breaks(format!("not opened: {other}")),
        }
    }
    if machine.sim_disk().is_on() {
        book.lock().breaks("it could not be opened for four seconds".to_owned());
    }
}

/// Four clients; the last one that ends says so.
async fn write(
    book: &Arc<Mutex<Book>>,
    machine: &SimMachine,
    journal: &Journal,
    mut rng: Rng,
    writes: u64,
) {
    let left = Arc::new(Mutex::new(4));
    for client in 0..4_u32 {
        let (book, journal, left) = (Arc::clone(book), journal.clone(), Arc::clone(&left));
        let mut rng = Seed(rng.bits()).rng();
        kit::machine::Machine::spawn(
            machine,
            Box::pin(async move {
                for _ in 0..writes {
                    if !write_one(&book, &journal, client, &mut rng).await {
                        return;
                    }
                }
                *left.lock() -= 1;
                book.lock().is_done |= *left.lock() == 0;
            }),
        );
    }
}

/// False: the journal takes no more.
async fn write_one(book: &Mutex<Book>, journal: &Journal, client: u32, rng: &mut Rng) -> bool {
    let mut payload = vec![0; rng.below(PAYLOAD_BYTES_MAX) as usize];
    rng.fill(&mut payload);
    let room = match journal.room(payload.len()).await {
        Ok(room) => room,
        Err(JournalError::Full { .. }) => {
            kit::clock::pause(Duration::from_millis(50)).await;
            return true;
        }
        Err(_) => return false,
    };
    let Ok(sequence) = journal.append(room, client, &[&payload]) else { return false };
    book.lock().sent.insert(sequence, payload);
    if journal.kept(sequence).await.is_err() {
        return false;
    }
    let acknowledged = book.lock().acknowledge(sequence);
    if rng.chance(1, 12) {
        let before = rng.below(acknowledged);
        // From the call on it may be done, and is at the latest when it returns.
        let released = book.lock().released.max(before);
        book.lock().released = released;
        let journal = journal.clone();
        // A failure leaves the files where they are; the next release tries again.
        let _ = kit::machine::blocking(move || journal.release(before)).await;
    }
    true
}

/// What goes wrong in a run.
#[derive(Clone, Copy, Debug)]
enum Fault {
    PowerLoss(u64),
    Fails(u64, Failure),
    Kill,
    Full(u64),
}

struct Run {
    world: World,
    machine: Arc<SimMachine>,
    book: Arc<Mutex<Book>>,
    seed: Seed,
    writes: u64,
}

impl Run {
    fn new(seed: Seed, writes: u64) -> Self {
        let mut world = World::new(seed);
        let machine = world.add_machine();
        let mut run = Self { world, machine, book: Arc::default(), seed, writes };
        run.boot();
        run
    }

    fn boot(&mut self) {
        let boots = {
            let mut book = self.book.lock();
            (book.boots, book.is_done) = (book.boots + 1, false);
            book.boots
        };
        let seed = self.seed.fork("boot").numbered(boots);
        let (book, machine) = (Arc::clone(&self.book), Arc::clone(&self.machine));
        self.world.spawn(&self.machine, serve(book, machine, seed, self.writes));
    }

    fn reboot(&mut self, by_power_loss: bool) {
        let machine = Arc::clone(&self.machine);
        machine.sim_disk().kill();
        self.world.empty(&machine);
        match by_power_loss {
            true => machine.sim_disk().power_on(),
            false => machine.sim_disk().restart(),
        }
        self.boot();
    }

    fn begin(&mut self, fault: Fault) {
        let machine = Arc::clone(&self.machine);
        let disk = machine.sim_disk();
        match fault {
            Fault::PowerLoss(call) => disk.lose_power_before_call(call),
            Fault::Fails(call, failure) => disk.fail_call(call, failure),
            Fault::Kill => self.reboot(false),
            Fault::Full(room) => disk.set_capacity(Some(disk.used() + room)),
        }
    }

    /// For `span_us`; a power loss is followed by a boot.
    fn go_on(&mut self, span_us: u64) {
        let until_us = self.world.now_us() + span_us;
        while self.world.now_us() < until_us && self.is_sound() {
            match self.world.run(until_us) {
                Stopped::Off(_) => self.reboot(true),
                Stopped::Idle | Stopped::Time => return,
            }
        }
    }

    fn is_sound(&self) -> bool {
        self.book.lock().broken.is_none() && self.world.panics().is_empty()
    }

    /// The faults are over: the power goes twice more, and all is there and goes on.
    fn end(mut self) -> Result<(u64, u64), String> {
        let disk = self.machine.sim_disk().clone();
        disk.set_capacity(None);
        disk.fail_call(0, Failure::Io);
        for _ in 0..2 {
            self.reboot(true);
            for _ in 0..600 {
                if self.book.lock().is_done || !self.is_sound() {
                    break;
                }
                self.go_on(100_000);
            }
            let done = self.book.lock().is_done;
            if !done && self.is_sound() {
                self.book.lock().breaks("writes did not go on".to_owned());
            }
        }
        let book = self.book.lock();
        let broken = book.broken.clone().or_else(|| self.world.panics().first().cloned());
        broken.map_or(Ok((book.acknowledged, self.world.trace().hash())), Err)
    }
}

fn run_of(seed: u64) -> Result<(u64, u64), String> {
    run_with(seed, None)
}

fn run_with(seed: u64, lie: Option<Lie>) -> Result<(u64, u64), String> {
    let seed = Seed(seed);
    let mut rng = seed.fork("faults").rng();
    let mut run = Run::new(seed, 60);
    if let Some(lie) = lie {
        run.machine.sim_disk().tell(lie);
    }
    for _ in 0..rng.within(1..=6) {
        run.go_on(rng.below(400_000));
        let failures = [Failure::Io, Failure::Full, Failure::Short];
        let failure = failures[rng.below(3) as usize];
        let fault = match rng.below(5) {
            0 | 1 => Fault::PowerLoss(1 + rng.below(60)),
            2 => Fault::Fails(1 + rng.below(60), failure),
            3 => Fault::Full(rng.below(200 << 10)),
            _ => Fault::Kill,
        };
        run.begin(fault);
    }
    run.go_on(400_000);
    run.end()
}

#[test]
fn seeds_break_nothing_and_repeat_themselves() {
    let seeds = match std::env::var_os("BACKPLANE_TEST_LONG") {
        Some(_) => 0..5_000,
        None => 0..60,
    };
    let mut acknowledged = 0;
    for seed in seeds {
        match run_of(seed) {
            Ok((count, _)) => acknowledged += count,
            Err(broken) => panic!("seed {seed}: {broken}"),
        }
    }
    assert!(acknowledged > 1_000, "the seeds write: {acknowledged}");
    assert_eq!(run_of(7), run_of(7), "one seed has one trace");
}

/// Every call of a short run in turn: the power goes before it, or it fails.
#[test]
fn every_call_may_fail_and_every_prefix_may_be_all_there_is() {
    let calls = {
        let mut run = Run::new(Seed(1), 12);
        run.go_on(3_000_000);
        run.machine.sim_disk().calls()
    };
    assert!(calls > 60, "{calls} calls");
    for call in 1..=calls {
        for fault in [
            Fault::PowerLoss(call),
            Fault::Fails(call, Failure::Io),
            Fault::Fails(call, Failure::Full),
            Fault::Fails(call, Failure::Short),
        ] {
            let mut run = Run::new(Seed(1), 12);
            run.begin(fault);
            run.go_on(3_000_000);
            run.end().unwrap_or_else(|broken| panic!("{fault:?}: {broken}"));
        }
    }
}

/// The tests themselves: a disk that breaks its promises is found.
#[test]
fn a_disk_that_lies_is_found() {
    for lie in [Lie::FlushesNothing(".tail"), Lie::FlushesNoFolder, Lie::HidesFailedFlushes] {
        let found = (0..400).find(|seed| run_with(*seed, Some(lie)).is_err());
        assert!(found.is_some(), "{lie:?} is not found");
    }
}
