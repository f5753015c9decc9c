//! The system that the scenarios run: transactions that show when they are lost, halved or mixed.
//!
//! Each transaction inserts some entries, all of which say how many belong together, and counts
//! them in a total. A burst also rewrites every page of the ballast with its own number, so the
//! log fills and checkpoints come without the database growing.

use std::collections::BTreeSet;
use std::sync::Arc;

use kit::clock::Timestamp;
use kit::invariant::{Violation, WHOLE_OR_NOT_AT_ALL};
use kit::sql::outbox::{self, NewEvent};
use kit::sql::{Db, Migration, SqlError, Tx};
use kit::system::{Ctx, OpenError, System};

/// Rows of the ballast; each fills most of a page.
const BALLAST_ROWS: i64 = 110;
const BALLAST_BYTES: usize = 3_300;
/// Keys of events: those of one stay in order.
pub(super) const KEYS: u64 = 5;

const SCHEMA: &[Migration] = &[
    Migration {
        number: 1,
        name: "ledger",
        sql: "CREATE TABLE entry (
              id BIGINT PRIMARY KEY, txn BIGINT NOT NULL, size BIGINT NOT NULL, body BLOB NOT NULL);
          CREATE TABLE ballast (id BIGINT PRIMARY KEY, txn BIGINT NOT NULL, body BLOB NOT NULL);
          CREATE TABLE total (
              id BIGINT PRIMARY KEY, entries BIGINT NOT NULL, burst BIGINT NOT NULL);
          INSERT INTO total (id, entries, burst) VALUES (1, 0, 0)",
    },
    Migration { number: 2, name: "register", sql: super::register::SCHEMA },
];

/// The system.
pub(super) struct Ledger;

impl System for Ledger {
    const NAME: &'static str = "ledger";
    const MIGRATIONS: &'static [Migration] = SCHEMA;
    type Instance = Db;

    fn open(&self, ctx: Ctx) -> Result<Arc<Db>, OpenError> {
        Ok(Arc::new(ctx.sql))
    }
}

/// One transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) txn: u64,
    pub(super) rows: u64,
    pub(super) body_bytes: u64,
    pub(super) is_burst: bool,
    pub(super) has_event: bool,
}

/// Writes `entry` and returns once it is acknowledged.
pub(super) async fn write(db: &Db, entry: Entry) -> Result<(), SqlError> {
    db.write(move |tx| insert(tx, entry)).await
}

fn insert(tx: &mut Tx<'_>, entry: Entry) -> Result<(), SqlError> {
    let txn = signed(entry.txn);
    for row in 0..entry.rows {
        // Scattered over the table, so that a transaction touches pages all over the file.
        let id = (entry.txn * 64 + row).wrapping_mul(0x5851_F42D_4C95_7F2D) >> 1;
        let body = vec![entry.txn as u8; (id % entry.body_bytes) as usize];
        tx.execute(
            "INSERT INTO entry (id, txn, size, body) VALUES (?1, ?2, ?3, ?4)",
            &[signed(id).into(), txn.into(), signed(entry.rows).into(), body.as_slice().into()],
        )?;
    }
    tx.execute("UPDATE total SET entries = entries + ?1", &[signed(entry.rows).into()])?;
    if entry.is_burst {
        let body = vec![entry.txn as u8; BALLAST_BYTES];
        tx.execute("DELETE FROM ballast", &[])?;
        for id in 0..BALLAST_ROWS {
            tx.execute(
                "INSERT INTO ballast (id, txn, body) VALUES (?1, ?2, ?3)",
                &[id.into(), txn.into(), body.as_slice().into()],
            )?;
        }
        tx.execute("UPDATE total SET burst = ?1", &[txn.into()])?;
    }
    if entry.has_event {
        let key = format!("key {}", entry.txn % KEYS);
        let body = entry.txn.to_be_bytes();
        let created_at = Timestamp::from_micros(0);
        let event = NewEvent { topic: "entries", key: &key, body: &body, created_at };
        outbox::insert(tx, &event)?;
    }
    Ok(())
}

/// The transactions that are there, and whether each is whole.
pub(super) async fn read(db: &Db) -> Result<Result<BTreeSet<u64>, Violation>, SqlError> {
    db.read(read_now).await
}

fn read_now(tx: &mut Tx<'_>) -> Result<Result<BTreeSet<u64>, Violation>, SqlError> {
    let entries = tx.query("SELECT txn, size FROM entry ORDER BY txn", &[], |row| {
        Ok((row.get::<i64>(0)?, row.get::<i64>(1)?))
    })?;
    let total = tx.find("SELECT entries, burst FROM total", &[], |row| {
        Ok((row.get::<i64>(0)?, row.get::<i64>(1)?))
    })?;
    let ballast = tx.query("SELECT txn, body FROM ballast", &[], |row| {
        let body = row.get::<Vec<u8>>(1)?;
        Ok((row.get::<i64>(0)?, body.first().copied(), body.len()))
    })?;
    Ok(judge(&entries, total, &ballast))
}

type BallastRow = (i64, Option<u8>, usize);

fn judge(
    entries: &[(i64, i64)],
    total: Option<(i64, i64)>,
    ballast: &[BallastRow],
) -> Result<BTreeSet<u64>, Violation> {
    let mut txns = BTreeSet::new();
    for together in entries.chunk_by(|one, other| one.0 == other.0) {
        let (txn, size) = together[0];
        WHOLE_OR_NOT_AT_ALL.unless(together.len() as i64 == size, || {
            format!("transaction {txn} has {} of {size} entries", together.len())
        })?;
        txns.insert(txn.unsigned_abs());
    }
    let Some((counted, burst)) = total else {
        return Err(WHOLE_OR_NOT_AT_ALL.broken_by("the total has no row"));
    };
    WHOLE_OR_NOT_AT_ALL.unless(counted == entries.len() as i64, || {
        format!("the total is {counted} and there are {} entries", entries.len())
    })?;
    let whole = ballast.iter().all(|(txn, first, bytes)| {
        *txn == burst && *first == Some(burst as u8) && *bytes == BALLAST_BYTES
    });
    let rows = if burst == 0 { 0 } else { BALLAST_ROWS };
    WHOLE_OR_NOT_AT_ALL.unless(whole && ballast.len() as i64 == rows, || {
        let others = ballast.iter().filter(|(txn, ..)| *txn != burst).count();
        format!("burst {burst} has {} rows, {others} of them of another", ballast.len())
    })?;
    WHOLE_OR_NOT_AT_ALL.unless(burst == 0 || txns.contains(&burst.unsigned_abs()), || {
        format!("the ballast is of transaction {burst}, which has no entries")
    })?;
    Ok(txns)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_halved_or_mixed_is_told() {
        let found = |entries: &[(i64, i64)], total| {
            judge(entries, total, &[]).map_err(|violation| violation.found)
        };
        assert_eq!(found(&[(1, 2), (1, 2), (2, 1)], Some((3, 0))), Ok([1, 2].into()));
        assert_eq!(
            found(&[(1, 2), (2, 1)], Some((2, 0))),
            Err("transaction 1 has 1 of 2 entries".to_owned())
        );
        assert_eq!(
            found(&[(1, 1)], Some((2, 0))),
            Err("the total is 2 and there are 1 entries".to_owned())
        );
        let mixed: Vec<_> = (0..BALLAST_ROWS).map(|row| (row % 2 + 1, Some(2), 3_300)).collect();
        let mixed = judge(&[(2, 1)], Some((1, 2)), &mixed).unwrap_err();
        assert_eq!(mixed.found, "burst 2 has 110 rows, 55 of them of another");
    }
}
