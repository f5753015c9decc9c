//! Loops over protocols that are not HTTP/1: callers on threads of one runtime each, until the time
//! is over; in an open loop each exchange goes when it is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Round;
use crate::clock;
use crate::error::BenchError;
use crate::latency::{Latencies, Schedule};
use crate::load::{Measured, Pace};
use crate::pacer::Gate;

/// A caller that fails this often gives up.
const FAILURES_MAX: u64 = 20;
/// The longest that one exchange may take.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// One caller with its connection.
pub(crate) trait Calls: Send + Sized + 'static {
    /// Connects; those of one connection are made together.
    fn connect(self, callers: usize) -> impl Future<Output = Result<Vec<Self>, String>>;

    /// One exchange; how many decisions came back right.
    fn call(&mut self) -> impl Future<Output = Result<u64, String>>;
}

/// When exchanges go, and until when.
#[derive(Clone)]
struct Times {
    deadline: Instant,
    gate: Option<Arc<Gate>>,
}

impl Times {
    /// When the next exchange of a free caller is due; none when the time is over.
    async fn next(&self) -> Option<Instant> {
        match &self.gate {
            Some(gate) => gate.pass().await,
            None => Some(clock::now()).filter(|now| *now < self.deadline),
        }
    }
}

#[derive(Default)]
struct Tally {
    latencies: Option<Latencies>,
    right: u64,
    failed: u64,
    problem: Option<String>,
    last: Option<Instant>,
}

/// Runs one round: on each connection `callers` at once, each exchange of so many `decisions`.
pub(crate) fn run<C: Calls>(
    round: &Round,
    (callers, decisions): (usize, usize),
    caller: impl Fn(u64) -> C,
) -> Result<Measured, BenchError> {
    let deadline = clock::now() + round.duration;
    let mut groups: Vec<Vec<C>> = (0..round.threads).map(|_| Vec::new()).collect();
    for number in 0..round.connections {
        groups[number % round.threads].push(caller(number as u64));
    }
    let start = clock::now();
    let gate = match round.pace {
        Pace::Closed => None,
        Pace::Open { rate_per_s } => {
            let schedule = Schedule::new(start, rate_per_s / decisions as f64);
            Some(Arc::new(Gate::new(schedule)))
        }
    };
    let times = Times { deadline, gate };
    let threads: Vec<_> = groups
        .into_iter()
        .map(|group| {
            let times = times.clone();
            std::thread::spawn(move || run_thread(group, callers, times))
        })
        .collect();
    let due = times.gate.as_ref().map(|gate| gate.run(deadline));
    let mut total = Tally::default();
    for thread in threads {
        total.merge(thread.join().map_err(|_| BenchError::Thread)??);
    }
    let taken = times.gate.as_ref().map_or(0, |gate| gate.taken());
    let unsent = due.unwrap_or(0).saturating_sub(taken);
    Ok(Measured { unsent, ..total.measured(start) })
}

fn run_thread<C: Calls>(group: Vec<C>, callers: usize, times: Times) -> Result<Tally, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::system("starting a runtime"))?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let mut tasks = JoinSet::new();
        for caller in group {
            let connected = caller.connect(callers).await;
            let connected = connected.map_err(|answer| BenchError::Unexpected {
                what: "connecting".to_owned(),
                answer,
            })?;
            for caller in connected {
                tasks.spawn_local(drive(caller, times.clone()));
            }
        }
        let mut total = Tally::default();
        while let Some(ended) = tasks.join_next().await {
            total.merge(ended.map_err(|_| BenchError::Thread)?);
        }
        Ok(total)
    })
}

async fn drive<C: Calls>(mut caller: C, times: Times) -> Tally {
    let mut latencies = Latencies::new();
    let mut tally = Tally::default();
    while tally.failed < FAILURES_MAX {
        let Some(began) = times.next().await else { break };
        match tokio::time::timeout(EXCHANGE_TIMEOUT, caller.call()).await {
            Ok(Ok(right)) => {
                let now = clock::now();
                latencies.record(now - began);
                tally.right += right;
                tally.last = Some(now);
            }
            Ok(Err(problem)) => tally.fail(problem),
            Err(_) => tally.fail("no answer in time".to_owned()),
        }
    }
    tally.latencies = Some(latencies);
    tally
}

impl Tally {
    fn fail(&mut self, problem: String) {
        self.failed += 1;
        self.problem.get_or_insert(problem);
    }

    fn merge(&mut self, other: Self) {
        match (&mut self.latencies, other.latencies) {
            (Some(own), Some(others)) => own.merge(&others),
            (own @ None, others) => *own = others,
            (Some(_), None) => {}
        }
        self.right += other.right;
        self.failed += other.failed;
        self.last = self.last.max(other.last);
        self.problem = self.problem.take().or(other.problem);
    }

    fn measured(self, start: Instant) -> Measured {
        let seconds = self.last.map_or(0.0, |last| (last - start).as_secs_f64());
        let requests_per_s = if seconds > 0.0 { self.right as f64 / seconds } else { 0.0 };
        Measured {
            answers: self.right,
            seconds,
            requests_per_s,
            latency: self.latencies.map(|latencies| latencies.percentiles()).unwrap_or_default(),
            failed: self.failed,
            first_problem: self.problem,
            ..Measured::default()
        }
    }
}
