//! Decisions as `decide.lua` is told of them, several in one call, and what it answers.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};

use crate::algorithm::Algorithm;
use crate::answer::{Answer, NEVER};
use crate::table::Charge;

use super::message::{self, Numbers};

/// Numbers that the script answers for each key.
const NUMBERS: usize = 3;

/// What limits a key, as the script is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    /// The script's letter for the algorithm.
    pub(crate) kind: &'static str,
    /// What each means to an algorithm, the script says.
    pub(crate) parameters: [u64; 3],
    logs_rejected: bool,
    shadow: bool,
}

/// One key that is charged.
#[derive(Clone, Debug)]
struct Part {
    key: String,
    terms: Terms,
    hits: u32,
    /// Whether an admitted request waits in a queue.
    is_queue: bool,
}

/// One request: all its keys are charged or none.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    parts: Vec<Part>,
    lease: u64,
}

impl Terms {
    /// [`Algorithm::Deny`] admits nothing as a window of none.
    pub(crate) fn of(algorithm: &Algorithm, shadow: bool) -> Self {
        const SECOND_US: u64 = 1_000_000;
        let (kind, parameters) = match algorithm {
            Algorithm::Deny => ("f", [0, SECOND_US, 0]),
            Algorithm::Gcra(gcra) => {
                let (cost_us, burst_us) = gcra.costs_us();
                ("g", [cost_us, burst_us, 0])
            }
            Algorithm::LeakingBucket(bucket) => {
                let (cost_us, burst_us) = bucket.0.costs_us();
                ("g", [cost_us, burst_us, 0])
            }
            Algorithm::IntervalBucket(bucket) => {
                let interval_us = u64::from(bucket.interval_s) * SECOND_US;
                ("i", [bucket.size.into(), bucket.refill.into(), interval_us])
            }
            Algorithm::FixedWindow(window) => {
                ("f", [window.limit.into(), u64::from(window.length_s) * SECOND_US, 0])
            }
            Algorithm::SlidingCounter(counter) => {
                let is_up = counter.rounding == crate::sliding_counter::Rounding::Up;
                let length_us = u64::from(counter.length_s) * SECOND_US;
                ("s", [counter.limit.into(), length_us, u64::from(is_up)])
            }
            Algorithm::SubWindows(windows) => {
                ("k", [windows.limit.into(), windows.length_us, windows.parts.into()])
            }
            Algorithm::SlidingLog(log) => ("l", [log.limit.into(), log.length_us, 0]),
            Algorithm::Concurrency(leases) => ("c", [leases.limit.into(), leases.lease_us, 0]),
        };
        let logs_rejected = matches!(algorithm, Algorithm::SlidingLog(log) if log.count_rejected);
        Self { kind, parameters, logs_rejected, shadow }
    }

    /// The name of a caller's key under these terms. A rule that changes its algorithm counts
    /// anew, and a window of another length too: the key goes when the window does.
    pub(crate) fn key(&self, prefix: &str, caller: u64) -> String {
        let Self { kind, parameters: [_, length_us, _], .. } = self;
        match *kind {
            "f" | "s" => format!("{prefix}{kind}{}:{caller:016x}", length_us / 1_000_000),
            _ => format!("{prefix}{kind}:{caller:016x}"),
        }
    }

    fn write(&self, to: &mut Vec<u8>) {
        let [a, b, c] = self.parameters;
        message::map(6, to);
        message::text("kind", to);
        message::text(self.kind, to);
        for (name, value) in [("a", a), ("b", b), ("c", c)] {
            message::text(name, to);
            message::number(value, to);
        }
        for (name, value) in [("logs_rejected", self.logs_rejected), ("shadow", self.shadow)] {
            message::text(name, to);
            message::truth(value, to);
        }
    }
}

impl Asked {
    /// Keys that stand there once; what stands there twice is charged for both.
    pub(crate) fn new(prefix: &str, distinct: &[Charge<'_>]) -> Self {
        let part = |charge: &Charge<'_>| {
            let terms = Terms::of(charge.algorithm, charge.shadow);
            Part {
                key: terms.key(prefix, charge.key),
                terms,
                hits: charge.hits,
                is_queue: matches!(charge.algorithm, Algorithm::LeakingBucket(_)),
            }
        };
        // A request holds one lease, whatever the number of its keys.
        let lease = distinct.first().map_or(0, |charge| charge.lease);
        Self { parts: distinct.iter().map(part).collect(), lease }
    }

    /// How many keys it has.
    pub(crate) fn keys(&self) -> usize {
        self.parts.len()
    }

