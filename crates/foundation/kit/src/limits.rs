//! Token buckets by key: how much each client may do, in bounded memory.
//!
//! A bucket holds up to its capacity in tokens and gains them at a steady rate; each request
//! takes one, and an empty bucket refuses (the token bucket of RFC 2697's single-rate meter).
//! Nothing runs in the background: a bucket is refilled when it is looked at. Amounts are whole
//! micro-tokens and times whole microseconds, so nothing is lost to rounding: a rate of one
//! token a second is one micro-token a microsecond.
//!
//! Pure: the time comes in as an argument, and a key's state is three words.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;

use parking_lot::Mutex;

/// Micro-tokens of one token.
const TOKEN: u64 = 1_000_000;

/// How often at most a full table is searched for buckets to forget.
const LOOK_EVERY_US: u64 = 100_000;

/// What every key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketRule {
    /// Tokens a full bucket holds: the largest burst.
    pub capacity: NonZeroU32,
    /// Tokens gained a second.
    pub refill_per_second: NonZeroU32,
}

/// Refused; the next token is there after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; try again in {} s", self.seconds())]
pub struct RetryAfter {
    /// Microseconds until one token is there.
    pub wait_us: u64,
}

impl RetryAfter {
    /// Whole seconds, rounded up and at least 1, for a `Retry-After` header (RFC 9110, 10.2.3).
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.wait_us.div_ceil(1_000_000).max(1)
    }
}

/// Buckets of one rule, one a key. At most `keys_max` keys have a bucket; full ones are
/// forgotten to make room, because a key without a bucket is as good as one with a full bucket.
/// When no bucket is full, all further keys share one bucket, so that whoever invents keys gets
/// no more than one key's rate from it, and memory stays bounded.
#[derive(Debug)]
pub struct KeyedBuckets<K> {
    rule: BucketRule,
    keys_max: usize,
    table: Mutex<Table<K>>,
}

#[derive(Debug)]
struct Table<K> {
    buckets: HashMap<K, Bucket>,
    /// For keys that find no room.
    shared: Bucket,
    /// When full buckets may be looked for again.
    next_look_us: u64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Micro-tokens at `refilled_us`.
    held: u64,
    refilled_us: u64,
}

impl<K: Eq + Hash> KeyedBuckets<K> {
    /// Buckets that all start full. `keys_max` of 0 makes all keys share one bucket.
    #[must_use]
    pub fn new(rule: BucketRule, keys_max: usize) -> Self {
        let shared = Bucket { held: rule.capacity_held(), refilled_us: 0 };
        let table = Table { buckets: HashMap::new(), shared, next_look_us: 0 };
        KeyedBuckets { rule, keys_max, table: Mutex::new(table) }
    }

    /// Takes one token of the key at `now_us`, in microseconds of any clock that does not go
    /// back; a time before the last one gains nothing.
    ///
    /// # Errors
    /// The bucket is empty.
    pub fn take(&self, key: K, now_us: u64) -> Result<(), RetryAfter> {
        let mut table = self.table.lock();
        if let Some(bucket) = table.buckets.get_mut(&key) {
            return bucket.take(self.rule, now_us);
        }
        if table.buckets.len() >= self.keys_max {
            table.forget_full(self.rule, now_us);
        }
        if table.buckets.len() >= self.keys_max {
            return table.shared.take(self.rule, now_us);
        }
        let mut bucket = Bucket { held: self.rule.capacity_held(), refilled_us: now_us };
        let taken = bucket.take(self.rule, now_us);
        table.buckets.insert(key, bucket);
        taken
    }

    /// Keys that have a bucket.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.lock().buckets.len()
    }

    /// Whether no key has a bucket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Eq + Hash> Table<K> {
    /// Costs a look at every bucket, so a crowd of strangers may cause it only so often.
    fn forget_full(&mut self, rule: BucketRule, now_us: u64) {
        if now_us < self.next_look_us {
            return;
        }
        self.buckets.retain(|_, bucket| bucket.full_at_us(rule) > now_us);
        self.next_look_us = now_us.saturating_add(LOOK_EVERY_US);
    }
}

impl BucketRule {
    fn capacity_held(self) -> u64 {
        u64::from(self.capacity.get()) * TOKEN
    }

    /// Micro-tokens gained in a time: as many per microsecond as tokens per second.
    fn gained(self, elapsed_us: u64) -> u64 {
        elapsed_us.saturating_mul(u64::from(self.refill_per_second.get()))
    }

    /// Microseconds, rounded up, until so many micro-tokens are gained.
    fn wait_us(self, missing: u64) -> u64 {
        missing.div_ceil(u64::from(self.refill_per_second.get()))
    }
}

impl Bucket {
    fn take(&mut self, rule: BucketRule, now_us: u64) -> Result<(), RetryAfter> {
        let elapsed_us = now_us.saturating_sub(self.refilled_us);
        let gained = rule.gained(elapsed_us);
        self.held = self.held.saturating_add(gained).min(rule.capacity_held());
        self.refilled_us = self.refilled_us.max(now_us);
        if self.held < TOKEN {
            return Err(RetryAfter { wait_us: rule.wait_us(TOKEN - self.held) });
        }
        self.held -= TOKEN;
        Ok(())
    }

