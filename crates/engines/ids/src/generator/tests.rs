use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;
use crate::layout::{Parts, Widths};

const FOREVER: Grant = Grant { after: 0, until: u64::MAX >> 23 };
const WORKER: Worker = Worker { datacenter: 3, machine: 7 };
const TOLERANCE_MS: u64 = 10;

fn generator() -> Generator {
    Generator::new(Layout::default(), WORKER, FOREVER, TOLERANCE_MS).unwrap()
}

fn parts(id: u64) -> Parts {
    Layout::default().decode(id)
}

/// A4, A5.
#[test]
fn a_millisecond_has_4096_ids_and_a_fresh_one_begins_at_0() {
    let generator = generator();
    for sequence in 0..4_096 {
        let id = generator.next(100).unwrap();
        assert_eq!((parts(id).sequence, parts(id).worker), (sequence, WORKER));
    }
    assert_eq!(generator.next(100), Err(Pause::Full { tick: 101 }));
    assert_eq!(generator.next(100), Err(Pause::Full { tick: 101 }));
    assert_eq!(parts(generator.next(101).unwrap()).sequence, 0);
    assert_eq!(parts(generator.next(205).unwrap()).sequence, 0);
}

/// A6: a small step back is bridged, a large one refused until the clock has caught up.
#[test]
fn a_clock_that_goes_back_makes_no_smaller_id() {
    let generator = generator();
    let first = generator.next(10_000).unwrap();
    let second = generator.next(9_995).unwrap();
    assert!(second > first);
    assert_eq!(parts(second).time_ms, parts(first).time_ms);
    assert_eq!(generator.next(0), Err(Pause::ClockBehind { behind_ms: 10_000 }));
    assert_eq!(generator.next(9_989), Err(Pause::ClockBehind { behind_ms: 11 }));
    assert!(generator.next(9_990).unwrap() > second);
    // The ids of the last millisecond run out before the clock is there again.
    let rest = generator.take(9_995, u64::MAX).unwrap();
    assert_eq!(rest.count, 4_093);
    assert_eq!(generator.next(9_995), Err(Pause::Full { tick: 10_001 }));
    assert_eq!(parts(generator.next(10_001).unwrap()).sequence, 0);
}

#[test]
fn nothing_is_issued_outside_the_grant() {
    let grant = Grant { after: 1_000, until: 1_001 };
    let generator = Generator::new(Layout::default(), WORKER, grant, TOLERANCE_MS).unwrap();
    // The last generator of this worker got as far as 1,000: the first of ours is after it.
    assert_eq!(generator.next(1_000), Err(Pause::Full { tick: 1_001 }));
    assert_eq!(generator.next(980), Err(Pause::ClockBehind { behind_ms: 20 }));
    assert_eq!(Layout::default().ticks(parts(generator.next(1_001).unwrap()).time_ms), Ok(1_001));
    assert_eq!(generator.next(1_002), Err(Pause::NotGranted { tick: 1_002 }));
    generator.extend(1_002);
    assert_eq!(parts(generator.next(1_002).unwrap()).sequence, 0);
    generator.extend(5);
    assert!(generator.next(1_002).is_ok(), "a grant never shrinks");
}

#[test]
fn ids_of_a_batch_follow_one_another() {
    let generator = generator();
    let run = generator.take(7, 10).unwrap();
    assert_eq!((parts(run.first).sequence, run.count), (0, 10));
    assert_eq!(parts(generator.next(7).unwrap()).sequence, 10);
    let all = generator.take_all(7, 4_085).unwrap();
    assert_eq!((parts(all.first).sequence, all.count), (11, 4_085));
    assert_eq!(generator.take_all(7, 1), Err(Pause::Full { tick: 8 }));
    generator.take(8, 4_090).unwrap();
    assert_eq!(generator.take_all(8, 7), Err(Pause::Full { tick: 9 }));
    assert_eq!(parts(generator.take_all(9, 4_096).unwrap().first).sequence, 0);
    assert_eq!(generator.take_all(10, 4_097), Err(Pause::Full { tick: 11 }));
}

