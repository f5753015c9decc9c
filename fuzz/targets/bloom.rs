//! `bloom::Bloom`: what is read writes back the same, and finds what is put in, with a secret too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use structures::bloom::{Bloom, MAX_PROBES};

const SECRET: [u8; 16] = [7; 16];

fuzz_target!(|bytes: &[u8]| {
    if let Ok(filter) = Bloom::from_bytes(bytes) {
        check(filter, bytes, Bloom::from_bytes);
    }
    if let Ok(filter) = Bloom::from_bytes_with_secret(bytes, SECRET) {
        check(filter, bytes, |bytes| Bloom::from_bytes_with_secret(bytes, SECRET));
    }
});

fn check<E>(mut filter: Bloom, bytes: &[u8], read: impl Fn(&[u8]) -> Result<Bloom, E>) {
    assert_eq!(filter.to_bytes(), bytes);
    assert!(filter.bits() > 0 && filter.bits().is_multiple_of(64));
    assert!((1..=MAX_PROBES).contains(&filter.probes()));
    assert!((0.0..=1.0).contains(&filter.false_positive_rate()));
    let was_found = filter.may_contain(bytes);
    assert_ne!(filter.insert(bytes), was_found);
    assert!(filter.may_contain(bytes));
    let before = filter.clone();
    assert_eq!(filter.union(&before), Ok(()));
    assert_eq!(filter.inserted(), before.estimated_items());
    assert!(read(&filter.to_bytes()).is_ok_and(|read| read == filter));
}
