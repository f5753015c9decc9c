//! A process's place among those that have one namespace open.
//!
//! Joining, and coming back after a lease has run out, is in this order: be on the list; wait until
//! all that hold a lease have looked since, so that they know; renew; look. So a process that holds
//! its lease and found nobody else when it last looked is alone, and its changes wait for nobody.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kit::clock::{self, Stopwatch};
use kit::sql::bell::{self, Bell};
use kit::sql::{Db, SqlError};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::lease::{JOIN_MAX, LEASE, Lease};
use super::peer;
use super::snapshot::{Seen, Snapshot, Stale, stale_since};

/// How long a request waits for a look before the process takes itself to be cut off. More than a
/// lease, which is what joining anew may have to wait for.
const LOOK_MAX: Duration = Duration::from_millis(1_500);
/// The first pause between questions to the others; it doubles each time, up to 16 times this.
const PAUSE: Duration = Duration::from_millis(1);
/// They are called at the first question and each of so many: a ring can be lost, or come during a
/// look, and many would only keep them busy.
const CALL_EACH: u32 = 8;

/// See the module.
pub struct Watcher {
    /// Names this process's row.
    id: String,
    last: Mutex<Seen>,
    lease: Lease,
    is_alone: AtomicBool,
    since: Stopwatch,
    bell: Option<Bell>,
    /// Somebody waits for a look.
    called: Notify,
    /// Looks that have ended, well or not.
    ended: watch::Sender<u64>,
}

/// What a look found, to be accepted once it is acted on.
pub struct Found {
    /// What the process may hold that is not so any more.
    pub stale: Stale,
    seen: Seen,
    is_alone: bool,
}

impl Watcher {
    /// Joins as `id`: to be called before anything is read into memory. None on the embedded
    /// store.
    ///
    /// # Errors
    /// See [`SqlError`].
    pub async fn start(sql: &Db, id: String) -> Result<Option<Self>, SqlError> {
        if sql.embedded().is_some() {
            return Ok(None);
        }
        let own = id.clone();
        let (seen, _) = sql.read::<_, SqlError>(move |tx| peer::seen_by(tx, &own)).await?;
        let watcher = Self {
            id,
            last: Mutex::new(seen),
            lease: Lease::default(),
            is_alone: AtomicBool::new(false),
            since: Stopwatch::start(),
            bell: sql.bell(),
            called: Notify::new(),
            ended: watch::Sender::new(0),
        };
        watcher.renew(sql).await?;
        let found = watcher.look(sql).await?;
        watcher.accept(found);
        Ok(Some(watcher))
    }

    /// Returns when a look is asked for, by this process or another.
    pub async fn called(&self) {
        match &self.bell {
            Some(bell) => tokio::select! {
                () = bell.rung() => {}
                () = self.called.notified() => {}
            },
            None => self.called.notified().await,
        }
    }

    /// Whether it is time for [`Watcher::renew`].
    pub fn is_due(&self) -> bool {
        self.lease.is_due(self.since.elapsed())
    }

    /// Tells the others what has been accepted, and renews the lease or joins anew.
    ///
    /// # Errors
    /// See [`SqlError`]; [`SqlError::Unavailable`] also when it was too slow to count.
    pub async fn renew(&self, sql: &Db) -> Result<(), SqlError> {
        let asked_at = self.since.elapsed();
        if self.lease.is_held(asked_at) {
            self.write_row(sql, Some(self.seen())).await?;
            if self.lease.is_held(self.since.elapsed()) {
                self.lease.renewed(asked_at);
                return Ok(());
            }
        }
        self.join(sql).await
    }

    async fn join(&self, sql: &Db) -> Result<(), SqlError> {
        // Out of reach this fails, and memory goes on answering. Within reach it must not: nobody
        // waits for who is joining.
        let own = self.id.clone();
        sql.read::<_, SqlError>(move |tx| peer::seen_by(tx, &own)).await?;
        self.lease.given_up();
        let began = self.since.elapsed();
        self.write_row(sql, None).await?;
        self.until_others_saw(sql).await;
        let asked_at = self.since.elapsed();
        self.write_row(sql, Some(self.seen())).await?;
        if self.since.elapsed() >= began + JOIN_MAX {
            return Err(SqlError::Unavailable("it is too slow to keep in step with".to_owned()));
        }
        self.lease.renewed(asked_at);
        Ok(())
    }

