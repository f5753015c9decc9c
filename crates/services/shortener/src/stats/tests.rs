use proptest::prelude::*;

use super::calendar::HOUR_US;
use super::*;

const DAY_US: i64 = 24 * HOUR_US;

fn people(people: u64) -> Tally {
    Tally { people, ..Tally::default() }
}

#[test]
fn empty_buckets_are_filled_with_zeros() {
    let range = Range { from_us: 90, to_us: 4 * HOUR_US, bucket: Bucket::Hour };
    let hours = [(1, 5), (3, 7), (4, 100), (-1, 100)]
        .map(|(hour, count)| HourRow { hour, tally: people(count) });
    let stats = answer(range, &hours, []).unwrap();
    let counts: Vec<u64> = stats.buckets.iter().map(|bucket| bucket.tally.people).collect();
    assert_eq!(counts, [0, 5, 0, 7]);
    assert_eq!(stats.total, people(12));
    assert_eq!(stats.buckets[1].start_us, HOUR_US);
}

#[test]
fn facets_are_summed_over_days_and_the_largest_come_first() {
    let row = |day, value: &str, count| FacetRow {
        day,
        facet: Facet::Referrer,
        value: value.to_owned(),
        tally: people(count),
    };
    let range = Range { from_us: 0, to_us: 2 * DAY_US, bucket: Bucket::Day };
    let rows = [row(0, "b", 2), row(1, "a", 1), row(1, "b", 2), row(0, "c", 1), row(2, "d", 9)];
    let stats = answer(range, &[], rows).unwrap();
    let shown: Vec<_> = stats.facets[&Facet::Referrer]
        .iter()
        .map(|count| (count.value.as_str(), count.tally.people))
        .collect();
    assert_eq!(shown, [("b", 4), ("a", 1), ("c", 1)]);
    assert!(stats.facets[&Facet::Country].is_empty());
}

#[test]
fn ranges_are_bounded() {
    let range = |to_us, bucket| Range { from_us: 0, to_us, bucket };
    assert_eq!(range(0, Bucket::Day).check(), Err(RangeRefusal::Empty));
    assert_eq!(range(-1, Bucket::Day).check(), Err(RangeRefusal::Empty));
    assert_eq!(range(10_000 * HOUR_US, Bucket::Hour).check(), Ok(()));
    let too_many = Err(RangeRefusal::TooManyBuckets);
    assert_eq!(range(10_000 * HOUR_US + 1, Bucket::Hour).check(), too_many);
    for bucket in [Bucket::Hour, Bucket::Day, Bucket::Week, Bucket::Month] {
        let all = Range { from_us: i64::MIN, to_us: i64::MAX, bucket };
        assert_eq!(all.check(), too_many);
        let far = Range { from_us: i64::MAX - 1, to_us: i64::MAX, bucket };
        assert!(answer(far, &[], []).is_ok());
    }
}

const BUCKETS: &[Bucket] = &[Bucket::Hour, Bucket::Day, Bucket::Week, Bucket::Month];

fn row_of(hour: i64, tally: Tally) -> HourRow {
    HourRow { hour, tally }
}

proptest! {
    #[test]
    fn every_hour_in_the_range_is_in_exactly_one_bucket(
        from_hour in -5000i64..5000,
        length in 1i64..3000,
        bucket in prop::sample::select(BUCKETS),
        hours in prop::collection::vec((-6000i64..9000, 1u64..5), 0..100),
    ) {
        let (from_us, to_us) = (from_hour * HOUR_US, (from_hour + length) * HOUR_US);
        let range = Range { from_us, to_us, bucket };
        let rows: Vec<HourRow> =
            hours.iter().map(|(hour, count)| row_of(*hour, people(*count))).collect();
        let stats = answer(range, &rows, []).unwrap();
        let sum: u64 = stats.buckets.iter().map(|bucket| bucket.tally.people).sum();
        prop_assert_eq!(sum, stats.total.people);
        let inside = rows.iter().filter(|row| range.hours().contains(&row.hour));
        prop_assert_eq!(sum, inside.map(|row| row.tally.people).sum::<u64>());
        prop_assert!(stats.buckets.is_sorted_by(|one, next| one.start_us < next.start_us));
        prop_assert!(range.hours().start <= from_hour);
        prop_assert!(range.hours().end >= from_hour + length);
        prop_assert!(range.days().start * 24 <= range.hours().start);
    }
}
