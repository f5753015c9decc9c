//! `vector_clock::VectorClock`: what is read writes back the same, and an event comes after all
//! that was seen before.

#![no_main]

use libfuzzer_sys::fuzz_target;
use structures::vector_clock::{Relation, VectorClock};

fuzz_target!(|bytes: &[u8]| {
    let Ok(clock) = VectorClock::from_bytes(bytes) else { return };
    assert_eq!(clock.to_bytes(), bytes);
    assert_eq!(clock.compare(&clock), Relation::Equal);
    let mut later = clock.clone();
    let Ok(dot) = later.increment("somebody", 1) else { return };
    // A counter at its end stays there.
    let is_at_end = dot.counter == u64::MAX;
    assert!(later.compare(&clock) == Relation::After || is_at_end);
    assert!(later.contains(&dot));
    let mut merged = clock.clone();
    merged.merge(&later);
    assert_eq!(merged, later);
    later.prune(2);
    assert!(later.len() <= 2);
});
