//! One generator: time and sequence in one atomic word, issued only within a grant.
//!
//! The word is the place of the last id: ticks of the layout, then its sequence. The next id's is
//! one more, or the first of the present millisecond if that is later, so a step of the clock
//! backwards can never lead to a place that was used. Issuing is a load, two comparisons and a
//! compare-and-swap; nothing waits for a lock.
//!
//! Invariant: places are issued within `(granted_from, granted_until]` only, see [`Grant`]. A grant
//! is a row's promise that no other generator, before or after this one, has those milliseconds of
//! this worker. So a stopped process, a clock that was set, or a lost lease cannot lead to a
//! duplicate: what is left of the grant is this generator's alone, and beyond it there is nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

use crate::layout::{Layout, LayoutError, Worker};

/// Milliseconds of a worker that belong to one generator. In ticks of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The last tick that is *not* granted: some other generator's, at the latest.
    pub after: u64,
    /// The last tick that is.
    pub until: u64,
}

/// Why there is no id at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Pause {
    /// All ids of this millisecond are issued: the next are at this tick.
    #[error("all ids of this millisecond are issued")]
    Full {
        /// When to ask again.
        tick: u64,
    },
    /// What is reserved reaches as far ahead of the clock as it may.
    #[error("what is reserved reaches as far ahead as it may")]
    Ahead {
        /// When to ask again.
        tick: u64,
    },
    /// What is granted is used up; a grant that reaches this tick is needed.
    #[error("the time granted to this generator is used up")]
    NotGranted {
        /// How far it has to reach.
        tick: u64,
    },
    /// The clock is this far behind the last id, more than is tolerated.
    #[error("the clock is {behind_ms} ms behind the last id")]
    ClockBehind {
        /// Milliseconds.
        behind_ms: u64,
    },
}

/// Ids of one millisecond, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first id.
    pub first: u64,
    /// How many; the last is `first + count - 1`.
    pub count: u64,
}

/// What hands out the places of one worker.
#[derive(Debug)]
pub struct Generator {
    layout: Layout,
    worker: Worker,
    worker_bits: u64,
    /// See the module's comment.
    last: AtomicU64,
    granted_until: AtomicU64,
    /// How far the clock may be behind the last id, in ticks, and ids be issued at the last one's
    /// millisecond.
    tolerance: u64,
}

impl Generator {
    /// A generator of `worker` within `grant`.
    ///
    /// # Errors
    /// [`LayoutError::NoSuchWorker`].
    pub fn new(
        layout: Layout,
        worker: Worker,
        grant: Grant,
        tolerance_ms: u64,
    ) -> Result<Self, LayoutError> {
        let last = grant.after << layout.widths().sequence | (layout.ids_a_ms() - 1);
        Ok(Self {
            layout,
            worker,
            worker_bits: layout.worker_bits(worker)?,
            last: AtomicU64::new(last),
            granted_until: AtomicU64::new(grant.until),
            tolerance: tolerance_ms,
        })
    }

    /// Whose places these are.
    pub fn worker(&self) -> Worker {
        self.worker
    }

    /// The tick of the last id.
    pub fn last_tick(&self) -> u64 {
        self.last.load(Ordering::Relaxed) >> self.layout.widths().sequence
    }

    /// The last tick that is granted.
    pub fn granted_until(&self) -> u64 {
        self.granted_until.load(Ordering::Acquire)
    }

    /// The grant now reaches `until`; it never shrinks.
    pub fn extend(&self, until: u64) {
        self.granted_until.fetch_max(until, Ordering::Release);
    }

    /// The next id at tick `now`.
    ///
    /// # Errors
    /// [`Pause`]: when to ask again, or what is missing.
    pub fn next(&self, now: u64) -> Result<u64, Pause> {
        self.take(now, 1).map(|run| run.first)
    }

    /// The next ids at tick `now`: `wanted` or, where the millisecond has fewer left, those. They
    /// follow one another.
    ///
    /// # Errors
    /// [`Pause`].
    pub fn take(&self, now: u64, wanted: u64) -> Result<Run, Pause> {
        let ids_a_ms = self.layout.ids_a_ms();
        self.issue(now, |place| wanted.clamp(1, ids_a_ms - (place & (ids_a_ms - 1))))
    }

    /// As [`Generator::take`], but all of `wanted` or none: from the next millisecond when this one
    /// has too few left.
    ///
    /// # Errors
    /// [`Pause`]; always [`Pause::Full`] when a whole millisecond has too few.
    pub fn take_all(&self, now: u64, wanted: u64) -> Result<Run, Pause> {
        let ids_a_ms = self.layout.ids_a_ms();
        self.issue(now, |place| {
            let left = ids_a_ms - (place & (ids_a_ms - 1));
            if wanted <= left { wanted.max(1) } else { 0 }
        })
    }

    /// `count_at` says how many to take at a place; 0 leaves the rest of its millisecond unused.
    fn issue(&self, now: u64, count_at: impl Fn(u64) -> u64) -> Result<Run, Pause> {
        let sequence_bits = self.layout.widths().sequence;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let last_tick = last >> sequence_bits;
            if now.saturating_add(self.tolerance) < last_tick {
                return Err(Pause::ClockBehind { behind_ms: last_tick - now });
            }
            let place = (last + 1).max(now << sequence_bits);
            let tick = place >> sequence_bits;
            if tick > now.max(last_tick) {
                return Err(Pause::Full { tick });
            }
            // Read after `last`: an issuer that saw a longer grant may have moved it.
            if tick > self.granted_until.load(Ordering::Acquire) {
                return Err(Pause::NotGranted { tick });
            }
            let count = count_at(place);
            if count == 0 {
                return Err(Pause::Full { tick: tick + 1 });
            }
            let moved = self.last.compare_exchange_weak(
                last,
                place + count - 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match moved {
                Ok(_) => {
                    let sequence = place & (self.layout.ids_a_ms() - 1);
                    let first = self.layout.compose(tick, self.worker_bits, sequence);
                    return Ok(Run { first, count });
                }
                Err(other) => last = other,
            }
        }
    }

    /// Whole milliseconds ahead of time, for someone who makes their ids alone: `count` ticks from
    /// the first that is neither past nor issued, and no further than `ahead_max` ticks from `now`
    /// unless nothing is reserved yet. Nothing else is issued in them.
    ///
    /// # Errors
    /// [`Pause::Ahead`], [`Pause::NotGranted`] with the tick that they reach.
    pub fn reserve(&self, now: u64, count: u64, ahead_max: u64) -> Result<Grant, Pause> {
        let sequence_bits = self.layout.widths().sequence;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let last_tick = last >> sequence_bits;
            let after = last_tick.max(now.saturating_sub(1));
            let until = after + count;
            if last_tick > now && until > now + ahead_max {
                return Err(Pause::Ahead { tick: until - ahead_max });
            }
            if until > self.granted_until.load(Ordering::Acquire) {
                return Err(Pause::NotGranted { tick: until });
            }
            let place = until << sequence_bits | (self.layout.ids_a_ms() - 1);
            let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
            match self.last.compare_exchange_weak(last, place, success, failure) {
                Ok(_) => return Ok(Grant { after, until }),
                Err(other) => last = other,
            }
        }
    }
}

#[cfg(test)]
mod tests;
