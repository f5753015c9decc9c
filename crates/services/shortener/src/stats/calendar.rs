//! Where hours, days, weeks and months begin, in UTC.
//!
//! Dates by Howard Hinnant, "chrono-compatible low-level date algorithms" (2013): the proleptic
//! Gregorian calendar, years beginning in March so that the leap day is a year's last.

pub(crate) const HOUR_US: i64 = 3_600_000_000;
pub(crate) const DAY_US: i64 = 24 * HOUR_US;

/// Times outside some 200,000 years around 1970 are taken as the ends of that span, so that no
/// sum here can overflow.
const FARTHEST_US: i64 = i64::MAX / 2;

/// Length of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// An hour.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// From the first to the last.
    Month,
}

impl Bucket {
    /// The bucket named `word`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "hour" => Some(Self::Hour),
            "day" => Some(Self::Day),
            "week" => Some(Self::Week),
            "month" => Some(Self::Month),
            _ => None,
        }
    }

    /// When the bucket that `at_us` is in begins.
    #[must_use]
    pub fn start_of(self, at_us: i64) -> i64 {
        let at_us = at_us.clamp(-FARTHEST_US, FARTHEST_US);
        let day = at_us.div_euclid(DAY_US);
        match self {
            Self::Hour => at_us.div_euclid(HOUR_US) * HOUR_US,
            Self::Day => day * DAY_US,
            // 1970 began on a Thursday, three days after Monday.
            Self::Week => ((day + 3).div_euclid(7) * 7 - 3) * DAY_US,
            Self::Month => first_day_of_month(month_of(day)) * DAY_US,
        }
    }

    /// When the bucket after the one that begins at `start_us` begins.
    pub(crate) fn next(self, start_us: i64) -> i64 {
        match self {
            Self::Hour => start_us + HOUR_US,
            Self::Day => start_us + DAY_US,
            Self::Week => start_us + 7 * DAY_US,
            Self::Month => first_day_of_month(month_of(start_us.div_euclid(DAY_US)) + 1) * DAY_US,
        }
    }

    /// The length of the shortest bucket of the kind, in microseconds.
    pub(crate) fn shortest_us(self) -> i64 {
        match self {
            Self::Hour => HOUR_US,
            Self::Day => DAY_US,
            Self::Week => 7 * DAY_US,
            Self::Month => 28 * DAY_US,
        }
    }
}

/// Months since January of year 0, of a day since 1970.
pub(crate) fn month_of(day: i64) -> i64 {
    // Days since 1 March of year 0, in eras of 400 years.
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    (era * 400 + year_of_era) * 12 + month_from_march + 2
}

/// The day since 1970 of a month's first, the month counted as [`month_of`] does.
pub(crate) fn first_day_of_month(month: i64) -> i64 {
    let from_march = month - 2;
    let (year, month_from_march) = (from_march.div_euclid(12), from_march.rem_euclid(12));
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month_from_march + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_of_a_known_moment() {
        // Thursday, 29 February 2024, 13:37:00 UTC.
        let at_us = 1_709_213_820_000_000;
        let seconds = |bucket: Bucket| bucket.start_of(at_us) / 1_000_000;
        assert_eq!(seconds(Bucket::Hour), 1_709_211_600);
        assert_eq!(seconds(Bucket::Day), 1_709_164_800);
        // Monday, 26 February.
        assert_eq!(seconds(Bucket::Week), 1_708_905_600);
        // 1 February; the next begins on 1 March.
        assert_eq!(seconds(Bucket::Month), 1_706_745_600);
        assert_eq!(Bucket::Month.next(1_706_745_600_000_000), 1_709_251_200_000_000);
    }

    #[test]
    fn months_count_all_days_once_for_eight_centuries() {
        let mut day = first_day_of_month(1600 * 12);
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for month in 1600 * 12..2400 * 12 {
            assert_eq!(first_day_of_month(month), day);
            let year = month / 12;
            let leap = month % 12 == 1 && (year % 4 == 0 && year % 100 != 0 || year % 400 == 0);
            let length = lengths[usize::try_from(month % 12).unwrap()] + i64::from(leap);
            assert!((day..day + length).all(|day| month_of(day) == month));
            day += length;
        }
        assert_eq!(first_day_of_month(1970 * 12), 0);
    }

    proptest! {
        #[test]
        fn a_moment_lies_in_its_bucket(at_us in -FARTHEST_US..FARTHEST_US) {
            for bucket in [Bucket::Hour, Bucket::Day, Bucket::Week, Bucket::Month] {
                let start = bucket.start_of(at_us);
                prop_assert!(start <= at_us && at_us < bucket.next(start));
                prop_assert_eq!(bucket.start_of(start), start);
                prop_assert_eq!(bucket.start_of(bucket.next(start)), bucket.next(start));
                prop_assert!(bucket.next(start) - start >= bucket.shortest_us());
            }
        }
    }
}
