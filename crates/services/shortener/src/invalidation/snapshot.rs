//! Which changes a process has not been told of yet.
//!
//! Rows become visible in the order of their commits, not of any number given before: reading
//! "above the last number" would miss a row whose transaction ended late. So a poll remembers its
//! [`Snapshot`] (which transactions it could see), and the next one takes the rows of those that
//! the last one could not.
//!
//! The numbers are PostgreSQL's own: `txid_current` and `txid_current_snapshot`
//! (postgresql.org/docs/current/functions-info.html, "Deprecated Transaction ID and Snapshot
//! Information Functions"; the older names, because more of its kin have them).

use std::fmt;

use crate::model::ShortAddress;

/// Whoever has not looked for so long forgets everything: rows may have been swept meanwhile.
pub const ABSENCE_MAX_US: i64 = 1_800_000_000;

/// What a process may hold that is not so any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// These links.
    Links(Vec<ShortAddress>),
    /// Any of them, and the lists of hosts.
    Everything,
}

/// Which transactions a read could see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Every transaction below had ended.
    pub(super) oldest_running: i64,
    /// No transaction from here on had ended.
    pub(super) next: i64,
    /// Between the two: those that had not ended.
    pub(super) running: Vec<i64>,
}

impl Snapshot {
    /// Reads PostgreSQL's form, `oldest:next:running,running`; none when it is not that, or when
    /// what runs is not between the two.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let oldest_running: i64 = parts.next()?.parse().ok()?;
        let next: i64 = parts.next()?.parse().ok()?;
        let running = parts.next()?.split(',').filter(|number| !number.is_empty());
        let running = running.map(|number| number.parse().ok()).collect::<Option<Vec<i64>>>()?;
        let bounds = oldest_running..next;
        let whole = oldest_running <= next && running.iter().all(|one| bounds.contains(one));
        whole.then_some(Self { oldest_running, next, running })
    }

    /// Whether what `transaction` did was visible.
    pub fn saw(&self, transaction: i64) -> bool {
        transaction < self.oldest_running
            || (transaction < self.next && !self.running.contains(&transaction))
    }

    /// Whether everything visible in `other` was visible here too.
    pub fn covers(&self, other: &Self) -> bool {
        let new = |running: &i64| *running >= other.next || other.running.contains(running);
        self.next >= other.next && self.running.iter().all(new)
    }
}

/// As PostgreSQL writes it.
impl fmt::Display for Snapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running: Vec<String> = self.running.iter().map(i64::to_string).collect();
        write!(formatter, "{}:{}:{}", self.oldest_running, self.next, running.join(","))
    }
}

/// What a poll could see, and when by the database's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub(super) snapshot: Snapshot,
    pub(super) at_us: i64,
}

/// One row of `link_change`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The transaction that made it.
    pub transaction: i64,
    /// What changed; an empty code: everything.
    pub address: ShortAddress,
}

/// Of `changes` visible `now`, what the poll before this one could not see.
pub fn stale_since(last: &Seen, now: &Seen, changes: Vec<Change>) -> Stale {
    if now.at_us - last.at_us > ABSENCE_MAX_US {
        return Stale::Everything;
    }
    let new = changes.into_iter().filter(|change| !last.snapshot.saw(change.transaction));
    let links: Vec<ShortAddress> = new.map(|change| change.address).collect();
    if links.iter().any(|address| address.code.is_empty()) {
        return Stale::Everything;
    }
    Stale::Links(links)
}
