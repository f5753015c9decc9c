//! `backplane-bench telemetry`: what the kit's telemetry costs under load, and what an outage of
//! the collector does to a server.
//!
//! - [`server`]: a `backplane dev` with telemetry on or off, its metrics and its processor time.
//! - [`sink`]: the collector, an OTLP/HTTP door that counts spans and can be stopped.
//! - [`traced`]: requests that ask to be recorded, so that the number of spans is known.
//! - [`overhead`]: rounds with telemetry on and off in turn.
//! - [`outage`]: the collector stopped under load, and every span accounted for.

mod outage;
mod overhead;
mod server;
mod sink;
mod text;
mod traced;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::cli::TelemetryArgs;
use crate::error::BenchError;
use crate::load::Pace;
use outage::OutageFigures;
use overhead::OverheadFigures;

/// Of ten requests nine are redirects and one is a create, which goes through all of the kit.
const REDIRECTS_A_CREATE: u32 = 9;

/// What a run found.
#[derive(Debug, Serialize)]
pub(crate) struct TelemetryFigures {
    /// Keep-alive connections.
    pub(crate) connections: usize,
    /// Redirects to one create.
    pub(crate) redirects_a_create: u32,
    /// What stays on in the rounds without telemetry.
    pub(crate) always_on: &'static str,
    /// At the rate of `--rate`; `None` when only an outage was asked for.
    pub(crate) open: Option<OverheadFigures>,
    /// As fast as answers come; `None` when only an outage was asked for.
    pub(crate) closed: Option<OverheadFigures>,
    /// The outage of the collector; `None` when none was asked for.
    pub(crate) outage: Option<OutageFigures>,
}

impl TelemetryFigures {
    /// Every answer was right, and every span of an outage is accounted for.
    pub(crate) fn is_clean(&self) -> bool {
        [&self.open, &self.closed].into_iter().flatten().all(|figures| figures.rounds.is_clean())
            && self.outage.as_ref().is_none_or(OutageFigures::is_clean)
    }
}

/// What every part of a run needs.
#[derive(Debug, Clone)]
struct Shape {
    binary: PathBuf,
    connections: usize,
    threads: usize,
    seconds: Duration,
    rate_per_s: f64,
}

/// Runs the parts that the arguments ask for.
///
/// # Errors
/// When a server does not start or refuses a request outside the load.
pub(crate) fn run(args: &TelemetryArgs) -> Result<TelemetryFigures, BenchError> {
    let binary = std::path::absolute(&args.binary)
        .map_err(BenchError::system("finding the current directory"))?;
    let shape = Shape {
        binary,
        connections: args.connections,
        threads: args.threads,
        seconds: Duration::from_secs(args.seconds),
        rate_per_s: f64::from(args.rate),
    };
    let (mut open, mut closed) = (None, None);
    if args.rounds > 0 {
        let pair = overhead::Pair::start(&shape)?;
        let pace = Pace::Open { rate_per_s: shape.rate_per_s };
        open = Some(pair.measure(args.rounds, pace)?);
        closed = Some(pair.measure(args.rounds, Pace::Closed)?);
        pair.stop()?;
    }
    let outage = args.outage.map(|seconds| outage::run(&shape, Duration::from_secs(seconds)));
    Ok(TelemetryFigures {
        connections: args.connections,
        redirects_a_create: REDIRECTS_A_CREATE,
        always_on: "metrics, request ids and the span that carries them have no switch",
        open,
        closed,
        outage: outage.transpose()?,
    })
}
