//! The token bucket: up to `size` tokens, `refill` more in each period, each hit takes one.
//!
//! With continuous refill it is [`crate::gcra`]. With interval refill all `refill` tokens come
//! at once at the end of each period, aligned to the clock; that is here. The state is what is
//! taken and the moment from which all of it is back.

use crate::answer::{Answer, NEVER};
use crate::windowed::{Windowed, until_us, window_end_s};

/// A token bucket that is refilled at the end of each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IntervalBucket {
    /// The most tokens at once, at most [`crate::windowed::COUNT_MAX`].
    pub size: u32,
    /// Tokens that come at the end of an interval; 0 counts as 1.
    pub refill: u32,
    /// The interval, in seconds.
    pub interval_s: u32,
}

impl IntervalBucket {
    /// Decides on `hits` at `now_us` and gives the state from then on. 0 hits only look.
    pub fn decide(&self, state: Windowed, now_us: u64, hits: u32) -> (Windowed, Answer) {
        let end_s = window_end_s(now_us, self.interval_s);
        let taken = self.taken(state, end_s);
        let taken_after = taken.saturating_add(hits);
        let admitted = taken_after <= self.size || hits == 0;
        let taken_now = if admitted { taken_after } else { taken };
        let retry_us = match admitted {
            true => 0,
            false if hits > self.size => NEVER,
            false => self.end_us(end_s, taken_after - self.size, now_us),
        };
        let reset_us = if taken_now == 0 { 0 } else { self.end_us(end_s, taken_now, now_us) };
        let remaining = self.size.saturating_sub(taken_now);
        let answer = Answer { admitted, remaining, reset_us, retry_us, delay_us: 0 };
        (self.state(end_s, taken_now), answer)
    }

    /// What is taken in the interval that ends at `end_s`. A state that reaches further into the
    /// future than its tokens need is from before the clock stepped back: what it took stays taken.
    fn taken(&self, state: Windowed, end_s: u32) -> u32 {
        let intervals_left = state.end_s.saturating_sub(end_s) / self.interval_s.max(1) + 1;
        if state.end_s < end_s {
            return 0;
        }
        let intervals_taken = state.count.div_ceil(self.refill.max(1));
        let passed = intervals_taken.saturating_sub(intervals_left);
        state.count.saturating_sub(passed.saturating_mul(self.refill.max(1)))
    }

    /// As a count that is over when all of it has come back.
    fn state(&self, end_s: u32, taken: u32) -> Windowed {
        let further = taken.div_ceil(self.refill.max(1)).saturating_sub(1);
        Windowed {
            end_s: end_s.saturating_add(further.saturating_mul(self.interval_s)),
            count: taken,
        }
    }

