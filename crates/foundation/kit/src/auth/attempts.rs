//! Failed log-ins, counted by user and by source address.
//!
//! A window begins with a key's first failure and forgets all of them at its end. An attempt is
//! charged before the password is looked at and paid back when it was right, so that attempts at
//! the same moment cannot outrun the count.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::clock::Timestamp;

/// Failures of one key in one window; one more attempt is refused unseen.
pub(super) const FAILURES_MAX: u32 = 10;
/// How long a window lasts.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Windows kept at once, about 100 bytes each. The oldest makes room.
const WINDOWS_MAX: usize = 16_384;

/// Who is charged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    User(String),
    /// An IPv4 address, or the /64 that one IPv6 subscriber can choose addresses from.
    Source(IpAddr),
}

#[derive(Default)]
pub(super) struct Attempts(HashMap<Key, Window>);

struct Window {
    began: Timestamp,
    failures: u32,
}

impl Key {
    pub(super) fn source(address: IpAddr) -> Self {
        Self::Source(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(six) => match six.to_ipv4_mapped() {
                Some(four) => four.into(),
                None => (six.to_bits() >> 64 << 64).to_be_bytes().into(),
            },
        })
    }
}

impl Attempts {
    /// Whether an attempt may go on, and if not, for how many seconds.
    pub(super) fn check(&self, keys: &[Key], now: Timestamp) -> Result<(), u64> {
        let waits = keys.iter().filter_map(|key| {
            let window = self.0.get(key)?;
            let left = window.began.plus(WINDOW).since(now);
            (window.failures >= FAILURES_MAX && !left.is_zero()).then_some(left)
        });
        waits.max().map_or(Ok(()), |left| Err(left.as_secs().max(1)))
    }

    /// Counts a failure for each key, unless one of them has used up its own.
    pub(super) fn charge(&mut self, keys: &[Key], now: Timestamp) -> Result<(), u64> {
        self.check(keys, now)?;
        for key in keys {
            self.make_room(now);
            let began = Window { began: now, failures: 0 };
            let window = self.0.entry(key.clone()).or_insert(began);
            if now >= window.began.plus(WINDOW) {
                *window = Window { began: now, failures: 0 };
            }
            window.failures += 1;
        }
        Ok(())
    }

    /// Takes back one charge: the attempt was no failure.
    pub(super) fn refund(&mut self, keys: &[Key]) {
        for key in keys {
            if let Some(window) = self.0.get_mut(key) {
                window.failures = window.failures.saturating_sub(1);
            }
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.0.len() < WINDOWS_MAX {
            return;
        }
        self.0.retain(|_, window| window.failures > 0 && now < window.began.plus(WINDOW));
        let oldest = self.0.iter().min_by_key(|(_, window)| window.began);
        if self.0.len() >= WINDOWS_MAX
            && let Some(key) = oldest.map(|(key, _)| key.clone())
        {
            self.0.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn user(name: &str) -> [Key; 1] {
        [Key::User(name.to_owned())]
    }

    #[test]
    fn the_eleventh_failure_waits_for_the_window_to_end() {
        let mut attempts = Attempts::default();
        for _ in 0..FAILURES_MAX {
            attempts.charge(&user("a"), NOW).unwrap();
        }
        let later = NOW.plus(Duration::from_secs(60));
        assert_eq!(attempts.charge(&user("a"), later), Err(840));
        assert_eq!(attempts.charge(&user("b"), later), Ok(()));
        assert_eq!(attempts.charge(&user("a"), NOW.plus(WINDOW)), Ok(()));
        assert_eq!(attempts.check(&user("a"), NOW.plus(WINDOW)), Ok(()));
    }

    #[test]
    fn a_source_is_held_to_its_count_over_many_users() {
        let mut attempts = Attempts::default();
        let of = |number: u32, source: &str| {
            [Key::User(number.to_string()), Key::source(source.parse().unwrap())]
        };
        for number in 0..FAILURES_MAX {
            attempts.charge(&of(number, &format!("2001:db8::{number:x}")), NOW).unwrap();
        }
        assert!(attempts.charge(&of(99, "2001:db8::ffff:1"), NOW).is_err());
        assert!(attempts.charge(&of(99, "2001:db8:0:1::1"), NOW).is_ok());
        assert_eq!(
            Key::source("::ffff:10.0.0.1".parse().unwrap()),
            Key::source("10.0.0.1".parse().unwrap())
        );
    }

    #[test]
    fn right_passwords_cost_nothing() {
        let mut attempts = Attempts::default();
        for _ in 0..100 {
            attempts.charge(&user("a"), NOW).unwrap();
            attempts.refund(&user("a"));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut attempts = Attempts::default();
        for number in 0..WINDOWS_MAX + 10 {
            let now = NOW.plus(Duration::from_micros(number as u64));
            attempts.charge(&user(&number.to_string()), now).unwrap();
        }
        assert_eq!(attempts.0.len(), WINDOWS_MAX);
        assert!(!attempts.0.contains_key(&user("0")[0]));
    }
}
