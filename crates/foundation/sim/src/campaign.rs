//! Many seeds, and what is told of the first that fails: one line that runs it again.

use std::fmt;
use std::ops::Range;
use std::process::Command;
use std::time::Duration;

use kit::invariant::Violation;

use crate::plan::{Plan, Timed};
use crate::scenarios::planted::Planted;
use crate::scenarios::{Counts, Outcome, Scenario};
use crate::seed::Seed;
use crate::shrink::shrink;
use crate::trace::Event;

/// Runs that shrinking may take.
const SHRINK_RUNS_MAX: u32 = 60;
/// Events of the trace that a report shows.
const EVENTS_SHOWN: usize = 40;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// Which scenario.
    pub scenario: Scenario,
    /// With which bug, if any.
    pub planted: Option<&'static Planted>,
}

/// What many runs came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub seeds: u64,
    /// Simulated time of all runs, in microseconds.
    pub simulated_us: u64,
    /// What they covered.
    pub counts: Counts,
    /// The first seed that failed, after which no more was run, and how; see
    /// [`Campaign::shrunk`].
    pub failed: Option<(u64, Violation)>,
}

/// A run that broke a promise.
#[derive(Clone, Debug)]
pub struct Failure {
    campaign: Campaign,
    seed: u64,
    violation: Violation,
    cut: Cut,
    faults: Vec<Timed>,
    drawn: usize,
    last: Vec<Event>,
}

/// What is left out of a seed's plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// The faults that stay; all, when there is no list.
    pub keep: Option<Vec<usize>>,
    /// Clients, when there are to be fewer.
    pub clients: Option<u32>,
}

impl Campaign {
    /// Runs one seed, cut as told.
    pub fn replay(&self, seed: u64, cut: &Cut) -> Outcome {
        self.run(seed, cut).0
    }

    fn run(&self, seed: u64, cut: &Cut) -> (Outcome, Plan) {
        let mut plan = self.scenario.plan(Seed(seed));
        if let Some(keep) = &cut.keep {
            plan.keep(keep);
        }
        plan.pace.clients = cut.clients.unwrap_or(plan.pace.clients);
        (self.scenario.run(Seed(seed), &plan, self.planted), plan)
    }

    /// Runs seeds until one fails or `goes_on` says no.
    pub fn run_all(&self, seeds: Range<u64>, mut goes_on: impl FnMut() -> bool) -> Summary {
        let mut summary = Summary::default();
        for seed in seeds {
            if !goes_on() {
                break;
            }
            let outcome = self.replay(seed, &Cut::default());
            summary.seeds += 1;
            summary.simulated_us += outcome.simulated_us;
            summary.counts += outcome.counts;
            if let Some(violation) = outcome.violation {
                summary.failed = Some((seed, violation));
                break;
            }
        }
        summary
    }

    /// Leaves out every fault, and then clients, without which `seed` breaks the same invariant.
    pub fn shrunk(&self, seed: u64, violation: Violation) -> Failure {
        let plan = self.scenario.plan(Seed(seed));
        let all: Vec<usize> = plan.faults.iter().map(|fault| fault.number).collect();
        let fails = |cut: &Cut| {
            let again = self.replay(seed, cut).violation;
            again.is_some_and(|again| again.invariant == violation.invariant)
        };
        let kept = shrink(&all, SHRINK_RUNS_MAX, |numbers| {
            fails(&Cut { keep: Some(numbers.to_vec()), clients: None })
        });
        let mut cut = Cut { keep: Some(kept), clients: None };
        let fewer = (1..plan.pace.clients)
            .find(|clients| fails(&Cut { clients: Some(*clients), ..cut.clone() }));
        cut.clients = fewer;
        let (outcome, least) = self.run(seed, &cut);
        let events: Vec<Event> = outcome.trace.last().copied().collect();
        Failure {
            campaign: *self,
            seed,
            violation: outcome.violation.unwrap_or(violation),
            cut,
            faults: least.faults,
            drawn: all.len(),
            last: events[events.len().saturating_sub(EVENTS_SHOWN)..].to_vec(),
        }
    }
}

impl Failure {
    /// The promise that was broken.
    pub fn violation(&self) -> &Violation {
        &self.violation
    }

    /// What was left out of the seed's plan.
    pub fn cut(&self) -> &Cut {
        &self.cut
    }

    /// The command that runs it again.
    pub fn replay(&self) -> String {
        let Self { campaign, seed, faults, .. } = self;
        let keep: Vec<String> = faults.iter().map(|fault| fault.number.to_string()).collect();
        let mut command = format!(
            "cargo run -p sim --bin simulate -- --scenario {} --seed {seed} --keep={}",
            campaign.scenario.name(),
            keep.join(",")
        );
        if let Some(clients) = self.cut.clients {
            command.push_str(&format!(" --clients {clients}"));
        }
        if let Some(planted) = campaign.planted {
            command.push_str(" --planted ");
            command.push_str(planted.name);
        }
        command
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.violation)?;
        writeln!(out, "scenario {}, seed {}", self.campaign.scenario.name(), self.seed)?;
        writeln!(out, "commit {}", commit().as_deref().unwrap_or("unknown"))?;
        writeln!(out, "{} of {} faults are left:", self.faults.len(), self.drawn)?;
        self.faults.iter().try_for_each(|fault| writeln!(out, "  {fault}"))?;
        writeln!(out, "the last events:")?;
        self.last.iter().try_for_each(|event| writeln!(out, "  {event}"))?;
        write!(out, "again: {}", self.replay())
    }
}

/// Processor time of this thread so far: what a core-second is a second of.
pub fn cpu_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// The commit of the tree that this was built in, if there is one.
pub fn commit() -> Option<String> {
    let folder = env!("CARGO_MANIFEST_DIR");
    let told = Command::new("git").args(["-C", folder, "rev-parse", "HEAD"]).output().ok()?;
    let text = String::from_utf8(told.stdout).ok()?;
    told.status.success().then(|| text.trim().to_owned())
}
