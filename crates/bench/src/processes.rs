//! `backplane-bench processes`: redirects of the same links over one process, and over two that
//! share a PostgreSQL and nothing else.
//!
//! Each process may use half a core, so that two of them, the database and the generator fit on a
//! machine of two cores, and a second process is what it would be elsewhere: more of the same.

mod half_core;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use serde::Serialize;
use tempfile::TempDir;

use crate::cli::ProcessesArgs;
use crate::clock;
use crate::error::BenchError;
use crate::links::{Choice, Creates, Link, Links, LongUrls, Made, Redirects};
use crate::load::{self, Measured, Pace, Plan};
use crate::pair::{self, Contender, Paired};
use crate::process::Running;
use crate::random::{Popularity, Random};
use crate::report::write_rounds;
use crate::startup::{Start, start_backplane};
use crate::target::Target;
use crate::traffic::Traffic;
use half_core::HalfCores;

/// Making the links may take this long.
const PREPARE_LIMIT: Duration = Duration::from_secs(300);
/// Connections that make them: serialisable transactions on a small table collide, and with many
/// at once some are refused.
const CREATING: usize = 2;
const NAMES: [&str; 2] = ["one", "two"];

/// What a run found.
#[derive(Debug, Serialize)]
pub(crate) struct ProcessesFigures {
    /// What keeps each process at half a core.
    pub(crate) limited_by: String,
    /// Links followed.
    pub(crate) links: u32,
    /// Keep-alive connections, to one process or shared by two.
    pub(crate) connections: usize,
    /// The target is two processes, its peer is one of them alone.
    pub(crate) rounds: Paired,
}

impl ProcessesFigures {
    /// Writes them as text.
    ///
    /// # Errors
    /// As `out` gives them.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { limited_by, links, connections, rounds } = self;
        writeln!(
            out,
            "processes: {links} links on one PostgreSQL, {connections} connections, limited by \
             {limited_by}"
        )?;
        write_rounds(out, rounds)
    }
}

/// Starts both processes and runs the rounds.
///
/// # Errors
/// When nothing can limit a process, one does not start, or a create is refused.
pub(crate) fn run(args: &ProcessesArgs) -> Result<ProcessesFigures, BenchError> {
    let half_cores = HalfCores::new(&NAMES)?;
    let one = Process::start(args, NAMES[0])?;
    let two = Process::start(args, NAMES[1])?;
    let links = make_links(args, &one)?;
    // Each has read every link once and has it in memory.
    for process in [&one, &two] {
        process.follow_each_once(args, &links)?;
    }
    let limited_by = half_cores.limit(&[one.running.pid(), two.running.pid()])?;
    let over = |name, processes: Vec<&Process>| {
        let targets: Vec<_> = processes.iter().map(|of| Arc::clone(&of.target)).collect();
        let links = Arc::clone(&links);
        Contender { name, run: Box::new(move || round(args, &targets, &links)) }
    };
    let both = over("two processes", vec![&one, &two]);
    let rounds = pair::run(args.rounds, both, Some(over("one process", vec![&one])))?;
    one.running.stop()?;
    two.running.stop()?;
    let (links, connections) = (args.links, args.connections);
    Ok(ProcessesFigures { limited_by, links, connections, rounds })
}

/// One `backplane dev` on the database.
#[derive(Debug)]
struct Process {
    running: Running,
    target: Arc<Target>,
    token: String,
    /// Removed after the process ended, because fields drop in order.
    _directory: TempDir,
}

impl Process {
    fn start(args: &ProcessesArgs, name: &str) -> Result<Self, BenchError> {
        let binary = std::path::absolute(&args.binary)
            .map_err(BenchError::system("finding the current directory"))?;
        let directory = TempDir::new().map_err(BenchError::system("making a directory"))?;
        let data = directory.path().join("data");
        // Its name leases ranges of numbers; there is nothing else to tell it of the other one.
        let settings = [format!("data.sql={}", args.sql), format!("shortener.server=bench-{name}")];
        let start = Start {
            binary: &binary,
            directory: directory.path(),
            data: Some(&data),
            settings: &settings,
        };
        let (running, ready, _) = start_backplane(&start)?;
        let target = Arc::new(Target::parse(&ready.edge)?);
        Ok(Self { running, target, token: ready.credentials.token, _directory: directory })
    }