#[test]
fn reserved_milliseconds_are_nobody_elses() {
    let generator = Generator::new(Layout::default(), WORKER, FOREVER, 10_000).unwrap();
    generator.next(50).unwrap();
    assert_eq!(generator.reserve(50, 100, 1_000), Ok(Grant { after: 50, until: 150 }));
    assert_eq!(generator.reserve(50, 5, 1_000), Ok(Grant { after: 150, until: 155 }));
    assert_eq!(generator.next(60), Err(Pause::Full { tick: 156 }));
    assert_eq!(generator.reserve(500, 1, 1_000), Ok(Grant { after: 499, until: 500 }));
    // As far ahead as they may, whoever asks; and again once the clock has moved.
    assert_eq!(generator.reserve(500, 20, 20), Ok(Grant { after: 500, until: 520 }));
    assert_eq!(generator.reserve(500, 1, 20), Err(Pause::Ahead { tick: 501 }));
    assert_eq!(generator.reserve(501, 1, 20), Ok(Grant { after: 520, until: 521 }));
    let short = Grant { after: 0, until: 99 };
    let granted = Generator::new(Layout::default(), WORKER, short, TOLERANCE_MS).unwrap();
    assert_eq!(granted.reserve(50, 100, 1_000), Err(Pause::NotGranted { tick: 149 }));
}

/// A2, with a clock that one thread moves while eight issue.
#[test]
fn ten_million_ids_of_eight_threads_are_distinct() {
    const THREADS: usize = 8;
    const IDS: usize = 10_000_000;
    let generator = Arc::new(generator());
    let clock = Arc::new(AtomicU64::new(1_000));
    let ended = Arc::new(AtomicBool::new(false));
    let ticking = std::thread::spawn({
        let (clock, ended) = (Arc::clone(&clock), Arc::clone(&ended));
        move || {
            while !ended.load(Ordering::Relaxed) {
                clock.fetch_add(1, Ordering::Relaxed);
                std::thread::yield_now();
            }
        }
    });
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (generator, clock) = (Arc::clone(&generator), Arc::clone(&clock));
            std::thread::spawn(move || {
                let mut ids = Vec::with_capacity(IDS / THREADS);
                while ids.len() < IDS / THREADS {
                    match generator.next(clock.load(Ordering::Relaxed)) {
                        Ok(id) => ids.push(id),
                        // A thread that was kept waiting has read an old time: it reads it again.
                        Err(Pause::Full { .. } | Pause::ClockBehind { .. }) => {
                            std::thread::yield_now();
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
                ids
            })
        })
        .collect();
    let mut all = Vec::with_capacity(IDS);
    for thread in threads {
        let ids = thread.join().unwrap();
        assert!(ids.is_sorted_by(|a, b| a < b), "a thread's ids rise");
        all.extend(ids);
    }
    ended.store(true, Ordering::Relaxed);
    ticking.join().unwrap();
    all.sort_unstable();
    assert!(all.is_sorted_by(|a, b| a < b), "all are distinct");
    assert!(all.last().is_some_and(|id| i64::try_from(*id).is_ok()), "all are positive");
}

/// A3.
#[test]
fn all_generators_on_one_clock_make_distinct_ids() {
    let layout = Layout::default();
    let mut ids = Vec::with_capacity(10_240_000);
    for number in 0..1_024 {
        let worker = Worker { datacenter: number / 32, machine: number % 32 };
        let generator = Generator::new(layout, worker, FOREVER, TOLERANCE_MS).unwrap();
        let mut now = 1;
        let mut made = 0;
        while made < 10_000 {
            let run = generator.take(now, 10_000 - made).unwrap();
            ids.extend(run.first..run.first + run.count);
            made += run.count;
            now += 1;
        }
    }
    ids.sort_unstable();
    assert_eq!(ids.len(), 10_240_000);
    assert!(ids.is_sorted_by(|a, b| a < b));
}

/// A10.
#[test]
fn the_evenings_ids_are_larger_than_the_mornings() {
    let of = |machine, tick| {
        let worker = Worker { datacenter: 0, machine };
        let generator = Generator::new(Layout::default(), worker, FOREVER, TOLERANCE_MS).unwrap();
        generator.next(tick).unwrap()
    };
    // The clocks differ by up to 50 ms, the times by 60.
    assert!(of(31, 1_050) < of(0, 1_060));
}

/// A thousand million ids of several nodes whose clocks are set at random, which crash, and which
/// sometimes find themselves at a place that another had: as runs, so that all are compared.
#[test]
fn a_thousand_million_ids_over_random_clocks_are_distinct() {
    const IDS: u64 = 1_000_000_000;
    const NODES: usize = 5;
    let (layout, entropy) = (Layout::default(), kit::entropy::Entropy::seeded(9));
    let draw = |below: u64| entropy.number() % below;
    // One mark a worker, as the registry keeps them; the places of nodes that crash change hands.
    let mut marks = [1_000_u64; 8];
    let mut place_of: Vec<usize> = (0..NODES).collect();
    let mut clocks = [1_000_u64; NODES];
    let at = |place: usize, mark| {
        let machine = u32::try_from(place).unwrap();
        let grant = Grant { after: mark, until: mark };
        Generator::new(layout, Worker { datacenter: 0, machine }, grant, TOLERANCE_MS).unwrap()
    };
    let mut nodes: Vec<_> = (0..NODES).map(|node| at(node, marks[node])).collect();
    let (mut runs, mut made) = (Vec::new(), 0);
    while made < IDS {
        let node = usize::try_from(draw(NODES as u64)).unwrap();
        match draw(1_000) {
            // A crash: somebody takes a place that no other has, and begins behind its mark.
            0 => {
                let free = (0..marks.len()).filter(|place| !place_of.contains(place));
                let free: Vec<usize> = free.chain([place_of[node]]).collect();
                let place = free[usize::try_from(draw(free.len() as u64)).unwrap()];
                place_of[node] = place;
                nodes[node] = at(place, marks[place]);
            }
            // A time server, a person, a machine that was asleep.
            1 => clocks[node] = (clocks[node] + draw(3_000)).saturating_sub(1_500).max(1),
            _ => clocks[node] += draw(3),
        }
        let now = clocks[node];
        match nodes[node].take(now, draw(8_192) + 1) {
            Ok(run) => {
                made += run.count;
                runs.push((run.first, run.count));
            }
            Err(Pause::NotGranted { tick }) => {
                let mark = &mut marks[place_of[node]];
                *mark = (*mark).max(tick.max(now) + 2_000);
                nodes[node].extend(*mark);
            }
            Err(_) => clocks[node] += 1,
        }
    }
    runs.sort_unstable();
    let apart = runs.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0);
    assert!(apart, "an id came twice among {made}");
}

