use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const KEY: [u8; 16] = *b"a key for tests!";

#[test]
fn the_ends_of_the_code_space_stay_in_their_length() {
    let codes = CodePermutation::new(KEY);
    for counter in [0, 1, SPACE_OF_SEVEN - 1] {
        assert!(codes.apply(counter).unwrap() < SPACE_OF_SEVEN);
    }
    for counter in [SPACE_OF_SEVEN, SPACE_OF_SEVEN + 1, SPACE_OF_EIGHT - 1] {
        let number = codes.apply(counter).unwrap();
        assert!((SPACE_OF_SEVEN..SPACE_OF_EIGHT).contains(&number));
        assert_eq!(codes.invert(number), Some(counter));
    }
    assert_eq!(codes.apply(SPACE_OF_EIGHT), None);
    assert_eq!(codes.invert(u64::MAX), None);
}

proptest! {
    #[test]
    fn invert_undoes_apply(key: [u8; 16], counter in 0..SPACE_OF_EIGHT) {
        let codes = CodePermutation::new(key);
        let number = codes.apply(counter).unwrap();
        prop_assert_eq!(number < SPACE_OF_SEVEN, counter < SPACE_OF_SEVEN);
        prop_assert_eq!(codes.invert(number), Some(counter));
    }
}

const SAMPLE: usize = 50_000;

/// The numbers of consecutive counters, as an outsider would see them.
fn consecutive() -> Vec<u64> {
    let codes = CodePermutation::new(KEY);
    (1_000_000..1_000_000 + SAMPLE as u64).map(|n| codes.apply(n).unwrap()).collect()
}

#[test]
fn simple_predictors_never_hit() {
    let numbers = consecutive();
    let differences: Vec<u64> = numbers.windows(2).map(|w| w[1].wrapping_sub(w[0])).collect();
    // No difference is to be relied on: among 50,000 draws of about 7 x 10^12 possible
    // differences 0.0002 repeats are expected.
    assert_eq!(differences.iter().collect::<HashSet<_>>().len(), differences.len());
    // Nor ratio, nor exclusive-or.
    let xors: HashSet<u64> = numbers.windows(2).map(|w| w[1] ^ w[0]).collect();
    assert_eq!(xors.len(), numbers.len() - 1);
}

#[test]
fn leading_characters_of_consecutive_codes_are_uniform() {
    let mut counts = [0f64; 62];
    for number in consecutive() {
        counts[(number / 62u64.pow(6)) as usize] += 1.0;
    }
    let expected = SAMPLE as f64 / 62.0;
    let chi_square: f64 = counts.iter().map(|c| (c - expected).powi(2) / expected).sum();
    // 61 degrees of freedom: mean 61, standard deviation 11; five deviations either side.
    assert!((6.0..116.0).contains(&chi_square), "chi-square {chi_square}");
}

#[test]
fn consecutive_numbers_are_uncorrelated_and_half_their_bits_flip() {
    let numbers = consecutive();
    let scaled: Vec<f64> =
        numbers.iter().map(|n| *n as f64 / SPACE_OF_SEVEN as f64 - 0.5).collect();
    // A uniform variable on (-1/2, 1/2) has variance 1/12.
    let sum: f64 = scaled.windows(2).map(|w| w[0] * w[1]).sum();
    let correlation = 12.0 * sum / (SAMPLE - 1) as f64;
    assert!(correlation.abs() < 5.0 / (SAMPLE as f64).sqrt(), "correlation {correlation}");

    // The lower 40 bits are all but uniform: 20 of them should differ.
    let low_bits = (1u64 << 40) - 1;
    let flips: u32 = numbers.windows(2).map(|w| ((w[0] ^ w[1]) & low_bits).count_ones()).sum();
    let mean = f64::from(flips) / (SAMPLE - 1) as f64;
    assert!((mean - 20.0).abs() < 0.15, "mean flips {mean}");
}

#[test]
fn another_key_is_another_permutation() {
    let (one, other) = (CodePermutation::new(KEY), CodePermutation::new([7; 16]));
    let same = (0..10_000).filter(|n| one.apply(*n) == other.apply(*n)).count();
    assert_eq!(same, 0);
}
