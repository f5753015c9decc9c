//! `backplane-bench shortener`: short links made and followed, beside a peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::time::Duration;

use serde::Serialize;
use tempfile::TempDir;

use crate::cli::{PeerChoice, Rate, ShortenerArgs, Tool, Workload};
use crate::clicks::{self, ClickCheck, Foreign, Place};
use crate::clock;
use crate::error::BenchError;
use crate::links::{
    Choice, Creates, Link, Links, LongUrls, Made, Mixed, REDIRECTS_A_CREATE, Redirects,
};
use crate::load::{self, Measured, Pace, Plan};
use crate::nginx::Nginx;
use crate::pair::{self, Contender, Paired};
use crate::process::resident_bytes;
use crate::random::{Popularity, Random, Zipf};
use crate::target::Target;
use crate::traffic::Traffic;
use crate::wrk::{Shape, Wrk};

/// Making the links of a run may take this long: a million at 2,000 a second.
const PREPARE_LIMIT: Duration = Duration::from_secs(600);
/// Sums over more links than this take longer to read than the second that is checked.
const LINKS_SUMMED_MAX: u32 = 2_000;

/// What a run found.
#[derive(Debug, Serialize)]
pub(crate) struct ShortenerFigures {
    /// `redirect`, `create`, ...
    pub(crate) workload: String,
    /// `own` or `wrk`.
    pub(crate) tool: String,
    /// Keep-alive connections to each side.
    pub(crate) connections: usize,
    /// Threads of the generator.
    pub(crate) threads: usize,
    /// Links made before the load.
    pub(crate) links: usize,
    /// Making them; `None` where the workload needs none.
    pub(crate) prepared: Option<Measured>,
    /// The rounds; `None` for `idle`.
    pub(crate) rounds: Option<Paired>,
    /// Open loops of both sides at half the rate that the target's rounds reached.
    pub(crate) at_half_rate: Option<Paired>,
    /// Every link followed once after the rounds, when their tool checks no targets.
    pub(crate) swept: Option<Measured>,
    /// Whether clicks were counted.
    pub(crate) clicks: Option<ClickCheck>,
    /// Resident set of `--pid` before the load.
    pub(crate) resident_bytes_before: Option<u64>,
    /// Resident set of `--pid` after it.
    pub(crate) resident_bytes_after: Option<u64>,
}

impl ShortenerFigures {
    /// Every answer was right and every click counted.
    pub(crate) fn is_clean(&self) -> bool {
        let paired = [&self.rounds, &self.at_half_rate];
        let measured = [&self.prepared, &self.swept];
        paired.into_iter().flatten().all(Paired::is_clean)
            && measured.into_iter().flatten().all(Measured::is_clean)
            && self.clicks.as_ref().is_none_or(|clicks| clicks.settled_after_ms.is_some())
    }
}

/// Runs the workload that the arguments name.
///
/// # Errors
/// Whatever keeps the figures from being measured.
pub(crate) fn run(args: &ShortenerArgs) -> Result<ShortenerFigures, BenchError> {
    check_options(args)?;
    let before = args.pid.map(resident_bytes).transpose()?;
    let mut figures = ShortenerFigures {
        workload: args.workload.to_string(),
        tool: args.tool.to_string(),
        connections: args.connections,
        threads: args.threads,
        links: 0,
        prepared: None,
        rounds: None,
        at_half_rate: None,
        swept: None,
        clicks: None,
        resident_bytes_before: before,
        resident_bytes_after: None,
    };
    match args.workload {
        Workload::Idle => {}
        Workload::Create | Workload::Redirect | Workload::Zipf | Workload::Mixed => {
            measure(args, &mut figures)?;
        }
    }
    figures.resident_bytes_after = args.pid.map(resident_bytes).transpose()?;
    Ok(figures)
}

fn check_options(args: &ShortenerArgs) -> Result<(), BenchError> {
    let refuse = |reason: &str| Err(BenchError::Usage(reason.to_owned()));
    let follows_only = matches!(args.workload, Workload::Redirect | Workload::Zipf);
    if args.workload == Workload::Idle && args.pid.is_none() {
        return refuse("--workload idle reports the memory of a process: give its --pid");
    }
    if args.tool == Tool::Wrk && args.workload != Workload::Redirect {
        return refuse("--tool wrk measures --workload redirect only");
    }
    if args.tool == Tool::Wrk && matches!(args.rate, Some(Rate::PerSecond(_))) {
        return refuse("wrk has no --rate N; use --rate half, whose open loop is our own");
    }
    if !follows_only && matches!(args.peer, Some(PeerChoice::Nginx | PeerChoice::Fixed(_))) {
        return refuse("a fixed redirect can only be a peer of --workload redirect or zipf");
    }
    if args.check_clicks && args.workload == Workload::Create {
        return refuse("--check-clicks needs a workload that follows links");
    }
    if args.check_clicks && args.tool == Tool::Wrk && args.links > LINKS_SUMMED_MAX {
        return refuse("--check-clicks with --tool wrk needs --links of at most 2000");
    }
    Ok(())
}

