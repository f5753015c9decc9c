use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;
use crate::concurrency::Concurrency;
use crate::fixed_window::FixedWindow;
use crate::gcra::Gcra;
use crate::leaking_bucket::LeakingBucket;
use crate::sliding_counter::{Rounding, SlidingCounter};
use crate::sliding_log::SlidingLog;
use crate::sub_windows::SubWindows;
use crate::token_bucket::IntervalBucket;

const SECOND_US: u64 = 1_000_000;
const NOON_US: u64 = 1_800_000_000 * SECOND_US;

/// Every algorithm with the same limit on one hour.
fn all_of(limit: u32) -> Vec<Algorithm> {
    let (length_s, hour_us) = (3_600, 3_600 * SECOND_US);
    let gcra = Gcra::new(limit, limit, hour_us).unwrap();
    vec![
        Algorithm::Gcra(gcra),
        Algorithm::LeakingBucket(LeakingBucket(gcra)),
        Algorithm::IntervalBucket(IntervalBucket { size: limit, refill: limit, interval_s: 3_600 }),
        Algorithm::FixedWindow(FixedWindow { limit, length_s }),
        Algorithm::SlidingCounter(SlidingCounter { limit, length_s, rounding: Rounding::Down }),
        Algorithm::SubWindows(SubWindows { limit, length_us: hour_us, parts: 60 }),
        Algorithm::SlidingLog(SlidingLog { limit, length_us: hour_us, count_rejected: true }),
        Algorithm::Concurrency(Concurrency { limit, lease_us: hour_us }),
    ]
}

fn charge(algorithm: &Algorithm, key: u64, lease: u64) -> Charge<'_> {
    Charge { algorithm, key, hits: 1, lease, shadow: false }
}

