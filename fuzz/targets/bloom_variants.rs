//! `bloom::counting::CountingBloom` and `bloom::scalable::ScalableBloom`: what is read writes back
//! the same, and finds what is put in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use structures::bloom::counting::CountingBloom;
use structures::bloom::scalable::ScalableBloom;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut filter) = CountingBloom::from_bytes(bytes) {
        assert_eq!(filter.to_bytes(), bytes);
        assert!((0.0..=1.0).contains(&filter.false_positive_rate()));
        filter.insert(bytes);
        assert!(filter.may_contain(bytes) && filter.remove(bytes));
    }
    if let Ok(mut filter) = ScalableBloom::from_bytes(bytes) {
        assert_eq!(filter.to_bytes(), bytes);
        assert!((0.0..=1.0).contains(&filter.false_positive_rate()));
        let was_found = filter.may_contain(bytes);
        assert!(!(was_found && filter.insert(bytes)));
        filter.insert(bytes);
        assert!(filter.may_contain(bytes));
        assert_eq!(ScalableBloom::from_bytes(&filter.to_bytes()), Ok(filter));
    }
});
