//! Time, read from the machine here and nowhere else.
//!
//! Each namespace has a [`Clock`] that can be frozen, advanced and resumed. Whoever waits, waits
//! through it, so an advance wakes all that has become due.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use crate::machine;

const NOT_FROZEN: i64 = i64::MIN;
const DAY_US: i64 = 86_400_000_000;

/// Microseconds since 1970-01-01T00:00:00Z, the unit of every stored time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole days since 1970-01-01, UTC.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY_US)
    }

    /// This time and `span` later; stays at the end of time rather than wrapping.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros_of(span)))
    }

    /// This time and `span` earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros_of(span)))
    }

    /// How long after `earlier`; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Reads RFC 3339 (`2026-11-22T05:30:00Z`); none when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos() / 1_000).ok().map(Self)
    }
}

/// RFC 3339 in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000);
        match moment.ok().and_then(|moment| moment.format(&Rfc3339).ok()) {
            Some(text) => formatter.write_str(&text),
            None => write!(formatter, "{} us since 1970", self.0),
        }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The time of one namespace, cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    /// The time shown while frozen, else [`NOT_FROZEN`].
    frozen_at_us: AtomicI64,
    /// How far this clock runs ahead of the machine's.
    ahead_us: AtomicI64,
    changed: watch::Sender<u64>,
}

impl Clock {
    /// Runs with the machine's clock.
    pub fn system() -> Self {
        let (changed, _) = watch::channel(0);
        let (frozen_at_us, ahead_us) = (AtomicI64::new(NOT_FROZEN), AtomicI64::new(0));
        Self(Arc::new(Inner { frozen_at_us, ahead_us, changed }))
    }

    /// Stands still at `at` until advanced or resumed.
    pub fn frozen(at: Timestamp) -> Self {
        let clock = Self::system();
        clock.0.frozen_at_us.store(at.micros(), Ordering::Relaxed);
        clock
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match self.0.frozen_at_us.load(Ordering::Relaxed) {
            NOT_FROZEN => Timestamp(machine_us() + self.0.ahead_us.load(Ordering::Relaxed)),
            frozen_at_us => Timestamp(frozen_at_us),
        }
    }

    /// Stops at the time it shows.
    pub fn freeze(&self) {
        self.0.frozen_at_us.store(self.now().micros(), Ordering::Relaxed);
        self.announce();
    }

    /// Runs again from the time it shows.
    pub fn resume(&self) {
        let shown_us = self.now().micros();
        self.0.ahead_us.store(shown_us - machine_us(), Ordering::Relaxed);
        self.0.frozen_at_us.store(NOT_FROZEN, Ordering::Relaxed);
        self.announce();
    }

    /// Moves forward by `span`, frozen or running, and wakes whoever has become due.
    pub fn advance(&self, span: Duration) {
        match self.0.frozen_at_us.load(Ordering::Relaxed) {
            NOT_FROZEN => self.0.ahead_us.fetch_add(micros_of(span), Ordering::Relaxed),
            _ => self.0.frozen_at_us.fetch_add(micros_of(span), Ordering::Relaxed),
        };
        self.announce();
    }

    /// Waits until this clock shows `deadline` or later.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        let mut changed = self.0.changed.subscribe();
        loop {
            let left = deadline.since(self.now());
            if left.is_zero() {
                return;
            }
            // A frozen clock moves only by announcement; a minute bounds the wait all the same.
            let frozen = self.0.frozen_at_us.load(Ordering::Relaxed) != NOT_FROZEN;
            let wait = if frozen { Duration::from_secs(60) } else { left };
            tokio::select! {
                biased;
                _ = changed.changed() => {}
                () = pause(wait) => {}
            }
        }
    }

    /// Waits for `span` of this clock's time.
    pub async fn sleep(&self, span: Duration) {
        self.sleep_until(self.now().plus(span)).await;
    }

    fn announce(&self) {
        self.0.changed.send_modify(|changes| *changes += 1);
    }
}

