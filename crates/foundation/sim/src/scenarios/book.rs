//! What clients were told, kept outside of the simulated machine: no crash reaches it.

use std::collections::{BTreeMap, BTreeSet};

use kit::invariant::{
    ACKNOWLEDGED_IS_THERE, Bounds, FAULTS_ARE_NAMED, FORK_IS_A_PREFIX, FORK_IS_THERE,
    FORK_STAYS_APART, NOTHING_MADE_UP, ONE_EVENT_AN_ID, READS_GO_ON, Violation,
};
use kit::sql::SqlError;
use kit::sql::outbox::Event;

use super::deed::Deed;
use super::register::History;

/// What one namespace may hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub(super) bounds: Bounds<u64>,
    /// Forks are judged in the words of forks.
    is_fork: bool,
    /// A fork's creation was acknowledged.
    is_promised: bool,
}

impl Page {
    fn check(&self, found: &BTreeSet<u64>, is_settled: bool) -> Result<(), Violation> {
        match (self.is_fork, is_settled) {
            (false, _) => self.bounds.check(found, ACKNOWLEDGED_IS_THERE, NOTHING_MADE_UP),
            (true, false) => self.bounds.check(found, FORK_IS_A_PREFIX, FORK_IS_A_PREFIX),
            (true, true) => self.bounds.check(found, FORK_STAYS_APART, FORK_STAYS_APART),
        }
    }
}

/// What may be wrong with the disk at present, or was a moment ago.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// It may have no room.
    pub(super) full: bool,
    /// Calls may fail.
    pub(super) failing: bool,
}

impl Faults {
    pub(super) fn any(self) -> bool {
        self.full || self.failing
    }

    /// Whether an error is told as what it is.
    fn explain(self, error: &SqlError) -> bool {
        match error {
            SqlError::Full(_) => self.full,
            SqlError::Io(..) => self.failing,
            other => self.any() && other.is_temporary(),
        }
    }
}

/// Everything that was promised, and the first promise that was broken.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) pages: BTreeMap<String, Page>,
    /// Forks that were looked into since they were made.
    settled: BTreeSet<String>,
    next_txn: u64,
    /// Which refusals are in order at present.
    pub(super) faults: Faults,
    pub(super) violation: Option<Violation>,
    /// Events as they reached the destination.
    pub(super) arrived: Vec<Event>,
    /// What clients asked of rows of the first namespace.
    pub(super) history: History,
    pub(super) acknowledged: u64,
    pub(super) refused: u64,
    pub(super) checked: u64,
    pub(super) forks: u64,
    /// Namespaces that are reset and dropped.
    pub(super) estates: BTreeMap<String, Deed>,
    /// Namespaces found in backups, and judged.
    pub(super) backups: u64,
}

