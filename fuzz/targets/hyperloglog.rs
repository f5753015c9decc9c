//! `hyperloglog::HyperLogLog`: a set has one stored form, and a union with itself changes nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use structures::hyperloglog::{HyperLogLog, MAX_PRECISION, MIN_PRECISION};

fuzz_target!(|bytes: &[u8]| {
    let Ok(sketch) = HyperLogLog::from_bytes(bytes) else { return };
    assert_eq!(sketch.to_bytes(), bytes);
    assert!((MIN_PRECISION..=MAX_PRECISION).contains(&sketch.precision()));
    let mut union = sketch.clone();
    assert_eq!(union.merge(&sketch), Ok(()));
    assert_eq!(union, sketch);
    assert_eq!(sketch.is_empty(), (sketch.estimate() == 0));
    for hash in bytes.as_chunks::<8>().0 {
        union.insert_hash(u64::from_le_bytes(*hash));
    }
    assert!(union.estimate() >= sketch.estimate());
    assert_eq!(HyperLogLog::from_bytes(&union.to_bytes()), Ok(union));
});
