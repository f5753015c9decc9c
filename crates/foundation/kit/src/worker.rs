//! Background work: named, listed, and ended in order.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::clock::{Stopwatch, pause};
use crate::machine::{self, Running};

/// How long a worker may take to finish once told to stop; then it is cut off.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The workers of one instance, cheap to clone.
#[derive(Clone)]
pub struct Workers(Arc<Inner>);

struct Inner {
    stop: watch::Sender<bool>,
    running: Mutex<Vec<(&'static str, Running)>>,
}

/// Tells a worker to finish what it holds and return.
#[derive(Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns when it is time to stop.
    pub async fn wait(&mut self) {
        // An error means that the workers' owner is gone, which is a reason to stop as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Whether it is time to stop, or the workers' owner is gone.
    pub fn is_due(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

impl Default for Workers {
    fn default() -> Self {
        Self(Arc::new(Inner { stop: watch::channel(false).0, running: Mutex::default() }))
    }
}

impl Workers {
    /// Starts `work` under `name`.
    pub fn spawn<F>(&self, name: &'static str, work: impl FnOnce(Stop) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let worker = machine::spawn(work(Stop(self.0.stop.subscribe())));
        self.0.running.lock().push((name, worker));
    }

    /// Starts `work` under `name`, done again each `period` of the machine's time and once more
    /// when it is time to stop. A frozen clock does not hold it up: it keeps promises of
    /// durability, not of schedule.
    pub fn every<F>(
        &self,
        name: &'static str,
        period: Duration,
        mut work: impl FnMut() -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn(name, |mut stop| async move {
            loop {
                tokio::select! {
                    biased;
                    () = stop.wait() => {}
                    () = pause(period) => {}
                }
                // Read before the work: what came while it ran is for one more round.
                let is_last = stop.is_due();
                work().await;
                if is_last {
                    return;
                }
            }
        });
    }

    /// Starts `work` under `name`, looked for each `period` of the machine's time. While it says
    /// that there is more, it is done again after a rest as long as the work took: at most half a
    /// core, whatever there is to do, and the work of others comes between. Ends where it is when
    /// it is time to stop, so each piece must leave things in order.
    pub fn at_leisure<F>(
        &self,
        name: &'static str,
        period: Duration,
        mut work: impl FnMut() -> F + Send + 'static,
    ) where
        F: Future<Output = bool> + Send + 'static,
    {
        self.spawn(name, |mut stop| async move {
            let mut rest = period;
            loop {
                tokio::select! {
                    biased;
                    () = stop.wait() => return,
                    () = pause(rest) => {}
                }
                let took = Stopwatch::start();
                rest = if work().await { took.elapsed() } else { period };
            }
        });
    }

    /// The names of those still at work.
    pub fn names(&self) -> Vec<&'static str> {
        let running = self.0.running.lock();
        running.iter().filter(|(_, worker)| !worker.is_finished()).map(|(name, _)| *name).collect()
    }

    /// Tells all to finish and waits for them, at most ten seconds each.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        let running = std::mem::take(&mut *self.0.running.lock());
        for (name, mut worker) in running {
            tokio::select! {
                biased;
                ended = &mut worker => if let Err(panic) = ended {
                    tracing::error!(worker = name, %panic, "a worker had failed");
                },
                () = pause(STOP_TIMEOUT) => {
                    worker.abort();
                    tracing::error!(worker = name, "a worker did not stop in time and was cut off");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    #[tokio::test]
    async fn a_worker_finishes_what_it_holds() {
        let workers = Workers::default();
        let flushed = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&flushed);
        workers.spawn("flush", |mut stop| async move {
            stop.wait().await;
            tokio::task::yield_now().await;
            mark.store(true, Ordering::Relaxed);
        });
        assert_eq!(workers.names(), ["flush"]);
        workers.stop().await;
        assert!(flushed.load(Ordering::Relaxed));
        assert!(workers.names().is_empty());
    }

    #[tokio::test]
    async fn work_ends_with_its_owner() {
        let rounds = Arc::new(AtomicU32::new(0));
        let (counted, workers) = (Arc::clone(&rounds), Workers::default());
        workers.every("count", Duration::from_secs(3_600), move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async {}
        });
        drop(workers);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(rounds.load(Ordering::Relaxed), 1, "once more, and no more");
    }

    #[tokio::test]
    async fn leisurely_work_goes_on_while_there_is_more_and_then_pauses() {
        let workers = Workers::default();
        let left = Arc::new(AtomicU32::new(5));
        let (taken, done) = (Arc::clone(&left), Arc::new(tokio::sync::Notify::new()));
        let last = Arc::clone(&done);
        workers.at_leisure("add up", Duration::from_millis(1), move || {
            let more = taken.fetch_sub(1, Ordering::Relaxed) > 1;
            if !more {
                taken.store(1, Ordering::Relaxed);
                last.notify_one();
            }
            async move { more }
        });
        done.notified().await;
        assert_eq!(left.load(Ordering::Relaxed), 1);
        // Looked for again after the period: the worker has not ended.
        done.notified().await;
        workers.stop().await;
    }
}
