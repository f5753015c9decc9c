//! How long a service may be down for a given availability.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Parts of a whole: a percentage with seven decimals.
const WHOLE: u64 = 1_000_000_000;
const DECIMALS: usize = 7;

const MILLISECOND_NS: u128 = 1_000_000;
const SECOND_NS: u128 = 1_000 * MILLISECOND_NS;
const MINUTE_NS: u128 = 60 * SECOND_NS;
const HOUR_NS: u128 = 60 * MINUTE_NS;
const DAY_NS: u128 = 24 * HOUR_NS;
/// 365.25 days, and a month is a twelfth of it.
const YEAR_NS: u128 = DAY_NS * 36_525 / 100;

/// A share of time that a service answers, exact to seven decimals of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Availability {
    down: u64,
}

/// No percentage from 0 to 100 with at most seven decimals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no availability; give a percentage like 99.95, at most seven decimals")]
pub struct InvalidAvailability(String);

/// Downtime allowed in a day, a week, a month (1/12 year) and a year (365.25 days), in
/// nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Downtime {
    /// In 24 hours.
    pub per_day_ns: u64,
    /// In 7 days.
    pub per_week_ns: u64,
    /// In 365.25 / 12 days.
    pub per_month_ns: u64,
    /// In 365.25 days.
    pub per_year_ns: u64,
}

impl FromStr for Availability {
    type Err = InvalidAvailability;

    /// Reads `99.9` or `99.9%`.
    fn from_str(text: &str) -> Result<Self, InvalidAvailability> {
        let invalid = || InvalidAvailability(text.to_owned());
        let number = text.trim().trim_end_matches('%').trim_end();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(decimals) || decimals.len() > DECIMALS || whole.len() > 3 {
            return Err(invalid());
        }
        let parts = format!("{whole}{decimals:0<DECIMALS$}").parse::<u64>();
        let up = parts.map_err(|_| invalid())?;
        WHOLE.checked_sub(up).map(|down| Availability { down }).ok_or_else(invalid)
    }
}

impl Availability {
    /// The downtime allowed.
    #[must_use]
    pub fn downtime(self) -> Downtime {
        let share = |period_ns: u128| {
            // At most a year, which fits.
            u64::try_from(period_ns * u128::from(self.down) / u128::from(WHOLE)).unwrap_or(0)
        };
        Downtime {
            per_day_ns: share(DAY_NS),
            per_week_ns: share(7 * DAY_NS),
            per_month_ns: share(YEAR_NS / 12),
            per_year_ns: share(YEAR_NS),
        }
    }
}

impl fmt::Display for Downtime {
    /// One line for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [day, week, month, year] = self.texts();
        write!(f, "per day {day}, per week {week}, per month {month}, per year {year}")
    }
}

impl Downtime {
    /// Day, week, month and year, each in the largest unit of which there is at least one, to two
    /// decimals.
    #[must_use]
    pub fn texts(&self) -> [String; 4] {
        [self.per_day_ns, self.per_week_ns, self.per_month_ns, self.per_year_ns].map(duration)
    }
}

fn duration(ns: u64) -> String {
    let units = [
        ("days", DAY_NS),
        ("h", HOUR_NS),
        ("min", MINUTE_NS),
        ("s", SECOND_NS),
        ("ms", MILLISECOND_NS),
    ];
    let ns = u128::from(ns);
    let fitting = units.into_iter().find(|(_, unit_ns)| ns >= *unit_ns);
    let (name, unit_ns) = fitting.unwrap_or(("ms", MILLISECOND_NS));
    let hundredths = (ns * 100 + unit_ns / 2) / unit_ns;
    format!("{}.{:02} {name}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The requirement's table, as it stands there.
    const TABLE: &str = "\
| 99% | 14.40 min | 1.68 h | 7.31 h | 3.65 days |
| 99.9% | 1.44 min | 10.08 min | 43.83 min | 8.77 h |
| 99.99% | 8.64 s | 1.01 min | 4.38 min | 52.60 min |
| 99.999% | 864.00 ms | 6.05 s | 26.30 s | 5.26 min |
| 99.9999% | 86.40 ms | 604.80 ms | 2.63 s | 31.56 s |
";

    #[test]
    fn the_table_is_reproduced_to_two_decimals() {
        for row in TABLE.lines() {
            let target = row.split('|').nth(1).unwrap().trim();
            let availability: Availability = target.parse().unwrap();
            let cells = availability.downtime().texts().join(" | ");
            assert_eq!(format!("| {target} | {cells} |"), row);
        }
    }

    #[test]
    fn ends_of_the_scale() {
        let texts = |text: &str| text.parse::<Availability>().unwrap().downtime().texts();
        assert_eq!(texts("100")[3], "0.00 ms");
        assert_eq!(texts("0%")[3], "365.25 days");
        assert_eq!(texts("99.9999999")[0], "0.09 ms");
    }

    #[test]
    fn what_is_no_percentage_is_refused() {
        for text in ["", "%", "101", "100.0000001", "-1", "99.99999999", "99,9", "1e1", "9.", ".9"]
        {
            assert!(text.parse::<Availability>().is_err(), "{text}");
        }
    }
}
