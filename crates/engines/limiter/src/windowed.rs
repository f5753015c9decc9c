//! A count and the second at which it is over, in one word.
//!
//! Bit 63 is set to tell it from the time of [`crate::gcra`], so that a table can say of any word
//! whether it still means something. Then 32 bits of seconds since 1970 (until 2106) and 31 bits
//! of count.

/// The largest count and so the largest limit of the algorithms that count.
pub const COUNT_MAX: u32 = (1 << 31) - 1;

const KIND: u64 = 1 << 63;
const SECOND_US: u64 = 1_000_000;
const NS_PER_SECOND: u64 = 1_000_000_000;

/// A count until a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Windowed {
    /// Seconds since 1970 at which the count means nothing more.
    pub end_s: u32,
    /// At most [`COUNT_MAX`].
    pub count: u32,
}

impl Windowed {
    /// From a word; 0 is a count of nothing.
    pub fn of_word(word: u64) -> Self {
        if word & KIND == 0 {
            return Self::default();
        }
        let count = (word & u64::from(COUNT_MAX)) as u32;
        Self { end_s: ((word & !KIND) >> 31) as u32, count }
    }

    /// As a word.
    pub fn word(self) -> u64 {
        KIND | u64::from(self.end_s) << 31 | u64::from(self.count.min(COUNT_MAX))
    }
}

/// The end of the window of `length_s` seconds around `now_us`; windows begin at multiples of
/// their length since 1970.
pub fn window_end_s(now_us: u64, length_s: u32) -> u32 {
    let length_s = u64::from(length_s.max(1));
    let end_s = (now_us / SECOND_US / length_s).saturating_add(1).saturating_mul(length_s);
    u32::try_from(end_s).unwrap_or(u32::MAX)
}

/// Microseconds from `now_us` to `end_s`.
pub fn until_us(end_s: u32, now_us: u64) -> u64 {
    (u64::from(end_s) * SECOND_US).saturating_sub(now_us)
}

/// Whether a word of either kind means nothing more at `now_us`.
pub fn is_over(word: u64, now_us: u64) -> bool {
    if word & KIND == 0 {
        return word <= now_us.saturating_mul(1_000);
    }
    over_at_s(word) <= now_us / SECOND_US
}

/// The second at which a word of either kind means nothing more.
pub fn over_at_s(word: u64) -> u64 {
    if word & KIND == 0 {
        word.div_ceil(NS_PER_SECOND)
    } else {
        Windowed::of_word(word).end_s.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_carries_both_and_is_over_in_time() {
        for windowed in [
            Windowed { end_s: 1, count: 0 },
            Windowed { end_s: u32::MAX, count: COUNT_MAX },
            Windowed { end_s: 1_800_000_060, count: 7 },
        ] {
            assert_eq!(Windowed::of_word(windowed.word()), windowed);
        }
        let word = Windowed { end_s: 60, count: 7 }.word();
        assert!(!is_over(word, 59_999_999) && is_over(word, 60_000_000));
        assert!(is_over(0, 0) && is_over(5_000, 5) && !is_over(5_001, 5));
    }

    #[test]
    fn windows_are_aligned_to_the_clock() {
        assert_eq!(window_end_s(0, 60), 60);
        assert_eq!(window_end_s(59_999_999, 60), 60);
        assert_eq!(window_end_s(60_000_000, 60), 120);
        assert_eq!(until_us(60, 59_500_000), 500_000);
        assert_eq!(window_end_s(u64::MAX, 60), u32::MAX);
    }
}
