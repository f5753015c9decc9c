//! Decisions in one process beside `governor`, in the same run:
//! `cargo bench -p limiter --bench decide`.
//!
//! On one key, on a million keys one at a time, with two threads, and by batches; then the memory
//! that the keys take, by the resident size of the process. The first column is by the wall, the
//! second by the time that the threads had a processor, which other work changes less.

#![allow(clippy::print_stdout, reason = "a benchmark tells what it measured")]
#![allow(missing_docs, clippy::expect_used, reason = "a benchmark")]

use std::hash::Hasher;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use governor::{Quota, RateLimiter};
use limiter::algorithm::Algorithm;
use limiter::answer::Answer;
use limiter::fixed_window::FixedWindow;
use limiter::gcra::Gcra;
use limiter::sliding_counter::{Rounding, SlidingCounter};
use limiter::table::{BATCH, Charge, Table};
use siphasher::sip::SipHasher13;

const KEYS: u64 = 1_000_000;
const DECISIONS: u64 = 8_000_000;

fn main() {
    let some = |number| NonZeroU32::new(number).expect("not zero");
    // Long enough that no caller is back at its whole limit before it comes again.
    let quota = Quota::per_hour(some(1_000)).allow_burst(some(1_000));
    println!("{:<48}{:>10}{:>14}", "", "M/s", "ns of a core");

    report("the machine's clock", 1, || repeat(DECISIONS, |_| now_us() > 0));
    let governor_one = RateLimiter::direct(quota);
    report("governor, one key", 1, || {
        repeat(DECISIONS, |_| governor_one.check().is_ok());
    });
    let table = Table::new(1 << 30);
    let gcra = Algorithm::Gcra(Gcra::new(1_000, 1_000, 3_600_000_000).expect("a bucket"));
    report("ours, one key", 1, || {
        repeat(DECISIONS, |_| decide(&table, &gcra, 7, now_us()));
    });

    let governor_keys = RateLimiter::keyed(quota);
    let before = resident_bytes();
    report("governor, 1 M keys", 1, || {
        repeat(DECISIONS, |number| governor_keys.check_key(&key(number)).is_ok());
    });
    let governor_bytes = resident_bytes().saturating_sub(before);
    report("governor, 1 M keys, two threads", 2, || {
        repeat(DECISIONS / 2, |number| governor_keys.check_key(&key(number)).is_ok());
    });

    let fixed = Algorithm::FixedWindow(FixedWindow { limit: 1_000, length_s: 3_600 });
    let sliding = SlidingCounter { limit: 1_000, length_s: 3_600, rounding: Rounding::Down };
    let sliding = Algorithm::SlidingCounter(sliding);
    for (name, algorithm) in [("gcra", gcra), ("fixed window", fixed), ("sliding counter", sliding)]
    {
        let (table, before) = (Table::new(1 << 30), resident_bytes());
        repeat(KEYS, |number| decide(&table, &algorithm, hash(number), now_us()));
        let bytes = resident_bytes().saturating_sub(before);
        report(&format!("ours, {name}, 1 M keys"), 1, || {
            repeat(DECISIONS, |number| decide(&table, &algorithm, hash(key(number)), now_us()));
        });
        report(&format!("ours, {name}, 1 M keys, two threads"), 2, || {
            repeat(DECISIONS / 2, |number| decide(&table, &algorithm, hash(key(number)), now_us()));
        });
        report(&format!("ours, {name}, 1 M keys, by 16, two threads"), 2, || {
            in_batches(DECISIONS / 2, &table, &algorithm);
        });
        let (counted, resident) = (table.bytes() as u64 / KEYS, bytes / KEYS);
        println!("{name}: {counted} bytes a key counted, {resident} resident");
    }
    println!("governor: {} bytes a key resident", governor_bytes / KEYS);
}

fn decide(table: &Table, algorithm: &Algorithm, key: u64, now_us: u64) -> bool {
    table.decide(&Charge { algorithm, key, hits: 1, lease: 0, shadow: false }, now_us).admitted
}

/// Sixteen decisions for one look at the clock.
fn in_batches(times: u64, table: &Table, algorithm: &Algorithm) {
    let mut answers = [Answer::DENIED; BATCH];
    let charge = Charge { algorithm, key: 0, hits: 1, lease: 0, shadow: false };
    let mut charges = [charge; BATCH];
    for first in (0..times).step_by(BATCH) {
        for (number, charge) in (first..).zip(&mut charges) {
            charge.key = hash(key(number));
        }
        table.decide_each(&charges, now_us(), &mut answers);
        std::hint::black_box(&answers);
    }
}

/// One of a million, in an order that no cache foresees.
fn key(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % KEYS
}

fn hash(key: u64) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(1, 2);
    hasher.write_u64(key);
    hasher.finish()
}

/// As a namespace's clock reads it.
fn now_us() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_micros() as u64
}

fn repeat(times: u64, mut decide: impl FnMut(u64) -> bool) {
    for number in 0..times {
        std::hint::black_box(decide(number));
    }
}

/// The best of three rounds of [`DECISIONS`], spread over `threads`.
fn report(name: &str, threads: usize, round: impl Fn() + Sync) {
    let measure = || {
        let (began, on_core_ns) = (Instant::now(), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let before = on_core();
                    round();
                    on_core_ns.fetch_add(on_core() - before, Ordering::Relaxed);
                });
            }
        });
        (began.elapsed(), on_core_ns.into_inner())
    };
    let rounds: Vec<_> = (0..3).map(|_| measure()).collect();
    let wall = rounds.iter().map(|(wall, _)| *wall).min().unwrap_or(Duration::MAX);
    let on_core_ns = rounds.iter().map(|(_, on_core_ns)| *on_core_ns).min().unwrap_or(0);
    let rate = DECISIONS as f64 / wall.as_secs_f64() / 1e6;
    println!("{name:<48}{rate:>10.1}{:>14.1}", on_core_ns as f64 / DECISIONS as f64);
}

/// Nanoseconds that this thread had a processor.
fn on_core() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|spent| spent.parse().ok()).unwrap_or(0)
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}
