use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

#[test]
fn one_per_cent_takes_9_6_bits_a_key_and_7_hashes() {
    let (bits, probes) = size_for(100_000_000, 0.01);
    assert_eq!((bits as f64 / 1e8 * 10.0).round() / 10.0, 9.6);
    assert_eq!(probes, 7);
    // 120 MB for 100 million links.
    assert_eq!((bits as f64 / 8e6).round(), 120.0);
}

#[test]
fn the_rate_is_what_was_asked_for() {
    for rate in [0.1, 0.01, 0.001] {
        let items = 20_000u32;
        let mut filter = Bloom::new(u64::from(items), rate).unwrap();
        for key in 0..items {
            filter.insert(&key.to_le_bytes());
        }
        assert!((0..items).all(|key| filter.may_contain(&key.to_le_bytes())));
        let absent = items..items + 200_000;
        let hits = absent.clone().filter(|key| filter.may_contain(&key.to_le_bytes())).count();
        let measured = hits as f64 / absent.len() as f64;
        // Rounding the number of probes costs a little; sampling, at 0.1 %, up to a third.
        assert!(measured < rate * 1.35 && measured > rate * 0.65, "{rate}: {measured}");
        assert!((filter.false_positive_rate() / rate - 1.0).abs() < 0.2);
    }
}

#[test]
fn an_empty_filter_has_nothing() {
    let filter = Bloom::new(1, 0.5).unwrap();
    assert!(!filter.may_contain(b""));
    assert_eq!(filter.false_positive_rate(), 0.0);
}

#[test]
fn impossible_sizes_are_refused() {
    assert_eq!(Bloom::new(10, 0.0), Err(BloomError::Rate(0.0)));
    assert_eq!(Bloom::new(10, 1.0), Err(BloomError::Rate(1.0)));
    assert!(matches!(Bloom::new(10, f64::NAN), Err(BloomError::Rate(_))));
    assert_eq!(Bloom::new(0, 0.01), Err(BloomError::Size { items: 0, bits: 0 }));
    assert!(matches!(Bloom::new(u64::MAX, 0.01), Err(BloomError::Size { .. })));
}

#[test]
fn malformed_bytes_are_refused() {
    let mut filter = Bloom::new(100, 0.01).unwrap();
    filter.insert(b"key");
    let bytes = filter.to_bytes();
    for len in 0..bytes.len() {
        assert_eq!(Bloom::from_bytes(&bytes[..len]), Err(BloomError::Malformed));
    }
    let with = |place: usize, value: u8| {
        let mut changed = bytes.clone();
        changed[place] = value;
        Bloom::from_bytes(&changed)
    };
    assert_eq!(with(0, 9), Err(BloomError::Version(9)));
    assert_eq!(with(1, 0), Err(BloomError::Malformed));
    assert_eq!(with(1, 33), Err(BloomError::Malformed));
    assert_eq!(with(10, 255), Err(BloomError::Malformed));
}

#[test]
fn a_stored_count_at_its_end_stays_there() {
    let mut bytes = Bloom::new(10, 0.01).unwrap().to_bytes();
    bytes[2..10].fill(0xff);
    let mut filter = Bloom::from_bytes(&bytes).unwrap();
    assert!(filter.insert(b"a"));
    assert_eq!(filter.inserted(), u64::MAX);
}

proptest! {
    #[test]
    fn every_inserted_key_is_found_also_after_storing(
        keys in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..300),
        rate in 0.001f64..0.5,
    ) {
        let mut filter = Bloom::new(keys.len() as u64, rate).unwrap();
        let mut model = HashSet::new();
        for key in &keys {
            // Surely absent means that the model does not have it either.
            let was_absent = filter.insert(key);
            prop_assert!(model.insert(key.clone()) || !was_absent);
        }
        prop_assert!(filter.inserted() <= model.len() as u64);
        let read = Bloom::from_bytes(&filter.to_bytes()).unwrap();
        prop_assert!(keys.iter().all(|key| read.may_contain(key)));
        prop_assert_eq!(read, filter);
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Bloom::from_bytes(&bytes);
    }
}

/// The worked example: ten bits, two probes, and the places of each name given.
fn example() -> (Bloom, impl Fn(&str) -> [u64; 2]) {
    let places = |name: &str| match name {
        "john" => [5, 8],
        "dave" => [3, 5],
        "peter" => [2, 9],
        "donald" => [3, 7],
        "sarah" => [3, 8],
        _ => panic!("{name} is not in the example"),
    };
    (Bloom::with_shape(10, 2), places)
}

#[test]
fn the_worked_example_comes_out() {
    let (mut filter, places) = example();
    for name in ["john", "dave", "peter"] {
        assert!(filter.insert_at(places(name).into_iter()));
    }
    let bits: Vec<u64> = (0..10).map(|bit| filter.words[0] >> bit & 1).collect();
    assert_eq!(bits, [0, 0, 1, 1, 0, 1, 0, 0, 1, 1]);
    let contains = |name| filter.contains_at(places(name).into_iter());
    assert!(["john", "dave", "peter"].map(contains).iter().all(|found| *found));
    assert!(!contains("donald"), "the name is free");
    assert!(contains("sarah"), "a false positive");
}

