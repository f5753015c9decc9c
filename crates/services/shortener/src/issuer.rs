//! Hands out codes: a counter over leased ranges ([`crate::ranges`]), written by a [`CodeScheme`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kit::sql::{Db, Row, SqlError, Tx};
use parking_lot::Mutex;

use crate::code::{self, Code};
use crate::code_scheme::CodeScheme;
use crate::model::ShortenError;
use crate::ranges::counter::Take;
use crate::ranges::{Checkpoint, Counter, Lease, RangeError, RangePlan, RangeRow};

/// Numbers that came back unused and are handed out again first; more are let go.
const SPARE_MAX: usize = 1_024;

/// Where numbers come from; see the keys of the same names in `default.toml`.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// How the number space is cut.
    pub plan: RangePlan,
    /// Numbers covered by one durable mark (N).
    pub checkpoint_every: u64,
    /// Who leases: stays the same over restarts of one server, differs between servers.
    pub owner: String,
}

/// A number and the code that stands for it.
#[derive(Clone, Copy, Debug)]
pub struct Issued {
    /// The link's id.
    pub id: i64,
    /// Its code.
    pub code: Code,
}

/// The issuer of one namespace in one process.
pub struct Issuer {
    sql: Db,
    settings: IssuerSettings,
    scheme: Arc<CodeScheme>,
    counter: Mutex<Counter>,
    spare: Mutex<Vec<u64>>,
    /// Whether leases from before a restart have been taken up again.
    recovered: AtomicBool,
    /// One caller at a time fetches a range or moves a mark; the others wait for it.
    refill: tokio::sync::Mutex<()>,
}

impl Issuer {
    /// `scheme` must be the one that the store has adopted.
    pub fn new(sql: Db, settings: IssuerSettings, scheme: CodeScheme) -> Self {
        let counter = Mutex::new(Counter::new(settings.checkpoint_every));
        let scheme = Arc::new(scheme);
        let (spare, refill) = (Mutex::default(), tokio::sync::Mutex::default());
        let recovered = AtomicBool::new(false);
        Self { sql, settings, scheme, counter, spare, recovered, refill }
    }

    /// The next number and code. Waits for the store only when reserved numbers have run out.
    ///
    /// # Errors
    /// [`ShortenError::NoCode`] when the space is used up, [`ShortenError::Store`] when a range or
    /// mark cannot be made durable.
    pub async fn next(&self) -> Result<Issued, ShortenError> {
        loop {
            let issued = self.issued(self.number().await?)?;
            // A few of the numbers spell a page of the service's own.
            if !code::is_reserved(issued.code.as_str()) {
                return Ok(issued);
            }
        }
    }

    async fn number(&self) -> Result<u64, ShortenError> {
        if let Some(number) = self.spare.lock().pop() {
            return Ok(number);
        }
        loop {
            let take = self.counter.lock().take();
            match take {
                Take::Number(number) => return Ok(number),
                Take::NeedsCheckpoint | Take::NeedsRange => self.refill().await?,
            }
        }
    }

    /// Takes back a number that no link was made with.
    pub fn give_back(&self, issued: Issued) {
        let mut spare = self.spare.lock();
        if let (true, Ok(number)) = (spare.len() < SPARE_MAX, u64::try_from(issued.id)) {
            spare.push(number);
        }
    }

    /// How its numbers are written.
    pub fn scheme(&self) -> &Arc<CodeScheme> {
        &self.scheme
    }

    /// Moves the mark ahead of need, so that few creations wait for it. Called now and then.
    ///
    /// # Errors
    /// As [`Issuer::next`].
    pub async fn prefetch(&self) -> Result<(), ShortenError> {
        let _refilling = self.refill.lock().await;
        self.move_mark().await
    }

    fn issued(&self, number: u64) -> Result<Issued, ShortenError> {
        let code = self.scheme.code_of(number).ok_or(RangeError::Exhausted)?;
        let id = i64::try_from(number).map_err(|_| RangeError::Exhausted)?;
        Ok(Issued { id, code })
    }

    async fn refill(&self) -> Result<(), ShortenError> {
        let _refilling = self.refill.lock().await;
        if self.counter.lock().outstanding() > 0 {
            return Ok(());
        }
        if self.counter.lock().wants_range() {
            for lease in self.lease().await? {
                self.counter.lock().add_range(&lease);
            }
        }
        self.move_mark().await
    }

