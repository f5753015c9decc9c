//! The collector stopped under load and started again: what requests notice, what memory it takes,
//! and where every span went.
//!
//! Each create asks to be recorded, so the spans that there must be are known. After the load, with
//! the collector back and the queue drained, those that arrived and those that the server says it
//! dropped must add up to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::Shape;
use super::server::{Kit, Server};
use super::sink::Sink;
use super::traced::{Mark, Traced};
use crate::clock;
use crate::error::BenchError;
use crate::load::{Measured, Pace};
use crate::process::resident_bytes;
use crate::random::Random;

/// From the end of the load until every span is sent: an exporter may pause between attempts.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const SENT: &str = "backplane_trace_spans_sent_total";
const DROPPED: &str = "backplane_trace_spans_dropped_total";

/// What an outage did.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct OutageFigures {
    /// Its length.
    pub(crate) seconds: u64,
    /// The load before it.
    pub(crate) before: Measured,
    /// The load while the collector was stopped.
    pub(crate) during: Measured,
    /// The load after it was started again.
    pub(crate) after: Measured,
    /// Resident set just before the collector was stopped.
    pub(crate) resident_bytes_before: u64,
    /// Resident set at the end of the outage.
    pub(crate) resident_bytes_during: u64,
    /// Resident set once every span was sent.
    pub(crate) resident_bytes_after: u64,
    /// Where the spans went.
    pub(crate) spans: Spans,
    /// From the collector's start to the first span that it got.
    pub(crate) resumed_after_ms: Option<f64>,
}

/// Where the spans of a run went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Spans {
    /// Answered requests that asked to be recorded, each with one span.
    pub(crate) recorded: u64,
    /// Spans that the collector got.
    pub(crate) received: u64,
    /// Spans that the server says the collector took.
    pub(crate) sent: u64,
    /// Spans that the server says it dropped.
    pub(crate) dropped: u64,
    /// Spans that came a second time.
    pub(crate) repeated: u64,
    /// What is left of `recorded`; not 0: lost without a word, or counted twice.
    pub(crate) unaccounted: i64,
}

impl Spans {
    /// Takes the sum.
    fn balanced(self) -> Self {
        let accounted = self.received.saturating_add(self.dropped);
        let unaccounted = i128::from(self.recorded) - i128::from(accounted);
        Self { unaccounted: i64::try_from(unaccounted).unwrap_or(i64::MAX), ..self }
    }

    /// Every span is accounted for, and the two sides agree on what was sent.
    fn agree(&self) -> bool {
        self.unaccounted == 0 && self.sent == self.received
    }
}

impl OutageFigures {
    /// Every answer was right, every span is accounted for, and export resumed by itself.
    pub(crate) fn is_clean(&self) -> bool {
        [&self.before, &self.during, &self.after].into_iter().all(Measured::is_clean)
            && self.spans.agree()
            && self.resumed_after_ms.is_some()
    }
}

/// Starts a server and a collector of its own and runs the three loads.
///
/// # Errors
/// When the server does not start, or records something else than one span a request.
pub(super) fn run(shape: &Shape, outage: Duration) -> Result<OutageFigures, BenchError> {
    let mark = Mark(Random::new(u64::from(std::process::id())).next() | 1);
    let mut sink = Sink::start(mark)?;
    // Only what asks for it is recorded.
    let server = Server::start(shape, Kit::On { collector: sink.address(), ratio: 0.0 })?;
    let answered = Arc::new(AtomicU64::new(0));
    let load = |seconds: Duration| {
        let pace = Pace::Open { rate_per_s: shape.rate_per_s };
        let traced = |inner| Traced { inner, mark, answered: Arc::clone(&answered) };
        server.load((pace, seconds), traced)
    };
    let mut figures = OutageFigures { seconds: outage.as_secs(), ..OutageFigures::default() };
    figures.before = load(shape.seconds)?;
    check_one_span_a_request(&sink, answered.load(Ordering::Relaxed))?;
    figures.resident_bytes_before = resident_bytes(server.pid())?;

    sink.stop();
    figures.during = load(outage)?;
    figures.resident_bytes_during = resident_bytes(server.pid())?;

    let arrived = sink.counts().marked;
    sink.resume()?;
    let resumed_at = clock::now();
    let resumed_after_ms = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            wait_until(DRAIN_LIMIT + shape.seconds, || sink.counts().marked > arrived)
                .then(|| clock::now().saturating_duration_since(resumed_at).as_secs_f64() * 1e3)
        });
        figures.after = load(shape.seconds)?;
        waiting.join().map_err(|_| BenchError::Thread)
    });
    figures.resumed_after_ms = resumed_after_ms?;

    figures.spans = drained(&server, &sink, answered.load(Ordering::Relaxed))?;
    figures.resident_bytes_after = resident_bytes(server.pid())?;
    server.stop()?;
    Ok(figures)
}

/// The sums rest on it, so it is measured while nothing is in the way.
fn check_one_span_a_request(sink: &Sink, answered: u64) -> Result<(), BenchError> {
    if answered > 0 && wait_until(DRAIN_LIMIT, || sink.counts().marked >= answered) {
        return Ok(());
    }
    Err(BenchError::Unexpected {
        what: format!("the collector, after {answered} requests that asked to be recorded"),
        answer: format!("{:?}", sink.counts()),
    })
}

/// The sums once nothing is queued any more, or at the limit.
fn drained(server: &Server, sink: &Sink, recorded: u64) -> Result<Spans, BenchError> {
    let deadline = clock::now() + DRAIN_LIMIT;
    loop {
        let [sent, dropped] = server.metrics([SENT, DROPPED])?;
        let counts = sink.counts();
        let (received, repeated) = (counts.marked, counts.repeated);
        let spans = Spans { recorded, received, sent, dropped, repeated, unaccounted: 0 };
        let spans = spans.balanced();
        if spans.agree() || clock::now() >= deadline {
            return Ok(spans);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn wait_until(limit: Duration, holds: impl Fn() -> bool) -> bool {
    let deadline = clock::now() + limit;
    while clock::now() < deadline {
        if holds() {
            return true;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    holds()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Spans =
        Spans { recorded: 10, received: 7, sent: 7, dropped: 3, repeated: 0, unaccounted: 0 };

    fn figures(spans: Spans) -> OutageFigures {
        OutageFigures {
            spans: spans.balanced(),
            resumed_after_ms: Some(1.0),
            ..OutageFigures::default()
        }
    }

    #[test]
    fn exact_sums_are_clean() {
        assert!(figures(EXACT).is_clean());
        assert!(!OutageFigures { resumed_after_ms: None, ..figures(EXACT) }.is_clean());
    }

    #[test]
    fn a_lost_span_and_one_counted_twice_are_not() {
        let lost = figures(Spans { received: 6, sent: 6, ..EXACT });
        assert_eq!((lost.spans.unaccounted, lost.is_clean()), (1, false));
        let twice = figures(Spans { dropped: 4, ..EXACT });
        assert_eq!((twice.spans.unaccounted, twice.is_clean()), (-1, false));
        assert!(!figures(Spans { sent: 6, ..EXACT }).is_clean());
    }
}
