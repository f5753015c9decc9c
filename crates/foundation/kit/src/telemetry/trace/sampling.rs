//! Head sampling: which traces are recorded is decided once, where they begin.

use super::context::TraceId;

/// The share of new traces that are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::telemetry) struct Sampling {
    /// A trace whose 56 random bits are below this is recorded.
    below: u64,
}

impl Sampling {
    /// `ratio` from 0 (none) to 1 (all); what lies outside is taken as the nearer end.
    pub(in crate::telemetry) fn new(ratio: f64) -> Self {
        let all = 1_u64 << 56;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "2^56 times a number from 0 to 1 fits; NaN becomes 0"
        )]
        let below = (ratio.clamp(0.0, 1.0) * all as f64) as u64;
        Sampling { below }
    }

    /// Depends on the trace id alone, so services that share a ratio agree.
    pub(in crate::telemetry) fn takes(self, trace_id: TraceId) -> bool {
        trace_id.random_bits() < self.below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_kept() {
        let taken = |ratio: f64| {
            let sampling = Sampling::new(ratio);
            // Fibonacci hashing spreads consecutive numbers evenly.
            let id = |i: u64| TraceId::new(u128::from(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            (1..=10_000).filter_map(id).filter(|id| sampling.takes(*id)).count()
        };
        assert_eq!((taken(0.0), taken(1.0), taken(f64::NAN)), (0, 10_000, 0));
        assert!((900..1_100).contains(&taken(0.1)), "{}", taken(0.1));
    }
}