    /// From `now_us` until `tokens` have come, the next ones at `end_s`.
    fn end_us(&self, end_s: u32, tokens: u32, now_us: u64) -> u64 {
        until_us(self.state(end_s, tokens).end_s, now_us)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gcra::Gcra;

    const SECOND_US: u64 = 1_000_000;
    const ONE_O_CLOCK_US: u64 = 3_600 * SECOND_US;

    /// How many of `requests` hits pass one by one.
    fn passed(bucket: IntervalBucket, state: &mut Windowed, now_us: u64, requests: u32) -> u32 {
        (0..requests)
            .filter(|_| {
                let (next, answer) = bucket.decide(*state, now_us, 1);
                *state = next;
                answer.admitted
            })
            .count() as u32
    }

    /// A2, first example: size 4, refill 2 a second.
    #[test]
    fn four_at_once_then_two_a_second() {
        let bucket = IntervalBucket { size: 4, refill: 2, interval_s: 1 };
        let mut state = Windowed::default();
        assert_eq!(passed(bucket, &mut state, 0, 5), 4);
        assert_eq!(passed(bucket, &mut state, 500_000, 1), 0);
        assert_eq!(passed(bucket, &mut state, SECOND_US, 3), 2);
        assert_eq!(bucket.decide(state, 3 * SECOND_US, 0).1.remaining, 4);
        assert_eq!(passed(bucket, &mut state, 3 * SECOND_US, 9), 4);
    }

    /// A2, second example: size 4, refill 4 a minute.
    #[test]
    fn four_a_minute_by_interval() {
        let bucket = IntervalBucket { size: 4, refill: 4, interval_s: 60 };
        let mut state = Windowed::default();
        assert_eq!(passed(bucket, &mut state, ONE_O_CLOCK_US, 1), 1);
        assert_eq!(bucket.decide(state, ONE_O_CLOCK_US, 0).1.remaining, 3);
        assert_eq!(passed(bucket, &mut state, ONE_O_CLOCK_US + 5 * SECOND_US, 3), 3);
        assert_eq!(bucket.decide(state, ONE_O_CLOCK_US + 5 * SECOND_US, 0).1.remaining, 0);
        let (_, dropped) = bucket.decide(state, ONE_O_CLOCK_US + 20 * SECOND_US, 1);
        assert_eq!((dropped.admitted, dropped.retry_after_s()), (false, Some(40)));
        let (_, full) = bucket.decide(state, ONE_O_CLOCK_US + 60 * SECOND_US, 0);
        assert_eq!(full.remaining, 4);
    }

    /// A2: under continuous refill there are 1.333 tokens at 1:00:20, so the request passes.
    #[test]
    fn four_a_minute_continuously() {
        let bucket = Gcra::new(4, 4, 60 * SECOND_US).unwrap();
        let (state, _) = bucket.decide(0, ONE_O_CLOCK_US, 1);
        let (state, answer) = bucket.decide(state, ONE_O_CLOCK_US + 5 * SECOND_US, 3);
        assert_eq!((answer.admitted, answer.remaining), (true, 0));
        assert!(bucket.decide(state, ONE_O_CLOCK_US + 20 * SECOND_US, 1).1.admitted);
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_tokens() {
        let bucket = IntervalBucket { size: 4, refill: 2, interval_s: 60 };
        let (state, _) = bucket.decide(Windowed::default(), 2 * ONE_O_CLOCK_US, 4);
        let (state, answer) = bucket.decide(state, ONE_O_CLOCK_US, 1);
        assert_eq!((answer.admitted, answer.retry_after_s()), (false, Some(60)));
        assert_eq!(bucket.decide(state, ONE_O_CLOCK_US + 60 * SECOND_US, 0).1.remaining, 2);
    }

    proptest! {
        #[test]
        fn agrees_with_a_bucket_filled_interval_by_interval(
            size in 1_u32..12,
            refill in 1_u32..8,
            interval_s in 1_u32..5,
            steps in prop::collection::vec((0_u64..9_000, 0_u32..14), 1..100),
        ) {
            let bucket = IntervalBucket { size, refill, interval_s };
            let (mut now_ms, mut tokens, mut state) = (0_u64, size, Windowed::default());
            for (wait_ms, hits) in steps {
                let interval_ms = u64::from(interval_s) * 1_000;
                let ends = (now_ms + wait_ms) / interval_ms - now_ms / interval_ms;
                now_ms += wait_ms;
                tokens = size.min(tokens + ends as u32 * refill);
                let (next, answer) = bucket.decide(state, now_ms * 1_000, hits);
                prop_assert_eq!(answer.admitted, hits <= tokens);
                if answer.admitted {
                    tokens -= hits;
                } else if answer.retry_us != NEVER {
                    let then_us = now_ms * 1_000 + answer.retry_us;
                    prop_assert!(bucket.decide(next, then_us, hits).1.admitted);
                    prop_assert!(!bucket.decide(next, then_us - 1, hits).1.admitted);
                }
                prop_assert_eq!(answer.remaining, tokens);
                state = next;
            }
        }
    }
}
