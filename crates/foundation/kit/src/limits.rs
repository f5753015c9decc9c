//! Token buckets by key: how often each of many sources may do something.
//!
//! A bucket holds up to `capacity` tokens and gains `refill` of them in each `period`. It is
//! brought up to date when it is asked, by arithmetic on whole micro-tokens, so no timer runs and
//! no fraction is lost (M6 of the platform's requirement).

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;

use parking_lot::Mutex;

const MICRO: u128 = 1_000_000;

/// How full a bucket can be and how fast it fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketRule {
    /// The most at once: a burst.
    pub capacity: NonZeroU32,
    /// Tokens gained in `period_us`.
    pub refill: NonZeroU32,
    /// In microseconds; 0 counts as 1.
    pub period_us: u64,
}

/// Whole seconds until a token is there again, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub u32);

/// One bucket a key, at most `keys_max` of them.
pub struct KeyedBuckets<K> {
    rule: BucketRule,
    keys_max: usize,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    micro_tokens: u128,
    at_us: i64,
}

impl<K: Eq + Hash> KeyedBuckets<K> {
    /// All buckets begin full.
    pub fn new(rule: BucketRule, keys_max: usize) -> Self {
        Self { rule, keys_max, buckets: Mutex::default() }
    }

    /// Takes a token from the bucket of `key`.
    ///
    /// When `keys_max` keys are known, those whose buckets are full again are forgotten, for a
    /// forgotten bucket is a full one; if none is, a new key is refused like an empty bucket.
    ///
    /// # Errors
    /// [`RetryAfter`] when the bucket is empty.
    pub fn take(&self, key: K, now_us: i64) -> Result<(), RetryAfter> {
        let mut buckets = self.buckets.lock();
        if buckets.len() >= self.keys_max && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| self.level(*bucket, now_us) < self.full());
            if buckets.len() >= self.keys_max {
                return Err(self.wait_for(MICRO));
            }
        }
        let bucket =
            buckets.entry(key).or_insert(Bucket { micro_tokens: self.full(), at_us: now_us });
        let level = self.level(*bucket, now_us);
        // A clock that stepped back neither fills nor empties the bucket.
        let at_us = now_us.max(bucket.at_us);
        let Some(left) = level.checked_sub(MICRO) else {
            *bucket = Bucket { micro_tokens: level, at_us };
            return Err(self.wait_for(MICRO - level));
        };
        *bucket = Bucket { micro_tokens: left, at_us };
        Ok(())
    }

    fn full(&self) -> u128 {
        u128::from(self.rule.capacity.get()) * MICRO
    }

    fn level(&self, bucket: Bucket, now_us: i64) -> u128 {
        let elapsed_us = u64::try_from(now_us.saturating_sub(bucket.at_us)).unwrap_or(0);
        let gained = u128::from(elapsed_us) * u128::from(self.rule.refill.get()) * MICRO
            / u128::from(self.rule.period_us.max(1));
        (bucket.micro_tokens + gained).min(self.full())
    }

    fn wait_for(&self, missing: u128) -> RetryAfter {
        let gain = u128::from(self.rule.refill.get()) * MICRO;
        let wait_us = (missing * u128::from(self.rule.period_us.max(1))).div_ceil(gain);
        RetryAfter(u32::try_from(wait_us.div_ceil(MICRO)).unwrap_or(u32::MAX).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND_US: i64 = 1_000_000;

    fn rule(capacity: u32, refill: u32) -> BucketRule {
        let some = |number| NonZeroU32::new(number).unwrap();
        BucketRule { capacity: some(capacity), refill: some(refill), period_us: 1_000_000 }
    }

    /// The worked example of the requirement: capacity 10, refill 2 a second.
    #[test]
    fn ten_at_once_then_two_a_second() {
        let buckets = KeyedBuckets::new(rule(10, 2), 8);
        assert!((0..10).all(|_| buckets.take("a", 0).is_ok()));
        assert_eq!(buckets.take("a", 0), Err(RetryAfter(1)));
        let after_a_second = (0..5).filter(|_| buckets.take("a", SECOND_US).is_ok()).count();
        assert_eq!(after_a_second, 2);
        assert!(buckets.take("b", 0).is_ok(), "another key has a bucket of its own");
    }

    #[test]
    fn a_full_table_forgets_full_buckets_only() {
        let buckets = KeyedBuckets::new(rule(2, 1), 2);
        assert!(buckets.take(1, 0).is_ok() && buckets.take(2, 0).is_ok());
        assert_eq!(buckets.take(3, 0), Err(RetryAfter(1)));
        assert!(buckets.take(3, SECOND_US).is_ok());
    }

    proptest! {
        #[test]
        fn agrees_with_a_bucket_filled_tick_by_tick(
            steps in prop::collection::vec((0_i64..3_000, any::<bool>()), 1..200),
            capacity in 1_u32..20,
            refill in 1_u32..20,
        ) {
            let buckets = KeyedBuckets::new(rule(capacity, refill), 4);
            let full = u64::from(capacity) * 1_000_000;
            let (mut now_ms, mut model) = (0, full);
            for (wait_ms, back) in steps {
                let step = if back { 0 } else { wait_ms };
                now_ms += step;
                for _ in 0..step {
                    model = (model + u64::from(refill) * 1_000).min(full);
                }
                let allowed = model >= 1_000_000;
                if allowed {
                    model -= 1_000_000;
                }
                prop_assert_eq!(buckets.take((), now_ms * 1_000).is_ok(), allowed);
            }
        }
    }
}
