//! A node's clock: how far it is from true time, how fast it drifts, and its steps.

/// The true time at which every run begins: 2026-01-01T00:00:00Z, in microseconds since 1970.
pub const EPOCH_US: i64 = 1_767_225_600_000_000;

/// A clock that is wrong in known ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeClock {
    /// How far it is ahead of true time, in microseconds.
    pub skew_us: i64,
    /// Microseconds it gains in a second of true time.
    pub drift_ppm: i64,
}

impl NodeClock {
    /// What it shows, in microseconds since 1970, after so much true time.
    pub fn shows_us(&self, elapsed_us: u64) -> i64 {
        let elapsed_us = i64::try_from(elapsed_us).unwrap_or(i64::MAX / 2);
        EPOCH_US + elapsed_us + self.skew_us + elapsed_us / 1_000_000 * self.drift_ppm
    }

    /// Sets it forward or, with a negative `by_us`, back.
    pub fn step(&mut self, by_us: i64) {
        self.skew_us = self.skew_us.saturating_add(by_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_drift_and_steps_add_up() {
        let mut clock = NodeClock { skew_us: -500, drift_ppm: 100 };
        assert_eq!(clock.shows_us(0), EPOCH_US - 500);
        assert_eq!(clock.shows_us(10_000_000), EPOCH_US + 10_000_000 - 500 + 1_000);
        clock.step(-3_600_000_000);
        assert_eq!(clock.shows_us(0), EPOCH_US - 3_600_000_500);
    }
}
