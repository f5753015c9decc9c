//! `exchange::parse_time` and `Timestamp`: a time that is read is written and read as the same.

#![no_main]

use kit::clock::Timestamp;
use libfuzzer_sys::fuzz_target;
use shortener::exchange::{format_time, parse_time};

/// Year 0 to 9999: what RFC 3339 has room for.
const WRITABLE_US: std::ops::Range<i64> = -62_167_219_200_000_000..253_402_300_800_000_000;

fuzz_target!(|text: &str| {
    if let Some(at_us) = parse_time(text)
        && WRITABLE_US.contains(&at_us)
    {
        assert_eq!(parse_time(&format_time(at_us)), Some(at_us));
    }
    if let Some(at) = Timestamp::parse(text) {
        if WRITABLE_US.contains(&at.micros()) {
            assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
            assert_eq!(parse_time(&at.to_string()), Some(at.micros()));
        }
    }
});
