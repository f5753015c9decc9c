//! What an id costs in process, beside the `ferroid` crate on the same clock; and how much of a
//! core the full rate of the layout takes.
//!
//! `cargo bench -p ids`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints figures")]

use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ferroid::generator::{AtomicSnowflakeGenerator, Poll};
use ferroid::id::SnowflakeTwitterId;
use ferroid::time::TimeSource;
use ids::generator::{Generator, Grant, Pause};
use ids::layout::{Layout, TWITTER_EPOCH_MS, Worker};

const IDS: u64 = 20_000_000;
const ROUNDS: usize = 5;
const FOREVER: Grant = Grant { after: 0, until: u64::MAX >> 23 };
const WORKER: Worker = Worker { datacenter: 0, machine: 1 };
const FULL_RATE_S: u64 = 5;

/// Moves on by a millisecond every 4,096 readings, so that no id has to be waited for.
struct Paced {
    readings: Cell<u64>,
    reads_machine: bool,
}

impl Paced {
    fn new(reads_machine: bool) -> Self {
        Self { readings: Cell::new(1 << 20), reads_machine }
    }
}

impl TimeSource<u64> for Paced {
    fn current_millis(&self) -> u64 {
        if self.reads_machine {
            black_box(machine_ms());
        }
        self.readings.set(self.readings.get() + 1);
        self.readings.get() >> 12
    }
}

fn machine_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

fn main() {
    for (what, reads_machine) in [("without a clock", false), ("with the machine's", true)] {
        let mut pairs = Vec::new();
        for _ in 0..ROUNDS {
            pairs.push((own(reads_machine), peer(reads_machine)));
        }
        let shown = |pick: fn(&(f64, f64)) -> f64| {
            let mut all: Vec<f64> = pairs.iter().map(pick).collect();
            all.sort_by(f64::total_cmp);
            all[ROUNDS / 2]
        };
        println!(
            "{what}: {:.1} ns an id, ferroid's atomic generator {:.1}, ratio {:.2}",
            shown(|pair| pair.0),
            shown(|pair| pair.1),
            shown(|pair| pair.0 / pair.1),
        );
    }
    full_rate();
}

fn own(reads_machine: bool) -> f64 {
    let generator = Generator::new(Layout::default(), WORKER, FOREVER, 10).unwrap();
    let clock = Paced::new(reads_machine);
    timed(|| generator.next(clock.current_millis()).is_ok())
}

fn peer(reads_machine: bool) -> f64 {
    let clock = Paced::new(reads_machine);
    let generator: AtomicSnowflakeGenerator<SnowflakeTwitterId, _> =
        AtomicSnowflakeGenerator::new(1, clock);
    timed(|| matches!(generator.poll_id(), Poll::Ready { .. }))
}

/// Nanoseconds a call; each must make an id.
fn timed(mut make: impl FnMut() -> bool) -> f64 {
    let (began, mut made) = (Instant::now(), 0);
    for _ in 0..IDS {
        made += u64::from(black_box(make()));
    }
    assert!(made >= IDS - 2 * (IDS >> 12), "{made} of {IDS}");
    began.elapsed().as_nanos() as f64 / IDS as f64
}

/// Every id of every millisecond, from one thread that sleeps when there is none.
fn full_rate() {
    let layout = Layout::default();
    let generator = Generator::new(layout, WORKER, FOREVER, 10).unwrap();
    let tick = || machine_ms() - TWITTER_EPOCH_MS;
    let (first, used, began) = (tick() + 1, processor_time(), Instant::now());
    let (last, mut made) = (first + FULL_RATE_S * 1_000, 0_u64);
    loop {
        let now = tick();
        if now >= last {
            break;
        }
        match generator.next(now) {
            Ok(_) => made += u64::from(now >= first),
            Err(Pause::Full { .. }) => std::thread::sleep(until_next_ms()),
            Err(other) => panic!("{other}"),
        }
    }
    let wanted = FULL_RATE_S * 1_000 * layout.ids_a_ms();
    let used = processor_time() - used;
    println!(
        "full rate for {FULL_RATE_S} s: {:.2} % of {} ids a ms, {:.1} % of a core",
        made as f64 / wanted as f64 * 100.0,
        layout.ids_a_ms(),
        used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0,
    );
}

fn until_next_ms() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Duration::from_nanos(1_000_000 - u64::from(since.subsec_nanos()) % 1_000_000)
}

/// Of this process, in steps of 10 ms: fields 14 and 15 of proc(5).
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = |index: usize| fields.split(' ').nth(index).unwrap().parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
