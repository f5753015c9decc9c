//! The machine under a store: its threads, its clock and its [`disk`](crate::disk), and the seat
//! where a simulation takes its place.
//!
//! A simulation runs on one thread and [`enter`]s its machine there; every other thread goes on
//! with the real one. What kit hands to other threads, waits for, or reads and writes as a store
//! goes through this module, so a simulation decides in which order it happens and what of it a
//! power loss leaves. Where no simulation is under way the price is one relaxed load.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::disk::Disk;

/// Work that is polled.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A simulated machine.
pub trait Machine: Send + Sync + 'static {
    /// Its files.
    fn disk(&self) -> &dyn Disk;
    /// Its clock, in microseconds since 1970.
    fn now_us(&self) -> i64;
    /// Ends after `span` of its time.
    fn sleep(&self, span: Duration) -> Task;
    /// Runs `task` beside the others.
    fn spawn(&self, task: Task);
    /// Runs `work`, which may wait for locks and files, beside the others.
    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>);
    /// Blocks for `span` of its time.
    fn block_for(&self, span: Duration);
    /// Lets others run: called by blocking work that waits for them.
    fn pass(&self);
    /// Whether kit shall make `mistake`, for a test of the tests.
    fn makes(&self, mistake: Mistake) -> bool;
}

/// Mistakes that kit makes where a simulation asks for them, to show that its checks would find
/// them. A release build cannot make them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A write is answered before its commit.
    AnswerBeforeCommit,
    /// A fork does not wait for the checkpoint beside the writes.
    ForkBesideCheckpoint,
    /// A checkpoint writes to a main file that a fork shares.
    CheckpointIntoSharedFile,
    /// Connections keep the old main file open past a swap.
    KeepReadersPastSwap,
    /// A fork copies the log without its last page.
    ForkWithoutLastPage,
    /// A fork is acknowledged before its files are flushed.
    ForkUnflushed,
    /// The relay removes events before they are delivered.
    RemoveBeforeDelivery,
    /// The relay removes one event more than it delivered.
    RemoveOneMore,
    /// A new database's file has its name before its content is flushed.
    NameBeforeFlush,
    /// What another process left in the log is not made durable before it is read.
    TrustLog,
    /// The batch of a failed commit is answered as if it had been kept.
    AnswerFailedCommit,
    /// A snapshot lets each store go on as soon as it has said what it holds.
    HoldOneByOne,
    /// A namespace that ends is emptied file by file under its own name.
    EmptyInPlace,
    /// A reset or drop is acknowledged before it is flushed.
    EndUnflushed,
    /// A start does not finish a reset that was cut short.
    ForgetReset,
}

static SIMULATIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static CURRENT: RefCell<Option<Arc<dyn Machine>>> = const { RefCell::new(None) };
}

/// Until it is dropped this thread runs on a simulated machine.
pub struct Entered(Option<Arc<dyn Machine>>);

/// Puts `machine` under everything that this thread does.
pub fn enter(machine: Arc<dyn Machine>) -> Entered {
    SIMULATIONS.fetch_add(1, Ordering::Relaxed);
    Entered(CURRENT.with(|current| current.borrow_mut().replace(machine)))
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|current| *current.borrow_mut() = self.0.take());
        SIMULATIONS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The simulated machine under this thread, if there is one.
pub(crate) fn simulated() -> Option<Arc<dyn Machine>> {
    if SIMULATIONS.load(Ordering::Relaxed) == 0 {
        return None;
    }
    CURRENT.with(|current| current.borrow().clone())
}

/// Whether kit shall make `mistake` here; see [`Mistake`].
pub(crate) fn makes(mistake: Mistake) -> bool {
    cfg!(debug_assertions) && simulated().is_some_and(|machine| machine.makes(mistake))
}

/// The work did not end: it panicked, or its machine lost power.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct Unfinished(String);

/// Blocking work under way; await it for its outcome, or drop it and let it run.
pub enum Blocking<T> {
    /// On a thread of the runtime's pool.
    Pool(tokio::task::JoinHandle<T>),
    /// On a simulated machine.
    Simulated(oneshot::Receiver<T>),
}

/// Runs `work`, which may block, on a thread of the pool.
pub fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Blocking<T> {
    let Some(machine) = simulated() else {
        return Blocking::Pool(tokio::task::spawn_blocking(work));
    };
    let (done, outcome) = oneshot::channel();
    machine.run_blocking(Box::new(move || {
        // Whoever dropped the receiving end does not want the outcome.
        let _ = done.send(work());
    }));
    Blocking::Simulated(outcome)
}

