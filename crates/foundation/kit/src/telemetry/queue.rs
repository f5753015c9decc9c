//! A bounded queue between threads that serve and a thread that writes.
//!
//! The serving side never waits for the writing side: it holds the lock for one push, and what
//! does not fit is refused. The writing side takes whole batches, so it is woken once a batch.

use std::collections::VecDeque;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How long a shutdown waits for the writing thread to write what is queued.
const CLOSING_LIMIT: Duration = Duration::from_secs(3);

/// Items with weights (bytes, or one each) up to a total weight.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
    limits: Limits,
}

/// What a queue holds and how it hands out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Total weight that may wait.
    pub(super) weight_max: usize,
    /// Items in one batch.
    pub(super) batch_max: usize,
    /// How long a batch that is not full may gather.
    pub(super) linger: Duration,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    weight: usize,
    closed: bool,
}

impl<T> Queue<T> {
    pub(super) fn new(limits: Limits) -> Self {
        let state = State { items: VecDeque::new(), weight: 0, closed: false };
        Queue { state: Mutex::new(state), wake: Condvar::new(), limits }
    }

    /// Whether the item was taken; `false` when the queue is full or closed.
    pub(super) fn push(&self, item: T, weight: usize) -> bool {
        let mut state = self.state.lock();
        if state.closed || state.weight + weight > self.limits.weight_max {
            return false;
        }
        state.weight += weight;
        state.items.push_back((item, weight));
        let waiting = state.items.len();
        drop(state);
        // Only these two lengths end a wait of the other side.
        if waiting == 1 || waiting == self.limits.batch_max {
            self.wake.notify_one();
        }
        true
    }

    /// Waits for the next batch; `None` once closed and empty.
    pub(super) fn take(&self) -> Option<Vec<T>> {
        let mut state = self.state.lock();
        while state.items.is_empty() && !state.closed {
            self.wake.wait(&mut state);
        }
        let deadline = Instant::now() + self.limits.linger;
        while state.items.len() < self.limits.batch_max && !state.closed {
            if self.wake.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        let count = state.items.len().min(self.limits.batch_max);
        let batch: Vec<(T, usize)> = state.items.drain(..count).collect();
        state.weight -= batch.iter().map(|(_, weight)| weight).sum::<usize>();
        (count > 0).then(|| batch.into_iter().map(|(item, _)| item).collect())
    }

    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Sleeps up to `limit`, less when the queue is closed meanwhile.
    pub(super) fn pause(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut state = self.state.lock();
        while !state.closed && !self.wake.wait_until(&mut state, deadline).timed_out() {}
    }

    /// How many items wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.state.lock().items.len()
    }
}

/// A writing thread; dropping it closes the queue and waits a bounded time for the rest.
#[derive(Debug)]
pub(super) struct Writer<T> {
    queue: std::sync::Arc<Queue<T>>,
    done: mpsc::Receiver<()>,
}

impl<T: Send + 'static> Writer<T> {
    /// Starts the thread; `run` returns when [`Queue::take`] gives `None`.
    pub(super) fn start(
        name: &str,
        queue: std::sync::Arc<Queue<T>>,
        run: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, done) = mpsc::channel();
        let body = move || {
            run();
            // Nobody waits any more if this fails.
            let _ = sender.send(());
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Writer { queue, done })
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        self.queue.close();
        // An error means that the thread is gone already.
        let _ = self.done.recv_timeout(CLOSING_LIMIT);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn queue(weight_max: usize) -> Queue<u32> {
        Queue::new(Limits { weight_max, batch_max: 3, linger: Duration::from_millis(1) })
    }

    #[test]
    fn what_does_not_fit_is_refused_at_once() {
        let queue = queue(10);
        assert!(queue.push(1, 6) && queue.push(2, 4));
        assert!(!queue.push(3, 1));
        assert_eq!(queue.take(), Some(vec![1, 2]));
        assert!(queue.push(3, 10));
        queue.close();
        assert!(!queue.push(4, 0));
        assert_eq!((queue.take(), queue.take()), (Some(vec![3]), None));
    }

    #[test]
    fn batches_are_limited_and_keep_their_order() {
        let queue = queue(10);
        (0..5).for_each(|i| assert!(queue.push(i, 1)));
        assert_eq!(queue.take(), Some(vec![0, 1, 2]));
        assert_eq!(queue.take(), Some(vec![3, 4]));
    }

    #[test]
    fn a_batch_gathers_what_comes_within_its_time() {
        let linger = Duration::from_secs(10);
        let queue = Arc::new(Queue::new(Limits { weight_max: 10, batch_max: 3, linger }));
        assert!(queue.push(0, 1));
        let pushing = Arc::clone(&queue);
        let pusher = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            (1..3).for_each(|i| assert!(pushing.push(i, 1)));
        });
        assert_eq!(queue.take(), Some(vec![0, 1, 2]), "one batch, full before its time was up");
        pusher.join().unwrap();
    }

    #[test]
    fn a_writer_finishes_what_was_queued() {
        let queue = Arc::new(queue(1_000));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (taking, noting) = (Arc::clone(&queue), Arc::clone(&seen));
        let run = move || {
            while let Some(batch) = taking.take() {
                noting.lock().extend(batch);
            }
        };
        let writer = Writer::start("test", Arc::clone(&queue), run).unwrap();
        (0..100).for_each(|i| assert!(queue.push(i, 1)));
        drop(writer);
        assert_eq!(*seen.lock(), (0..100).collect::<Vec<_>>());
    }
}
