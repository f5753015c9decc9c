//! What every suite uses: the binary, a client of its own, and an engine to keep rows in.

mod client;
mod engine;
mod server;
mod storm;

use std::sync::Barrier;
use std::time::{Duration, Instant};

pub(crate) use client::{Answer, Client, trusting};
pub(crate) use engine::{Database, Engine, fresh_database, on_each_engine};
pub(crate) use server::{Launch, Server, backplane, refusal};
pub(crate) use storm::{Made, Storm, resolves};

/// How long anything may take before a test gives it up; generous, for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until `probe` has an answer.
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Calls `work` with 0, 1, ... from as many threads, all let go at the same moment.
pub(crate) fn at_once<T: Send>(threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(threads);
    let wait_and_work = |number| {
        barrier.wait();
        work(number)
    };
    let wait_and_work = &wait_and_work;
    std::thread::scope(|scope| {
        let begun: Vec<_> =
            (0..threads).map(|number| scope.spawn(move || wait_and_work(number))).collect();
        begun.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