fn measure(args: &ShortenerArgs, figures: &mut ShortenerFigures) -> Result<(), BenchError> {
    let tag = clock::run_tag();
    let target = Arc::new(Target::parse(&args.target)?);
    let (target, prepared) = Server::prepare(args, "target", target, &tag)?;
    let peer =
        args.peer.as_ref().map(|peer| prepare_peer(args, peer, &target, &tag)).transpose()?;
    figures.links = target.links.links.len();
    figures.prepared = prepared;

    let pace = match args.rate {
        Some(Rate::PerSecond(rate_per_s)) => Pace::Open { rate_per_s },
        Some(Rate::Half) | None => Pace::Closed,
    };
    let peer_server = peer.as_ref().map(|(server, _nginx)| server);
    let both = |tool, pace| {
        let contender = |server: &Server| {
            let (name, server) = (server.name, server.clone());
            Contender { name, run: Box::new(move || server.round(args, tool, pace)) }
        };
        pair::run(args.rounds, contender(&target), peer_server.map(contender))
    };
    let rounds = both(args.tool, pace)?;
    if args.rate == Some(Rate::Half) {
        let rate_per_s = (rounds.target.median_requests_per_s / 2.0).max(1.0);
        figures.at_half_rate = Some(both(Tool::Own, Pace::Open { rate_per_s })?);
    }
    if args.tool == Tool::Wrk {
        figures.swept = Some(target.follow_each_once(args)?);
    }
    if args.check_clicks {
        figures.clicks = Some(check_clicks(args, &target, &rounds)?);
    }
    figures.rounds = Some(rounds);
    Ok(())
}

fn check_clicks(
    args: &ShortenerArgs,
    server: &Server,
    rounds: &Paired,
) -> Result<ClickCheck, BenchError> {
    let ended = clock::now();
    let foreign = (args.tool == Tool::Wrk).then(|| Foreign {
        answered: rounds.target.rounds.iter().map(|round| round.answers).sum(),
        cut_off_max: (args.rounds * args.connections) as u64,
    });
    let place = Place { target: &server.target, token: &args.token };
    clicks::check(&place, &server.links, foreign, ended)
}

fn prepare_peer(
    args: &ShortenerArgs,
    peer: &PeerChoice,
    target: &Server,
    tag: &str,
) -> Result<(Server, Option<Nginx>), BenchError> {
    let fixed = |address| Server {
        name: "peer (fixed)",
        target: Arc::new(address),
        is_fixed: true,
        ..target.clone()
    };
    match peer {
        PeerChoice::Nginx => {
            let nginx = Nginx::start()?;
            Ok((Server { name: "nginx 301", ..fixed(nginx.target()) }, Some(nginx)))
        }
        PeerChoice::Fixed(url) => Ok((fixed(Target::parse(url)?), None)),
        PeerChoice::Same(url) => {
            let address = Arc::new(Target::parse(url)?);
            Ok((Server::prepare(args, "peer", address, tag)?.0, None))
        }
    }
}

/// One side of the comparison with what its load needs.
#[derive(Debug, Clone)]
struct Server {
    name: &'static str,
    target: Arc<Target>,
    links: Arc<Links>,
    /// The next new long URL.
    next: Arc<AtomicUsize>,
    popularity: Popularity,
    /// Answers one redirect whatever is asked.
    is_fixed: bool,
    /// For the files of `wrk`.
    directory: Arc<TempDir>,
}

