//! A partition: its log, and who waits for something new in it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::log::Log;

/// The leader epoch of a partition that never had another broker.
pub const LEADER_EPOCH: i32 = 0;

/// A partition.
#[derive(Debug)]
pub struct Partition {
    /// Under which its batches stand in the journal; from 1 on.
    pub stream: u32,
    /// Its number within the topic.
    pub index: i32,
    log: Mutex<Log>,
    waiting: Mutex<Vec<Weak<Notify>>>,
    is_deleted: AtomicBool,
}

impl Partition {
    /// Around a log.
    pub fn new(stream: u32, index: i32, log: Log) -> Arc<Self> {
        let (log, waiting) = (Mutex::new(log), Mutex::default());
        Arc::new(Self { stream, index, log, waiting, is_deleted: AtomicBool::new(false) })
    }

    /// Its log. Nothing that may take its time is done while it is held.
    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock()
    }

    /// Its files are, or may be, those of another partition now: they are not written any more.
    pub fn delete(&self) {
        self.is_deleted.store(true, Ordering::Release);
    }

    /// Whether it was deleted.
    pub fn is_deleted(&self) -> bool {
        self.is_deleted.load(Ordering::Acquire)
    }

    /// Has `reader` notified, once, when there is something new. Whoever looks first and registers
    /// then may miss it: register, then look.
    pub fn wake_later(&self, reader: &Arc<Notify>) {
        let mut waiting = self.waiting.lock();
        // Those who gave up leave nothing behind for long.
        if waiting.len() == waiting.capacity() {
            waiting.retain(|reader| reader.strong_count() > 0);
        }
        waiting.push(Arc::downgrade(reader));
    }

    /// Notifies all who wait.
    pub fn wake(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        for reader in waiting.iter().filter_map(Weak::upgrade) {
            reader.notify_one();
        }
    }
}
