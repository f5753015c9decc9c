//! The leaking bucket: a queue of `size` requests that leave it in order, one each interval.
//!
//! As a queue an admitted request is told how long to wait for its turn; the queue itself need not
//! be kept, because its length is the time until its last request leaves. As a meter nobody waits:
//! that is [`crate::gcra`] as it stands.

use crate::answer::Answer;
use crate::gcra::{Gcra, now_ns};

/// A leaking bucket as a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeakingBucket(pub Gcra);

impl LeakingBucket {
    /// Decides on `hits` at `now_us` for the queue whose last request leaves at `last_leaves_ns`,
    /// and gives that time from then on. [`Answer::delay_us`] is the wait of the first hit.
    pub fn decide(&self, last_leaves_ns: u64, now_us: u64, hits: u32) -> (u64, Answer) {
        let delay_ns = self.0.debt_ns(last_leaves_ns, now_ns(now_us));
        let (state, answer) = self.0.decide(last_leaves_ns, now_us, hits);
        let delay_us = if answer.admitted { delay_ns.div_ceil(1_000) } else { 0 };
        (state, Answer { delay_us, ..answer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: u64 = 1_000_000;

    /// A3: size 3, one a second, five at once: three wait 0, 1 and 2 s, the rest is dropped; one
    /// slot is free when the first has left.
    #[test]
    fn three_are_queued_and_leave_a_second_apart() {
        let bucket = LeakingBucket(Gcra::new(3, 1, SECOND_US).unwrap());
        let mut state = 0;
        let mut at = |now_us| {
            let (next, answer) = bucket.decide(state, now_us, 1);
            state = next;
            answer.admitted.then_some(answer.delay_us / SECOND_US)
        };
        let delays: Vec<_> = (0..5).map(|_| at(10 * SECOND_US)).collect();
        assert_eq!(delays, [Some(0), Some(1), Some(2), None, None]);
        assert_eq!(at(11 * SECOND_US), Some(2));
        assert_eq!(at(11 * SECOND_US), None);
        assert_eq!(at(60 * SECOND_US), Some(0));
    }
}
