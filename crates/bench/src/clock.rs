//! The one place of the generator that reads the machine's clock.
//!
//! The generator is a black box beside the product: it measures real time on a real machine, so it
//! has no use for the product's own clock, which tests may freeze.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The monotonic time, for latencies and deadlines.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A word that no other run on this machine has, so that a target which kept its data still sees
/// new long URLs. Lower-case hexadecimal, at most 48 characters.
pub(crate) fn run_tag() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", since_epoch.as_micros(), std::process::id())
}

/// Milliseconds since 1970, for the timestamps of records.
pub(crate) fn unix_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
