//! The open connections of one listener: how many there may be, and which are too slow to stay.
//!
//! One sweep a few times a second judges all of them, so that a request pays for no timer. A
//! connection goes at its limit or at most two sweeps later.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::activity::{Activity, Command, Sight};
use super::by_address::Place;
use super::drain::{Drain, Held};

/// What the connections of a listener are held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connections_max: usize,
    /// From a header's first byte, or from the connection's start, to its end.
    pub(super) header_timeout: Duration,
    /// From the last sign of life between requests, or from a write that blocked.
    pub(super) idle_timeout: Duration,
}

impl Limits {
    /// How often to sweep: often enough for the shorter limit, and no more than needed.
    pub(super) fn sweep_period(&self) -> Duration {
        let shorter = self.header_timeout.min(self.idle_timeout);
        (shorter / 4).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }
}

#[derive(Debug)]
pub(super) struct Roster {
    limits: Limits,
    seats: Mutex<Seats>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Seats {
    next: u64,
    taken: HashMap<u64, (Arc<Activity>, Watch)>,
}

/// A connection's place; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Seat {
    number: u64,
    roster: Arc<Roster>,
    activity: Arc<Activity>,
    _held: Held,
    _place: Place,
}

impl Seat {
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.roster.seats.lock();
        seats.taken.remove(&self.number);
        if seats.taken.is_empty() {
            self.roster.emptied.notify_one();
        }
    }
}

impl Roster {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, seats: Mutex::default(), emptied: Notify::new() })
    }

    /// A place for a connection that was opened at `now`, or none when all are taken.
    pub(super) fn take_seat(
        self: &Arc<Self>,
        place: Place,
        drain: &Drain,
        now: Instant,
    ) -> Option<Seat> {
        let mut seats = self.seats.lock();
        if seats.taken.len() >= self.limits.connections_max {
            return None;
        }
        let (number, activity) = (seats.next, Arc::<Activity>::default());
        seats.next += 1;
        seats.taken.insert(number, (Arc::clone(&activity), Watch::new(now)));
        let (roster, held) = (Arc::clone(self), drain.hold());
        Some(Seat { number, roster, activity, _held: held, _place: place })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seats.lock().taken.is_empty()
    }

    /// Returns when the last connection may have gone; [`Roster::is_empty`] tells.
    pub(super) async fn emptied(&self) {
        self.emptied.notified().await;
    }

    pub(super) fn tell_all(&self, command: Command) {
        for (activity, _) in self.seats.lock().taken.values() {
            activity.tell(command);
        }
    }

    /// Tells each connection that has been too slow by `now`.
    pub(super) fn sweep(&self, now: Instant) {
        for (activity, watch) in self.seats.lock().taken.values_mut() {
            if let Some(command) = watch.judge(activity.sight(), now, &self.limits) {
                activity.tell(command);
            }
        }
    }
}

/// What the sweeps remember of one connection.
#[derive(Debug)]
struct Watch {
    last: Sight,
    still_since: Instant,
    header_since: Option<Instant>,
    was_asked_to_finish: bool,
}

impl Watch {
    fn new(now: Instant) -> Self {
        let last = Sight { awaits_header: true, ..Sight::default() };
        Self { last, still_since: now, header_since: Some(now), was_asked_to_finish: false }
    }

    fn judge(&mut self, sight: Sight, now: Instant, limits: &Limits) -> Option<Command> {
        let moved = (sight.requests, sight.writes) != (self.last.requests, self.last.writes);
        self.last = sight;
        if moved {
            self.still_since = now;
            self.header_since = None;
        }
        if !sight.awaits_header {
            self.header_since = None;
        } else if now - *self.header_since.get_or_insert(now) >= limits.header_timeout {
            return Some(Command::Cut);
        }
        // A handler at work has a time limit of its own; a peer that takes no bytes has none.
        let is_quiet = sight.in_flight == 0 || sight.write_blocked;
        if !is_quiet {
            self.still_since = now;
        }
        if now - self.still_since < limits.idle_timeout {
            return None;
        }
        let asked_before = std::mem::replace(&mut self.was_asked_to_finish, true);
        Some(if asked_before { Command::Cut } else { Command::Finish })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        connections_max: 2,
        header_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(60),
    };

    /// Judges the same sight at each of the seconds, and says what came of the last.
    fn judged(sights: &[(u64, Sight)]) -> Option<Command> {
        let start = Instant::now();
        let mut watch = Watch::new(start);
        let mut at = |(second, sight): &(u64, Sight)| {
            watch.judge(*sight, start + Duration::from_secs(*second), &LIMITS)
        };
        sights.iter().map(&mut at).last().flatten()
    }

    fn answered(requests: u32) -> Sight {
        Sight { requests, writes: requests, ..Sight::default() }
    }

    #[test]
    fn a_connection_that_asks_nothing_is_cut_at_the_header_limit() {
        let fresh = Sight { awaits_header: true, ..Sight::default() };
        assert_eq!(judged(&[(9, fresh)]), None);
        assert_eq!(judged(&[(9, fresh), (10, fresh)]), Some(Command::Cut));
    }

    #[test]
    fn a_header_has_its_whole_time_however_long_the_rest_before_it_was() {
        let partial = Sight { awaits_header: true, ..answered(1) };
        assert_eq!(judged(&[(1, answered(1)), (50, partial), (59, partial)]), None);
        assert_eq!(judged(&[(1, answered(1)), (40, partial), (50, partial)]), Some(Command::Cut));
    }

    #[test]
    fn an_idle_connection_is_asked_to_finish_and_then_cut() {
        let one = answered(1);
        assert_eq!(judged(&[(1, one), (60, one)]), None);
        assert_eq!(judged(&[(1, one), (61, one)]), Some(Command::Finish));
        assert_eq!(judged(&[(1, one), (61, one), (62, one)]), Some(Command::Cut));
        assert_eq!(judged(&[(1, one), (50, answered(2)), (70, answered(2))]), None);
    }

    #[test]
    fn a_handler_at_work_is_not_idle_but_a_peer_that_takes_no_bytes_is() {
        let working = Sight { in_flight: 1, ..answered(1) };
        assert_eq!(judged(&[(1, working), (500, working)]), None);
        let blocked = Sight { write_blocked: true, ..working };
        assert_eq!(judged(&[(1, blocked), (61, blocked)]), Some(Command::Finish));
    }

    #[test]
    fn places_are_limited_and_given_back() {
        let (_trigger, drain) = Drain::new();
        let roster = Roster::new(LIMITS);
        let take = || roster.take_seat(Place::default(), &drain, Instant::now());
        let first = take().unwrap();
        let _second = take().unwrap();
        assert!(take().is_none());
        drop(first);
        assert!(take().is_some());
    }
}
