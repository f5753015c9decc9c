//! The load loop: many keep-alive connections on one or two threads, for a bounded time.
//!
//! Each thread has a single-threaded runtime and shares nothing with the others while it runs, so
//! the generator takes as little as it can of a machine that also runs the server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout_at};

use crate::clock;
use crate::error::BenchError;
use crate::http::{Connection, HttpError};
use crate::latency::{Latencies, Percentiles, Schedule};
use crate::pacer::Gate;
use crate::traffic::{Traffic, Verdict};

/// From the decision to start until the first request: time to open every connection.
const LEAD_IN: Duration = Duration::from_millis(200);
/// How long after the end an answer may still arrive.
const GRACE: Duration = Duration::from_secs(5);
/// The longest that opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that fails this often in a row gives up.
const FAILURES_IN_A_ROW_MAX: u32 = 20;

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// Each connection sends its next request when it has the answer to the last.
    Closed,
    /// This many requests a second over all connections, whatever the server does.
    Open {
        /// Above 0.
        rate_per_s: f64,
    },
}

/// How a load is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Where connections go.
    pub(crate) address: SocketAddr,
    /// Threads of the generator, at least 1.
    pub(crate) threads: usize,
    /// The load ends after this, or before when the traffic ends.
    pub(crate) duration: Duration,
    /// When requests are sent.
    pub(crate) pace: Pace,
}

/// What a load measured.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Measured {
    /// Answers, right or not.
    pub(crate) answers: u64,
    /// From the start to the last answer.
    pub(crate) seconds: f64,
    /// Right answers a second.
    pub(crate) requests_per_s: f64,
    /// Of all answers; in an open loop from the moment that each request was due.
    #[serde(flatten)]
    pub(crate) latency: Percentiles,
    /// Answers that a check found false.
    pub(crate) wrong: u64,
    /// Answers with an unexpected status.
    pub(crate) refused: u64,
    /// Exchanges without an answer.
    pub(crate) failed: u64,
    /// Requests of an open loop that were due but never sent.
    pub(crate) unsent: u64,
    /// The first thing that went wrong, in words.
    pub(crate) first_problem: Option<String>,
}

impl Measured {
    /// Nothing wrong, refused or failed.
    pub(crate) fn is_clean(&self) -> bool {
        self.wrong == 0 && self.refused == 0 && self.failed == 0
    }
}

/// Runs one share of traffic a connection.
///
/// # Errors
/// `BenchError::Connect` when a connection cannot be opened at the start. What goes wrong later is
/// counted instead.
pub(crate) fn run(plan: Plan, shares: Vec<Box<dyn Traffic>>) -> Result<Measured, BenchError> {
    let start = clock::now() + LEAD_IN;
    let deadline = start + plan.duration;
    let gate = match plan.pace {
        Pace::Closed => None,
        Pace::Open { rate_per_s } => Some(Arc::new(Gate::new(Schedule::new(start, rate_per_s)))),
    };
    let mut groups: Vec<Vec<Box<dyn Traffic>>> = (0..plan.threads).map(|_| Vec::new()).collect();
    for (number, share) in shares.into_iter().enumerate() {
        groups[number % plan.threads].push(share);
    }
    let threads: Vec<_> = groups
        .into_iter()
        .map(|group| {
            let times = Times { start, deadline, gate: gate.clone() };
            std::thread::spawn(move || run_thread(plan.address, times, group))
        })
        .collect();
    let due = gate.as_ref().map_or(0, |gate| gate.run(deadline));
    let mut total = Tally::new();
    for thread in threads {
        total.merge(&thread.join().map_err(|_| BenchError::Thread)??);
    }
    let taken = gate.map_or(0, |gate| gate.taken());
    Ok(total.into_measured(start, due - taken))
}

/// When a thread starts, ends and sends.
#[derive(Debug, Clone)]
struct Times {
    start: Instant,
    deadline: Instant,
    gate: Option<Arc<Gate>>,
}

fn run_thread(
    address: SocketAddr,
    times: Times,
    group: Vec<Box<dyn Traffic>>,
) -> Result<Tally, BenchError> {
    let tally = Arc::new(Mutex::new(Tally::new()));
    runtime()?.block_on(async {
        let mut lanes = JoinSet::new();
        for traffic in group {
            let connection =
                open(address).await.map_err(|source| BenchError::Connect { address, source })?;
            let tally = Arc::clone(&tally);
            let lane = Lane { address, connection: Some(connection), traffic, tally };
            lanes.spawn(lane.run(times.clone()));
        }
        while let Some(ended) = lanes.join_next().await {
            ended.map_err(|_| BenchError::Thread)?;
        }
        Ok::<_, BenchError>(())
    })?;
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(tally.clone())
}

