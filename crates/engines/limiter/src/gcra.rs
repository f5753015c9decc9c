//! The generic cell rate algorithm (ITU-T I.371, annex A, virtual scheduling): the whole state is
//! one time, at which the bucket will be full again.
//!
//! It is the token bucket with continuous refill and the leaking bucket as a meter seen from the
//! other side: `size - tokens` is the time to full divided by the time a token takes. No timer
//! drips and no fraction of a token is lost.
//!
//! Times are kept in nanoseconds, and the time a token takes is rounded up to one, so the rate is
//! never exceeded; 1,000,000,000 a second is the fastest there is.

use crate::answer::{Answer, NEVER};

/// The longest time to full, in nanoseconds: 36 years.
pub const TOLERANCE_NS_MAX: u64 = 1 << 60;
const NS_PER_US: u64 = 1_000;

/// A burst and a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gcra {
    /// What one hit costs: the time in which one token comes.
    interval_ns: u64,
    /// What a full burst costs.
    tolerance_ns: u64,
}

impl Gcra {
    /// At most `burst` at once and `rate` in each `period_us`. None when one of them is 0, or an
    /// empty bucket would take longer than [`TOLERANCE_NS_MAX`] to fill.
    pub fn new(burst: u32, rate: u32, period_us: u64) -> Option<Self> {
        let period_ns = period_us.checked_mul(NS_PER_US).filter(|period_ns| *period_ns > 0)?;
        let interval_ns = if rate == 0 { return None } else { period_ns.div_ceil(rate.into()) };
        let tolerance_ns = interval_ns.checked_mul(burst.into())?;
        (1..=TOLERANCE_NS_MAX).contains(&tolerance_ns).then_some(Self { interval_ns, tolerance_ns })
    }

    /// Decides on `hits` at `now_us` for the bucket that will be full at `full_at_ns`, and gives
    /// the time at which it will be full from then on. 0 stands for a full bucket, and 0 hits only
    /// look.
    #[inline]
    pub fn decide(&self, full_at_ns: u64, now_us: u64, hits: u32) -> (u64, Answer) {
        let now_ns = now_ns(now_us);
        let debt_ns = self.debt_ns(full_at_ns, now_ns);
        let cost_ns = self.interval_ns.saturating_mul(hits.into());
        let room_ns = self.tolerance_ns - debt_ns;
        let admitted = cost_ns <= room_ns;
        let retry_us = match admitted {
            true => 0,
            false if cost_ns > self.tolerance_ns => NEVER,
            false => (cost_ns - room_ns).div_ceil(NS_PER_US),
        };
        let debt_after_ns = if admitted { debt_ns + cost_ns } else { debt_ns };
        let left = (self.tolerance_ns - debt_after_ns) / self.interval_ns;
        let answer = Answer {
            admitted,
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            reset_us: debt_after_ns.div_ceil(NS_PER_US),
            retry_us,
            delay_us: 0,
        };
        (now_ns + debt_after_ns, answer)
    }

    /// Gives back `hits` that were charged.
    pub fn give_back(&self, full_at_ns: u64, hits: u32) -> u64 {
        full_at_ns.saturating_sub(self.interval_ns.saturating_mul(hits.into()))
    }

    /// What one hit and what a full burst cost in whole microseconds, for a store that reckons in
    /// those. The first is rounded up, so above 100,000 a second the rate is noticeably lower.
    pub fn costs_us(&self) -> (u64, u64) {
        let interval_us = self.interval_ns.div_ceil(NS_PER_US);
        (interval_us, interval_us * (self.tolerance_ns / self.interval_ns))
    }

    /// How far the bucket is from full. Never more than all of it: more can only come from a clock
    /// that stepped back, and then the bucket counts as empty now.
    pub(crate) fn debt_ns(&self, full_at_ns: u64, now_ns: u64) -> u64 {
        full_at_ns.saturating_sub(now_ns).min(self.tolerance_ns)
    }
}

/// Below 2^62, so that a time and a tolerance fit in 63 bits.
pub(crate) fn now_ns(now_us: u64) -> u64 {
    now_us.saturating_mul(NS_PER_US).min(1 << 62)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND_US: u64 = 1_000_000;

    #[test]
    fn what_cannot_be_a_bucket_is_none() {
        assert!(Gcra::new(0, 1, SECOND_US).is_none());
        assert!(Gcra::new(1, 0, SECOND_US).is_none());
        assert!(Gcra::new(1, 1, 0).is_none());
        assert!(Gcra::new(u32::MAX, 1, u64::MAX).is_none());
        assert!(Gcra::new(u32::MAX, u32::MAX, SECOND_US).is_some());
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_away_and_blocks_no_longer_than_a_full_debt() {
        let hour_us = 3_600 * SECOND_US;
        let gcra = Gcra::new(5, 5, SECOND_US).unwrap();
        let (full_at, _) = gcra.decide(0, 2 * hour_us, 5);
        let (full_at, answer) = gcra.decide(full_at, hour_us, 1);
        assert!(!answer.admitted);
        assert_eq!(answer.retry_us, SECOND_US / 5);
        assert!(gcra.decide(full_at, hour_us + SECOND_US / 5, 1).1.admitted);
    }

    proptest! {
        /// The bucket by the book: `tokens = min(size, tokens + elapsed * rate)`, in tokens of a
        /// billionth so that nothing is rounded.
        #[test]
        fn agrees_with_a_bucket_of_tokens(
            size in 1_u32..20,
            interval_us in 1_u64..5_000_000,
            steps in prop::collection::vec((0_u64..8_000_000, 0_u32..24), 1..100),
        ) {
            let gcra = Gcra::new(size, 1, interval_us).unwrap();
            let full = u128::from(size) * u128::from(interval_us);
            let (mut now_us, mut level, mut state) = (1_000_000_u64, full, 0);
            for (wait_us, hits) in steps {
                now_us += wait_us;
                level = (level + u128::from(wait_us)).min(full);
                let cost = u128::from(hits) * u128::from(interval_us);
                let fits = cost <= level;
                let (next, answer) = gcra.decide(state, now_us, hits);
                prop_assert_eq!(answer.admitted, fits);
                if fits {
                    level -= cost;
                } else if answer.retry_us != NEVER {
                    prop_assert!(gcra.decide(next, now_us + answer.retry_us, hits).1.admitted);
                    prop_assert!(!gcra.decide(next, now_us + answer.retry_us - 1, hits).1.admitted);
                } else {
                    prop_assert!(cost > full);
                }
                prop_assert_eq!(u128::from(answer.remaining), level / u128::from(interval_us));
                prop_assert_eq!(u128::from(answer.reset_us), full - level);
                state = next;
            }
        }
    }
}
