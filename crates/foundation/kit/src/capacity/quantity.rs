//! Numbers with units, and rounding for estimates.

use std::fmt;

use serde::Serialize;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Requests a second.
    #[serde(rename = "requests/s")]
    RequestsPerSecond,
    /// Bytes a day.
    #[serde(rename = "bytes/day")]
    BytesPerDay,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// Machines.
    #[serde(rename = "servers")]
    Servers,
}

/// A named number that is never without its unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quantity {
    /// What it is.
    pub name: &'static str,
    /// Rounded to the nearest whole; the largest number there is when it exceeds that.
    pub value: u64,
    /// What `value` counts.
    pub unit: Unit,
    /// The number to keep in mind: `value` to two significant digits.
    pub about: u64,
}

impl Quantity {
    /// A number with the rounding that [`about`] gives.
    pub(super) fn new(name: &'static str, value: u128, unit: Unit) -> Self {
        let value = u64::try_from(value).unwrap_or(u64::MAX);
        Quantity { name, value, unit, about: about(value) }
    }
}

impl fmt::Display for Quantity {
    /// `average load: 3,472 requests/s (about 3,500 requests/s)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, with_unit(self.value, self.unit))?;
        if self.about != self.value && self.unit != Unit::Servers {
            write!(f, " (about {})", with_unit(self.about, self.unit))?;
        }
        Ok(())
    }
}

/// To two significant digits, halves up: 3,472 becomes 3,500.
#[must_use]
pub fn about(value: u64) -> u64 {
    let mut scale = 1_u64;
    while value / scale >= 100 {
        scale *= 10;
    }
    (value / scale + u64::from(value % scale >= scale.div_ceil(2) && scale > 1))
        .saturating_mul(scale)
}

/// Rounds a number before calculating by head: to the nearest of 1, 2, 5 and 10 times a power of
/// ten, so that 99,987 / 9.1 becomes 100,000 / 10. What is not positive and finite stays.
#[must_use]
pub fn round_input(value: f64) -> f64 {
    if !(value.is_finite() && value > 0.0) {
        return value;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let nearer = |a: &f64, b: &f64| (a - value).abs().total_cmp(&(b - value).abs());
    steps.into_iter().min_by(nearer).unwrap_or(value)
}

fn with_unit(value: u64, unit: Unit) -> String {
    match unit {
        Unit::RequestsPerSecond => format!("{} requests/s", grouped(value)),
        Unit::Servers => format!("{} servers", grouped(value)),
        Unit::Bytes => bytes(value),
        Unit::BytesPerDay => bytes(value) + "/day",
    }
}

/// Up to two decimals, without zeros at the end: `54.75 PB`.
fn bytes(value: u64) -> String {
    let names = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];
    let mut scale = 1_u128;
    let mut at = 0;
    while u128::from(value) >= scale * 1_000 && at + 1 < names.len() {
        scale *= 1_000;
        at += 1;
    }
    let hundredths = (u128::from(value) * 100 + scale / 2) / scale;
    let number = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    format!("{} {}", number.trim_end_matches('0').trim_end_matches('.'), names[at])
}

/// With a comma every three digits.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let comma = |(i, digit): (usize, char)| {
        let gap = i > 0 && (digits.len() - i).is_multiple_of(3);
        [gap.then_some(','), Some(digit)].into_iter().flatten()
    };
    digits.chars().enumerate().flat_map(comma).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_rounded_as_people_do() {
        assert_eq!([3_472, 99, 100, 995, 15, 0].map(about), [3_500, 99, 100, 1_000, 15, 0]);
        assert_eq!(about(u64::MAX), 18_000_000_000_000_000_000);
        assert_eq!([99_987.0, 9.1, 0.3, 42.0].map(round_input), [100_000.0, 10.0, 0.2, 50.0]);
        assert_eq!(round_input(-3.0), -3.0);
    }

    #[test]
    fn numbers_are_written_with_units() {
        assert_eq!(with_unit(1_234_567, Unit::RequestsPerSecond), "1,234,567 requests/s");
        assert_eq!(with_unit(54_750_000_000_000_000, Unit::Bytes), "54.75 PB");
        assert_eq!(with_unit(30_000_000_000_000, Unit::BytesPerDay), "30 TB/day");
        assert_eq!(with_unit(999, Unit::Bytes), "999 B");
        assert_eq!(with_unit(u64::MAX, Unit::Bytes), "18.45 EB");
    }
}
