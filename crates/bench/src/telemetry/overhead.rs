//! The same load with telemetry on and off, in turn: throughput, latency and processor time.

use std::cell::RefCell;
use std::time::Duration;

use serde::Serialize;

use super::Shape;
use super::server::{Kit, Server};
use super::sink::{Counts, Sink};
use super::traced::Mark;
use crate::error::BenchError;
use crate::load::{Measured, Pace};
use crate::pair::{self, Contender, Paired, median};

/// The share of new traces that is recorded, as in the requirement.
const RATIO: f64 = 0.1;
/// A first load, not counted: it fills caches and makes connections.
const WARM_UP: Duration = Duration::from_secs(1);

/// What pairs of rounds found.
#[derive(Debug, Serialize)]
pub(crate) struct OverheadFigures {
    /// The rate asked for; `None` in a closed loop.
    pub(crate) rate_per_s: Option<f64>,
    /// The rounds; the target has telemetry on, its peer off.
    pub(crate) rounds: Paired,
    /// Processor time of the server for each request, in microseconds, a round each.
    pub(crate) cpu_us_on: Vec<f64>,
    /// The same with telemetry off.
    pub(crate) cpu_us_off: Vec<f64>,
    /// On over off, a pair each.
    pub(crate) cpu_ratios: Vec<f64>,
    /// The middle one.
    pub(crate) cpu_ratio: f64,
    /// p99 on over p99 off, a pair each.
    pub(crate) p99_ratios: Vec<f64>,
    /// The middle one.
    pub(crate) p99_ratio: f64,
    /// Spans that the collector got during the rounds.
    pub(crate) spans: u64,
    /// Spans that the server dropped during the rounds.
    pub(crate) spans_dropped: u64,
}

/// Two servers, one with telemetry and one without, and the collector of the first.
#[derive(Debug)]
pub(super) struct Pair {
    on: Server,
    off: Server,
    sink: Sink,
}

impl Pair {
    /// Starts both and warms them up.
    ///
    /// # Errors
    /// When one does not start.
    pub(super) fn start(shape: &Shape) -> Result<Self, BenchError> {
        // No trace is marked here: the server decides by itself.
        let sink = Sink::start(Mark(0))?;
        let on = Server::start(shape, Kit::On { collector: sink.address(), ratio: RATIO })?;
        let off = Server::start(shape, Kit::Off)?;
        for server in [&on, &off] {
            server.load((Pace::Closed, WARM_UP), |creates| creates)?;
        }
        Ok(Self { on, off, sink })
    }

    /// Rounds of both in turn.
    ///
    /// # Errors
    /// The first error of a round.
    pub(super) fn measure(&self, rounds: usize, pace: Pace) -> Result<OverheadFigures, BenchError> {
        let (cpu_on, cpu_off) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let before = (self.sink.counts(), self.dropped()?);
        let on = Contender { name: "telemetry on", run: round(&self.on, pace, &cpu_on) };
        let off = Contender { name: "telemetry off", run: round(&self.off, pace, &cpu_off) };
        let rounds = pair::run(rounds, on, Some(off))?;
        let after = (self.sink.counts(), self.dropped()?);
        let (cpu_us_on, cpu_us_off) = (cpu_on.into_inner(), cpu_off.into_inner());
        let cpu_ratios = ratios(&cpu_us_on, &cpu_us_off);
        let p99_ratios =
            ratios(&p99s(&rounds.target), &rounds.peer.as_ref().map(p99s).unwrap_or_default());
        Ok(OverheadFigures {
            rate_per_s: match pace {
                Pace::Open { rate_per_s } => Some(rate_per_s),
                Pace::Closed => None,
            },
            rounds,
            cpu_us_on,
            cpu_us_off,
            cpu_ratio: median(cpu_ratios.clone()),
            cpu_ratios,
            p99_ratio: median(p99_ratios.clone()),
            p99_ratios,
            spans: all_of(after.0) - all_of(before.0),
            spans_dropped: after.1 - before.1,
        })
    }

    fn dropped(&self) -> Result<u64, BenchError> {
        let [dropped] = self.on.metrics(["backplane_trace_spans_dropped_total"])?;
        Ok(dropped)
    }

    /// Ends both.
    ///
    /// # Errors
    /// When a signal cannot be sent.
    pub(super) fn stop(self) -> Result<(), BenchError> {
        self.on.stop()?;
        self.off.stop()
    }
}

type Round<'a> = Box<dyn FnMut() -> Result<Measured, BenchError> + 'a>;

/// One round, whose processor time for each answer goes to `cpu_us`.
fn round<'a>(server: &'a Server, pace: Pace, cpu_us: &'a RefCell<Vec<f64>>) -> Round<'a> {
    Box::new(move || {
        let before = server.cpu_time()?;
        let measured = server.load((pace, server.seconds()), |creates| creates)?;
        let took = server.cpu_time()?.saturating_sub(before);
        cpu_us.borrow_mut().push(per_answer_us(took, measured.answers));
        Ok(measured)
    })
}

fn per_answer_us(took: Duration, answers: u64) -> f64 {
    took.as_secs_f64() * 1e6 / answers.max(1) as f64
}

fn p99s(side: &pair::Side) -> Vec<f64> {
    side.rounds.iter().map(|round| round.latency.p99_us).collect()
}

/// The first over the second, pair by pair; a pair with nothing to divide by is left out.
fn ratios(on: &[f64], off: &[f64]) -> Vec<f64> {
    let pairs = on.iter().zip(off).filter(|(_, off)| **off > 0.0);
    pairs.map(|(on, off)| on / off).collect()
}

fn all_of(counts: Counts) -> u64 {
    counts.marked + counts.others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_shared_by_the_answers() {
        assert_eq!(per_answer_us(Duration::from_secs(1), 100_000), 10.0);
        assert_eq!(per_answer_us(Duration::ZERO, 0), 0.0);
    }

    #[test]
    fn ratios_are_of_pairs() {
        assert_eq!(ratios(&[3.0, 5.0, 1.0], &[2.0, 0.0, 4.0]), [1.5, 0.25]);
    }
}
