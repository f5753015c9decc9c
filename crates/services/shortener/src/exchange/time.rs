//! Times as files write them.

use crate::stats::calendar::{DAY_US, first_day_of_month, month_of};

const SECOND_US: i64 = 1_000_000;

/// Reads a time, in microseconds since 1970 UTC.
///
/// Understood are RFC 3339 (`2024-02-29T13:37:00.5+01:00`), Bitly's offset without a colon
/// (`+0100`), MySQL's `2024-02-29 13:37:00`, a date alone, and Unix seconds of nine to eleven
/// digits. Without an offset it is UTC. `None` for anything else.
#[must_use]
pub fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if (9..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<i64>().ok().map(|seconds| seconds * SECOND_US);
    }
    let (date, rest) = text.split_at_checked(10)?;
    let day = parse_date(date)?;
    if rest.is_empty() {
        return Some(day * DAY_US);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    Some(day * DAY_US + parse_clock(clock)? - parse_zone(zone)?)
}

/// Writes a time as RFC 3339 in UTC, with microseconds where there are any. Years outside 0 to
/// 9999, which the format has no room for, are written as its nearest end.
#[must_use]
pub fn format_time(at_us: i64) -> String {
    let first = first_day_of_month(0) * DAY_US;
    let last = first_day_of_month(10_000 * 12) * DAY_US - 1;
    let at_us = at_us.clamp(first, last);
    let (day, in_day) = (at_us.div_euclid(DAY_US), at_us.rem_euclid(DAY_US));
    let month = month_of(day);
    let (year, month_of_year) = (month / 12, month % 12 + 1);
    let day_of_month = day - first_day_of_month(month) + 1;
    let (seconds, micros) = (in_day / SECOND_US, in_day % SECOND_US);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!(
        "{year:04}-{month_of_year:02}-{day_of_month:02}\
         T{hour:02}:{minute:02}:{second:02}{fraction}Z"
    )
}

/// The day since 1970.
fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, parts.next()?);
    let day = digits(day, 2)?;
    if parts.next().is_some() || !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    let month = year * 12 + month - 1;
    let since_1970 = first_day_of_month(month) + day - 1;
    // 30 February would be in March.
    (month_of(since_1970) == month).then_some(since_1970)
}

/// Microseconds since midnight. A leap second counts as the first of the next minute.
fn parse_clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (second, fraction) = match parts.next() {
        Some(seconds) => seconds.split_once('.').unwrap_or((seconds, "0")),
        None => ("00", "0"),
    };
    let second = digits(second, 2)?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let known = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let micros = if known { six.parse::<i64>().ok()? } else { return None };
    Some((hour * 3600 + minute * 60 + second) * SECOND_US + micros)
}

/// Microseconds east of Greenwich.
fn parse_zone(text: &str) -> Option<i64> {
    let sign = match text.bytes().next() {
        None | Some(b'Z' | b'z') => return (text.len() <= 1).then_some(0),
        Some(b'+') => 1,
        Some(_) => -1,
    };
    let rest = text.get(1..)?;
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None => rest.split_at_checked(2)?,
    };
    let minutes = if minutes.is_empty() { 0 } else { digits(minutes, 2)? };
    let hours = digits(hours, 2)?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60) * SECOND_US)
}

/// Exactly `count` digits as a number.
fn digits(text: &str, count: usize) -> Option<i64> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_other_programs_are_understood() {
        let moment = Some(1_709_213_820_000_000);
        for text in [
            "2024-02-29T13:37:00Z",
            "2024-02-29T14:37:00+01:00",
            "2024-02-29T08:37:00-0500",
            "2024-02-29 13:37:00",
            "2024-02-29T13:37",
            "2024-02-29t13:37:00.000z",
            " 1709213820 ",
        ] {
            assert_eq!(parse_time(text), moment, "{text}");
        }
        assert_eq!(parse_time("1970-01-02"), Some(DAY_US));
        assert_eq!(parse_time("1970-01-01T00:00:00.000001Z"), Some(1));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2024-02-30",
            "2023-02-29",
            "2024-13-01",
            "2024-00-10",
            "2024-1-1",
            "2024-02-29T24:00:00Z",
            "2024-02-29T13:60:00Z",
            "2024-02-29Tnoon",
            "0000-00-00 00:00:00",
            "2024-02-29T13:37:00+25:00",
            "2024-02-29T13:37:00Zz",
            "2024-02-29T13:37:00.Z",
            "+024-02-29",
            "2024-02-2\u{e4}",
            "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            at_us in -60_000_000_000_000_000i64..250_000_000_000_000_000,
        ) {
            prop_assert_eq!(parse_time(&format_time(at_us)), Some(at_us));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}", at_us: i64) {
            let _ = parse_time(&text);
            prop_assert!(parse_time(&format_time(at_us)).is_some());
        }
    }
}
