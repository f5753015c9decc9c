//! Every call of a short run in turn: it fails, or the power goes before it.
//!
//! No luck is needed: the run is made without faults first and its calls are counted; then it is
//! made again for each call. 92 % of catastrophic failures come from errors that were reported and
//! handled wrongly (Yuan et al., OSDI 2014).

use kit::invariant::Violation;

use super::Scenario;
use super::planted::Planted;
use crate::disk::Failure;
use crate::plan::{Fault, Pace, Plan, Timed};
use crate::seed::Seed;

/// What happens to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It fails.
    Fails(Failure),
    /// The power goes before it.
    PowerLoss,
}

/// A call whose turn broke a promise.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Counted from 1.
    pub call: u64,
    /// What happened to it.
    pub turn: Turn,
    /// What broke.
    pub violation: Violation,
}

/// The short run: one client for as long as it takes to start, write, move the log and fork.
#[derive(Clone, Copy, Debug)]
pub struct ShortRun {
    /// Which scenario.
    pub scenario: Scenario,
    /// Its seed.
    pub seed: Seed,
    /// How long, in microseconds of simulated time.
    pub length_us: u64,
}

impl ShortRun {
    fn plan(&self, fault: Option<Fault>) -> Plan {
        let timed = |fault| Timed { number: 0, at_us: 0, fault };
        Plan {
            length_us: self.length_us,
            pace: Pace { one_settle_of: 6, ..Pace::LIGHT },
            faults: fault.map(timed).into_iter().collect(),
        }
    }

    /// How many calls to the disk it makes.
    ///
    /// # Errors
    /// When it breaks a promise without any fault.
    pub fn calls(&self) -> Result<u64, Violation> {
        let outcome = self.scenario.run(self.seed, &self.plan(None), None);
        outcome.violation.map_or(Ok(outcome.counts.calls), Err)
    }

    /// Runs it with one call's turn.
    pub fn turn(&self, call: u64, turn: Turn, planted: Option<&Planted>) -> Option<Broken> {
        let fault = match turn {
            Turn::Fails(failure) => Fault::FailedCall { call, failure },
            Turn::PowerLoss => Fault::PowerLoss { call },
        };
        let outcome = self.scenario.run(self.seed, &self.plan(Some(fault)), planted);
        outcome.violation.map(|violation| Broken { call, turn, violation })
    }
}
