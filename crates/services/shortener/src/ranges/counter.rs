//! The server side of a lease: hands out numbers from memory.
//!
//! Pure: it asks for checkpoints and ranges by saying that it wants them, and is told when they
//! are there. A caller's loop is: [`Counter::take`]; when [`Counter::checkpoint_due`] gives one,
//! make it durable and report it; when [`Counter::wants_range`], lease one and add it. Both can
//! run ahead of need, so that `take` seldom has to wait (M14).

use std::collections::VecDeque;

use super::{Checkpoint, Lease, LeaseId};

/// What [`Counter::take`] can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// A number nobody else has or will get.
    Number(u64),
    /// Reserved numbers are used up: complete the checkpoint that is due, then ask again.
    NeedsCheckpoint,
    /// All leases are used up: lease a range, then ask again.
    NeedsRange,
}

/// One leased range, as far as it is used.
///
/// Invariant: `next <= reserved_to <= end`, and `reserved_to` is never above the durable mark.
#[derive(Debug)]
struct Held {
    id: LeaseId,
    next: u64,
    reserved_to: u64,
    end: u64,
}

/// Hands out the numbers of leased ranges.
///
/// At most N numbers are reserved and not yet handed out at any time, over all its ranges: that
/// is the most a crash can lose.
#[derive(Debug)]
pub struct Counter {
    step: u64,
    // The one in use first, a prefetched one behind it.
    held: VecDeque<Held>,
    in_flight: Option<Checkpoint>,
}

impl Counter {
    /// A counter that reserves at most `step` (N, at least 1) numbers ahead.
    #[must_use]
    pub fn new(step: u64) -> Self {
        Self { step: step.max(1), held: VecDeque::new(), in_flight: None }
    }

    /// Adds a leased range, to be used after those already there.
    pub fn add_range(&mut self, lease: &Lease) {
        let Lease { id, next, end } = *lease;
        self.held.push_back(Held { id, next, reserved_to: next, end });
    }

    /// The next number, if one is reserved.
    pub fn take(&mut self) -> Take {
        self.drop_used_up();
        let Some(first) = self.held.front_mut() else {
            return Take::NeedsRange;
        };
        if first.next == first.reserved_to {
            return Take::NeedsCheckpoint;
        }
        first.next += 1;
        Take::Number(first.next - 1)
    }

    /// The checkpoint to make durable now, if there is one.
    ///
    /// Given from the time half of N is left, so that it can be done while the rest is handed
    /// out. None while one is under way: report that with [`Counter::checkpoint_done`] or
    /// [`Counter::checkpoint_failed`] first.
    pub fn checkpoint_due(&mut self) -> Option<Checkpoint> {
        self.drop_used_up();
        let outstanding = self.outstanding();
        if self.in_flight.is_some() || outstanding > self.step / 2 {
            return None;
        }
        let held = self.held.iter().find(|held| held.reserved_to < held.end)?;
        let resume_at = (held.reserved_to + (self.step - outstanding)).min(held.end);
        self.in_flight = Some(Checkpoint { lease: held.id, resume_at });
        self.in_flight
    }

    /// The checkpoint is durable: its numbers may be handed out.
    ///
    /// One that was not given last by [`Counter::checkpoint_due`] is ignored.
    pub fn checkpoint_done(&mut self, checkpoint: Checkpoint) {
        if self.in_flight != Some(checkpoint) {
            return;
        }
        self.in_flight = None;
        if let Some(held) = self.held.iter_mut().find(|held| held.id == checkpoint.lease) {
            held.reserved_to = checkpoint.resume_at;
        }
    }

    /// The checkpoint may or may not be durable. It is asked for again when it is still needed;
    /// the same mark or a later one is accepted by the row either way.
    pub fn checkpoint_failed(&mut self, checkpoint: Checkpoint) {
        if self.in_flight == Some(checkpoint) {
            self.in_flight = None;
        }
    }

    /// Somebody leased the range anew: keep what is reserved, give up the rest.
    pub fn fenced(&mut self, lease: LeaseId) {
        if self.in_flight.is_some_and(|checkpoint| checkpoint.lease == lease) {
            self.in_flight = None;
        }
        if let Some(held) = self.held.iter_mut().find(|held| held.id == lease) {
            held.end = held.reserved_to;
        }
    }

    /// Whether to lease a range now: always one more than the one in use.
    ///
    /// With the next range in hand, the range server may be away while both last.
    #[must_use]
    pub fn wants_range(&self) -> bool {
        self.held.iter().filter(|held| held.next < held.end).count() < 2
    }

    /// Reserved numbers that are not handed out: what a crash now would lose. At most N.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.held.iter().map(|held| held.reserved_to - held.next).sum()
    }

    /// Stops in good order: the leases to give back, each with the number that was next.
    #[must_use]
    pub fn into_unused(self) -> Vec<(LeaseId, u64)> {
        self.held.into_iter().map(|held| (held.id, held.next)).collect()
    }

    fn drop_used_up(&mut self) {
        while self.held.front().is_some_and(|held| held.next == held.end) {
            self.held.pop_front();
        }
    }
}
