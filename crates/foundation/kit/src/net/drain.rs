//! How a process stops without breaking a request: listeners close, what is in flight is finished,
//! and what is not finished in time is cut and counted.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Draining,
    Cutting,
}

#[derive(Debug)]
struct Shared {
    phase: watch::Sender<Phase>,
    held: watch::Sender<usize>,
}

/// What a listener, or a job that must not be torn in the middle, watches and holds.
#[derive(Clone, Debug)]
pub struct Drain(Arc<Shared>);

/// The one hand that can start the drain.
#[derive(Debug)]
pub struct DrainTrigger(Arc<Shared>);

/// Something the drain waits for, until it is dropped.
#[derive(Debug)]
pub struct Held(Arc<Shared>);

impl Drain {
    /// A drain that has not started, and its trigger.
    #[must_use]
    pub fn new() -> (DrainTrigger, Self) {
        let (phase, held) = (watch::Sender::new(Phase::Serving), watch::Sender::new(0));
        let shared = Arc::new(Shared { phase, held });
        (DrainTrigger(Arc::clone(&shared)), Self(shared))
    }

    /// Makes the drain wait until the answer is dropped.
    #[must_use]
    pub fn hold(&self) -> Held {
        self.0.held.send_modify(|count| *count += 1);
        Held(Arc::clone(&self.0))
    }

    /// Whether the drain has started, so that nothing new should begin.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.phase.borrow() >= Phase::Draining
    }

    /// Returns once the drain has started.
    pub async fn started(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Returns once the time is over and whatever is left must go.
    pub async fn cut(&self) {
        self.reached(Phase::Cutting).await;
    }

    async fn reached(&self, phase: Phase) {
        // An error means that the sender is gone, and `self` holds it.
        let _ = self.0.phase.subscribe().wait_for(|now| *now >= phase).await;
    }
}

impl DrainTrigger {
    /// Starts the drain, waits until nothing is held or `timeout` has passed, and then has the
    /// rest cut. Returns how many were cut; 0 means that all of them finished.
    pub async fn drain(self, timeout: Duration) -> usize {
        self.0.phase.send_replace(Phase::Draining);
        let mut held = self.0.held.subscribe();
        if tokio::time::timeout(timeout, held.wait_for(|count| *count == 0)).await.is_ok() {
            return 0;
        }
        let cut = *self.0.held.borrow();
        self.0.phase.send_replace(Phase::Cutting);
        cut
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.held.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_held_is_waited_for() {
        let (trigger, drain) = Drain::new();
        let held = drain.hold();
        let worker = tokio::spawn(async move {
            drain.started().await;
            drop(held);
        });
        assert_eq!(trigger.drain(Duration::from_secs(20)).await, 0);
        worker.await.unwrap();
    }

    #[tokio::test]
    async fn what_does_not_finish_is_cut_and_counted() {
        let (trigger, drain) = Drain::new();
        let _held = (drain.hold(), drain.hold());
        assert!(!drain.is_draining());
        assert_eq!(trigger.drain(Duration::from_millis(1)).await, 2);
        drain.cut().await;
        assert!(drain.is_draining());
    }
}
