//! `backplane-bench limiter`: decisions over each door of a rate limiter, beside
//! throttlecrab-server.
//!
//! Both sides decide by GCRA with the same burst and rate, on keys drawn from one range. Our side
//! takes its rule from the file that this command puts in force (HTTP and gRPC), or from the
//! command itself (RESP), as the peer always does.

mod drive;
mod grpc;
mod http;
mod resp;

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use crate::cli::{LimiterArgs, LimiterDoor, Rate};
use crate::error::BenchError;
use crate::load::{Measured, Pace};
use crate::pair::{self, Contender, Paired};

/// Hits at once, and hits in each [`PERIOD_S`]: wide enough that hardly a decision is a refusal.
const BURST: u32 = 1_000;
/// See [`BURST`].
const RATE: u32 = 1_000_000;
/// See [`BURST`].
const PERIOD_S: u32 = 60;

/// What a run found.
#[derive(Debug, Serialize)]
pub(crate) struct LimiterFigures {
    /// `http`, `grpc` or `resp`.
    pub(crate) door: String,
    /// Connections to each side.
    pub(crate) connections: usize,
    /// Decisions under way at once on each.
    pub(crate) depth: usize,
    /// Threads of the generator.
    pub(crate) threads: usize,
    /// Callers that are told apart.
    pub(crate) keys: u32,
    /// The rounds.
    pub(crate) rounds: Paired,
    /// Open loops of both sides at half the rate that the target's rounds reached.
    pub(crate) at_half_rate: Option<Paired>,
}

impl LimiterFigures {
    /// Every answer was right.
    pub(crate) fn is_clean(&self) -> bool {
        self.rounds.is_clean() && self.at_half_rate.as_ref().is_none_or(Paired::is_clean)
    }
}

/// Whose protocol a server speaks where the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// Ours: Envoy's, redis-cell's, and our own over HTTP.
    Ours,
    /// That of throttlecrab-server.
    Throttlecrab,
}

/// One side of a round.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    address: SocketAddr,
    speaks: Speaks,
    connections: usize,
    depth: usize,
    threads: usize,
    duration: Duration,
    keys: u32,
    token: String,
    pace: Pace,
}

/// Runs the rounds that the arguments name.
///
/// # Errors
/// Whatever keeps the figures from being measured.
pub(crate) fn run(args: &LimiterArgs) -> Result<LimiterFigures, BenchError> {
    if args.door == LimiterDoor::Http && args.depth > 1 {
        return Err(BenchError::Usage("--depth is for grpc and resp".to_owned()));
    }
    let side = |address: &SocketAddr, speaks, pace| Round {
        address: *address,
        speaks,
        connections: args.connections,
        depth: args.depth,
        threads: args.threads,
        duration: args.duration,
        keys: args.keys,
        token: args.token.clone(),
        pace,
    };
    if let Some(edge) = &args.rules_at {
        http::put_rules(edge, &args.token)?;
    }
    let door = args.door;
    let contender = |name: &'static str, round: Round| Contender {
        name,
        run: Box::new(move || measure(door, &round)),
    };
    let both = |pace| {
        let target = contender("target", side(&args.target, Speaks::Ours, pace));
        let peer = args.peer.as_ref();
        let peer = peer.map(|peer| contender("peer", side(peer, Speaks::Throttlecrab, pace)));
        pair::run(args.rounds, target, peer)
    };
    let rounds = both(match args.rate {
        Some(Rate::PerSecond(rate_per_s)) => Pace::Open { rate_per_s },
        Some(Rate::Half) | None => Pace::Closed,
    })?;
    let at_half_rate = match args.rate {
        Some(Rate::Half) => {
            let rate_per_s = (rounds.target.median_requests_per_s / 2.0).max(1.0);
            Some(both(Pace::Open { rate_per_s })?)
        }
        Some(Rate::PerSecond(_)) | None => None,
    };
    Ok(LimiterFigures {
        door: door.to_string(),
        connections: args.connections,
        depth: args.depth,
        threads: args.threads,
        keys: args.keys,
        rounds,
        at_half_rate,
    })
}

fn measure(door: LimiterDoor, round: &Round) -> Result<Measured, BenchError> {
    match door {
        LimiterDoor::Http => http::run(round),
        LimiterDoor::Grpc => {
            drive::run(round, (round.depth, 1), |seed| grpc::Caller::new(round, seed))
        }
        LimiterDoor::Resp => {
            drive::run(round, (1, round.depth), |seed| resp::Caller::new(round, seed))
        }
    }
}
