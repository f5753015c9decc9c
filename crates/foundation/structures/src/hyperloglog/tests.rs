use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// SplitMix64's output function: a bijection, so distinct numbers have distinct hashes.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn sketch_of(precision: u8, numbers: impl Iterator<Item = u64>) -> HyperLogLog {
    let mut sketch = HyperLogLog::new(precision).unwrap();
    numbers.for_each(|number| sketch.insert_hash(mix(number)));
    sketch
}

#[test]
fn the_standard_error_is_what_the_paper_says() {
    for precision in [4, 8, 12, 14] {
        let bound = 1.04 / f64::from(1u32 << precision).sqrt();
        for count in [20u64, 300, 3_000, 30_000] {
            const TRIALS: u64 = 60;
            let squares: f64 = (0..TRIALS)
                .map(|trial| {
                    let first = (trial + 1) << 40 | count << 20;
                    let estimate = sketch_of(precision, first..first + count).estimate();
                    (estimate as f64 / count as f64 - 1.0).powi(2)
                })
                .sum();
            let error = (squares / TRIALS as f64).sqrt();
            // The root mean square of 60 draws has itself a standard deviation of 9 %.
            assert!(error < bound * 1.35, "p {precision}, n {count}: {error} over {bound}");
        }
    }
}

#[test]
fn the_estimator_has_no_bias_where_the_old_one_had() {
    // The original estimator is off by several per cent between 2.5 m and 5 m.
    for count in [1_000u64, 8_000, 12_000, 20_000] {
        const TRIALS: u64 = 100;
        let mean: f64 = (0..TRIALS)
            .map(|trial| sketch_of(12, trial << 40..(trial << 40) + count).estimate() as f64)
            .sum::<f64>()
            / TRIALS as f64;
        // Standard error of the mean: 0.16 %. Four of them.
        assert!((mean / count as f64 - 1.0).abs() < 0.0065, "n {count}: mean {mean}");
    }
}

#[test]
fn small_counts_are_nearly_exact() {
    assert_eq!(HyperLogLog::default().estimate(), 0);
    assert!(HyperLogLog::default().is_empty());
    for count in 1..=20 {
        assert_eq!(sketch_of(12, 0..count).estimate(), count);
    }
}

#[test]
fn a_million_is_within_four_standard_errors() {
    let estimate = sketch_of(12, 0..1_000_000).estimate();
    assert!((935_000..1_065_000).contains(&estimate), "{estimate}");
}

#[test]
fn extreme_hashes_stay_in_bounds() {
    for precision in MIN_PRECISION..=MAX_PRECISION {
        let mut sketch = HyperLogLog::new(precision).unwrap();
        sketch.insert_hash(0);
        sketch.insert_hash(u64::MAX);
        assert_eq!(sketch.estimate(), 2);
        assert_eq!(HyperLogLog::from_bytes(&sketch.to_bytes()), Ok(sketch));
    }
}

#[test]
fn a_full_sketch_saturates() {
    let mut sketch = HyperLogLog::new(4).unwrap();
    for index in 0..16 {
        sketch.insert_hash(index << 60);
    }
    assert_eq!(sketch.estimate(), u64::MAX);
}

#[test]
fn precisions_are_checked() {
    assert_eq!(HyperLogLog::new(3), Err(PrecisionError::OutOfRange(3)));
    assert_eq!(HyperLogLog::new(17), Err(PrecisionError::OutOfRange(17)));
    let other = HyperLogLog::new(11).unwrap();
    let differs = PrecisionError::Differs { ours: 12, theirs: 11 };
    assert_eq!(HyperLogLog::default().merge(&other), Err(differs));
}

#[test]
fn malformed_bytes_are_named() {
    let sparse = sketch_of(12, 0..3).to_bytes();
    let dense = sketch_of(12, 0..3000).to_bytes();
    assert_eq!(sparse.len(), 3 + 9);
    assert_eq!(dense.len(), 3 + 3072);
    let read = |bytes: &[u8]| HyperLogLog::from_bytes(bytes).unwrap_err();
    assert_eq!(read(&[]), ReadError::Length);
    assert_eq!(read(&[2, 12, 0]), ReadError::Version(2));
    assert_eq!(read(&[1, 3, 0]), ReadError::Header);
    assert_eq!(read(&[1, 12, 2]), ReadError::Header);
    assert_eq!(read(&sparse[..sparse.len() - 1]), ReadError::Length);
    assert_eq!(read(&dense[..dense.len() - 1]), ReadError::Length);
    // Index 4096 of 4096, rank 0, rank 54 of 53, twice the same index.
    assert_eq!(read(&[1, 12, 0, 0, 16, 1]), ReadError::Registers);
    assert_eq!(read(&[1, 12, 0, 0, 0, 0]), ReadError::Registers);
    assert_eq!(read(&[1, 12, 0, 0, 0, 54]), ReadError::Registers);
    assert_eq!(read(&[1, 12, 0, 5, 0, 1, 5, 0, 2]), ReadError::Registers);
    // A dense form of an empty sketch.
    assert_eq!(read(&[&[1, 4, 1][..], &[0; 12]].concat()), ReadError::Registers);
}