/// The share of absent keys that are found, with a million keys inserted.
fn measured_rate(filter: &mut Bloom) -> f64 {
    const ITEMS: u32 = 1_000_000;
    (0..ITEMS).for_each(|key| _ = filter.insert(&key.to_le_bytes()));
    assert!((0..ITEMS).step_by(7).all(|key| filter.may_contain(&key.to_le_bytes())));
    let absent = ITEMS..ITEMS + 200_000;
    let hits = absent.clone().filter(|key| filter.may_contain(&key.to_le_bytes())).count();
    hits as f64 / absent.len() as f64
}

#[test]
fn a_million_keys_at_one_per_cent_take_9_59_megabits_and_keep_the_rate() {
    let mut filter = Bloom::new(1_000_000, 0.01).unwrap();
    assert_eq!(size_for(1_000_000, 0.01), (9_585_059, 7));
    assert_eq!(size_for(1_000_000, 0.001), (14_377_588, 10));
    assert!((filter.bits() as f64 / 9_585_059.0 - 1.0).abs() < 0.01);
    let rate = measured_rate(&mut filter);
    assert!((0.008..0.012).contains(&rate), "{rate}");
    let estimate = filter.estimated_items() as f64;
    assert!((estimate / 1e6 - 1.0).abs() < 0.01, "{estimate}");
}

#[test]
fn seven_probes_are_best_and_far_fewer_or_more_are_clearly_worse() {
    let items = 50_000u32;
    let rate = |probes| {
        let mut filter = Bloom::with_shape(u64::from(items) * 9585 / 1000, probes);
        (0..items).for_each(|key| _ = filter.insert(&key.to_le_bytes()));
        let hits = (items..items + 200_000).filter(|key| filter.may_contain(&key.to_le_bytes()));
        hits.count() as f64 / 200_000.0
    };
    let rates: Vec<f64> = (1..=14).map(rate).collect();
    let best = (1..=14).min_by(|one, other| rates[one - 1].total_cmp(&rates[other - 1])).unwrap();
    assert!((6..=7).contains(&best), "{rates:?}");
    assert!(rates[1] > 2.0 * rates[best - 1] && rates[13] > 2.0 * rates[best - 1], "{rates:?}");
}

#[test]
fn an_overfilled_filter_reports_its_real_rate() {
    let mut filter = Bloom::new(1000, 0.01).unwrap();
    (0..5000u32).for_each(|key| _ = filter.insert(&key.to_le_bytes()));
    let hits = (5000..25_000u32).filter(|key| filter.may_contain(&key.to_le_bytes())).count();
    let measured = hits as f64 / 20_000.0;
    assert!(measured > 0.5 && (filter.false_positive_rate() / measured - 1.0).abs() < 0.05);
    let estimate = filter.estimated_items() as f64;
    assert!((estimate / 5000.0 - 1.0).abs() < 0.05, "{estimate}");
    filter.words.fill(u64::MAX);
    assert_eq!(filter.estimated_items(), u64::MAX);
}

#[test]
fn unlike_filters_are_not_united() {
    let mut filter = Bloom::new(100, 0.01).unwrap();
    let secret = Bloom::with_secret(100, 0.01, [1; 16]).unwrap();
    for other in [Bloom::new(1000, 0.01).unwrap(), Bloom::new(100, 0.001).unwrap(), secret] {
        assert_eq!(filter.union(&other), Err(BloomError::Differs));
    }
}

#[test]
fn a_secret_changes_the_places_and_is_needed_to_read() {
    let mut filter = Bloom::with_secret(100, 0.01, [1; 16]).unwrap();
    let mut fixed = Bloom::new(100, 0.01).unwrap();
    filter.insert(b"key");
    fixed.insert(b"key");
    assert_ne!(filter.words, fixed.words);
    assert!(!format!("{filter:?}").contains("[1, 1"));
    let bytes = filter.to_bytes();
    assert_eq!(bytes[0], 2);
    assert_eq!(Bloom::from_bytes(&bytes), Err(BloomError::OtherSecret));
    assert_eq!(Bloom::from_bytes_with_secret(&bytes, [2; 16]), Err(BloomError::OtherSecret));
    assert_eq!(Bloom::from_bytes_with_secret(&bytes, [1; 16]), Ok(filter));
    let other = Bloom::from_bytes_with_secret(&fixed.to_bytes(), [1; 16]);
    assert_eq!(other, Err(BloomError::OtherSecret));
    assert_eq!(Bloom::from_bytes(&bytes[..25]), Err(BloomError::Malformed));
}

#[test]
fn forms_stored_by_the_first_release_are_read() {
    let mut filter = Bloom::new(100, 0.01).unwrap();
    (0..100u8).for_each(|key| _ = filter.insert(&[key]));
    let stored = include_bytes!("../../tests/data/bloom_v1");
    assert_eq!(Bloom::from_bytes(stored), Ok(filter.clone()));
    assert_eq!(filter.to_bytes(), stored);
}

proptest! {
    #[test]
    fn a_union_is_the_filter_of_all_keys(
        one in prop::collection::vec(any::<u16>(), 0..100),
        other in prop::collection::vec(any::<u16>(), 0..100),
    ) {
        let of = |keys: &[u16]| {
            let mut filter = Bloom::new(200, 0.01).unwrap();
            keys.iter().for_each(|key| _ = filter.insert(&key.to_le_bytes()));
            filter
        };
        let mut union = of(&one);
        union.union(&of(&other)).unwrap();
        prop_assert_eq!(&union.words, &of(&[one, other].concat()).words);
        prop_assert_eq!(union.inserted(), union.estimated_items());
    }
}
