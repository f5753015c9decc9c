//! The processes that have one namespace open, as each of them sees the others: the table `peer`.

use kit::sql::{SqlError, Tx};

use super::lease::{JOIN_MAX, LEASE};
use super::snapshot::{Change, Seen, Snapshot};
use crate::model::ShortAddress;

/// Another process that holds a lease. One that is only joining has nothing in memory yet: it is
/// there, but nobody waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What it could see when it last forgot what had changed.
    pub seen: Snapshot,
}

/// Whether every one of `peers` has forgotten what was committed when `since` was taken.
pub fn all_saw(since: &Snapshot, peers: &[Peer]) -> bool {
    peers.iter().all(|peer| peer.seen.covers(since))
}

/// What a look finds.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) seen: Seen,
    pub(super) changes: Vec<Change>,
    pub(super) is_alone: bool,
}

/// What can be seen now, and the changes made by `from` and later transactions.
pub(super) fn look(tx: &mut Tx<'_>, own: &str, from: i64) -> Result<Look, SqlError> {
    let (seen, is_alone) = seen_by(tx, own)?;
    let changes = tx.query(
        "SELECT transaction_id, domain, code FROM link_change WHERE transaction_id >= ?1",
        &[from.into()],
        |row| {
            let address = ShortAddress { domain: row.get(1)?, code: row.get(2)? };
            Ok(Change { transaction: row.get(0)?, address })
        },
    )?;
    Ok(Look { seen, changes, is_alone })
}

/// What can be seen now, and whether no process but `own` holds a lease.
pub(super) fn seen_by(tx: &mut Tx<'_>, own: &str) -> Result<(Seen, bool), SqlError> {
    let sql = "SELECT CAST(txid_current_snapshot() AS TEXT),
                   CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT),
                   NOT EXISTS (SELECT 1 FROM peer
                       WHERE id <> ?1 AND home = current_schema() AND lease_until > CAST(EXTRACT(
                           EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT))";
    let seen = tx.find(sql, &[own.into()], |row| {
        let snapshot = read_snapshot(&row.get::<String>(0)?)?;
        Ok((Seen { snapshot, at_us: row.get(1)? }, row.get(2)?))
    })?;
    seen.ok_or_else(|| SqlError::Invalid("a snapshot has no row".to_owned()))
}

/// Says what `own` has forgotten, and gives it a lease from now on; with nothing to say, it joins.
pub(super) fn renew(tx: &mut Tx<'_>, own: &str, seen: Option<&Snapshot>) -> Result<(), SqlError> {
    let lease = if seen.is_some() { LEASE } else { JOIN_MAX };
    let lease_us = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
    let seen = seen.map(Snapshot::to_string);
    tx.execute(
        "INSERT INTO peer (id, home, seen, lease_until) VALUES (?1, current_schema(), ?2,
             CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) + ?3)
         ON CONFLICT (id) DO UPDATE SET seen = excluded.seen, lease_until = excluded.lease_until",
        &[own.into(), seen.as_ref().into(), lease_us.into()],
    )
    .map(drop)
}

/// What can be seen now, and the others that hold a lease.
pub(super) fn others(tx: &mut Tx<'_>, own: &str) -> Result<(Snapshot, Vec<Peer>), SqlError> {
    let (now, _) = seen_by(tx, own)?;
    let peers = tx.query(
        "SELECT seen FROM peer
         WHERE id <> ?1 AND home = current_schema() AND seen IS NOT NULL AND lease_until
             > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
        &[own.into()],
        |row| Ok(Peer { seen: read_snapshot(&row.get::<String>(0)?)? }),
    )?;
    Ok((now.snapshot, peers))
}

/// Takes `own` off the list.
pub(super) fn leave(tx: &mut Tx<'_>, own: &str) -> Result<(), SqlError> {
    tx.execute("DELETE FROM peer WHERE id = ?1", &[own.into()]).map(drop)
}

fn read_snapshot(text: &str) -> Result<Snapshot, SqlError> {
    Snapshot::parse(text).ok_or_else(|| SqlError::Invalid(format!("{text:?} is no snapshot")))
}