impl Server {
    /// Makes the links that the workload follows.
    fn prepare(
        args: &ShortenerArgs,
        name: &'static str,
        target: Arc<Target>,
        tag: &str,
    ) -> Result<(Self, Option<Measured>), BenchError> {
        let count = if args.workload == Workload::Create { 0 } else { args.links };
        let next = Arc::new(AtomicUsize::new(0));
        let long_urls = LongUrls::new(tag);
        let made = Arc::new(Made::default());
        let creates = Creates {
            target: Arc::clone(&target),
            token: args.token.clone(),
            long_urls: long_urls.clone(),
            next: Arc::clone(&next),
            limit: count as usize,
            made: Some(Arc::clone(&made)),
        };
        let prepared = (count > 0).then(|| make_links(args, &creates)).transpose()?;
        // Every connection drew a number beyond the last, which no link has.
        next.store(count as usize, std::sync::atomic::Ordering::Relaxed);
        let link = |path| Link { path, sent: AtomicU32::new(0), answered: AtomicU32::new(0) };
        let links = made.take().into_iter().map(link).collect();
        let directory =
            tempfile::tempdir().map_err(BenchError::system("making a temporary directory"))?;
        let server = Self {
            name,
            target,
            links: Arc::new(Links { long_urls, links }),
            next,
            popularity: match args.workload {
                Workload::Zipf => Popularity::Zipf(Arc::new(Zipf::new(count))),
                _ => Popularity::Uniform(count),
            },
            is_fixed: false,
            directory: Arc::new(directory),
        };
        Ok((server, prepared))
    }

    fn round(&self, args: &ShortenerArgs, tool: Tool, pace: Pace) -> Result<Measured, BenchError> {
        if tool == Tool::Wrk {
            return self.run_wrk(args);
        }
        let plan = Plan { pace, ..plan(args, &self.target) };
        load::run(plan, (0..args.connections).map(|number| self.share(args, number)).collect())
    }

    fn run_wrk(&self, args: &ShortenerArgs) -> Result<Measured, BenchError> {
        let paths: Vec<String> =
            self.links.links.iter().map(|link| link.path.to_string()).collect();
        let ShortenerArgs { connections, threads, duration, .. } = *args;
        let shape = Shape { connections, threads, duration };
        Wrk::new(&self.target, shape, &paths, self.directory.path())?.run()
    }

    fn follow_each_once(&self, args: &ShortenerArgs) -> Result<Measured, BenchError> {
        let next = Arc::new(AtomicUsize::new(0));
        let share =
            || Box::new(self.redirects(Choice::EachOnce(Arc::clone(&next)))) as Box<dyn Traffic>;
        let plan = Plan { duration: PREPARE_LIMIT, ..plan(args, &self.target) };
        load::run(plan, (0..args.connections).map(|_| share()).collect())
    }

    /// The share of the workload that one connection has.
    fn share(&self, args: &ShortenerArgs, number: usize) -> Box<dyn Traffic> {
        let random = Random::new(args.seed.wrapping_add(number as u64 * 7_919));
        let redirects = self.redirects(Choice::Drawn(self.popularity.clone(), random));
        let creates = Creates {
            target: Arc::clone(&self.target),
            token: args.token.clone(),
            long_urls: self.links.long_urls.clone(),
            next: Arc::clone(&self.next),
            limit: usize::MAX,
            made: None,
        };
        match args.workload {
            Workload::Create => Box::new(creates),
            Workload::Mixed => {
                let since_create = number as u32 % REDIRECTS_A_CREATE;
                let redirects_a_create = REDIRECTS_A_CREATE;
                Box::new(Mixed { redirects, creates, redirects_a_create, since_create })
            }
            Workload::Redirect | Workload::Zipf | Workload::Idle => Box::new(redirects),
        }
    }

    fn redirects(&self, choice: Choice) -> Redirects {
        Redirects {
            target: Arc::clone(&self.target),
            links: Arc::clone(&self.links),
            choice,
            checked: !self.is_fixed,
        }
    }
}

fn plan(args: &ShortenerArgs, target: &Target) -> Plan {
    Plan {
        address: target.address,
        threads: args.threads,
        duration: args.duration,
        pace: Pace::Closed,
    }
}

fn make_links(args: &ShortenerArgs, creates: &Creates) -> Result<Measured, BenchError> {
    let plan = Plan { duration: PREPARE_LIMIT, ..plan(args, &creates.target) };
    let shares = (0..args.connections).map(|_| Box::new(creates.clone()) as _).collect();
    let measured = load::run(plan, shares)?;
    if measured.is_clean() && measured.answers == creates.limit as u64 {
        return Ok(measured);
    }
    let problem = measured.first_problem.unwrap_or_else(|| format!("{PREPARE_LIMIT:?} passed"));
    Err(BenchError::Unexpected {
        what: format!("making {} links, {} answered", creates.limit, measured.answers),
        answer: problem,
    })
}
