//! `backplane-bench platform`: start-up and idle memory beside PocketBase, namespaces and forks.

use serde::Serialize;

use crate::cli::PlatformArgs;
use crate::error::BenchError;
use crate::pair::median;
use crate::rehearsal::{self, RehearsalFigures};
use crate::startup::{Program, StartFigures, Starts};

/// What a run found.
#[derive(Debug, Serialize)]
pub(crate) struct PlatformFigures {
    /// Starts of `backplane dev` with new state.
    pub(crate) target: StartFigures,
    /// Starts of PocketBase with new state.
    pub(crate) peer: Option<StartFigures>,
    /// The peer's time to readiness over the target's, the median of pairs: above 1, the target is
    /// faster.
    pub(crate) times_faster: Option<f64>,
    /// Namespaces and forks; `None` when left out.
    pub(crate) namespaces: Option<RehearsalFigures>,
}

/// Runs all parts.
///
/// # Errors
/// When a program does not start or refuses a request.
pub(crate) fn run(args: &PlatformArgs) -> Result<PlatformFigures, BenchError> {
    // The programs run in directories of their own, so a relative path would not lead to them.
    let absolute = |path: &std::path::Path| {
        std::path::absolute(path).map_err(BenchError::system("finding the current directory"))
    };
    let args = &PlatformArgs {
        binary: absolute(&args.binary)?,
        peer_binary: args.peer_binary.as_deref().map(absolute).transpose()?,
        ..*args
    };
    let mut target = Starts::warmed_up(Program::Backplane(args.binary.clone()))?;
    let peer = args.peer_binary.clone().map(Program::PocketBase);
    let mut peer = peer.map(Starts::warmed_up).transpose()?;
    for _ in 0..args.runs {
        target.once(true)?;
        if let Some(peer) = &mut peer {
            peer.once(true)?;
        }
    }
    let namespaces = (args.namespaces > 0).then(|| rehearsal::run(args)).transpose()?;
    Ok(PlatformFigures {
        times_faster: peer.as_ref().map(|peer| median(target.ratios_of(peer))),
        target: target.figures(),
        peer: peer.map(|peer| peer.figures()),
        namespaces,
    })
}
