//! The fixed window counter: time is cut into equal windows aligned to the clock, and a counter
//! says how many came in the present one. Twice the limit can pass around an edge; the sliding
//! algorithms are for those who mind.

use crate::answer::{Answer, NEVER};
use crate::windowed::{Windowed, until_us, window_end_s};

/// So many in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FixedWindow {
    /// At most [`crate::windowed::COUNT_MAX`].
    pub limit: u32,
    /// The window, in seconds.
    pub length_s: u32,
}

impl FixedWindow {
    /// Decides on `hits` at `now_us` and gives the state from then on. 0 hits only look.
    pub fn decide(&self, state: Windowed, now_us: u64, hits: u32) -> (Windowed, Answer) {
        let current = self.current(state, now_us);
        let count_after = current.count.saturating_add(hits);
        let admitted = count_after <= self.limit || hits == 0;
        let count = if admitted { count_after } else { current.count };
        let reset_us = until_us(current.end_s, now_us);
        let retry_us = match admitted {
            true => 0,
            false if hits > self.limit => NEVER,
            false => reset_us,
        };
        let remaining = self.limit.saturating_sub(count);
        let answer = Answer { admitted, remaining, reset_us, retry_us, delay_us: 0 };
        (Windowed { count, ..current }, answer)
    }

    /// The count that is in force. One of a later window comes from before the clock stepped back:
    /// it goes on here, so that nothing is free and no old window returns.
    fn current(&self, state: Windowed, now_us: u64) -> Windowed {
        let end_s = window_end_s(now_us, self.length_s);
        let count = if state.end_s >= end_s { state.count } else { 0 };
        Windowed { end_s, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: u64 = 1_000_000;

    /// A4: the fourth of a second is dropped.
    #[test]
    fn three_a_second() {
        let window = FixedWindow { limit: 3, length_s: 1 };
        let mut state = Windowed::default();
        let mut at = |now_us| {
            let (next, answer) = window.decide(state, now_us, 1);
            state = next;
            answer
        };
        let remaining: Vec<u32> =
            [0, 300_000, 600_000].into_iter().map(|now_us| at(now_us).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let fourth = at(700_000);
        assert!(!fourth.admitted);
        assert_eq!((fourth.retry_us, fourth.retry_after_s()), (300_000, Some(1)));
        assert!(at(1_000_000).admitted);
    }

    /// A4: 5 a minute; five in 2:00:30-2:01:00 and five in 2:01:00-2:01:30 all pass, which is
    /// twice the limit in one minute, and never more than 5 in an aligned one.
    #[test]
    fn twice_the_limit_passes_around_an_edge() {
        let window = FixedWindow { limit: 5, length_s: 60 };
        let two_o_clock_us = 2 * 3_600 * SECOND_US;
        let (mut state, mut passed) = (Windowed::default(), [0, 0]);
        for tenth in 300..900 {
            let now_us = two_o_clock_us + tenth * SECOND_US / 10;
            let (next, answer) = window.decide(state, now_us, 1);
            state = next;
            passed[usize::from(tenth >= 600)] += u32::from(answer.admitted);
        }
        assert_eq!(passed, [5, 5]);
    }

    #[test]
    fn a_clock_that_steps_back_brings_no_old_window() {
        let window = FixedWindow { limit: 2, length_s: 60 };
        let (state, _) = window.decide(Windowed::default(), 7_200 * SECOND_US, 2);
        let (state, answer) = window.decide(state, 3_600 * SECOND_US, 1);
        assert!(!answer.admitted);
        assert!(window.decide(state, 3_660 * SECOND_US, 1).1.admitted);
    }

    #[test]
    fn more_than_the_limit_never_passes() {
        let window = FixedWindow { limit: 2, length_s: 60 };
        let (_, answer) = window.decide(Windowed::default(), 0, 3);
        assert_eq!((answer.admitted, answer.retry_us, answer.remaining), (false, NEVER, 2));
    }
}
