//! Hours of the week, such as `Mon-Fri 09:00-17:00 +01:00`. The offset is fixed: a rule does not
//! change its meaning with a government's clock.

use crate::clock::Timestamp;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// 1970-01-01 was a Thursday.
const FIRST_DAY: i64 = 3;
const MINUTE_US: i64 = 60_000_000;
const DAY_MINUTES: i64 = 24 * 60;

/// The same hours on some days. Those that end before they begin go on into the next day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    /// From Monday on.
    days: [bool; 7],
    /// Minutes of a day: the first one within, and the first one that is not.
    begin: i64,
    end: i64,
    /// Minutes that the place is ahead of UTC.
    ahead: i64,
}

impl Hours {
    /// Reads days, hours and an offset; none for anything else.
    pub(super) fn read(days: &str, hours: &str, offset: &str) -> Option<Self> {
        let (begin, end) = hours.split_once('-')?;
        let (begin, end) = (minutes(begin)?, minutes(end)?);
        let ahead = match offset {
            "UTC" => 0,
            _ => match offset.split_at_checked(1)? {
                ("+", rest) => minutes(rest)?,
                ("-", rest) => -minutes(rest)?,
                _ => return None,
            },
        };
        (begin != end).then_some(Self { days: span(days)?, begin, end, ahead })
    }

    /// Whether `now` is within.
    pub(super) fn hold(&self, now: Timestamp) -> bool {
        let minute = now.micros().div_euclid(MINUTE_US) + self.ahead;
        let (day, minute) = (minute.div_euclid(DAY_MINUTES), minute.rem_euclid(DAY_MINUTES));
        if self.begin < self.end {
            return self.is_on(day) && (self.begin..self.end).contains(&minute);
        }
        (self.is_on(day) && minute >= self.begin) || (self.is_on(day - 1) && minute < self.end)
    }

    fn is_on(&self, day: i64) -> bool {
        let weekday = (day + FIRST_DAY).rem_euclid(7);
        usize::try_from(weekday).is_ok_and(|index| self.days[index])
    }
}

/// `Mon`, `Mon-Fri` or `Sat-Mon`.
fn span(text: &str) -> Option<[bool; 7]> {
    let index = |name: &str| DAYS.iter().position(|day| *day == name);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (index(first)?, index(last)?);
    let length = (last + 7 - first) % 7;
    let mut days = [false; 7];
    for step in 0..=length {
        days[(first + step) % 7] = true;
    }
    Some(days)
}

/// `HH:MM`, up to `24:00`.
fn minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let is_plain =
        text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (is_plain && minutes < 60 && total <= DAY_MINUTES).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(hours: &str, now: &str) -> bool {
        let words: Vec<&str> = hours.split(' ').collect();
        let hours = Hours::read(words[0], words[1], words[2]).unwrap();
        hours.hold(Timestamp::parse(now).unwrap())
    }

    #[test]
    fn hours_are_those_of_their_place() {
        assert!(hold("Mon-Fri 09:00-17:00 UTC", "2026-11-23T09:00:00Z"));
        assert!(!hold("Mon-Fri 09:00-17:00 UTC", "2026-11-27T17:00:00Z"));
        assert!(hold("Mon 00:00-24:00 +05:30", "2026-11-22T18:30:00Z"));
        assert!(!hold("Mon 00:00-24:00 +05:30", "2026-11-23T18:30:00Z"));
        assert!(hold("Sun 16:00-17:00 -08:00", "2026-11-23T00:59:59Z"));
        assert!(hold("Wed 23:00-24:00 UTC", "1969-12-31T23:59:59Z"));
    }

    #[test]
    fn a_night_belongs_to_the_day_that_it_begins_on() {
        assert!(hold("Fri 22:00-06:00 UTC", "2026-11-27T23:00:00Z"));
        assert!(hold("Fri 22:00-06:00 UTC", "2026-11-28T05:59:59Z"));
        assert!(!hold("Fri 22:00-06:00 UTC", "2026-11-28T23:00:00Z"));
        assert!(!hold("Fri 22:00-06:00 UTC", "2026-11-27T05:00:00Z"));
        assert!(hold("Sat-Mon 09:00-10:00 UTC", "2026-11-22T09:30:00Z"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "Mo 09:00-17:00 UTC",
            "Mon 9:00-17:00 UTC",
            "Mon 09:00 UTC",
            "Mon 09:00-09:00 UTC",
            "Mon 09:60-17:00 UTC",
            "Mon 09:00-24:01 UTC",
            "Mon +9:00-17:00 UTC",
            "Mon 09:00-17:00 CET",
            "Mon 09:00-17:00 01:00",
        ] {
            let words: Vec<&str> = bad.split(' ').collect();
            assert_eq!(Hours::read(words[0], words[1], words[2]), None, "{bad}");
        }
    }
}