    fn write<'r>(&'r self, said: &mut Said<'r>, message: &mut Vec<u8>) {
        message.extend_from_slice(&(self.parts.len() as u16).to_be_bytes());
        message.extend_from_slice(&self.lease.to_be_bytes());
        for part in &self.parts {
            let key = said.keys.number(&part.key);
            message.extend_from_slice(&key.to_be_bytes());
            message.extend_from_slice(&said.terms.number(&part.terms).to_be_bytes());
            message.extend_from_slice(&part.hits.to_be_bytes());
        }
    }
}

impl Part {
    /// None: the store could not decide.
    fn answer(&self, [remaining, reset_us, retry_us]: [i64; NUMBERS]) -> Option<Answer> {
        let micros = |number: i64| u64::try_from(number).unwrap_or(0);
        let (admitted, reset_us) = (retry_us == 0, micros(reset_us));
        let cost_us = self.terms.parameters[0].saturating_mul(self.hits.into());
        (remaining >= 0).then(|| Answer {
            admitted,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset_us,
            retry_us: if retry_us < 0 { NEVER } else { micros(retry_us) },
            // It goes when all that were before it have gone.
            delay_us: match self.is_queue && admitted {
                true => reset_us.saturating_sub(cost_us),
                false => 0,
            },
        })
    }
}

/// The script, as one instance calls it.
pub(crate) struct Decider {
    script: Script,
    /// A text that no other instance has.
    instance: String,
    calls: AtomicU64,
}

/// Whether a call charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It does.
    Charge,
    /// It tells what a charge would say, and changes nothing.
    Look,
}

impl Decider {
    /// `instance` is a text that no other has.
    pub(crate) fn new(instance: String) -> Self {
        let script = Script::new(include_str!("decide.lua"));
        Self { script, instance, calls: AtomicU64::new(0) }
    }

    /// Decides on all these requests in one call, one after the other. None for one that the store
    /// could not decide on.
    ///
    /// # Errors
    /// When it decided on none; what was charged until then stays.
    pub(crate) async fn call(
        &self,
        connection: &mut MultiplexedConnection,
        mode: Mode,
        requests: &[Asked],
    ) -> Result<Vec<Option<Vec<Answer>>>, RedisError> {
        let (mut said, mut packed) = (Said::default(), Vec::new());
        requests.iter().for_each(|request| request.write(&mut said, &mut packed));
        let mut limits = Vec::new();
        message::array(said.terms.list.len() as u32, &mut limits);
        said.terms.list.iter().for_each(|terms| terms.write(&mut limits));
        let mode = if mode == Mode::Charge { "charge" } else { "look" };
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}:{number}", self.instance);
        let mut invocation = self.script.prepare_invoke();
        for key in &said.keys.list {
            invocation.key(key.as_bytes());
        }
        invocation.arg(mode).arg(name).arg(limits).arg(packed);
        let (failure, numbers): (String, Vec<u8>) = invocation.invoke_async(connection).await?;
        if !failure.is_empty() {
            tracing::warn!(%failure, "the shared store of the limiter refused a decision");
        }
        Ok(answers(requests, &numbers))
    }
}

/// What a call has said already, and then names by a number.
#[derive(Default)]
struct Said<'r> {
    keys: Numbered<'r, String>,
    terms: Numbered<'r, Terms>,
}

/// Distinct values by numbers, which begin at 1.
struct Numbered<'r, T> {
    list: Vec<&'r T>,
    numbers: HashMap<&'r T, u16>,
}

impl<T> Default for Numbered<'_, T> {
    fn default() -> Self {
        Self { list: Vec::new(), numbers: HashMap::new() }
    }
}

impl<'r, T: Hash + Eq> Numbered<'r, T> {
    fn number(&mut self, value: &'r T) -> u16 {
        *self.numbers.entry(value).or_insert_with(|| {
            self.list.push(value);
            self.list.len() as u16
        })
    }
}

/// What the script answered to each request.
fn answers(requests: &[Asked], numbers: &[u8]) -> Vec<Option<Vec<Answer>>> {
    let mut numbers = Numbers::of(numbers);
    let mut of_part = |part: &Part| {
        let three = [numbers.next()?, numbers.next()?, numbers.next()?];
        part.answer(three)
    };
    let of_request = |request: &Asked| -> Option<Vec<Answer>> {
        // To its end, whatever one says: the next request's numbers follow.
        let answers: Vec<Option<Answer>> = request.parts.iter().map(&mut of_part).collect();
        answers.into_iter().collect()
    };
    requests.iter().map(of_request).collect()
}

/// A lease as the store has it.
pub(crate) fn lease_text(lease: u64) -> String {
    format!("{lease:016x}")
}

#[cfg(test)]
mod tests;
