//! Which generator has which worker, and up to which millisecond it may have issued.
//!
//! A row is claimed under an owner's name that is drawn anew each time, and only that owner can
//! write it until somebody else claims it. Before a generator issues in a millisecond, its row says
//! so: the mark is written ahead of use. A claim begins after the mark. So the milliseconds of a
//! worker are cut into stretches, each of one owner, whatever clocks, leases and processes do.
//!
//! A lease is courtesy on top: while it runs nobody else claims the worker, so two processes that
//! were given one worker find out at the start. No id depends on it.
//!
//! Invariants, by name: [`CATALOGUE`].

use kit::clock::Timestamp;
use kit::invariant::Invariant;
use kit::sql::{Row, SqlError, Tx};
use thiserror::Error;

use crate::layout::{Layout, Worker};

/// I-1: else an id could name a place that its row does not cover.
pub const WORKERS_FIT: Invariant = Invariant {
    id: "I-1",
    holds: "every worker that was claimed fits the layout that the store was made with",
};
/// I-2: what a claim begins behind.
pub const TICKETS_RISE: Invariant =
    Invariant { id: "I-2", holds: "a ticket's step and block are 1 or more, its next 0 or more" };
/// All of them.
pub const CATALOGUE: [Invariant; 2] = [WORKERS_FIT, TICKETS_RISE];

/// A worker's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerRow {
    /// Which.
    pub worker: Worker,
    /// Who may issue.
    pub owner: String,
    /// Milliseconds since 1970: places up to this one may have been issued.
    pub issued_until_ms: u64,
    /// Until when nobody else claims it.
    pub leased_until: Timestamp,
    /// How often it was claimed.
    pub claims: u64,
}

/// Who asks for a worker.
#[derive(Clone, Debug)]
pub struct Claim {
    /// This one, or any.
    pub wanted: Option<Worker>,
    /// A name nobody had before.
    pub owner: String,
    /// Now.
    pub now: Timestamp,
    /// When the lease ends.
    pub leased_until: Timestamp,
    /// Whether no other process can have the store open, so that leases of others are of the dead.
    pub alone: bool,
}

/// Why there is no worker.
#[derive(Clone, Debug, Error)]
pub enum ClaimError {
    /// Somebody has it.
    #[error(
        "data centre {} machine {} is leased until {until}: stop the other generator, or give this \
         one another place (settings ids.datacenter and ids.machine)",
        .worker.datacenter, .worker.machine
    )]
    Taken {
        /// Which.
        worker: Worker,
        /// The end of the lease.
        until: Timestamp,
    },
    /// All are leased.
    #[error("all {0} workers of the layout are leased; wait for one, or widen the layout")]
    AllTaken(u64),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] SqlError),
}

/// Gives a worker to the claimant. Any worker: the lowest whose mark is past, so that nothing has
/// to be waited for; else the lowest that is free.
///
/// # Errors
/// [`ClaimError`].
pub fn claim(tx: &mut Tx<'_>, layout: &Layout, claim: &Claim) -> Result<WorkerRow, ClaimError> {
    let rows = workers(tx)?;
    let worker = match claim.wanted {
        Some(worker) => worker,
        None => any_worker(&rows, layout, claim)?,
    };
    let there = rows.into_iter().find(|row| row.worker == worker);
    if let Some(row) = &there
        && !claim.alone
        && row.leased_until > claim.now
    {
        return Err(ClaimError::Taken { worker, until: row.leased_until });
    }
    let row = WorkerRow {
        worker,
        owner: claim.owner.clone(),
        issued_until_ms: there.as_ref().map_or(0, |row| row.issued_until_ms),
        leased_until: claim.leased_until,
        claims: there.as_ref().map_or(0, |row| row.claims) + 1,
    };
    tx.execute(
        "INSERT INTO worker (datacenter, machine, owner, issued_until_ms, leased_until, claims)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (datacenter, machine) DO UPDATE SET
            owner = excluded.owner, leased_until = excluded.leased_until, claims = excluded.claims",
        &[
            i64::from(worker.datacenter).into(),
            i64::from(worker.machine).into(),
            row.owner.as_str().into(),
            signed(row.issued_until_ms).into(),
            row.leased_until.into(),
            signed(row.claims).into(),
        ],
    )?;
    Ok(row)
}