proptest! {
    #[test]
    fn agrees_with_a_set_of_hashes(
        precision in MIN_PRECISION..=MAX_PRECISION,
        numbers in prop::collection::vec(0u64..2000, 0..3000),
    ) {
        let sketch = sketch_of(precision, numbers.iter().copied());
        let exact = numbers.iter().collect::<HashSet<_>>().len() as f64;
        let bound = 1.04 / f64::from(1u32 << precision).sqrt();
        // Six standard errors, and room for rounding of small counts.
        prop_assert!((sketch.estimate() as f64 - exact).abs() <= exact * bound * 6.0 + 2.0);
        prop_assert_eq!(HyperLogLog::from_bytes(&sketch.to_bytes()), Ok(sketch));
    }

    #[test]
    fn merging_is_the_union_in_any_order(
        precision in MIN_PRECISION..=MAX_PRECISION,
        one in prop::collection::vec(any::<u64>(), 0..600),
        other in prop::collection::vec(any::<u64>(), 0..600),
    ) {
        let left = sketch_of(precision, one.iter().copied());
        let right = sketch_of(precision, other.iter().copied());
        let both = sketch_of(precision, one.iter().chain(&other).copied());
        let (mut forward, mut backward) = (left.clone(), right.clone());
        forward.merge(&right).unwrap();
        backward.merge(&left).unwrap();
        prop_assert_eq!(&forward, &both);
        prop_assert_eq!(&backward, &both);
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(sketch) = HyperLogLog::from_bytes(&bytes) {
            prop_assert_eq!(sketch.to_bytes(), bytes);
        }
    }
}

/// Trailing zeros of the worked example's hashes, of which only the last bits are given.
fn teaching_estimate(hashes: &[u64]) -> u64 {
    // Simplified, and biased: for the example alone.
    let longest_run = hashes.iter().map(|hash| hash.trailing_zeros()).max().unwrap();
    1 << (longest_run + 1)
}

#[test]
fn the_worked_example_gives_eight() {
    let john_1275 = 0b00_1100;
    let david = 0b00_0010;
    let sarah = 0b00_0001;
    let john = 0b00_1100;
    assert_eq!([john_1275, david, sarah].map(u64::trailing_zeros), [2, 1, 0]);
    assert_eq!(teaching_estimate(&[john_1275, david, sarah, john]), 8);
}

#[test]
fn precision_14_takes_12_kilobytes_and_keeps_its_error_up_to_ten_million() {
    for count in [1_000u64, 100_000, 10_000_000] {
        let sketch = sketch_of(14, 0..count);
        let error = (sketch.estimate() as f64 / count as f64 - 1.0).abs();
        assert!(error <= 0.025, "{count}: {error}");
        assert!(sketch.memory_bytes() <= 12_300, "{} bytes", sketch.memory_bytes());
        assert!(sketch.to_bytes().len() <= 12_300);
    }
}

#[test]
fn the_mean_absolute_error_over_50_seeds_is_below_one_standard_error() {
    let long = std::env::var_os("BACKPLANE_TEST_LONG").is_some();
    let counts: &[u64] = if long { &[1_000, 100_000, 10_000_000] } else { &[1_000, 100_000] };
    for count in counts {
        let errors = (0..50u64).map(|seed| {
            let first = (seed + 1) << 40;
            let estimate = sketch_of(14, first..first + count).estimate();
            (estimate as f64 / *count as f64 - 1.0).abs()
        });
        let mean = errors.sum::<f64>() / 50.0;
        assert!(mean <= 0.0081, "{count}: {mean}");
    }
}

#[test]
fn duplicates_change_nothing() {
    let mut sketch = sketch_of(14, 0..50_000);
    let before = sketch.clone();
    (0..50_000).for_each(|number| sketch.insert_hash(mix(number)));
    assert_eq!(sketch, before);
    sketch.insert(b"thing");
    let with_thing = sketch.clone();
    sketch.insert(b"thing");
    assert_eq!(sketch, with_thing);
}

#[test]
fn forms_stored_by_the_first_release_are_read() {
    // Written before the registers were packed in memory: three things, and then three thousand.
    let sparse = sketch_of(12, 0..3);
    let dense = sketch_of(12, 0..3000);
    assert_eq!(sparse.to_bytes(), include_bytes!("../../tests/data/hyperloglog_v1_sparse"));
    let stored = include_bytes!("../../tests/data/hyperloglog_v1_dense");
    assert_eq!(HyperLogLog::from_bytes(stored), Ok(dense.clone()));
    assert_eq!(dense.to_bytes(), stored);
}
