//! `bloom::Bloom`: what is read writes back the same, and finds what is put in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use structures::bloom::{Bloom, MAX_PROBES};

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut filter) = Bloom::from_bytes(bytes) else { return };
    assert_eq!(filter.to_bytes(), bytes);
    assert!(filter.bits() > 0 && filter.bits().is_multiple_of(64));
    assert!((1..=MAX_PROBES).contains(&filter.probes()));
    assert!((0.0..=1.0).contains(&filter.false_positive_rate()));
    let was_found = filter.may_contain(bytes);
    assert_ne!(filter.insert(bytes), was_found);
    assert!(filter.may_contain(bytes));
    assert_eq!(Bloom::from_bytes(&filter.to_bytes()), Ok(filter));
});