    fn follow_each_once(&self, args: &ProcessesArgs, links: &Arc<Links>) -> Result<(), BenchError> {
        let next = Arc::default();
        let share = |_| redirects(&self.target, links, Choice::EachOnce(Arc::clone(&next)));
        let plan = plan(&self.target, PREPARE_LIMIT);
        let measured = load::run(plan, (0..args.connections).map(share).collect())?;
        if measured.is_clean() {
            return Ok(());
        }
        Err(BenchError::Unexpected {
            what: "following the links of another process".to_owned(),
            answer: measured.first_problem.unwrap_or_default(),
        })
    }
}

fn make_links(args: &ProcessesArgs, process: &Process) -> Result<Arc<Links>, BenchError> {
    let made = Arc::new(Made::default());
    let long_urls = LongUrls::new(&clock::run_tag());
    let creates = Creates {
        target: Arc::clone(&process.target),
        token: process.token.clone(),
        long_urls: long_urls.clone(),
        next: Arc::default(),
        limit: args.links as usize,
        made: Some(Arc::clone(&made)),
    };
    let shares = (0..CREATING).map(|_| Box::new(creates.clone()) as _).collect();
    let measured = load::run(plan(&process.target, PREPARE_LIMIT), shares)?;
    let link = |path| Link { path, sent: AtomicU32::new(0), answered: AtomicU32::new(0) };
    let links: Vec<Link> = made.take().into_iter().map(link).collect();
    if links.len() == args.links as usize {
        return Ok(Arc::new(Links { long_urls, links }));
    }
    Err(BenchError::Unexpected {
        what: format!("making {} links, {} made", args.links, links.len()),
        answer: measured.first_problem.unwrap_or_default(),
    })
}

fn plan(target: &Target, duration: Duration) -> Plan {
    Plan { address: target.address, threads: 1, duration, pace: Pace::Closed }
}

fn redirects(target: &Arc<Target>, links: &Arc<Links>, choice: Choice) -> Box<dyn Traffic> {
    let (target, links) = (Arc::clone(target), Arc::clone(links));
    Box::new(Redirects { target, links, choice, checked: true })
}

/// The same connections over all `targets` at once.
fn round(
    args: &ProcessesArgs,
    targets: &[Arc<Target>],
    links: &Arc<Links>,
) -> Result<Measured, BenchError> {
    let connections = (args.connections / targets.len()).max(1);
    let load = |target: &Arc<Target>| {
        let share = |number: usize| {
            let popularity = Popularity::Uniform(args.links);
            let random = Random::new(1 + number as u64 * 7_919);
            redirects(target, links, Choice::Drawn(popularity, random))
        };
        let plan = plan(target, Duration::from_secs(args.seconds));
        load::run(plan, (0..connections).map(share).collect())
    };
    std::thread::scope(|scope| {
        let loads: Vec<_> = targets.iter().map(|target| scope.spawn(|| load(target))).collect();
        let mut total = Measured::default();
        for load in loads {
            total = sum(&total, &load.join().map_err(|_| BenchError::Thread)??);
        }
        Ok(total)
    })
}

/// Of two loads at the same time: their rates together, and the worse of their latencies.
fn sum(one: &Measured, two: &Measured) -> Measured {
    Measured {
        answers: one.answers + two.answers,
        seconds: one.seconds.max(two.seconds),
        requests_per_s: one.requests_per_s + two.requests_per_s,
        latency: one.latency.worse(two.latency),
        wrong: one.wrong + two.wrong,
        refused: one.refused + two.refused,
        failed: one.failed + two.failed,
        unsent: one.unsent + two.unsent,
        first_problem: one.first_problem.clone().or_else(|| two.first_problem.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Percentiles;

    #[test]
    fn loads_at_the_same_time_add_up() {
        let load = |requests_per_s: f64, p99_us: f64| Measured {
            answers: 10,
            seconds: 1.0,
            requests_per_s,
            latency: Percentiles { p99_us, ..Percentiles::default() },
            ..Measured::default()
        };
        let total = sum(&load(100.0, 5.0), &load(50.0, 7.0));
        assert_eq!((total.answers, total.requests_per_s), (20, 150.0));
        assert_eq!((total.seconds, total.latency.p99_us), (1.0, 7.0));
    }
}
