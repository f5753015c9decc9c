//! What was made, and what happened on the way.

use ids::generator::Run;

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) ids: u64,
    pub(crate) claims: u64,
    /// Workers that turned out to be somebody else's.
    pub(crate) losses: u64,
    /// Claims of what was leased.
    pub(crate) refused: u64,
    /// Calls to the store that may have been done or not.
    pub(crate) unanswered: u64,
    /// Times that a clock was too far behind the last id.
    pub(crate) behind: u64,
    pub(crate) restarts: u64,
    /// Starts of the store.
    pub(crate) boots: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.ids += other.ids;
        self.claims += other.claims;
        self.losses += other.losses;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        self.behind += other.behind;
        self.restarts += other.restarts;
        self.boots += other.boots;
    }
}

/// Shared by all nodes of a run.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) runs: Vec<Run>,
}

impl Tally {
    pub(crate) fn made(&mut self, run: Run) {
        self.counts.ids += run.count;
        self.runs.push(run);
    }

    /// The first id of two runs that has it, if there is one. Runs are numbers that follow one
    /// another, so every single id is compared.
    pub(crate) fn twice(&self) -> Option<u64> {
        let mut runs: Vec<(u64, u64)> =
            self.runs.iter().map(|run| (run.first, run.count)).collect();
        runs.sort_unstable();
        let pairs = runs.iter().zip(runs.iter().skip(1));
        let mut overlaps = pairs.filter(|((first, count), (next, _))| first + count > *next);
        overlaps.next().map(|(_, (next, _))| *next)
    }
}

#[test]
fn ids_of_two_runs_are_found() {
    let tally = |runs: &[(u64, u64)]| {
        let runs = runs.iter().map(|(first, count)| Run { first: *first, count: *count }).collect();
        Tally { runs, ..Tally::default() }
    };
    assert_eq!(tally(&[(10, 5), (0, 10), (15, 1)]).twice(), None);
    assert_eq!(tally(&[(10, 6), (0, 10), (15, 1)]).twice(), Some(15));
    assert_eq!(tally(&[(3, 1), (3, 1)]).twice(), Some(3));
}