/// Measures how long something took, by the machine's steady clock: for telemetry only.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Begins now.
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Tells how far the machine's clock was set, by the steady clock beside it.
#[derive(Clone, Copy, Debug)]
pub struct StepWatch {
    steady: std::time::Instant,
    shown_us: i64,
    /// Since the machine was started; none where the system does not say.
    up: Option<Duration>,
}

impl StepWatch {
    /// Begins now.
    pub fn start() -> Self {
        Self { steady: std::time::Instant::now(), shown_us: machine_us(), up: machine_up() }
    }

    /// Microseconds that the clock was set since the start: forward positive, backward negative.
    /// What a time server corrects bit by bit is in it too; the time that the machine was suspended
    /// is not.
    pub fn step_us(&self) -> i64 {
        let passed_us = micros_of(self.steady.elapsed());
        let suspended_us = match (self.up, machine_up()) {
            (Some(then), Some(now)) => micros_of(now.saturating_sub(then)) - passed_us,
            _ => 0,
        };
        // The time since the start comes in steps of 10 ms, and only a suspension makes it differ.
        let suspended_us = if suspended_us > 1_000_000 { suspended_us } else { 0 };
        machine_us() - self.shown_us - passed_us - suspended_us
    }
}

/// Linux's time since boot, with that in suspension: proc(5), `/proc/uptime`.
fn machine_up() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = text.split(' ').next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Returns after `span` of the machine's time, whatever a namespace's clock shows: for what keeps
/// processes in step with each other, never for a schedule.
pub async fn pause(span: Duration) {
    match machine::simulated() {
        Some(machine) => machine.sleep(span).await,
        None => tokio::time::sleep(span).await,
    }
}

fn micros_of(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

fn machine_us() -> i64 {
    if let Some(machine) = machine::simulated() {
        return machine.now_us();
    }
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => micros_of(since),
        Err(before) => -micros_of(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_print_as_rfc_3339() {
        let moment = Timestamp::parse("2026-11-22T05:30:00.25Z").unwrap();
        assert_eq!(moment.to_string(), "2026-11-22T05:30:00.25Z");
        assert_eq!(moment.day(), 20_779);
        assert_eq!(Timestamp::parse("2026-11-22T07:30:00.25+02:00"), Some(moment));
        assert_eq!(Timestamp::parse("yesterday"), None);
        assert_eq!(Timestamp::from_micros(-1).day(), -1);
    }

    #[test]
    fn a_frozen_clock_moves_only_when_advanced() {
        let start = Timestamp::from_micros(1_000);
        let clock = Clock::frozen(start);
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_secs(7));
        assert_eq!(clock.now(), start.plus(Duration::from_secs(7)));
        clock.resume();
        assert!(clock.now() >= start.plus(Duration::from_secs(7)));
        assert!(clock.now() < start.plus(Duration::from_secs(3_600)));
    }

    #[test]
    fn a_clock_that_nobody_sets_shows_no_step() {
        let watch = StepWatch::start();
        assert!(watch.step_us().abs() < 1_000_000, "{}", watch.step_us());
        let set_ahead = StepWatch { shown_us: machine_us() - 3_600_000_000, ..watch };
        assert!(set_ahead.step_us() > 3_599_000_000);
        // An hour in suspension: the steady clock stood still, the others went on.
        let up = machine_up().map(|up| up.saturating_sub(Duration::from_secs(60)));
        let suspended = StepWatch { shown_us: machine_us() - 60_000_000, up, ..StepWatch::start() };
        if up.is_some_and(|up| !up.is_zero()) {
            assert!(suspended.step_us().abs() < 1_000_000, "{}", suspended.step_us());
        }
    }

    #[tokio::test]
    async fn an_advance_wakes_the_sleeper() {
        let clock = Clock::frozen(Timestamp::from_micros(0));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(86_400)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(86_399));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
    }
}
