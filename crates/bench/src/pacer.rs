//! Lets the requests of an open loop go when they are due.
//!
//! Tokio's timer ticks once a millisecond, which would add up to that to every latency. A thread of
//! its own sleeps in steps of a tenth of that instead and hands out permits, one a due request, to
//! whichever connections are free.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::clock;
use crate::latency::Schedule;

/// The finest step between two looks at the schedule.
const TICK: Duration = Duration::from_micros(100);

/// Where free connections wait for the next due request.
#[derive(Debug)]
pub(crate) struct Gate {
    schedule: Schedule,
    due: Semaphore,
    taken: AtomicU64,
}

impl Gate {
    /// A gate that opens as `schedule` says, once `run` runs.
    pub(crate) fn new(schedule: Schedule) -> Self {
        Self { schedule, due: Semaphore::new(0), taken: AtomicU64::new(0) }
    }

    /// Waits for a due request that no other connection took: when it was due, or `None` once the
    /// run is over.
    pub(crate) async fn pass(&self) -> Option<Instant> {
        self.due.acquire().await.ok()?.forget();
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        Some(self.schedule.due_at(number))
    }

    /// Keeps the schedule until `deadline`, then closes the gate. Returns how many requests were
    /// due; those that nobody took by then are never sent.
    pub(crate) fn run(&self, deadline: Instant) -> u64 {
        let mut released = 0;
        loop {
            let now = clock::now();
            let due = self.schedule.due_by(now.min(deadline));
            let newly_due = usize::try_from(due - released).unwrap_or(usize::MAX);
            self.due.add_permits(newly_due.min(Semaphore::MAX_PERMITS / 2));
            released = due;
            if now >= deadline {
                break;
            }
            let next = self.schedule.due_at(due).min(deadline);
            std::thread::sleep(next.saturating_duration_since(now).max(TICK));
        }
        self.due.close();
        released
    }

    /// How many requests connections took. Settled only once all connections have ended.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn every_due_request_is_taken_in_order_or_left() {
        let start = clock::now();
        let gate = Arc::new(Gate::new(Schedule::new(start, 10_000.0)));
        let taker = {
            let gate = Arc::clone(&gate);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("one");
                runtime.block_on(async {
                    let mut dues = Vec::new();
                    while dues.len() < 100 {
                        let Some(due) = gate.pass().await else { break };
                        dues.push(due);
                    }
                    dues
                })
            })
        };
        let due = gate.run(start + Duration::from_millis(50));
        let dues = taker.join().expect("it ends");
        // 501 are due in 50 ms, the first at the start; floating point may miss the last.
        assert!((500..=501).contains(&due), "{due}");
        assert_eq!(gate.taken(), dues.len() as u64);
        assert!(dues.is_sorted() && dues.first().is_none_or(|first| *first == start));
    }
}
