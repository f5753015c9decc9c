//! New trace and span ids: unique and evenly spread, not secret.

use std::cell::Cell;
use std::time::SystemTime;

use super::context::{SpanId, TraceId};

thread_local! {
    /// Zero until the thread's first id, then never zero for long: every step moves it on.
    static STATE: Cell<u64> = const { Cell::new(0) };
}

pub(in crate::telemetry) fn new_trace_id() -> TraceId {
    loop {
        if let Some(id) = TraceId::new(u128::from(next()) << 64 | u128::from(next())) {
            return id;
        }
    }
}

pub(in crate::telemetry) fn new_span_id() -> SpanId {
    loop {
        if let Some(id) = SpanId::new(next()) {
            return id;
        }
    }
}

/// `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014), seeded once a thread from the machine's
/// entropy: ids are made for each request, and a system call for each would show.
fn next() -> u64 {
    STATE.with(|state| {
        let current = match state.get() {
            0 => seed(),
            other => other,
        };
        let moved = current.wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(moved);
        let mixed = (moved ^ (moved >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

fn seed() -> u64 {
    // Without entropy ids may repeat across restarts; traces blur, requests do not fail.
    getrandom::u64().unwrap_or_else(|_| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        since.as_secs() ^ u64::from(since.subsec_nanos()) << 32
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_do_not_repeat_over_threads() {
        let make = || (0..10_000).map(|_| new_span_id()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(make)).collect();
        let ids: Vec<SpanId> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 40_000);
    }
}
