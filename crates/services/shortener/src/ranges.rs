//! Distributed counter ranges (M9): who may hand out which numbers.
//!
//! The number space is cut into ranges. A counter server leases a range, hands out its numbers
//! from memory, and every so often moves a durable mark in the range's row. The order makes it
//! safe: **the mark covers a number before the number is handed out.** A successor starts at the
//! mark, so no number is issued twice, and a crash wastes at most the numbers between the last
//! one handed out and the mark, which [`Counter`] keeps within its step N.
//!
//! Two invariants, each a property test below:
//! - no number is ever handed out twice, whatever crashes, restarts or doubled starts occur;
//! - a crash loses at most N numbers.
//!
//! This file holds the rows and what may be done to one; a store keeps them, a row of SQL each,
//! and applies each verb in one transaction. [`counter`] is the other side, inside the server
//! that hands out. [`table`] applies the verbs to rows in memory.

pub mod counter;
pub mod table;

pub use counter::Counter;
pub use table::RangeTable;

use crate::base62::SPACE_OF_EIGHT;

/// How the number space is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangePlan {
    /// Numbers in a range (k); at least 1. The requirement's value is 1,000,000.
    ///
    /// It may change between runs: rows already written keep the bounds they have.
    pub range_size: u64,
    /// The first number of the first range.
    pub first_number: u64,
}

impl Default for RangePlan {
    fn default() -> Self {
        Self { range_size: 1_000_000, first_number: 0 }
    }
}

/// What has become of a range. Derived from the row, not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeState {
    /// Nobody holds it, and it has numbers left.
    Free,
    /// Its owner may move the mark.
    Assigned,
    /// The mark has reached the end: nothing is left for a successor.
    Spent,
}

impl RangeState {
    /// The word shown to operators.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Assigned => "assigned",
            Self::Spent => "spent",
        }
    }
}

/// A row of the range table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeRow {
    /// Position in the table, from 0; the key.
    pub number: u64,
    /// First number of the range.
    pub start: u64,
    /// One past its last number; above `start`, at most 62^8.
    pub end: u64,
    /// The counter server that holds it.
    pub owner: Option<String>,
    /// Counts the leases of this range. A holder of an older one can no longer move the mark.
    pub epoch: u64,
    /// The durable mark: every number below it may have been handed out, none from it on has.
    ///
    /// It is the last checkpoint plus N, added before it is stored so that a change of N
    /// between two runs cannot make a successor start too early.
    pub resume_at: u64,
}

/// The right to hand out the rest of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which range, and under which lease.
    pub id: LeaseId,
    /// The first number that is free to reserve (the row's mark at the time).
    pub next: u64,
    /// One past the last number.
    pub end: u64,
}

/// Names one lease of one range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseId {
    /// [`RangeRow::number`].
    pub range: u64,
    /// [`RangeRow::epoch`] when it was granted.
    pub epoch: u64,
}

/// A request to move a mark. It must be durable before any number it covers is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The lease it is made under.
    pub lease: LeaseId,
    /// The new mark.
    pub resume_at: u64,
}

/// Why a range verb was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The whole number space has been leased.
    #[error("all 62^8 numbers are leased: no further code can be issued")]
    Exhausted,
    /// The plan gives empty ranges.
    #[error("a range must hold at least one number: set the range size to 1 or more")]
    EmptyRange,
    /// No such row.
    #[error("range {0} is not in the range table")]
    Unknown(u64),
    /// Somebody leased the range after the caller did.
    #[error("range {range} was leased anew: stop handing out its numbers beyond the last mark")]
    Fenced {
        /// The range's number.
        range: u64,
    },
    /// The mark would move backwards or past the end.
    #[error("mark {resume_at} of range {range} is outside {lowest}..={highest}")]
    BadMark {
        /// The range's number.
        range: u64,
        /// The refused mark.
        resume_at: u64,
        /// The current mark.
        lowest: u64,
        /// The end of the range.
        highest: u64,
    },
    /// The range cannot be leased: somebody holds it, or nothing is left of it.
    #[error("range {range} is {}, not free", .state.as_str())]
    NotFree {
        /// The range's number.
        range: u64,
        /// What it is instead.
        state: RangeState,
    },
}

