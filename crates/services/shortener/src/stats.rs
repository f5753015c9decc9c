//! Answers about a link's clicks, from what is stored of them (F13).
//!
//! Pure: the caller reads the rows of the range, this adds them up into buckets and top lists.
//! Buckets are aligned to UTC: days begin at midnight, weeks on Monday (ISO 8601), months on the
//! first. An hour counts wholly to the bucket it begins in.

pub(crate) mod calendar;

use std::collections::HashMap;

pub use calendar::Bucket;

use crate::click_batch::{Facet, Tally, day_of, hour_of};

/// Most buckets in an answer: more than a year of hours.
pub const MAX_BUCKETS: usize = 10_000;

/// A stored count of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourRow {
    /// Hours since 1970 UTC.
    pub hour: i64,
    /// The clicks in it.
    pub tally: Tally,
}

/// A stored count of one value of a facet on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetRow {
    /// Days since 1970 UTC.
    pub day: i64,
    /// What is told apart.
    pub facet: Facet,
    /// The value.
    pub value: String,
    /// The clicks with it.
    pub tally: Tally,
}

/// A stretch of time, cut into buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// From this moment on, in microseconds since 1970 UTC. Its whole bucket counts.
    pub from_us: i64,
    /// Up to this moment, which is not part of it. The whole bucket before it counts.
    pub to_us: i64,
    /// How it is cut.
    pub bucket: Bucket,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RangeRefusal {
    /// The end is not after the start.
    #[error("the range is empty: `to` must be after `from`")]
    Empty,
    /// More than [`MAX_BUCKETS`].
    #[error("the range has more than 10000 buckets: ask for a shorter range or longer buckets")]
    TooManyBuckets,
}

/// Clicks of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketCount {
    /// When it begins, in microseconds since 1970 UTC.
    pub start_us: i64,
    /// The clicks in it.
    pub tally: Tally,
}

/// A value of a facet and its clicks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCount {
    /// The value.
    pub value: String,
    /// The clicks with it.
    pub tally: Tally,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Every bucket of the range, those without clicks too, in order.
    pub buckets: Vec<BucketCount>,
    /// All clicks in them.
    pub total: Tally,
    /// For each facet, the values with the most clicks first.
    pub facets: HashMap<Facet, Vec<FacetCount>>,
}

impl Range {
    /// The hours to read: from the first to before the second.
    #[must_use]
    pub fn hours(&self) -> std::ops::Range<i64> {
        let (start, end) = self.whole_buckets();
        hour_of(start)..hour_of(end)
    }

    /// The days to read: from the first to before the second. Facets are counted a day, so with
    /// buckets of an hour they cover whole days around the range.
    #[must_use]
    pub fn days(&self) -> std::ops::Range<i64> {
        let (start, end) = self.whole_buckets();
        day_of(start)..day_of(end - 1) + 1
    }

    /// Whether the range can be answered. Cheap, so that it comes before the rows are read.
    ///
    /// # Errors
    /// [`RangeRefusal`].
    pub fn check(&self) -> Result<(), RangeRefusal> {
        self.starts().map(|_starts| ())
    }

    fn whole_buckets(&self) -> (i64, i64) {
        let last = self.bucket.start_of(self.to_us.saturating_sub(1).max(self.from_us));
        (self.bucket.start_of(self.from_us), self.bucket.next(last))
    }

    /// Where the buckets begin.
    fn starts(&self) -> Result<Vec<i64>, RangeRefusal> {
        if self.to_us <= self.from_us {
            return Err(RangeRefusal::Empty);
        }
        let (first, end) = self.whole_buckets();
        // Also bounds the loop below when the times are absurd.
        if (end.saturating_sub(first)) / self.bucket.shortest_us() > MAX_BUCKETS as i64 {
            return Err(RangeRefusal::TooManyBuckets);
        }
        let next = |start: &i64| Some(self.bucket.next(*start)).filter(|start| *start < end);
        let starts: Vec<i64> = std::iter::successors(Some(first), next).collect();
        if starts.len() > MAX_BUCKETS {
            return Err(RangeRefusal::TooManyBuckets);
        }
        Ok(starts)
    }
}

/// Adds rows up. Those outside the range's hours and days are left out; order does not matter.
///
/// # Errors
/// [`RangeRefusal`].
pub fn answer(
    range: Range,
    hours: &[HourRow],
    facets: impl IntoIterator<Item = FacetRow>,
) -> Result<Stats, RangeRefusal> {
    let starts = range.starts()?;
    let mut buckets: Vec<BucketCount> = starts
        .into_iter()
        .map(|start_us| BucketCount { start_us, tally: Tally::default() })
        .collect();
    let wanted = range.hours();
    let mut total = Tally::default();
    for row in hours.iter().filter(|row| wanted.contains(&row.hour)) {
        let at_us = row.hour * calendar::HOUR_US;
        // The first bucket begins at or before the first wanted hour, so there is one.
        let after = buckets.partition_point(|bucket| bucket.start_us <= at_us);
        buckets[after - 1].tally.add(row.tally);
        total.add(row.tally);
    }
    let days = range.days();
    Ok(Stats {
        buckets,
        total,
        facets: add_facets(facets.into_iter().filter(|row| days.contains(&row.day))),
    })
}

fn add_facets(rows: impl Iterator<Item = FacetRow>) -> HashMap<Facet, Vec<FacetCount>> {
    let mut sums: HashMap<Facet, HashMap<String, Tally>> = HashMap::new();
    for row in rows {
        sums.entry(row.facet).or_default().entry(row.value).or_default().add(row.tally);
    }
    let sorted = |values: HashMap<String, Tally>| {
        let mut counts: Vec<FacetCount> =
            values.into_iter().map(|(value, tally)| FacetCount { value, tally }).collect();
        // By value among equals, so that an answer reads the same twice.
        counts.sort_by(|one, other| {
            other.tally.total().cmp(&one.tally.total()).then_with(|| one.value.cmp(&other.value))
        });
        counts
    };
    Facet::ALL
        .into_iter()
        .map(|facet| (facet, sorted(sums.remove(&facet).unwrap_or_default())))
        .collect()
}

#[cfg(test)]
mod tests;
