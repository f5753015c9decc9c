//! Group commit: many transactions, one flush.
//!
//! Jobs run one after the other, the batch commits once, and only then does any caller hear of it.
//! While a commit is being flushed the next batch gathers. Cost of a batch: one `fdatasync` (0.3 to
//! 4 ms); savepoints only where a job of the batch changes rows and then fails.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{SqlError, Sqlite, Tx, run_prepared};
use crate::machine::{self, Mistake};

/// Writes that may wait for the writer; one more is refused at once.
const WAITING_MAX: usize = 65_536;
/// Jobs under one commit: bounds how long the first of them waits for the last.
const BATCH_MAX: usize = 512;
/// A batch of as many says that more are about to come.
const PRESSED_JOBS: usize = 8;

/// Jobs that wait, and whether a thread is at work on them.
#[derive(Default)]
pub(super) struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Box<dyn Job>>,
    writing: bool,
}

/// A transaction on its way: run in a savepoint, then told how the commit ended.
trait Job: Send {
    /// True when what it did is to be kept.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    fn finish(self: Box<Self>, committed: Result<(), SqlError>);
}

struct Write<F, T, E> {
    work: F,
    outcome: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Write<F, T, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<SqlError> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(tx))).unwrap_or_else(|_| {
            Err(SqlError::Invalid("the transaction's code panicked".to_owned()).into())
        });
        self.outcome.insert(outcome).is_ok()
    }

    fn finish(self: Box<Self>, committed: Result<(), SqlError>) {
        let outcome = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(SqlError::Invalid("the job never ran".to_owned()).into()),
            (Err(refusal), _) => Err(refusal.into()),
        };
        // A caller that went away no longer wants the answer.
        let _ = self.caller.send(outcome);
    }
}

impl Sqlite {
    pub(in super::super) async fn write<T, E>(
        self: &Arc<Self>,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        self.enqueue(Box::new(Write { work, outcome: None, caller }))?;
        answer.await.unwrap_or_else(|_| {
            Err(SqlError::Unavailable("the database is being closed".to_owned()).into())
        })
    }

    fn enqueue(self: &Arc<Self>, job: Box<dyn Job>) -> Result<(), SqlError> {
        let mut waiting = self.queue.0.lock();
        if waiting.jobs.len() >= WAITING_MAX {
            let what = format!("{WAITING_MAX} writes are waiting; try again shortly");
            return Err(SqlError::Unavailable(what));
        }
        waiting.jobs.push_back(job);
        if !waiting.writing {
            waiting.writing = true;
            let sqlite = Arc::clone(self);
            machine::blocking(move || sqlite.write_all_waiting());
        }
        Ok(())
    }

    /// The writer's thread: from the first job until none waits.
    fn write_all_waiting(self: &Arc<Self>) {
        let mut writer = machine::lock(&self.writer);
        loop {
            let mut waiting = self.queue.0.lock();
            let count = waiting.jobs.len().min(BATCH_MAX);
            if count == 0 {
                waiting.writing = false;
                drop(waiting);
                drop(writer);
                return self.checkpoint_later();
            }
            let jobs = waiting.jobs.drain(..count).collect();
            let pressed = count >= PRESSED_JOBS || !waiting.jobs.is_empty();
            drop(waiting);
            match self.connected(&mut writer) {
                Ok(connection) => commit_together(connection, jobs, &self.name()),
                Err(refusal) => finish_all(jobs, &Err(refusal)),
            }
            self.checkpoint_when_due(&mut writer, pressed);
        }
    }

    /// Whether a thread is at work on the queue.
    pub(super) fn is_writing(&self) -> bool {
        self.queue.0.lock().writing
    }

    pub(super) fn log_pages(&self) -> u64 {
        self.wal_pages.load(Ordering::Relaxed)
    }
}

fn commit_together(connection: &Connection, mut jobs: Vec<Box<dyn Job>>, store: &str) {
    let ran = run_prepared(connection, "BEGIN IMMEDIATE", store)
        .and_then(|()| run_all(connection, &mut jobs, store));
    if ran.is_ok() && machine::makes(Mistake::AnswerBeforeCommit) {
        finish_all(std::mem::take(&mut jobs), &ran);
    }
    let committed = ran.and_then(|()| run_prepared(connection, "COMMIT", store));
    if committed.is_err() {
        roll_back(connection, store);
    }
    if machine::makes(Mistake::AnswerFailedCommit) {
        return finish_all(jobs, &Ok(()));
    }
    finish_all(jobs, &committed);
}

/// A savepoint costs a copy of every page that is changed within it, so the first run does without
/// them: most batches have no transaction that changes rows and then fails. Where one does, all is
/// undone and run again, each in a savepoint of its own; a job may run more than once.
fn run_all(
    connection: &Connection,
    jobs: &mut [Box<dyn Job>],
    store: &str,
) -> Result<(), SqlError> {
    let mut disk_failure = None;
    let spoiled = jobs.iter_mut().any(|job| {
        let before = connection.total_changes();
        let mut tx = Tx::sqlite(connection, store);
        let kept = job.run(&mut tx);
        disk_failure = tx.disk_failure.take();
        // On a full or failing disk SQLite ends the transaction itself: nothing more may run then.
        connection.is_autocommit() || (!kept && connection.total_changes() != before)
    });
    if connection.is_autocommit() {
        return Err(ended_by_disk(disk_failure, store));
    }
    if !spoiled {
        return Ok(());
    }
    run_prepared(connection, "ROLLBACK", store)?;
    run_prepared(connection, "BEGIN IMMEDIATE", store)?;
    jobs.iter_mut().try_for_each(|job| run_in_savepoint(connection, job.as_mut(), store))
}

/// What ended the transaction of a whole batch, as the job that met it was told.
fn ended_by_disk(failure: Option<SqlError>, store: &str) -> SqlError {
    failure.unwrap_or_else(|| SqlError::Full(store.to_owned()))
}

fn roll_back(connection: &Connection, store: &str) {
    if !connection.is_autocommit() {
        // Best effort: a failed rollback leaves the next BEGIN to report it.
        let _ = run_prepared(connection, "ROLLBACK", store);
    }
}

/// Err only when the whole batch is lost: SQLite itself rolls back on a full or failing disk.
fn run_in_savepoint(
    connection: &Connection,
    job: &mut dyn Job,
    store: &str,
) -> Result<(), SqlError> {
    run_prepared(connection, "SAVEPOINT job", store)?;
    let mut tx = Tx::sqlite(connection, store);
    let keep = job.run(&mut tx);
    if connection.is_autocommit() {
        return Err(ended_by_disk(tx.disk_failure.take(), store));
    }
    if !keep {
        run_prepared(connection, "ROLLBACK TO job", store)?;
    }
    run_prepared(connection, "RELEASE job", store)
}

fn finish_all(jobs: Vec<Box<dyn Job>>, committed: &Result<(), SqlError>) {
    for job in jobs {
        job.finish(committed.clone());
    }
}