/// A6: what a clock can do, at every step.
#[derive(Clone, Debug)]
enum Act {
    Clock(i64),
    Next,
    Take(u64),
    TakeAll(u64),
    Reserve(u64),
    Extend(u64),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (-3_i64..5).prop_map(Act::Clock),
        1 => (-40_i64..40).prop_map(Act::Clock),
        8 => Just(Act::Next),
        2 => (1_u64..20).prop_map(Act::Take),
        2 => (1_u64..20).prop_map(Act::TakeAll),
        1 => (1_u64..4).prop_map(Act::Reserve),
        3 => (1_u64..30).prop_map(Act::Extend),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whatever the clock does, and however often the generator is made anew from its registry's
    /// mark: no id twice, each larger than the last, none outside what was granted.
    #[test]
    fn no_schedule_leads_to_a_duplicate(acts in prop::collection::vec(act(), 1..300)) {
        let widths = Widths { timestamp: 55, datacenter: 0, machine: 4, sequence: 4 };
        let layout = Layout::new(0, widths).unwrap();
        let worker = Worker { datacenter: 0, machine: 1 };
        let mut mark = 100_u64;
        let make = |mark| {
            let grant = Grant { after: mark, until: mark };
            Generator::new(layout, worker, grant, 3).unwrap()
        };
        let (mut generator, mut now, mut seen) = (make(mark), 100_i64, HashSet::new());
        let mut largest = 0;
        let mut reserved: Vec<Grant> = Vec::new();
        for act in acts {
            let tick = u64::try_from(now).unwrap();
            let run = match act {
                Act::Clock(step) => { now = (now + step).max(1); continue }
                Act::Extend(by) => {
                    // Written ahead: the mark is stored before it is used.
                    mark = mark.max(tick) + by;
                    generator.extend(mark);
                    continue;
                }
                Act::Restart => { generator = make(mark); continue }
                Act::Next => generator.next(tick).map(|first| Run { first, count: 1 }),
                Act::Take(count) => generator.take(tick, count),
                Act::TakeAll(count) => generator.take_all(tick, count),
                Act::Reserve(count) => {
                    if let Ok(grant) = generator.reserve(tick, count, 1_000) {
                        prop_assert!(grant.until <= mark);
                        reserved.push(grant);
                    }
                    continue;
                }
            };
            let Ok(run) = run else { continue };
            for id in run.first..run.first + run.count {
                prop_assert!(seen.insert(id), "{id} twice");
                prop_assert!(id > largest);
                largest = id;
                let at = layout.decode(id).time_ms;
                prop_assert!(at <= mark);
                let holds = |grant: &Grant| (grant.after + 1..=grant.until).contains(&at);
                prop_assert!(!reserved.iter().any(holds));
            }
        }
    }
}
