//! The sliding window counter by many small windows: a count for each part of the window, and the
//! sum of those that the rolling window touches.
//!
//! The oldest part counts whole while any of it is covered, so no rolling window ever holds more
//! than the limit; the price is that a slot comes back up to one part late. `parts` counts of 16
//! bytes a key.

use std::collections::VecDeque;

use crate::answer::{Answer, NEVER};

/// The most parts of a window.
pub const PARTS_MAX: u32 = 1_000;

/// So many in any window, counted by parts of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SubWindows {
    /// The limit.
    pub limit: u32,
    /// The window, in microseconds.
    pub length_us: u64,
    /// Into how many parts it is cut: 2 to [`PARTS_MAX`].
    pub parts: u32,
}

/// The counts of the parts in which something came: when each began, oldest first.
pub type Counts = VecDeque<(u64, u32)>;

impl SubWindows {
    /// Decides on `hits` at `now_us`, and counts them when they are admitted. 0 hits only look.
    pub fn decide(&self, counts: &mut Counts, now_us: u64, hits: u32) -> Answer {
        self.forget(counts, now_us);
        let counted: u64 = counts.iter().map(|(_, count)| u64::from(*count)).sum();
        let limit = u64::from(self.limit);
        let admitted = counted.saturating_add(hits.into()) <= limit || hits == 0;
        let retry_us = match admitted {
            true => 0,
            false if hits > self.limit => NEVER,
            false => self.retry_us(counts, now_us, counted + u64::from(hits) - limit),
        };
        if admitted && hits > 0 {
            let part_us = now_us - now_us % self.part_us();
            match counts.back_mut() {
                Some((began_us, count)) if *began_us == part_us => *count += hits,
                _ => counts.push_back((part_us, hits)),
            }
        }
        let counted = if admitted { counted + u64::from(hits) } else { counted };
        let newest = counts.back().map_or(now_us, |(began_us, _)| self.over_at_us(*began_us));
        Answer {
            admitted,
            remaining: limit.saturating_sub(counted) as u32,
            reset_us: newest.saturating_sub(now_us),
            retry_us,
            delay_us: 0,
        }
    }

    /// When the last of the counts is over.
    pub fn over_at_us(&self, began_us: u64) -> u64 {
        began_us.saturating_add(self.part_us()).saturating_add(self.length_us)
    }

    /// Drops the parts that the window has left. Parts of the future are from before the clock
    /// stepped back, and count as the present one.
    fn forget(&self, counts: &mut Counts, now_us: u64) {
        let part_us = now_us - now_us % self.part_us();
        let mut ahead = 0;
        while counts.back().is_some_and(|(began_us, _)| *began_us > part_us) {
            ahead += counts.pop_back().map_or(0, |(_, count)| count);
        }
        if ahead > 0 {
            counts.push_back((part_us, ahead));
        }
        while counts.front().is_some_and(|(began_us, _)| self.over_at_us(*began_us) <= now_us) {
            counts.pop_front();
        }
    }

    /// Until the oldest parts that hold `surplus` hits have left.
    fn retry_us(&self, counts: &Counts, now_us: u64, surplus: u64) -> u64 {
        let mut left = 0_u64;
        for (began_us, count) in counts {
            left += u64::from(*count);
            if left >= surplus {
                return self.over_at_us(*began_us).saturating_sub(now_us);
            }
        }
        NEVER
    }

    fn part_us(&self) -> u64 {
        (self.length_us / u64::from(self.parts.max(1))).max(1)
    }
}

/// Takes `hits` back, the latest first.
pub fn give_back(counts: &mut Counts, mut hits: u32) {
    while hits > 0 {
        let Some((_, count)) = counts.back_mut() else { return };
        let taken = hits.min(*count);
        *count -= taken;
        hits -= taken;
        if *count == 0 {
            counts.pop_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_rolling_window_holds_more_than_the_limit(
            limit in 1_u32..10,
            parts in 2_u32..20,
            waits in prop::collection::vec((0_u64..300_000, 1_u32..4), 1..200),
        ) {
            let counter = SubWindows { limit, length_us: 1_000_000, parts };
            let (mut counts, mut now_us, mut passed) = (Counts::new(), 0_u64, Vec::new());
            for (wait_us, hits) in waits {
                now_us += wait_us;
                let answer = counter.decide(&mut counts, now_us, hits);
                if answer.admitted {
                    passed.extend(std::iter::repeat_n(now_us, hits as usize));
                } else if answer.retry_us != NEVER {
                    let then_us = now_us + answer.retry_us;
                    prop_assert!(counter.decide(&mut counts.clone(), then_us, hits).admitted);
                }
                let inside = passed.iter().filter(|at| **at + 1_000_000 >= now_us).count();
                prop_assert!(inside <= limit as usize);
                prop_assert!(counts.len() <= parts as usize + 2);
            }
        }
    }

    #[test]
    fn what_is_given_back_is_free_again_and_a_clock_back_frees_nothing() {
        let counter = SubWindows { limit: 3, length_us: 1_000_000, parts: 10 };
        let mut counts = Counts::new();
        assert!(counter.decide(&mut counts, 5_000_000, 2).admitted);
        assert!(counter.decide(&mut counts, 5_150_000, 1).admitted);
        assert!(!counter.decide(&mut counts, 1_000_000, 1).admitted);
        give_back(&mut counts, 2);
        assert_eq!(counter.decide(&mut counts, 1_000_000, 0).remaining, 2);
    }
}
