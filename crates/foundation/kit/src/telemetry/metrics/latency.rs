//! A histogram of durations made of atomics only.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Inclusive upper bounds of the buckets in microseconds: 50 us to 10 s, 1-2.5-5 a decade. One
/// more bucket holds what is longer.
pub const BUCKET_BOUNDS_US: [u64; 17] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

const BUCKETS: usize = BUCKET_BOUNDS_US.len() + 1;

/// Counts durations by bucket. Clones count into the same cells. Recording is two relaxed
/// additions; the count is the buckets' sum, so it never disagrees with them.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    cells: Arc<Cells>,
}

#[derive(Debug, Default)]
struct Cells {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, elapsed: Duration) {
        let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKET_BOUNDS_US.partition_point(|bound_us| *bound_us < elapsed_us);
        self.cells.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.cells.sum_us.fetch_add(elapsed_us, Ordering::Relaxed);
    }

    /// The counts at this moment.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            buckets: std::array::from_fn(|i| self.cells.buckets[i].load(Ordering::Relaxed)),
            sum_us: self.cells.sum_us.load(Ordering::Relaxed),
        }
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Histogram {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.snapshot().encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

/// What a histogram held at one moment, or gained between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistogramSnapshot {
    buckets: [u64; BUCKETS],
    sum_us: u64,
}

impl HistogramSnapshot {
    /// How many durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of all durations in microseconds.
    #[must_use]
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// What was added since `earlier`, a snapshot of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        HistogramSnapshot {
            buckets: std::array::from_fn(|i| self.buckets[i].saturating_sub(earlier.buckets[i])),
            sum_us: self.sum_us.saturating_sub(earlier.sum_us),
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        HistogramSnapshot {
            buckets: std::array::from_fn(|i| self.buckets[i] + other.buckets[i]),
            sum_us: self.sum_us.saturating_add(other.sum_us),
        }
    }

    /// The duration in microseconds that `per_mille` of 1,000 do not exceed, interpolated within
    /// its bucket; 0 when nothing was counted, 10 s when it lies beyond the last bound.
    #[must_use]
    pub fn quantile_us(&self, per_mille: u32) -> u64 {
        let count = self.count();
        if count == 0 {
            return 0;
        }
        let rank = (u128::from(count) * u128::from(per_mille)).div_ceil(1_000).max(1);
        let mut below = 0_u128;
        let mut lower_us = 0;
        for (bound_us, held) in BUCKET_BOUNDS_US.iter().zip(self.buckets) {
            let held = u128::from(held);
            if below + held >= rank {
                let width_us = u128::from(bound_us - lower_us);
                let into_us = width_us * (rank - below) / held;
                // No wider than the bucket, so it fits.
                return lower_us + u64::try_from(into_us).unwrap_or(0);
            }
            below += held;
            lower_us = *bound_us;
        }
        lower_us
    }

    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let bounds = BUCKET_BOUNDS_US.iter().map(|us| seconds(*us)).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.buckets).collect();
        let count = self.count();
        encoder.encode_histogram::<NoLabelSet>(seconds(self.sum_us), count, &buckets, None)
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 microseconds, 285 years")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}
