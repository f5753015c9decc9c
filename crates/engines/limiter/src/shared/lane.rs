//! A connection on which one call after the other is made: each takes all decisions that wait by
//! then, so the more are under way the less each of them costs the store.
//!
//! No decision waits longer than the timeout: a call has what is left of it to the one that waited
//! longest. What fails a call fails the decisions in it, and the store is down for those that wait.

use std::sync::Arc;
use std::time::Duration;

use kit::clock::Stopwatch;
use redis::aio::MultiplexedConnection;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::answer::Answer;

use super::call::{Asked, Decider, Mode};
use super::link::{Standing, StoreError};

/// Decisions of one call: the store does nothing else meanwhile, and with these a call takes it
/// less than a millisecond.
const REQUESTS_MAX: usize = 128;
/// Keys of one call, unless one request has more; at about 60 bytes each they bound its size too.
const KEYS_MAX: usize = 256;

/// A decision that waits for a connection.
pub(crate) struct Waiting {
    pub(crate) asked: Asked,
    pub(crate) since: Stopwatch,
    pub(crate) answer: oneshot::Sender<Result<Vec<Answer>, StoreError>>,
}

/// One connection of a session with the store.
pub(crate) struct Lane {
    pub(crate) connection: MultiplexedConnection,
    /// Whoever is free takes what waits.
    pub(crate) queue: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    pub(crate) decider: Arc<Decider>,
    pub(crate) standing: Arc<Standing>,
    /// The session's number.
    pub(crate) session: u64,
    pub(crate) timeout: Duration,
}

impl Lane {
    /// Makes calls until the session is over and nobody waits.
    pub(crate) async fn run(mut self) {
        let mut waiting = Vec::new();
        loop {
            if waiting.is_empty() {
                let mut queue = self.queue.lock().await;
                if queue.recv_many(&mut waiting, REQUESTS_MAX).await == 0 {
                    return;
                }
            }
            let later = waiting.split_off(of_one_call(&waiting));
            // Who went away is not charged.
            waiting.retain(|waiting: &Waiting| !waiting.answer.is_closed());
            self.call(waiting).await;
            waiting = later;
        }
    }

    async fn call(&mut self, waiting: Vec<Waiting>) {
        let Some(oldest) = waiting.first() else { return };
        let left = self.timeout.saturating_sub(oldest.since.elapsed());
        let (requests, waiters): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|waiting| (waiting.asked, waiting.answer)).unzip();
        match self.decide(&requests, left).await {
            Ok(decided) => {
                for (waiter, answers) in waiters.into_iter().zip(decided) {
                    // Whoever went away meanwhile does not mind.
                    drop(waiter.send(answers.ok_or(StoreError::Refused)));
                }
            }
            Err(error) => {
                self.standing.note_failure(self.session, &error);
                for waiter in waiters {
                    drop(waiter.send(Err(error.clone())));
                }
            }
        }
    }

    async fn decide(
        &mut self,
        requests: &[Asked],
        left: Duration,
    ) -> Result<Vec<Option<Vec<Answer>>>, StoreError> {
        if !self.standing.is_up(self.session) {
            return Err(StoreError::Down);
        }
        let calling = self.decider.call(&mut self.connection, Mode::Charge, requests);
        let called = tokio::time::timeout(left, calling).await;
        Ok(called.map_err(|_| StoreError::Slow(self.timeout))??)
    }
}

/// How many of those that wait go in one call.
fn of_one_call(waiting: &[Waiting]) -> usize {
    let mut keys = 0;
    let fits = |waiting: &&Waiting| {
        keys += waiting.asked.keys();
        keys <= KEYS_MAX
    };
    waiting.iter().take_while(fits).count().max(1).min(waiting.len())
}
