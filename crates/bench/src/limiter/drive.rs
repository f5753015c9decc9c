//! Closed loops over protocols that are not HTTP/1: callers on threads of one runtime each, until
//! the time is over.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Round;
use crate::clock;
use crate::error::BenchError;
use crate::latency::Latencies;
use crate::load::Measured;

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

#[derive(Default)]
struct Tally {
    latencies: Option<Latencies>,
    right: u64,
    failed: u64,
    problem: Option<String>,
    last: Option<Instant>,
}

/// Runs one round: on each connection `callers` at once.
pub(crate) fn run<C: Calls>(
    round: &Round,
    callers: usize,
    caller: impl Fn(u64) -> C,
) -> Result<Measured, BenchError> {
    let deadline = clock::now() + round.duration;
    let mut groups: Vec<Vec<C>> = (0..round.threads).map(|_| Vec::new()).collect();
    for number in 0..round.connections {
        groups[number % round.threads].push(caller(number as u64));
    }
    let start = clock::now();
    let threads: Vec<_> = groups
        .into_iter()
        .map(|group| std::thread::spawn(move || run_thread(group, callers, deadline)))
        .collect();
    let mut total = Tally::default();
    for thread in threads {
        total.merge(thread.join().map_err(|_| BenchError::Thread)??);
    }
    Ok(total.measured(start))
}

fn run_thread<C: Calls>(
    group: Vec<C>,
    callers: usize,
    deadline: Instant,
) -> Result<Tally, BenchError> {
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
                tasks.spawn_local(drive(caller, deadline));
            }
        }
        let mut total = Tally::default();
        while let Some(ended) = tasks.join_next().await {
            total.merge(ended.map_err(|_| BenchError::Thread)?);
        }
        Ok(total)
    })
}

async fn drive<C: Calls>(mut caller: C, deadline: Instant) -> Tally {
    let mut latencies = Latencies::new();
    let mut tally = Tally::default();
    while clock::now() < deadline && tally.failed < FAILURES_MAX {
        let began = clock::now();
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