    fn seen(&self) -> Snapshot {
        self.last.lock().snapshot.clone()
    }

    async fn write_row(&self, sql: &Db, seen: Option<Snapshot>) -> Result<(), SqlError> {
        let own = self.id.clone();
        sql.write(move |tx| peer::renew(tx, &own, seen.as_ref())).await
    }

    /// What has gone stale since the last [`Watcher::accept`].
    ///
    /// # Errors
    /// See [`SqlError`].
    pub async fn look(&self, sql: &Db) -> Result<Found, SqlError> {
        let (own, last) = (self.id.clone(), self.last.lock().clone());
        sql.read(move |tx| {
            let look = peer::look(tx, &own, last.snapshot.oldest_running)?;
            let stale = stale_since(&last, &look.seen, look.changes);
            Ok(Found { stale, seen: look.seen, is_alone: look.is_alone })
        })
        .await
    }

    /// What was found is forgotten, and need not be told again.
    pub fn accept(&self, found: Found) {
        *self.last.lock() = found.seen;
        // In this order: who sees the lease sees how it was found.
        self.is_alone.store(found.is_alone, Ordering::Release);
        self.lease.looked();
    }

    /// A look has ended; `is_done` unless the database was out of reach.
    pub fn ended(&self, is_done: bool) {
        if !is_done {
            self.cut_off();
        }
        self.ended.send_modify(|ended| *ended += 1);
    }

    /// Whether memory may answer without a question to the database.
    pub fn may_answer(&self) -> bool {
        self.lease.may_answer(self.since.elapsed())
    }

    fn cut_off(&self) {
        if self.lease.cut_off() {
            tracing::warn!("the database is out of reach: cached links may be out of date");
        }
    }

    /// Returns when memory may answer: at once, after a look, or cut off.
    pub async fn until_may_answer(&self) {
        if self.may_answer() {
            return;
        }
        let mut ended = self.ended.subscribe();
        while !self.may_answer() {
            self.called.notify_one();
            if tokio::time::timeout(LOOK_MAX, ended.changed()).await.is_err() {
                self.cut_off();
            }
        }
    }

    /// Returns when no process that holds its lease can answer with what was so before.
    pub async fn until_others_saw(&self, sql: &Db) {
        // The lease first: see `accept`.
        if self.lease.is_held(self.since.elapsed()) && self.is_alone.load(Ordering::Acquire) {
            return;
        }
        // Whoever renews later looks later, so a lease is the longest that it can take.
        if tokio::time::timeout(LEASE, self.watch_others(sql)).await.is_err() {
            tracing::debug!("another process let its lease run out");
        }
    }

    async fn watch_others(&self, sql: &Db) {
        let mut since = None;
        for question in 0_u32.. {
            let own = self.id.clone();
            match sql.read::<_, SqlError>(move |tx| peer::others(tx, &own)).await {
                Ok((now, peers)) => {
                    if peer::all_saw(since.get_or_insert(now), &peers) {
                        return;
                    }
                    if question % CALL_EACH == 0 {
                        self.call_others(sql).await;
                    }
                }
                Err(error) => tracing::debug!(%error, "other processes cannot be asked for now"),
            }
            clock::pause(PAUSE * 2_u32.pow(question.min(4))).await;
        }
    }

    async fn call_others(&self, sql: &Db) {
        if let Err(error) = sql.read::<_, SqlError>(bell::ring).await {
            tracing::debug!(%error, "other processes will look by themselves");
        }
    }

    /// Leaves; nobody waits for this process any more.
    ///
    /// # Errors
    /// See [`SqlError`]; its lease then runs out by itself.
    pub async fn leave(&self, sql: &Db) -> Result<(), SqlError> {
        self.lease.given_up();
        let own = self.id.clone();
        sql.write(move |tx| peer::leave(tx, &own)).await
    }
}