/// A runtime for one thread of the generator.
///
/// # Errors
/// `BenchError::System` when the machine has no descriptors left.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, BenchError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::system("starting a generator thread"))
}

async fn open(address: SocketAddr) -> Result<Connection, HttpError> {
    tokio::time::timeout(CONNECT_TIMEOUT, Connection::open(address))
        .await
        .unwrap_or(Err(HttpError::TimedOut(CONNECT_TIMEOUT)))
}

/// One connection and its share of the traffic.
struct Lane {
    address: SocketAddr,
    connection: Option<Connection>,
    traffic: Box<dyn Traffic>,
    tally: Arc<Mutex<Tally>>,
}

impl Lane {
    async fn run(mut self, times: Times) {
        sleep_until(times.start.into()).await;
        let tally = Arc::clone(&self.tally);
        // One timer for the whole run; a timer for each exchange would cost more than some of them.
        if timeout_at((times.deadline + GRACE).into(), self.send_all(&times)).await.is_err() {
            lock(&tally).note_failure(&HttpError::TimedOut(GRACE));
        }
    }

    async fn send_all(&mut self, times: &Times) {
        let mut request = Vec::new();
        let mut failures_in_a_row = 0;
        loop {
            let due = match &times.gate {
                None => match clock::now() {
                    now if now < times.deadline => now,
                    _ => return,
                },
                Some(gate) => match gate.pass().await {
                    Some(due) => due,
                    None => return,
                },
            };
            request.clear();
            let Some(ticket) = self.traffic.next(&mut request) else { return };
            match self.exchange(&request, ticket, due).await {
                Ok(()) => failures_in_a_row = 0,
                Err(error) => {
                    self.connection = None;
                    lock(&self.tally).note_failure(&error);
                    failures_in_a_row += 1;
                    if failures_in_a_row == FAILURES_IN_A_ROW_MAX {
                        return;
                    }
                }
            }
        }
    }

    async fn exchange(
        &mut self,
        request: &[u8],
        ticket: usize,
        due: Instant,
    ) -> Result<(), HttpError> {
        let connection = match &mut self.connection {
            Some(connection) if connection.is_reusable() => connection,
            slot => slot.insert(open(self.address).await?),
        };
        let reply = connection.exchange(request).await?;
        let done = clock::now();
        let verdict = self.traffic.judge(ticket, &reply);
        lock(&self.tally).note_answer(done, done.saturating_duration_since(due), verdict);
        Ok(())
    }
}

fn lock(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one thread counted.
#[derive(Debug, Clone)]
struct Tally {
    latencies: Latencies,
    wrong: u64,
    refused: u64,
    failed: u64,
    last_answer: Option<Instant>,
    first_problem: Option<String>,
}

impl Tally {
    fn new() -> Self {
        Self {
            latencies: Latencies::new(),
            wrong: 0,
            refused: 0,
            failed: 0,
            last_answer: None,
            first_problem: None,
        }
    }

    fn note_answer(&mut self, at: Instant, latency: Duration, verdict: Verdict) {
        self.latencies.record(latency);
        self.last_answer = Some(at);
        match verdict {
            Verdict::Right => {}
            Verdict::Wrong(problem) => {
                self.wrong += 1;
                self.first_problem.get_or_insert(problem);
            }
            Verdict::Refused(problem) => {
                self.refused += 1;
                self.first_problem.get_or_insert(problem);
            }
        }
    }

    fn note_failure(&mut self, error: &HttpError) {
        self.failed += 1;
        self.first_problem.get_or_insert_with(|| error.to_string());
    }

    fn merge(&mut self, other: &Self) {
        self.latencies.merge(&other.latencies);
        self.wrong += other.wrong;
        self.refused += other.refused;
        self.failed += other.failed;
        self.last_answer = self.last_answer.max(other.last_answer);
        self.first_problem = self.first_problem.take().or_else(|| other.first_problem.clone());
    }

    fn into_measured(self, start: Instant, unsent: u64) -> Measured {
        let answers = self.latencies.len();
        let seconds = self
            .last_answer
            .map_or(0.0, |last| last.saturating_duration_since(start).as_secs_f64());
        let right = answers - self.wrong - self.refused;
        let requests_per_s = if seconds > 0.0 { right as f64 / seconds } else { 0.0 };
        Measured {
            answers,
            seconds,
            requests_per_s,
            latency: self.latencies.percentiles(),
            wrong: self.wrong,
            refused: self.refused,
            failed: self.failed,
            unsent,
            first_problem: self.first_problem,
        }
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
