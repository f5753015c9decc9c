//! `invalidation::snapshot::Snapshot`: what is older than all that ran was seen, what ran or came
//! later not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use shortener::invalidation::snapshot::Snapshot;

fuzz_target!(|text: &str| {
    let Some(snapshot) = Snapshot::parse(text) else { return };
    let number = |part: &str| part.parse::<i64>().ok();
    let mut parts = text.split(':');
    let (oldest, next) = (parts.next().and_then(number), parts.next().and_then(number));
    let (Some(oldest), Some(next)) = (oldest, next) else { panic!("{text:?} was read") };
    assert!(oldest <= next);
    assert!(oldest == i64::MIN || snapshot.saw(oldest - 1));
    assert!(!snapshot.saw(next) && !snapshot.saw(i64::MAX));
    for running in parts.next().unwrap_or_default().split(',').filter_map(number) {
        assert!(!snapshot.saw(running));
    }
});
