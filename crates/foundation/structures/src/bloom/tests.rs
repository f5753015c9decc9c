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
