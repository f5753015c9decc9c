//! `backplane-bench generator`: this generator and `wrk` in turn over one nginx with a fixed 301.
//! If ours is not near `wrk`, figures that it gives are about itself.

use serde::Serialize;
use tempfile::TempDir;

use crate::cli::GeneratorArgs;
use crate::error::BenchError;
use crate::load::{self, Measured, Pace, Plan};
use crate::nginx::Nginx;
use crate::pair::{self, Contender, Paired};
use crate::target::Target;
use crate::traffic::FixedRedirect;
use crate::wrk::{Shape, Wrk};

/// What the comparison found.
#[derive(Debug, Serialize)]
pub(crate) struct GeneratorFigures {
    /// Keep-alive connections.
    pub(crate) connections: usize,
    /// Threads of either tool.
    pub(crate) threads: usize,
    /// Target is this generator, peer is `wrk`.
    pub(crate) rounds: Paired,
}

/// Runs the comparison.
///
/// # Errors
/// When nginx or `wrk` is missing or fails.
pub(crate) fn run(args: &GeneratorArgs) -> Result<GeneratorFigures, BenchError> {
    let nginx = Nginx::start()?;
    let target = nginx.target();
    let directory =
        tempfile::tempdir().map_err(BenchError::system("making a temporary directory"))?;
    let own = Contender { name: "own", run: Box::new(|| run_own(args, &target)) };
    let wrk = Contender { name: "wrk", run: Box::new(|| run_wrk(args, &target, &directory)) };
    let rounds = pair::run(args.rounds, own, Some(wrk))?;
    Ok(GeneratorFigures { connections: args.connections, threads: args.threads, rounds })
}

fn run_own(args: &GeneratorArgs, target: &Target) -> Result<Measured, BenchError> {
    let plan = Plan {
        address: target.address,
        threads: args.threads,
        duration: args.duration,
        pace: Pace::Closed,
    };
    let request = target.get("/", None);
    let share = || Box::new(FixedRedirect { request: request.clone() }) as _;
    load::run(plan, (0..args.connections).map(|_| share()).collect())
}

fn run_wrk(
    args: &GeneratorArgs,
    target: &Target,
    directory: &TempDir,
) -> Result<Measured, BenchError> {
    let GeneratorArgs { connections, threads, duration, .. } = *args;
    let shape = Shape { connections, threads, duration };
    Wrk::new(target, shape, &["/".to_owned()], directory.path())?.run()
}
