//! What an algorithm says to one request.

/// [`Answer::retry_us`] of a request that no wait would help: it asks for more than the limit.
pub const NEVER: u64 = u64::MAX;

const SECOND_US: u64 = 1_000_000;

/// Whether a request conforms, and what its caller may know of the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Whether the request conforms; only then was the state charged.
    pub admitted: bool,
    /// Hits that would still be admitted at this moment.
    pub remaining: u32,
    /// Microseconds until the whole limit is there again if nobody asks meanwhile; for windows,
    /// until the window ends.
    pub reset_us: u64,
    /// Microseconds until the same request would be admitted if nobody else asks: 0 when it was,
    /// [`NEVER`] when it asks for more than the limit.
    pub retry_us: u64,
    /// Microseconds that an admitted request waits in the queue before it is processed.
    pub delay_us: u64,
}

impl Answer {
    /// The answer of a limit of 0: never.
    pub const DENIED: Self =
        Self { admitted: false, remaining: 0, reset_us: 0, retry_us: NEVER, delay_us: 0 };

    /// [`Answer::retry_us`] in whole seconds, rounded up and never 0; none when it was admitted.
    /// A request that no wait would help is told the longest wait there is.
    pub fn retry_after_s(&self) -> Option<u32> {
        (!self.admitted).then(|| whole_seconds(self.retry_us).max(1))
    }

    /// [`Answer::reset_us`] in whole seconds, rounded up.
    pub fn reset_s(&self) -> u32 {
        whole_seconds(self.reset_us)
    }
}

/// Rounded up; the longest that fits when there are more.
fn whole_seconds(micros: u64) -> u32 {
    u32::try_from(micros.div_ceil(SECOND_US)).unwrap_or(u32::MAX)
}
