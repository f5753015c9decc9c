//! Several processes on one database: what one of them changes, the others forget (N7).
//!
//! Every change leaves a row in `link_change`, written in the transaction that makes it. Each
//! process reads the new rows every [`POLL_EVERY`] and drops those codes from [`crate::hot`]. So
//! the bound on serving an old target is 100 ms and the time of one read. While the database is
//! out of reach cached links go on redirecting; what had changed is forgotten when it is back.
//! On the embedded store there is one process: nothing is written and nothing is polled.
//!
//! Rows become visible in the order of their commits, not of any number given before: reading
//! "above the last number" would miss a row whose transaction ended late. So a poll remembers its
//! [`Snapshot`] (which transactions it could see), and the next one takes the rows of those that
//! the last one could not. Two invariants, both tested below:
//! - V-1: no change is missed, however late it commits;
//! - V-2: none is taken twice.
//!
//! The numbers are PostgreSQL's own: `txid_current` and `txid_current_snapshot`
//! (postgresql.org/docs/current/functions-info.html, "Deprecated Transaction ID and Snapshot
//! Information Functions"; the older names, because more of its kin have them).

use std::time::Duration;

use kit::sql::{Db, SqlError, Tx};
use parking_lot::Mutex;

use crate::model::ShortAddress;

/// How often a process looks for what others changed.
pub const POLL_EVERY: Duration = Duration::from_millis(100);
/// How long a change is kept for those that could not look. Far above the life of a transaction.
const KEPT_US: i64 = 3_600_000_000;
/// Whoever has not looked for so long forgets everything: rows may have been swept meanwhile.
const ABSENCE_MAX_US: i64 = KEPT_US / 2;

/// Tells other processes of changes; does nothing where there are none. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Announcer {
    is_shared: bool,
}

impl Announcer {
    /// For the store that `sql` is.
    pub fn of(sql: &Db) -> Self {
        Self { is_shared: sql.embedded().is_none() }
    }

    /// The link at `address` changes in this transaction.
    ///
    /// # Errors
    /// See [`SqlError`].
    pub fn link(self, tx: &mut Tx<'_>, address: &ShortAddress) -> Result<(), SqlError> {
        if !self.is_shared {
            return Ok(());
        }
        tx.execute(
            "INSERT INTO link_change (transaction_id, domain, code, changed_at)
             VALUES (txid_current(), ?1, ?2,
                 CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT))
             ON CONFLICT (transaction_id, domain, code) DO NOTHING",
            &[(&address.domain).into(), (&address.code).into()],
        )
        .map(drop)
    }

    /// A list of hosts changes in this transaction, which concerns every link.
    ///
    /// # Errors
    /// See [`SqlError`].
    pub fn everything(self, tx: &mut Tx<'_>) -> Result<(), SqlError> {
        self.link(tx, &ShortAddress { domain: String::new(), code: String::new() })
    }

    /// Removes changes that every process has seen, or will not need.
    ///
    /// # Errors
    /// See [`SqlError`].
    pub fn sweep(self, tx: &mut Tx<'_>) -> Result<u64, SqlError> {
        if !self.is_shared {
            return Ok(0);
        }
        tx.execute(
            "DELETE FROM link_change WHERE changed_at
                 < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) - ?1",
            &[KEPT_US.into()],
        )
    }
}

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
    oldest_running: i64,
    /// No transaction from here on had ended.
    next: i64,
    /// Between the two: those that had not ended.
    running: Vec<i64>,
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
}

/// What a poll could see, and when by the database's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    snapshot: Snapshot,
    at_us: i64,
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

/// A process's place among the changes of one namespace.
pub struct Watcher {
    last: Mutex<Seen>,
}

impl Watcher {
    /// Starts at what is visible now: to be called before anything is read into memory. None on
    /// the embedded store.
    ///
    /// # Errors
    /// See [`SqlError`].
    pub async fn start(sql: &Db) -> Result<Option<Self>, SqlError> {
        if sql.embedded().is_some() {
            return Ok(None);
        }
        let last = Mutex::new(sql.read(seen_by).await?);
        Ok(Some(Self { last }))
    }

    /// What has gone stale since the last [`Watcher::accept`], and what to accept once it is
    /// forgotten.
    ///
    /// # Errors
    /// See [`SqlError`].
    pub async fn poll(&self, sql: &Db) -> Result<(Stale, Seen), SqlError> {
        let last = self.last.lock().clone();
        sql.read(move |tx| {
            let now = seen_by(tx)?;
            let changes = changes_from(tx, last.snapshot.oldest_running)?;
            Ok((stale_since(&last, &now, changes), now))
        })
        .await
    }

    /// What `seen` could see need not be told again.
    pub fn accept(&self, seen: Seen) {
        *self.last.lock() = seen;
    }
}

fn seen_by(tx: &mut Tx<'_>) -> Result<Seen, SqlError> {
    let sql = "SELECT CAST(txid_current_snapshot() AS TEXT),
                   CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
    let seen = tx.find(sql, &[], |row| {
        let text: String = row.get(0)?;
        let snapshot = Snapshot::parse(&text)
            .ok_or_else(|| SqlError::Invalid(format!("{text:?} is no snapshot")))?;
        Ok(Seen { snapshot, at_us: row.get(1)? })
    })?;
    seen.ok_or_else(|| SqlError::Invalid("a snapshot has no row".to_owned()))
}

fn changes_from(tx: &mut Tx<'_>, transaction: i64) -> Result<Vec<Change>, SqlError> {
    tx.query(
        "SELECT transaction_id, domain, code FROM link_change WHERE transaction_id >= ?1",
        &[transaction.into()],
        |row| {
            let address = ShortAddress { domain: row.get(1)?, code: row.get(2)? };
            Ok(Change { transaction: row.get(0)?, address })
        },
    )
}

#[cfg(test)]
mod tests;