fn any_worker(rows: &[WorkerRow], layout: &Layout, claim: &Claim) -> Result<Worker, ClaimError> {
    let now_ms = u64::try_from(claim.now.micros() / 1_000).unwrap_or(0);
    let is_free = |row: &&WorkerRow| claim.alone || row.leased_until <= claim.now;
    let past = rows.iter().filter(is_free).find(|row| row.issued_until_ms < now_ms);
    if let Some(row) = past {
        return Ok(row.worker);
    }
    // Rows are in order, so the first gap is where a number differs from its place.
    let machines = 1 << layout.widths().machine;
    let worker_at = |place: u64| {
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Worker { datacenter: narrow(place / machines), machine: narrow(place % machines) }
    };
    let places = rows.iter().map(|row| row.worker).zip(0..);
    let gap = places.filter(|(worker, place)| *worker != worker_at(*place)).map(|(_, place)| place);
    let place = gap.min().unwrap_or(rows.len() as u64);
    if place < layout.workers() {
        return Ok(worker_at(place));
    }
    let free = rows.iter().filter(is_free).min_by_key(|row| row.issued_until_ms);
    free.map(|row| row.worker).ok_or(ClaimError::AllTaken(layout.workers()))
}

/// Moves the owner's mark, and its lease. False when the worker is the owner's no longer: then
/// nothing is written.
///
/// # Errors
/// See [`SqlError`].
pub fn extend(
    tx: &mut Tx<'_>,
    row: &WorkerRow,
    issued_until_ms: u64,
    leased_until: Timestamp,
) -> Result<bool, SqlError> {
    let written = tx.execute(
        "UPDATE worker SET issued_until_ms = ?4, leased_until = ?5
         WHERE datacenter = ?1 AND machine = ?2 AND owner = ?3 AND issued_until_ms <= ?4",
        &[
            i64::from(row.worker.datacenter).into(),
            i64::from(row.worker.machine).into(),
            row.owner.as_str().into(),
            signed(issued_until_ms).into(),
            leased_until.into(),
        ],
    )?;
    Ok(written == 1)
}

/// All workers that were ever claimed, in order.
///
/// # Errors
/// See [`SqlError`].
pub fn workers(tx: &mut Tx<'_>) -> Result<Vec<WorkerRow>, SqlError> {
    tx.query(
        "SELECT datacenter, machine, owner, issued_until_ms, leased_until, claims FROM worker
         ORDER BY datacenter, machine",
        &[],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<WorkerRow, SqlError> {
    let number = |index| row.get::<i64>(index).map(|number| u64::try_from(number).unwrap_or(0));
    let place = |index| number(index).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    Ok(WorkerRow {
        worker: Worker { datacenter: place(0)?, machine: place(1)? },
        owner: row.get(2)?,
        issued_until_ms: number(3)?,
        leased_until: row.time(4)?,
        claims: number(5)?,
    })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What breaks an invariant, as text for people.
///
/// # Errors
/// See [`SqlError`].
pub fn violations(tx: &mut Tx<'_>) -> Result<Vec<String>, SqlError> {
    let told = |invariant: Invariant, row: String| invariant.broken_by(row).to_string();
    // What was never opened has no layout and no worker either.
    let bits = "SELECT datacenter_bits, machine_bits FROM id_layout";
    let bits = tx.find(bits, &[], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
    let (datacenter_bits, machine_bits) = bits.unwrap_or_default();
    let fits = |number: u32, bits: i64| i64::from(number) >> bits == 0;
    let unfit = workers(tx)?.into_iter().filter(|row| {
        let Worker { datacenter, machine } = row.worker;
        !(fits(datacenter, datacenter_bits) && fits(machine, machine_bits) && row.claims > 0)
    });
    let workers = unfit.map(|row| {
        let Worker { datacenter, machine } = row.worker;
        told(WORKERS_FIT, format!("worker {datacenter}/{machine}"))
    });
    let tickets: Vec<String> =
        tx.query("SELECT name FROM ticket WHERE step < 1 OR block < 1 OR next < 0", &[], |row| {
            row.get(0)
        })?;
    let tickets = tickets.into_iter().map(|name| told(TICKETS_RISE, format!("ticket {name}")));
    Ok(workers.chain(tickets).collect())
}
