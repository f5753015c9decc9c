//! The sliding window log: the time of each request, so no rolling window ever holds more than the
//! limit. 8 bytes a request that is remembered.
//!
//! The window is `[t - window, t]`: a request exactly a window old still counts. Whether rejected
//! requests are remembered too, as in the requirement's example, is the rule's choice: then who
//! keeps hammering stays out.

use std::collections::VecDeque;

use crate::answer::{Answer, NEVER};

/// The largest limit: a log is at most 8 MiB.
pub const LIMIT_MAX: u32 = 1_000_000;

/// So many in any window, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlidingLog {
    /// At most [`LIMIT_MAX`].
    pub limit: u32,
    /// The window, in microseconds.
    pub length_us: u64,
    /// Whether rejected requests count.
    pub count_rejected: bool,
}

/// Times in microseconds, oldest first; at most one more than the limit, for more change nothing.
pub type Log = VecDeque<u64>;

impl SlidingLog {
    /// Decides on `hits` at `now_us`, and logs them. 0 hits only look.
    pub fn decide(&self, log: &mut Log, now_us: u64, hits: u32) -> Answer {
        self.forget(log, now_us);
        let limit = self.limit as usize;
        let admitted = log.len() + hits as usize <= limit || hits == 0;
        let can_ever = hits <= self.limit;
        if can_ever && (admitted || self.count_rejected) {
            log.extend(std::iter::repeat_n(now_us, hits as usize));
            log.drain(..log.len().saturating_sub(limit + 1));
        }
        let retry_us = match admitted {
            true => 0,
            false if !can_ever => NEVER,
            false => self.retry_us(log, now_us, hits),
        };
        let newest = log.back().map_or(now_us, |at_us| self.leaves_at_us(*at_us));
        Answer {
            admitted,
            remaining: limit.saturating_sub(log.len()) as u32,
            reset_us: newest.saturating_sub(now_us),
            retry_us,
            delay_us: 0,
        }
    }

    /// When a request of `at_us` counts no more: one tick after a whole window, because the window
    /// includes its edge.
    pub fn leaves_at_us(&self, at_us: u64) -> u64 {
        at_us.saturating_add(self.length_us).saturating_add(1)
    }

    /// Drops what has left the window. Times of the future are from before the clock stepped back,
    /// and count as now.
    fn forget(&self, log: &mut Log, now_us: u64) {
        for at_us in log.iter_mut().rev().take_while(|at_us| **at_us > now_us) {
            *at_us = now_us;
        }
        while log.front().is_some_and(|at_us| self.leaves_at_us(*at_us) <= now_us) {
            log.pop_front();
        }
    }

    /// Until the log leaves room for `hits`.
    fn retry_us(&self, log: &Log, now_us: u64, hits: u32) -> u64 {
        let surplus = (log.len() + hits as usize).saturating_sub(self.limit as usize);
        let last = surplus.checked_sub(1).and_then(|index| log.get(index));
        last.map_or(0, |at_us| self.leaves_at_us(*at_us).saturating_sub(now_us))
    }
}

/// Takes `hits` back, the latest first.
pub fn give_back(log: &mut Log, hits: u32) {
    log.truncate(log.len().saturating_sub(hits as usize));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND_US: u64 = 1_000_000;
    const ONE_O_CLOCK_US: u64 = 3_600 * SECOND_US;

    fn log_of(limit: u32, length_s: u64, count_rejected: bool) -> SlidingLog {
        SlidingLog { limit, length_us: length_s * SECOND_US, count_rejected }
    }

    /// A5: the example, with the logs it shows.
    #[test]
    fn two_a_minute() {
        let rule = log_of(2, 60, true);
        let mut log = Log::new();
        for (second, admitted, shown) in [
            (1, true, vec![1]),
            (30, true, vec![1, 30]),
            (50, false, vec![1, 30, 50]),
            (100, true, vec![50, 100]),
        ] {
            let answer = rule.decide(&mut log, ONE_O_CLOCK_US + second * SECOND_US, 1);
            assert_eq!(answer.admitted, admitted, "at {second} s");
            let seconds: Vec<_> =
                log.iter().map(|at_us| (at_us - ONE_O_CLOCK_US) / SECOND_US).collect();
            assert_eq!(seconds, shown);
        }
    }

    /// M12: rejected at 1:00:50, the caller waits for 1:00:30 + 60 s when rejected requests count,
    /// and for 1:00:01 + 60 s when they do not.
    #[test]
    fn the_wait_of_the_example() {
        for (count_rejected, until_s) in [(true, 90), (false, 61)] {
            let rule = log_of(2, 60, count_rejected);
            let mut log = Log::new();
            rule.decide(&mut log, ONE_O_CLOCK_US + SECOND_US, 1);
            rule.decide(&mut log, ONE_O_CLOCK_US + 30 * SECOND_US, 1);
            let answer = rule.decide(&mut log, ONE_O_CLOCK_US + 50 * SECOND_US, 1);
            assert_eq!(answer.retry_us, (until_s - 50) * SECOND_US + 1);
        }
    }

    /// A6: one request each 10 s for 290 s, 2 in 60 s.
    #[test]
    fn hammering_is_punished_only_when_rejected_requests_count() {
        for (count_rejected, expected) in [(true, 2), (false, 10)] {
            let rule = log_of(2, 60, count_rejected);
            let mut log = Log::new();
            let passed = (0..30)
                .filter(|tenth| rule.decide(&mut log, tenth * 10 * SECOND_US, 1).admitted)
                .count();
            assert_eq!(passed, expected);
        }
    }

    #[test]
    fn two_requests_of_one_instant_are_two_entries() {
        let rule = log_of(2, 60, false);
        let mut log = Log::new();
        let admitted: Vec<_> = (0..3).map(|_| rule.decide(&mut log, 0, 1).admitted).collect();
        assert_eq!(admitted, [true, true, false]);
    }

    #[test]
    fn more_than_the_limit_is_refused_and_leaves_no_trace() {
        let rule = log_of(2, 60, true);
        let mut log = Log::new();
        assert_eq!(rule.decide(&mut log, 0, u32::MAX).retry_us, NEVER);
        assert!(log.is_empty());
    }

    proptest! {
        /// A5: no window holds more than the limit.
        #[test]
        fn no_rolling_window_holds_more_than_the_limit(
            limit in 1_u32..8,
            count_rejected in any::<bool>(),
            waits in prop::collection::vec((0_u64..400_000, 1_u32..4), 1..200),
        ) {
            let rule = log_of(limit, 1, count_rejected);
            let (mut log, mut now_us, mut passed) = (Log::new(), 0_u64, Vec::new());
            for (wait_us, hits) in waits {
                now_us += wait_us;
                let answer = rule.decide(&mut log, now_us, hits);
                if answer.admitted {
                    passed.extend(std::iter::repeat_n(now_us, hits as usize));
                } else if answer.retry_us != NEVER {
                    let then_us = now_us + answer.retry_us;
                    prop_assert!(rule.decide(&mut log.clone(), then_us, hits).admitted);
                    prop_assert!(!rule.decide(&mut log.clone(), then_us - 1, hits).admitted);
                }
                let inside = passed.iter().filter(|at| **at + SECOND_US >= now_us).count();
                prop_assert!(inside <= limit as usize);
                prop_assert!(log.len() <= limit as usize + 1);
            }
        }
    }
}