impl<T> Future for Blocking<T> {
    type Output = Result<T, Unfinished>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Pool(handle) => Pin::new(handle)
                .poll(context)
                .map(|done| done.map_err(|panic| Unfinished(panic.to_string()))),
            Self::Simulated(outcome) => Pin::new(outcome)
                .poll(context)
                .map(|done| done.map_err(|_| Unfinished("the machine lost power".to_owned()))),
        }
    }
}

/// A thread of its own, for blocking work that other blocking work may wait for.
pub(crate) enum Thread<T> {
    Real(std::thread::JoinHandle<T>),
    Simulated(Arc<Simulated<T>>),
}

pub(crate) struct Simulated<T> {
    ended: AtomicBool,
    outcome: Mutex<Option<T>>,
}

/// Runs `work` on a thread of its own.
pub(crate) fn thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Thread<T> {
    let Some(machine) = simulated() else {
        return Thread::Real(std::thread::spawn(work));
    };
    let thread = Arc::new(Simulated { ended: AtomicBool::new(false), outcome: Mutex::new(None) });
    let within = Arc::clone(&thread);
    machine.run_blocking(Box::new(move || {
        *within.outcome.lock() = Some(work());
        within.ended.store(true, Ordering::Relaxed);
    }));
    Thread::Simulated(thread)
}

impl<T> Thread<T> {
    /// Whether a join would not wait.
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Self::Real(handle) => handle.is_finished(),
            Self::Simulated(thread) => thread.ended.load(Ordering::Relaxed),
        }
    }

    /// Waits for the outcome: none when the work panicked.
    pub(crate) fn join(self) -> Option<T> {
        match self {
            Self::Real(handle) => handle.join().ok(),
            Self::Simulated(thread) => {
                while !thread.ended.load(Ordering::Relaxed) {
                    simulated()?.pass();
                }
                thread.outcome.lock().take()
            }
        }
    }
}

/// A task under way; await it for its end, or drop it and let it run.
pub enum Running {
    /// Of the runtime.
    Real(tokio::task::JoinHandle<()>),
    /// On a simulated machine.
    Simulated(oneshot::Receiver<()>),
}

/// Runs `task` beside the others.
pub fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Running {
    let Some(machine) = simulated() else { return Running::Real(tokio::spawn(task)) };
    let (done, end) = oneshot::channel();
    machine.spawn(Box::pin(async move {
        task.await;
        // Whoever dropped the receiving end does not wait.
        let _ = done.send(());
    }));
    Running::Simulated(end)
}

impl Running {
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Self::Real(handle) => handle.is_finished(),
            Self::Simulated(end) => !end.is_empty() || end.is_terminated(),
        }
    }

    /// Ends it where it is; a simulated task goes on, as it is always in time.
    pub(crate) fn abort(&self) {
        if let Self::Real(handle) = self {
            handle.abort();
        }
    }
}

impl Future for Running {
    type Output = Result<(), Unfinished>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Real(handle) => Pin::new(handle)
                .poll(context)
                .map(|done| done.map_err(|panic| Unfinished(panic.to_string()))),
            Self::Simulated(end) => Pin::new(end).poll(context).map(|_| Ok(())),
        }
    }
}

/// Locks what is held across reads and writes of files, as by a store of a system's own.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    waited_for(|| mutex.try_lock()).unwrap_or_else(|| mutex.lock())
}

/// As [`lock`], of what tasks await.
pub(crate) fn lock_shared_with_tasks<T>(
    mutex: &tokio::sync::Mutex<T>,
) -> tokio::sync::MutexGuard<'_, T> {
    waited_for(|| mutex.try_lock().ok()).unwrap_or_else(|| mutex.blocking_lock())
}

/// As [`lock`], beside other readers.
pub(crate) fn read_lock<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    waited_for(|| lock.try_read()).unwrap_or_else(|| lock.read())
}

/// As [`lock`], once no reader is left.
pub(crate) fn write_lock<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    waited_for(|| lock.try_write()).unwrap_or_else(|| lock.write())
}

/// A simulated machine has one thread, which must never wait for itself.
fn waited_for<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let machine = simulated()?;
    loop {
        if let Some(taken) = attempt() {
            return Some(taken);
        }
        machine.pass();
    }
}
