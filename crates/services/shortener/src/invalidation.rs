//! Several processes on one database: what one of them changes, the others forget (N7) before the
//! change is acknowledged.
//!
//! Every change leaves a row in `link_change`, written in the transaction that makes it. Each
//! process reads the new rows every [`POLL_EVERY`], or sooner when a bell rings, and drops those
//! codes from [`crate::hot`]. What it could see then it writes to its row in `peer`, with the end
//! of its [`lease`]; and whoever made a change acknowledges it when all that hold a lease have seen
//! it ([`peer::all_saw`]), after one lease at the latest.
//!
//! On the embedded store there is one process: nothing is written, polled or waited for. A process
//! that is alone on a database knows that it is ([`watcher`]) and does not wait either.
//!
//! Invariants, each tested below:
//! - V-1: no change is missed, however late it commits;
//! - V-2: none is taken twice;
//! - V-3: while a process holds its lease it does not answer with what an acknowledged change has
//!   replaced.
//!
//! A process without a lease asks the database before it answers. If it cannot, because the
//! database is out of reach, it is cut off: it answers with what it had until it has reached the
//! database again, since links must go on working. Nobody waits for it meanwhile.

pub mod lease;
pub mod peer;
pub mod snapshot;
pub mod watcher;

use std::time::Duration;

use kit::sql::{Db, SqlError, Tx};

use crate::model::ShortAddress;
use snapshot::ABSENCE_MAX_US;

/// How often a process looks for what others changed.
pub const POLL_EVERY: Duration = Duration::from_millis(100);
/// How long a change is kept for those that could not look. Far above the life of a transaction.
const KEPT_US: i64 = 2 * ABSENCE_MAX_US;

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

    /// Removes changes that every process has seen, or will not need, and processes long gone.
    ///
    /// # Errors
    /// See [`SqlError`].
    pub fn sweep(self, tx: &mut Tx<'_>) -> Result<u64, SqlError> {
        if !self.is_shared {
            return Ok(0);
        }
        tx.execute(
            "DELETE FROM peer WHERE lease_until
                 < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) - ?1",
            &[KEPT_US.into()],
        )?;
        tx.execute(
            "DELETE FROM link_change WHERE changed_at
                 < CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) - ?1",
            &[KEPT_US.into()],
        )
    }
}

#[cfg(test)]
mod tests;