    fn full_at_us(&self, rule: BucketRule) -> u64 {
        self.refilled_us.saturating_add(rule.wait_us(rule.capacity_held() - self.held))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND_US: u64 = 1_000_000;

    fn rule(capacity: u32, refill_per_second: u32) -> BucketRule {
        BucketRule {
            capacity: NonZeroU32::new(capacity).unwrap(),
            refill_per_second: NonZeroU32::new(refill_per_second).unwrap(),
        }
    }

    fn passed(buckets: &KeyedBuckets<&str>, key: &'static str, tries: u32, now_us: u64) -> usize {
        (0..tries).filter(|_| buckets.take(key, now_us).is_ok()).count()
    }

    /// Acceptance 7 of the platform kit: capacity 10, refill 2/s.
    #[test]
    fn ten_at_once_then_two_a_second() {
        let buckets = KeyedBuckets::new(rule(10, 2), 100);
        assert_eq!(passed(&buckets, "a", 10, 0), 10);
        let refused = buckets.take("a", 0).unwrap_err();
        assert_eq!((refused.wait_us, refused.seconds()), (500_000, 1));
        assert_eq!(passed(&buckets, "a", 20, SECOND_US), 2);
        assert_eq!(passed(&buckets, "b", 20, SECOND_US), 10);
        assert_eq!(passed(&buckets, "a", 20, 1_000 * SECOND_US), 10);
    }

    #[test]
    fn waiting_as_long_as_told_is_enough_and_necessary() {
        let buckets = KeyedBuckets::new(rule(1, 3), 100);
        buckets.take("a", 0).unwrap();
        let RetryAfter { wait_us } = buckets.take("a", 0).unwrap_err();
        assert!(buckets.take("a", wait_us - 1).is_err());
        assert!(buckets.take("a", wait_us).is_ok());
    }

    #[test]
    fn a_clock_that_goes_back_gains_nothing() {
        let buckets = KeyedBuckets::new(rule(1, 1), 100);
        buckets.take("a", 10 * SECOND_US).unwrap();
        assert!(buckets.take("a", 0).is_err());
        assert!(buckets.take("a", 10 * SECOND_US + 1).is_err());
        assert!(buckets.take("a", 11 * SECOND_US).is_ok());
    }

    #[test]
    fn a_full_table_forgets_full_buckets_and_else_shares_one() {
        let buckets = KeyedBuckets::new(rule(2, 1), 2);
        assert_eq!(passed(&buckets, "a", 2, 0), 2);
        assert_eq!(passed(&buckets, "b", 1, 0), 1);
        // No room: strangers share one bucket.
        assert_eq!(passed(&buckets, "c", 1, 0) + passed(&buckets, "d", 5, 0), 2);
        assert_eq!(buckets.len(), 2);
        // After a second the bucket of b is full and makes room; a is still remembered.
        assert_eq!(passed(&buckets, "c", 5, SECOND_US), 2);
        assert_eq!(passed(&buckets, "a", 5, SECOND_US), 1);
        assert_eq!(buckets.len(), 2);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let buckets = KeyedBuckets::new(rule(u32::MAX, u32::MAX), 1);
        assert!(buckets.take("a", 0).is_ok());
        assert!(buckets.take("a", u64::MAX).is_ok());
        assert!(buckets.take("b", u64::MAX).is_ok());
    }

    proptest! {
        /// The same answers as buckets that are refilled at every microsecond, with a few keys
        /// and with fewer places than keys never more than the model allows.
        #[test]
        fn answers_as_a_naive_model(
            capacity in 1_u32..5,
            refill in 1_u32..4,
            steps in proptest::collection::vec((0_u8..3, 0_u64..900_000), 1..150),
        ) {
            let rule = rule(capacity, refill);
            let buckets = KeyedBuckets::new(rule, 3);
            let mut model: HashMap<u8, (u128, u64)> = HashMap::new();
            let mut now_us = 0;
            for (key, pause_us) in steps {
                now_us += pause_us;
                let full = u128::from(capacity) * u128::from(TOKEN);
                let (held, at_us) = model.get(&key).copied().unwrap_or((full, now_us));
                let gained = u128::from(now_us - at_us) * u128::from(refill);
                let held = (held + gained).min(full);
                let passes = held >= u128::from(TOKEN);
                let left = if passes { held - u128::from(TOKEN) } else { held };
                model.insert(key, (left, now_us));
                prop_assert_eq!(buckets.take(key, now_us).is_ok(), passes);
            }
        }

        /// Over any run, one key passes at most its burst and what was refilled, however many
        /// other keys crowd the table.
        #[test]
        fn crowding_gains_nothing(
            places in 0_usize..4,
            steps in proptest::collection::vec((0_u8..8, 0_u64..400_000), 1..200),
        ) {
            let buckets = KeyedBuckets::new(rule(3, 2), places);
            let mut now_us = 0;
            let mut passed: HashMap<u8, u64> = HashMap::new();
            for (key, pause_us) in steps {
                now_us += pause_us;
                if buckets.take(key, now_us).is_ok() {
                    *passed.entry(key).or_default() += 1;
                }
                prop_assert!(buckets.len() <= places);
            }
            // Twice the burst: once from the shared bucket, once from an own one.
            let most = 2 * 3 + 2 * now_us / SECOND_US + 1;
            prop_assert!(passed.values().all(|count| *count <= most), "{passed:?} {most}");
        }
    }
}
