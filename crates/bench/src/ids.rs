//! `backplane-bench ids`: ids over RESP beside Redis's `INCR`, over HTTP, and in batches; each HTTP
//! answer is checked to be larger than the connection's last, and batches to hold no id twice.

use std::collections::HashSet;
use std::io::{self, Write};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::cli::IdsArgs;
use crate::error::BenchError;
use crate::http::Reply;
use crate::load::{self, Measured, Pace, Plan};
use crate::pair::{self, Contender, Paired};
use crate::redis::{Burst, Redis};
use crate::report::write_rounds;
use crate::target::Target;
use crate::traffic::{Traffic, Verdict, refused};

/// What redis-benchmark opens by default.
const RESP_CONNECTIONS: usize = 50;
/// Ids of one request in the batches that are checked for duplicates.
const BATCH: usize = 4_096;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct IdsFigures {
    /// `INCR`, one command in flight a connection.
    pub(crate) resp: Paired,
    /// `INCR`, sixteen in flight a connection.
    pub(crate) pipelined: Paired,
    /// `GET /ids/id`.
    pub(crate) http: Paired,
    /// `GET /ids/ids?count=100`.
    pub(crate) batches_of_100: Paired,
    /// Milliseconds for 4,096 ids in one request: the middle of 100.
    pub(crate) batch_of_4096_ms: f64,
    /// Ids of those batches and how many of them came twice.
    pub(crate) checked: u64,
    pub(crate) twice: u64,
}

impl IdsFigures {
    pub(crate) fn is_clean(&self) -> bool {
        let all = [&self.resp, &self.pipelined, &self.http, &self.batches_of_100];
        self.twice == 0 && all.iter().all(|rounds| rounds.is_clean())
    }

    /// Writes them as text.
    ///
    /// # Errors
    /// As `out` gives them.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "ids over RESP, {RESP_CONNECTIONS} connections (p90 is p95 there):")?;
        write_rounds(out, &self.resp)?;
        writeln!(out, "the same, 16 in a pipeline:")?;
        write_rounds(out, &self.pipelined)?;
        writeln!(out, "ids over HTTP, one a request:")?;
        write_rounds(out, &self.http)?;
        writeln!(out, "ids over HTTP, 100 a request (rates are of requests):")?;
        write_rounds(out, &self.batches_of_100)?;
        writeln!(out, "{BATCH} ids in one request: {:.3} ms", self.batch_of_4096_ms)?;
        writeln!(out, "{} ids of such requests checked, {} came twice", self.checked, self.twice)
    }
}

/// Runs all of it.
///
/// # Errors
/// When a side cannot be reached, or a tool is missing.
pub(crate) fn run(args: &IdsArgs) -> Result<IdsFigures, BenchError> {
    let target = Target::parse(&args.target)?;
    let redis = Redis::start()?;
    let (own, peer) = (args.resp, redis.address());
    let burst = |pipeline: usize| {
        let commands = args.commands * if pipeline > 1 { 4 } else { 1 };
        let command = &["INCR", "ids"][..];
        let burst = Burst { connections: RESP_CONNECTIONS, pipeline, commands, command };
        let side = |name, address: SocketAddr| Contender {
            name,
            run: Box::new(move || burst.run(address)),
        };
        pair::run(args.rounds, side("target", own), Some(side("redis", peer)))
    };
    let (resp, pipelined) = (burst(1)?, burst(16)?);
    let http = rounds(args, &target, "/ids/id")?;
    let batches_of_100 = rounds(args, &target, "/ids/ids?count=100")?;
    let (batch_of_4096_ms, checked, twice) = load::runtime()?.block_on(batches(args, &target))?;
    Ok(IdsFigures { resp, pipelined, http, batches_of_100, batch_of_4096_ms, checked, twice })
}

fn rounds(args: &IdsArgs, target: &Target, path: &str) -> Result<Paired, BenchError> {
    let request = target.get(path, Some(&args.token));
    let run = move || -> Result<Measured, BenchError> {
        let plan = Plan {
            address: target.address,
            threads: 1,
            duration: args.duration,
            pace: Pace::Closed,
        };
        let share = || Box::new(Ids { request: request.clone(), last: 0 }) as Box<dyn Traffic>;
        load::run(plan, (0..args.connections).map(|_| share()).collect())
    };
    pair::run(args.rounds, Contender { name: "target", run: Box::new(run) }, None)
}

/// Asks for ids, and takes them for right when the first is larger than the last answer's.
struct Ids {
    request: Vec<u8>,
    last: u64,
}

impl Traffic for Ids {
    fn next(&mut self, request: &mut Vec<u8>) -> Option<usize> {
        request.extend_from_slice(&self.request);
        Some(0)
    }

    fn judge(&mut self, _ticket: usize, reply: &Reply<'_>) -> Verdict {
        if reply.status != 200 {
            return refused(reply);
        }
        let first =
            reply.body.split(|byte| !byte.is_ascii_digit()).find(|digits| !digits.is_empty());
        let id = first.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
        match id {
            Some(id) if id > self.last => {
                self.last = id;
                Verdict::Right
            }
            Some(id) => Verdict::Wrong(format!("{id} after {}", self.last)),
            None => Verdict::Wrong("no id".to_owned()),
        }
    }
}

#[derive(Deserialize)]
struct Batch {
    ids: Vec<String>,
}

/// A hundred batches over two connections in turn.
async fn batches(args: &IdsArgs, target: &Target) -> Result<(f64, u64, u64), BenchError> {
    let mut apis = [Api::open(target).await?, Api::open(target).await?];
    let (mut seen, mut times, mut twice) = (HashSet::new(), Vec::new(), 0);
    for number in 0..100 {
        let path = format!("/ids/ids?count={BATCH}");
        let answer = apis[number % 2].get(&path, Some(&args.token)).await?;
        times.push(answer.took.as_secs_f64() * 1e3);
        for id in answer.json::<Batch>("a batch of ids")?.ids {
            twice += u64::from(!seen.insert(id));
        }
    }
    Ok((pair::median(times), seen.len() as u64 + twice, twice))
}
