//! What goes wrong in a run, and when: drawn from the seed, within the fault model.
//!
//! Faults are listed one by one so that a failing plan can be shrunk: leaving one out changes
//! neither what the others are nor any other draw of the run.

use std::fmt;

use crate::disk::Failure;
use crate::seed::{Rng, Seed};

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes before the `call`th call to the disk from then.
    PowerLoss {
        /// Counted from 1.
        call: u64,
    },
    /// The process ends before the `call`th call; what was written stays.
    Kill,
    /// The `call`th call to the disk from then fails.
    FailedCall {
        /// Counted from 1.
        call: u64,
        /// How.
        failure: Failure,
    },
    /// The disk has room for `room` more bytes, for a while.
    FullDisk {
        /// In bytes.
        room: u64,
        /// How long, in microseconds.
        for_us: u64,
    },
    /// The process stands still.
    Pause {
        /// How long, in microseconds.
        for_us: u64,
    },
    /// The clock is set.
    ClockStep {
        /// Forward or back, in microseconds.
        by_us: i64,
    },
}

/// A fault and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Its place in the drawn plan, by which a replay names it.
    pub number: usize,
    /// When, in microseconds of simulated time.
    pub at_us: u64,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for Timed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "#{} at {:.6}s: {:?}", self.number, self.at_us as f64 / 1e6, self.fault)
    }
}

/// Which faults a scenario allows for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Power losses and ends of the process.
    pub crashes: bool,
    /// Calls that fail.
    pub failed_calls: bool,
    /// A disk that fills up.
    pub full_disk: bool,
    /// Pauses and steps of the clock.
    pub time: bool,
}

impl Model {
    /// Everything.
    pub const ALL: Self = Self { crashes: true, failed_calls: true, full_disk: true, time: true };
    /// Crashes and time only.
    pub const CRASHES: Self = Self { failed_calls: false, full_disk: false, ..Self::ALL };
}

/// How busy a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Clients at work at once.
    pub clients: u32,
    /// A client's longest pause between two operations, in microseconds.
    pub think_us: u64,
    /// One transaction of so many rewrites the ballast.
    pub one_burst_of: u64,
    /// One operation of so many moves the whole log into the main file.
    pub one_settle_of: u64,
    /// Longest entry, in bytes: the larger, the more pages a transaction touches.
    pub body_bytes: u64,
    /// How many times slower than usual the disk writes.
    pub slowness: u64,
}

impl Pace {
    /// One client that does a bit of everything in a moment.
    pub const LIGHT: Self = Self {
        clients: 1,
        think_us: 20_000,
        one_burst_of: 1_000,
        one_settle_of: 100,
        body_bytes: 200,
        slowness: 1,
    };

    /// People at work: most seeds.
    fn calm(rng: &mut Rng) -> Self {
        let clients = rng.within(1..=6) as u32;
        Self { clients, think_us: 300_000, one_burst_of: 12, ..Self::LIGHT }
    }

    /// The log fills while it is being moved, and commits share flushes.
    fn busy(rng: &mut Rng) -> Self {
        let (clients, slowness) = (rng.within(4..=10) as u32, rng.within(1..=10));
        let load = Self { think_us: 6_000, one_burst_of: 5, body_bytes: 1_500, ..Self::LIGHT };
        Self { clients, slowness, ..load }
    }
}

/// A run's length, load and faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How long it lasts, in microseconds.
    pub length_us: u64,
    /// How busy it is.
    pub pace: Pace,
    /// What goes wrong, in order of time.
    pub faults: Vec<Timed>,
}

/// Shortest time between two faults: recovery is to be reached, and often to be hit by the next.
const BETWEEN_US: u64 = 50_000;

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: Seed, model: Model) -> Self {
        let mut rng = seed.fork("plan").rng();
        let is_busy = rng.chance(1, 4);
        let (length_us, mean_us, pace) = if is_busy {
            (rng.within(1_000_000..=3_000_000), 1_000_000, Pace::busy(&mut rng))
        } else {
            let (length_us, mean_us) = (10_000_000..=60_000_000, 500_000..=8_000_000);
            (rng.within(length_us), rng.within(mean_us), Pace::calm(&mut rng))
        };
        let mut faults = Vec::new();
        let mut at_us = rng.below(mean_us * 2);
        while at_us < length_us {
            let number = faults.len();
            // Of its own fork, so that one fault's draws do not shift the next one's.
            let mut own = seed.fork("fault").numbered(number as u64).rng();
            faults.push(Timed { number, at_us, fault: draw_fault(&mut own, model) });
            at_us += BETWEEN_US + rng.below(mean_us * 2);
        }
        Self { length_us, pace, faults }
    }

    /// Only the faults with these numbers.
    pub fn keep(&mut self, numbers: &[usize]) {
        self.faults.retain(|fault| numbers.contains(&fault.number));
    }
}

fn draw_fault(rng: &mut Rng, model: Model) -> Fault {
    loop {
        let fault = match rng.below(16) {
            0..=4 => Fault::PowerLoss { call: rng.within(1..=40) },
            5..=7 => Fault::Kill,
            8..=11 => {
                let failure = match rng.below(4) {
                    0 => Failure::Full,
                    1 => Failure::Short,
                    _ => Failure::Io,
                };
                Fault::FailedCall { call: rng.within(1..=40), failure }
            }
            12 => {
                let (room, for_us) = (rng.below(400_000), rng.within(50_000..=1_500_000));
                Fault::FullDisk { room, for_us }
            }
            13 | 14 => Fault::Pause { for_us: rng.within(1_000..=2_000_000) },
            _ => Fault::ClockStep { by_us: rng.below(7_200_000_000) as i64 - 3_600_000_000 },
        };
        let allowed = match fault {
            Fault::PowerLoss { .. } | Fault::Kill => model.crashes,
            Fault::FailedCall { .. } => model.failed_calls,
            Fault::FullDisk { .. } => model.full_disk,
            Fault::Pause { .. } | Fault::ClockStep { .. } => model.time,
        };
        if allowed {
            return fault;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_a_fault_out_changes_no_other() {
        let whole = Plan::draw(Seed(3), Model::ALL);
        assert!(whole.faults.len() > 2, "{}", whole.faults.len());
        let mut part = whole.clone();
        part.keep(&[1]);
        assert_eq!(part.faults, [whole.faults[1]]);
    }

    #[test]
    fn a_plan_stays_within_its_model_and_uses_all_of_it() {
        let plans = (0..200).map(|seed| Plan::draw(Seed(seed), Model::CRASHES));
        let faults: Vec<Fault> =
            plans.flat_map(|plan| plan.faults).map(|timed| timed.fault).collect();
        assert!(faults.iter().any(|fault| matches!(fault, Fault::PowerLoss { .. })));
        assert!(faults.iter().any(|fault| matches!(fault, Fault::ClockStep { .. })));
        let outside =
            |fault: &Fault| matches!(fault, Fault::FailedCall { .. } | Fault::FullDisk { .. });
        assert!(!faults.iter().any(outside));
    }
}
