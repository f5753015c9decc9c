//! Latencies: an HDR histogram, and the open-loop schedule that keeps it honest.
//!
//! *Closed loop*: a connection sends its next request once it has the answer to the last, so the
//! latency is that of the exchange, and a stalled server is asked less. It finds the highest rate.
//!
//! *Open loop*: request n is due at `start + n / rate` whatever the server does, and its latency
//! counts from that moment. A stall is so seen by every request that was due during it, which is
//! what coordinated omission leaves out (Gil Tene, "How NOT to Measure Latency"; wrk2 does alike).

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longer latencies are recorded as this one.
const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// Latencies of many exchanges, within 0.1 % (three digits).
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    nanoseconds: Histogram<u64>,
}

/// The usual points of a latency distribution, in microseconds. All zero when nothing was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    /// The median.
    pub(crate) p50_us: f64,
    /// 9 in 10 are at most this.
    pub(crate) p90_us: f64,
    /// 99 in 100 are at most this.
    pub(crate) p99_us: f64,
    /// 999 in 1,000 are at most this.
    pub(crate) p999_us: f64,
    /// The longest.
    pub(crate) max_us: f64,
}

impl Percentiles {
    /// The worse of two, figure by figure.
    pub(crate) fn worse(self, other: Self) -> Self {
        Self {
            p50_us: self.p50_us.max(other.p50_us),
            p90_us: self.p90_us.max(other.p90_us),
            p99_us: self.p99_us.max(other.p99_us),
            p999_us: self.p999_us.max(other.p999_us),
            max_us: self.max_us.max(other.max_us),
        }
    }
}

impl Latencies {
    /// No latencies yet.
    #[expect(clippy::expect_used, reason = "the bounds are constants that HDR accepts")]
    pub(crate) fn new() -> Self {
        let nanoseconds = Histogram::new_with_bounds(1_000, LATENCY_MAX_NS, 3)
            .expect("1 µs to 60 s in three digits are valid bounds");
        Self { nanoseconds }
    }

    /// Records one latency; the longest recordable one for anything above.
    pub(crate) fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.saturating_record(nanoseconds);
    }

    /// Takes in another thread's latencies.
    pub(crate) fn merge(&mut self, other: &Self) {
        // Both have the same bounds, so this cannot fail; if it did, counts would not match.
        let merged = self.nanoseconds.add(&other.nanoseconds);
        debug_assert!(merged.is_ok());
    }

    /// How many were recorded.
    pub(crate) fn len(&self) -> u64 {
        self.nanoseconds.len()
    }

    /// The distribution.
    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |quantile| to_us(self.nanoseconds.value_at_quantile(quantile));
        Percentiles {
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: to_us(self.nanoseconds.max()),
        }
    }
}

fn to_us(nanoseconds: u64) -> f64 {
    // A tenth of a microsecond is finer than three digits of any latency over TCP.
    (Duration::from_nanos(nanoseconds).as_secs_f64() * 1e7).round() / 10.0
}

/// When each request of an open loop is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    start: Instant,
    rate_per_s: f64,
}

impl Schedule {
    /// Evenly spaced requests from `start`; `rate_per_s` is above 0.
    pub(crate) fn new(start: Instant, rate_per_s: f64) -> Self {
        Self { start, rate_per_s }
    }

    /// When request `number`, counted from 0, is due.
    pub(crate) fn due_at(&self, number: u64) -> Instant {
        self.start + Duration::from_secs_f64(number as f64 / self.rate_per_s)
    }

    /// How many requests are due at `now` or before.
    pub(crate) fn due_by(&self, now: Instant) -> u64 {
        match now.checked_duration_since(self.start) {
            None => 0,
            Some(passed) => (passed.as_secs_f64() * self.rate_per_s) as u64 + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock;

    #[test]
    fn percentiles_of_a_thousand_even_latencies() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.percentiles(), Percentiles::default());
        let (mut low, mut high) = (Latencies::new(), Latencies::new());
        for ms in 1..=500 {
            low.record(Duration::from_millis(ms));
            high.record(Duration::from_millis(500 + ms));
        }
        latencies.merge(&low);
        latencies.merge(&high);
        assert_eq!(latencies.len(), 1_000);
        let percentiles = latencies.percentiles();
        let near = |value: f64, wanted: f64| (value - wanted).abs() <= wanted / 1_000.0;
        assert!(near(percentiles.p50_us, 500_000.0), "{percentiles:?}");
        assert!(near(percentiles.p99_us, 990_000.0), "{percentiles:?}");
        assert!(near(percentiles.max_us, 1_000_000.0), "{percentiles:?}");
    }

    #[test]
    fn a_latency_beyond_the_range_counts_as_the_longest() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_secs(3_600));
        assert_eq!(latencies.len(), 1);
        assert!(latencies.percentiles().max_us >= 60e6);
    }

    /// One connection, 1,000 requests/s, 1 ms each but for one stall of a second in ten: the closed
    /// loop's p99 does not see the stall, the schedule's does (about a tenth of requests waited).
    #[test]
    fn counting_from_the_due_time_shows_a_stall_that_a_closed_loop_hides() {
        let start = clock::now();
        let schedule = Schedule::new(start, 1_000.0);
        let (mut exchange, mut corrected) = (Latencies::new(), Latencies::new());
        let mut free_at = start;
        for number in 0..10_000 {
            let took = Duration::from_micros(if number == 1_000 { 1_000_000 } else { 500 });
            let due = schedule.due_at(number);
            let sent = due.max(free_at);
            free_at = sent + took;
            exchange.record(took);
            corrected.record(free_at - due);
        }
        assert!(exchange.percentiles().p99_us < 1_000.0);
        assert!(corrected.percentiles().p50_us < 1_000.0);
        assert!(corrected.percentiles().p99_us > 900_000.0);
    }

    proptest! {
        #[test]
        fn due_by_is_the_inverse_of_due_at(rate in 1.0_f64..1e6, number in 0_u64..1_000_000) {
            let start = clock::now();
            let schedule = Schedule::new(start, rate);
            // Floating point may fall one short at the very moment; never more.
            let due = schedule.due_by(schedule.due_at(number));
            prop_assert!(due == number + 1 || due == number, "{due} for {number}");
            let later = schedule.due_at(number) + Duration::from_nanos(10);
            prop_assert!(schedule.due_by(later) > number);
        }

        #[test]
        fn nothing_is_due_before_the_start(rate in 1.0_f64..1e6, early_ns in 1_u64..1_000_000) {
            let start = clock::now() + Duration::from_secs(1);
            let before = start - Duration::from_nanos(early_ns);
            prop_assert_eq!(Schedule::new(start, rate).due_by(before), 0);
        }
    }
}