    async fn move_mark(&self) -> Result<(), ShortenError> {
        let due = self.counter.lock().checkpoint_due();
        let Some(checkpoint) = due else { return Ok(()) };
        let moved = self.sql.write(move |tx| store_mark(tx, checkpoint)).await;
        let mut counter = self.counter.lock();
        match moved {
            Ok(()) => counter.checkpoint_done(checkpoint),
            Err(MarkError::Range(RangeError::Fenced { .. })) => counter.fenced(checkpoint.lease),
            Err(refusal) => {
                counter.checkpoint_failed(checkpoint);
                return Err(refusal.into());
            }
        }
        Ok(())
    }

    async fn lease(&self) -> Result<Vec<Lease>, ShortenError> {
        let (owner, plan) = (self.settings.owner.clone(), self.settings.plan);
        let first = !self.recovered.load(Ordering::Relaxed);
        let leased = self.sql.write(move |tx| lease_in(tx, &owner, plan, first)).await?;
        self.recovered.store(true, Ordering::Relaxed);
        Ok(leased)
    }
}

#[derive(Debug, thiserror::Error)]
enum MarkError {
    #[error(transparent)]
    Range(#[from] RangeError),
    #[error(transparent)]
    Store(#[from] SqlError),
}

impl From<MarkError> for ShortenError {
    fn from(error: MarkError) -> Self {
        match error {
            MarkError::Range(error) => error.into(),
            MarkError::Store(error) => error.into(),
        }
    }
}

fn store_mark(tx: &mut Tx<'_>, checkpoint: Checkpoint) -> Result<(), MarkError> {
    let number = signed(checkpoint.lease.range);
    let row = tx.find(
        "SELECT number, first_number, end_number, owner, epoch, resume_at
         FROM code_range WHERE number = ?1",
        &[number.into()],
        read_row,
    )?;
    let mut row = row.ok_or(RangeError::Unknown(checkpoint.lease.range))?;
    row.checkpoint(checkpoint)?;
    Ok(save(tx, &row)?)
}

/// At the `first` lease what the owner still holds from before a restart; else a range that was
/// given back, else a new one.
fn lease_in(
    tx: &mut Tx<'_>,
    owner: &str,
    plan: RangePlan,
    first: bool,
) -> Result<Vec<Lease>, MarkError> {
    if first {
        let mut own = tx.query(
            "SELECT number, first_number, end_number, owner, epoch, resume_at
             FROM code_range WHERE owner = ?1 AND resume_at < end_number ORDER BY number",
            &[owner.into()],
            read_row,
        )?;
        if !own.is_empty() {
            return own.iter_mut().map(|row| recover(tx, row, owner)).collect();
        }
    }
    let free = tx.find(
        "SELECT number, first_number, end_number, owner, epoch, resume_at FROM code_range
         WHERE owner IS NULL AND resume_at < end_number ORDER BY number LIMIT 1",
        &[],
        read_row,
    )?;
    let mut row = match free {
        Some(row) => row,
        None => {
            let last = tx.find(
                "SELECT number, first_number, end_number, owner, epoch, resume_at
                 FROM code_range ORDER BY number DESC LIMIT 1",
                &[],
                read_row,
            )?;
            RangeRow::following(last.as_ref(), plan)?
        }
    };
    let lease = row.lease(owner)?;
    save(tx, &row)?;
    Ok(vec![lease])
}

fn recover(tx: &mut Tx<'_>, row: &mut RangeRow, owner: &str) -> Result<Lease, MarkError> {
    let lease = row.recover(owner)?;
    save(tx, row)?;
    Ok(lease)
}

fn save(tx: &mut Tx<'_>, row: &RangeRow) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO code_range (number, first_number, end_number, owner, epoch, resume_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (number) DO UPDATE SET owner = ?4, epoch = ?5, resume_at = ?6",
        &[
            signed(row.number).into(),
            signed(row.start).into(),
            signed(row.end).into(),
            row.owner.as_deref().into(),
            signed(row.epoch).into(),
            signed(row.resume_at).into(),
        ],
    )
    .map(drop)
}

fn read_row(row: &Row<'_>) -> Result<RangeRow, SqlError> {
    Ok(RangeRow {
        number: row.get::<i64>(0)?.unsigned_abs(),
        start: row.get::<i64>(1)?.unsigned_abs(),
        end: row.get::<i64>(2)?.unsigned_abs(),
        owner: row.get(3)?,
        epoch: row.get::<i64>(4)?.unsigned_abs(),
        resume_at: row.get::<i64>(5)?.unsigned_abs(),
    })
}

/// Numbers stay below 62^8, far from the sign.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