/// Spread as a hash would.
fn key(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// A9: 100 threads of 1,000 requests on one key, limit 5,000: exactly 5,000 pass.
#[test]
fn no_more_than_the_limit_passes_whoever_asks_at_once() {
    for algorithm in all_of(5_000) {
        let (table, passed) = (Table::new(1 << 24), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for thread in 0..100_u64 {
                let (table, passed, algorithm) = (&table, &passed, &algorithm);
                scope.spawn(move || {
                    for request in 0..1_000 {
                        let lease = thread * 1_000 + request + 1;
                        let answer = table.decide(&charge(algorithm, 7, lease), NOON_US);
                        passed.fetch_add(u32::from(answer.admitted), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(passed.into_inner(), 5_000, "{algorithm:?}");
    }
}

/// A16: the second limit denies, and the first is as it was, for every pair of algorithms.
#[test]
fn a_denied_request_uses_up_nothing_elsewhere() {
    for first in all_of(5) {
        for second in all_of(1) {
            let table = Table::new(1 << 20);
            let both = |lease| [charge(&first, 1, lease), charge(&second, 2, lease)];
            let remaining = |answers: Vec<Answer>| answers[0].remaining;
            assert_eq!(remaining(table.decide_all(&both(1), NOON_US)), 4);
            let denied = table.decide_all(&both(2), NOON_US);
            assert!(denied[0].admitted && !denied[1].admitted, "{first:?} {second:?}");
            assert_eq!(remaining(denied), 4, "{first:?} {second:?}");
            let look = Charge { hits: 0, ..charge(&first, 1, 0) };
            assert_eq!(table.decide(&look, NOON_US).remaining, 4, "{first:?} {second:?}");
        }
    }
}

/// A21: a limit of shadow mode denies nothing, and the others are charged.
#[test]
fn a_shadow_denies_nothing() {
    let (five, one) = (all_of(5), all_of(1));
    let table = Table::new(1 << 20);
    let shadow = Charge { shadow: true, ..charge(&one[0], 2, 0) };
    for left in [4, 3, 2] {
        let answers = table.decide_all(&[charge(&five[0], 1, 0), shadow], NOON_US);
        assert_eq!(answers[0].remaining, left);
        assert_eq!(answers[1].admitted, left == 4);
    }
}

#[test]
fn one_key_twice_in_a_request_is_charged_twice_or_not_at_all() {
    let limit = all_of(3);
    let table = Table::new(1 << 20);
    let twice = [charge(&limit[0], 1, 0), charge(&limit[0], 1, 0)];
    assert_eq!(table.decide_all(&twice, NOON_US)[1].remaining, 1);
    let answers = table.decide_all(&twice, NOON_US);
    assert!(answers[0].admitted && !answers[1].admitted);
    assert_eq!(table.decide(&Charge { hits: 0, ..twice[0] }, NOON_US).remaining, 1);
}

/// A18: what is kept of a key, and that it is given back.
#[test]
fn a_million_keys_and_the_memory_they_take() {
    let limit = all_of(10);
    let table = Table::new(1 << 30);
    for number in 0..1_000_000 {
        assert!(table.decide(&charge(&limit[0], key(number), 0), NOON_US).admitted);
    }
    let bytes = table.bytes();
    assert!(bytes < 32 * 1_000_000, "{bytes}");
    assert_eq!(table.sweep(NOON_US), 1_000_000);
    assert_eq!(table.sweep(NOON_US + 3_600 * SECOND_US), 0);
    assert!(table.bytes() < bytes / 50, "{}", table.bytes());
}

/// A flood of keys stays inside the bound, and who has used most is remembered longest.
#[test]
fn a_flood_of_keys_stays_inside_the_bound() {
    let bytes_max = 1 << 20;
    for algorithm in all_of(1_000) {
        let table = Table::new(bytes_max);
        let global = Charge { hits: 900, ..charge(&algorithm, 7, 1) };
        assert!(table.decide(&global, NOON_US).admitted);
        for number in 0..200_000 {
            table.decide(&charge(&algorithm, key(number), 1), NOON_US);
        }
        let fixed = Table::new(0).bytes();
        let least = SHARDS * 16 * 8;
        assert!(table.bytes() <= fixed + bytes_max.max(least) + least, "{}", table.bytes());
        if matches!(algorithm, Algorithm::Gcra(_)) {
            assert_eq!(table.decide(&Charge { hits: 0, ..global }, NOON_US).remaining, 100);
        }
    }
}

#[test]
fn a_reset_key_has_its_whole_limit_and_what_is_given_back_is_free() {
    for algorithm in all_of(5) {
        let table = Table::new(1 << 20);
        let three = Charge { hits: 3, ..charge(&algorithm, 1, 9) };
        let look = Charge { hits: 0, ..three };
        assert_eq!(table.decide(&three, NOON_US).remaining, 2);
        table.give_back(&three);
        assert_eq!(table.decide(&look, NOON_US).remaining, 5, "{algorithm:?}");
        table.decide(&three, NOON_US);
        table.reset(&algorithm, 1);
        assert_eq!(table.decide(&look, NOON_US).remaining, 5, "{algorithm:?}");
    }
}

proptest! {
    /// Many at once are decided as one by one, also where keys and shards repeat.
    #[test]
    fn a_batch_agrees_with_one_by_one(
        numbers in prop::collection::vec((0_u64..12, 0_u32..3), 0..100),
        kind in 0_usize..8,
    ) {
        let algorithm = all_of(6)[kind];
        let (together, alone) = (Table::new(1 << 24), Table::new(1 << 24));
        let charge = |(number, hits): &(u64, u32)| {
            Charge { hits: *hits, ..charge(&algorithm, key(*number), *number) }
        };
        let charges: Vec<_> = numbers.iter().map(charge).collect();
        let mut answers = vec![Answer::DENIED; charges.len()];
        together.decide_each(&charges, NOON_US, &mut answers);
        for (charge, answer) in charges.iter().zip(answers) {
            prop_assert_eq!(alone.decide(charge, NOON_US), answer);
        }
    }

    /// A table that is laid anew, swept and filled keeps what each key has used.
    #[test]
    fn agrees_with_a_map(
        steps in prop::collection::vec((0_u64..40, 0_u32..3, 0_u64..2_000_000), 1..300),
        kind in 0_usize..8,
    ) {
        let algorithm = all_of(6)[kind];
        let table = Table::new(1 << 26);
        let mut model: std::collections::HashMap<u64, Table> = Default::default();
        let mut now_us = NOON_US;
        for (number, hits, wait_us) in steps {
            now_us += wait_us * 500;
            let charge = Charge { hits, ..charge(&algorithm, key(number) >> 12, number) };
            let alone = model.entry(number).or_insert_with(|| Table::new(1 << 26));
            prop_assert_eq!(table.decide(&charge, now_us), alone.decide(&charge, now_us));
            if number == 0 {
                table.sweep(now_us);
            }
        }
    }
}
