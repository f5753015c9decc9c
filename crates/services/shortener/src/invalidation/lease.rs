//! Whether a process may answer from memory without asking the database.
//!
//! A renewal gives a lease of [`LEASE`], by the database's clock from when it was made and by the
//! process's own from when it was asked for, which is earlier: so the process believes in its
//! lease no longer than the others do. A renewal counts once a look at the changes that began after
//! it has been acted on: whoever read `peer` before the renewal, and so did not wait, made a change
//! that this look has found.
//!
//! A lease that has run out is no lease when it is renewed late: somebody may have found the row
//! expired meanwhile. So a renewal must have returned before the last one ends; else the process
//! joins anew.
//!
//! Clocks are taken to run at the same speed, and the database's not to jump ahead (C. Gray, D.
//! Cheriton: Leases, SOSP 1989, section 5). A machine that is suspended as a whole stops its clock:
//! woken, it may go on for what was left of its lease.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a process may trust its memory after it has last renewed, and so how long a change
/// waits for one that has failed.
pub const LEASE: Duration = Duration::from_secs(1);
/// How long a process has to join. More than a lease, which the others may take to notice it.
pub const JOIN_MAX: Duration = Duration::from_secs(3);
/// How soon a lease is renewed.
pub const RENEW_AFTER: Duration = Duration::from_millis(300);

const NEVER: u64 = 0;
const CUT_OFF: u64 = u64::MAX;

/// A process's lease as it knows it. Times are those of one stopwatch.
#[derive(Debug, Default)]
pub struct Lease {
    /// Microseconds.
    asked_at: AtomicU64,
    /// Microseconds; [`NEVER`], or [`CUT_OFF`].
    held_until: AtomicU64,
}

impl Lease {
    /// The database has taken a renewal that was asked for at `asked_at`.
    pub fn renewed(&self, asked_at: Duration) {
        self.asked_at.store(micros(asked_at), Ordering::Relaxed);
    }

    /// A look that began after the last renewal has been acted on.
    pub fn looked(&self) {
        let until = self.asked_at.load(Ordering::Relaxed) + micros(LEASE);
        self.held_until.store(until, Ordering::Release);
    }

    /// The database could not be reached; whether that is news.
    pub fn cut_off(&self) -> bool {
        self.held_until.swap(CUT_OFF, Ordering::AcqRel) != CUT_OFF
    }

    /// Memory does not answer until the next look: the process leaves or joins anew.
    pub fn given_up(&self) {
        self.held_until.store(NEVER, Ordering::Release);
    }

    /// Whether what is in memory is in force at `now`.
    pub fn is_held(&self, now: Duration) -> bool {
        let until = self.held_until.load(Ordering::Acquire);
        until != CUT_OFF && micros(now) < until
    }

    /// Whether memory answers at `now`: it is in force, or nothing better can be had.
    pub fn may_answer(&self, now: Duration) -> bool {
        micros(now) < self.held_until.load(Ordering::Acquire)
    }

    /// Whether it is time to renew.
    pub fn is_due(&self, now: Duration) -> bool {
        !self.is_held(now)
            || micros(now) >= self.asked_at.load(Ordering::Relaxed) + micros(RENEW_AFTER)
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_lease_counts_from_the_asking_and_begins_with_a_look() {
        let lease = Lease::default();
        assert!(!lease.may_answer(ms(0)) && lease.is_due(ms(0)));
        lease.renewed(ms(50));
        assert!(!lease.may_answer(ms(60)));
        lease.looked();
        assert!(lease.is_held(ms(60)) && !lease.is_due(ms(60)) && lease.is_due(ms(350)));
        assert!(lease.is_held(ms(1_049)) && !lease.may_answer(ms(1_050)));
    }

    #[test]
    fn who_is_cut_off_answers_without_a_lease_until_the_next_look() {
        let lease = Lease::default();
        assert!(lease.cut_off() && !lease.cut_off());
        assert!(lease.may_answer(ms(3_600_000)) && !lease.is_held(ms(0)) && lease.is_due(ms(0)));
        lease.renewed(ms(10));
        lease.looked();
        assert!(lease.is_held(ms(20)) && !lease.may_answer(ms(2_000)));
        lease.given_up();
        assert!(!lease.may_answer(ms(20)));
    }
}