impl RangeRow {
    /// The row that follows `last` (the one with the highest number), free and untouched.
    ///
    /// # Errors
    /// [`RangeError::Exhausted`] when no number is left, [`RangeError::EmptyRange`] for a plan
    /// without numbers.
    pub fn following(last: Option<&Self>, plan: RangePlan) -> Result<Self, RangeError> {
        if plan.range_size == 0 {
            return Err(RangeError::EmptyRange);
        }
        let start = last.map_or(plan.first_number, |row| row.end);
        if start >= SPACE_OF_EIGHT {
            return Err(RangeError::Exhausted);
        }
        let end = start.saturating_add(plan.range_size).min(SPACE_OF_EIGHT);
        let number = last.map_or(0, |row| row.number + 1);
        Ok(Self { number, start, end, owner: None, epoch: 0, resume_at: start })
    }

    /// What has become of it.
    #[must_use]
    pub fn state(&self) -> RangeState {
        match self.owner {
            _ if self.resume_at == self.end => RangeState::Spent,
            Some(_) => RangeState::Assigned,
            None => RangeState::Free,
        }
    }

    /// Gives a free range to `owner`.
    ///
    /// # Errors
    /// [`RangeError::NotFree`] when it is held or spent.
    pub fn lease(&mut self, owner: &str) -> Result<Lease, RangeError> {
        match self.state() {
            RangeState::Free => Ok(self.grant(owner)),
            state => Err(RangeError::NotFree { range: self.number, state }),
        }
    }

    /// Gives an assigned range to the next run of the server that holds it.
    ///
    /// The previous run, should it still live, keeps the numbers below the mark and no others.
    ///
    /// # Errors
    /// [`RangeError::NotFree`] when somebody else holds it, or it is spent.
    pub fn recover(&mut self, owner: &str) -> Result<Lease, RangeError> {
        match self.state() {
            RangeState::Assigned if self.owner.as_deref() == Some(owner) => Ok(self.grant(owner)),
            state => Err(RangeError::NotFree { range: self.number, state }),
        }
    }

    /// Takes the range from an owner that is gone for good, so that anyone may lease the rest.
    pub fn abandon(&mut self) {
        self.owner = None;
        self.epoch += 1;
    }

    /// Moves the mark.
    ///
    /// # Errors
    /// [`RangeError::Fenced`] when the lease is not the latest, [`RangeError::BadMark`] when the
    /// mark would go back or past the end.
    pub fn checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), RangeError> {
        self.check_epoch(checkpoint.lease)?;
        let resume_at = checkpoint.resume_at;
        if !(self.resume_at..=self.end).contains(&resume_at) {
            let (range, lowest, highest) = (self.number, self.resume_at, self.end);
            return Err(RangeError::BadMark { range, resume_at, lowest, highest });
        }
        self.resume_at = resume_at;
        Ok(())
    }

    /// Gives the range back at an orderly stop: the one time the mark may move backwards, since
    /// the holder knows which number it would have handed out next. Nothing is lost then.
    ///
    /// # Errors
    /// [`RangeError::Fenced`] when the lease is not the latest, [`RangeError::BadMark`] when
    /// `next` is past the mark or before the range.
    pub fn give_back(&mut self, lease: LeaseId, next: u64) -> Result<(), RangeError> {
        self.check_epoch(lease)?;
        if !(self.start..=self.resume_at).contains(&next) {
            let (range, lowest, highest) = (self.number, self.start, self.resume_at);
            return Err(RangeError::BadMark { range, resume_at: next, lowest, highest });
        }
        self.resume_at = next;
        self.abandon();
        Ok(())
    }

    fn grant(&mut self, owner: &str) -> Lease {
        self.owner = Some(owner.to_owned());
        self.epoch += 1;
        let id = LeaseId { range: self.number, epoch: self.epoch };
        Lease { id, next: self.resume_at, end: self.end }
    }

    fn check_epoch(&self, lease: LeaseId) -> Result<(), RangeError> {
        if lease.range != self.number {
            return Err(RangeError::Unknown(lease.range));
        }
        if lease.epoch != self.epoch {
            return Err(RangeError::Fenced { range: self.number });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