impl Book {
    pub(super) fn fail(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    pub(super) fn judge(&mut self, verdict: Result<(), Violation>) {
        if let Err(violation) = verdict {
            self.fail(violation);
        }
    }

    /// A transaction begins.
    pub(super) fn begin(&mut self, namespace: &str) -> u64 {
        self.next_txn += 1;
        let page = self.pages.entry(namespace.to_owned()).or_default();
        page.bounds.may.insert(self.next_txn);
        self.next_txn
    }

    /// It ended: acknowledged, or refused with an error that must be a fault's.
    pub(super) fn end(&mut self, namespace: &str, txn: u64, outcome: &Result<(), SqlError>) {
        let Some(page) = self.pages.get_mut(namespace) else { return };
        match outcome {
            Ok(()) => {
                page.bounds.may.remove(&txn);
                page.bounds.must.insert(txn);
                self.acknowledged += 1;
            }
            Err(error) => {
                self.refused += 1;
                if matches!(error, SqlError::Full(_)) {
                    // Nothing of it was kept: that is what the error says.
                    page.bounds.may.remove(&txn);
                }
                self.refusal(error);
            }
        }
    }

    /// As [`Book::begin`], at a namespace that is reset and dropped.
    pub(super) fn begin_at_estate(&mut self, name: &str) -> u64 {
        self.next_txn += 1;
        self.estates.entry(name.to_owned()).or_default().bounds.may.insert(self.next_txn);
        self.next_txn
    }

    /// As [`Book::end`]; one store of two may have it, whatever the error.
    pub(super) fn end_at_estate(&mut self, name: &str, txn: u64, outcome: &Result<(), SqlError>) {
        match outcome {
            Ok(()) => {
                let bounds = &mut self.estates.entry(name.to_owned()).or_default().bounds;
                bounds.may.remove(&txn);
                bounds.must.insert(txn);
                self.acknowledged += 1;
            }
            Err(error) => {
                self.refused += 1;
                self.refusal(error);
            }
        }
    }

    /// An error that a client was told.
    pub(super) fn refusal(&mut self, error: &SqlError) {
        let is_named = self.faults.explain(error);
        self.judge(FAULTS_ARE_NAMED.unless(is_named, || format!("a client was told: {error}")));
    }

    /// An error that a reader was told.
    pub(super) fn read_refusal(&mut self, error: &SqlError) {
        self.refusal(error);
        let failing = self.faults.failing;
        self.judge(READS_GO_ON.unless(failing, || format!("a reader was told: {error}")));
    }

    /// A read that began when `before` was acknowledged.
    pub(super) fn read(&mut self, namespace: &str, before: Bounds<u64>, found: &BTreeSet<u64>) {
        let Some(now) = self.pages.get(namespace) else { return };
        let bounds = Bounds {
            must: before.must,
            may: before
                .may
                .iter()
                .chain(&now.bounds.must)
                .chain(&now.bounds.may)
                .copied()
                .collect(),
        };
        self.checked += 1;
        let verdict = bounds.check(found, ACKNOWLEDGED_IS_THERE, NOTHING_MADE_UP);
        self.judge(verdict);
    }

    /// What is found in a namespace while nobody writes to it; from now on exactly that is there.
    pub(super) fn recovered(&mut self, namespace: &str, found: &BTreeSet<u64>) {
        let is_settled = self.settled.contains(namespace);
        let page = self.pages.entry(namespace.to_owned()).or_default();
        let verdict = page.check(found, is_settled).map_err(|violation| {
            violation.invariant.broken_by(format!("in {namespace} {}", violation.found))
        });
        page.bounds = Bounds::exactly(found.clone());
        if page.is_fork {
            self.settled.insert(namespace.to_owned());
        }
        self.checked += 1;
        self.judge(verdict);
    }

    /// The state of `from` as a fork of it begins.
    pub(super) fn fork_begins(&mut self, from: &str, to: &str) {
        let must = self.pages.get(from).map(|page| page.bounds.must.clone()).unwrap_or_default();
        let bounds = Bounds { must, may: BTreeSet::new() };
        let page = Page { bounds, is_fork: true, is_promised: false };
        self.pages.insert(to.to_owned(), page);
    }

    /// And as it ends.
    pub(super) fn fork_ends(&mut self, from: &str, to: &str, is_done: bool) {
        let parent = self.pages.get(from).map(|page| page.bounds.clone()).unwrap_or_default();
        if let Some(page) = self.pages.get_mut(to) {
            page.is_promised = is_done;
            page.bounds.may = parent.must.union(&parent.may).copied().collect();
            self.forks += u64::from(is_done);
        }
    }

    /// A crash came while forks were being made: they have what any namespace may have had by then.
    pub(super) fn forks_cut_short(&mut self) {
        let all = self.pages.values().flat_map(|page| page.bounds.must.union(&page.bounds.may));
        let all: BTreeSet<u64> = all.copied().collect();
        for page in self.pages.values_mut().filter(|page| page.is_fork && !page.is_promised) {
            page.bounds.may.extend(&all);
        }
    }

    /// Which namespaces are found after a restart.
    pub(super) fn found_namespaces(&mut self, names: &[String]) {
        let missing = self
            .pages
            .iter()
            .find(|(name, page)| page.is_promised && !names.iter().any(|found| found == *name));
        let missing = missing.map(|(name, _)| name.clone());
        self.judge(FORK_IS_THERE.unless(missing.is_none(), || format!("{missing:?} is missing")));
        self.pages.retain(|name, page| !page.is_fork || names.contains(name));
    }

    /// Events reach the destination.
    pub(super) fn arrive(&mut self, events: Vec<Event>) {
        for event in events {
            let other =
                self.arrived.iter().find(|seen| seen.id == event.id && seen.body != event.body);
            let id = event.id;
            let verdict = ONE_EVENT_AN_ID.unless(other.is_none(), || format!("{id} is of two"));
            self.judge(verdict);
            self.arrived.push(event);
        }
    }
}
