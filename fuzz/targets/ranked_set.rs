//! `ranked_set::RankedSet`: what is read writes back the same, and each member is at its rank.

#![no_main]

use libfuzzer_sys::fuzz_target;
use structures::ranked_set::{RankedSet, Score};

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut set) = RankedSet::<String>::from_bytes(bytes) else { return };
    assert_eq!(set.to_bytes(), bytes);
    for (rank, (member, score)) in set.iter().enumerate().take(100) {
        assert_eq!(set.rank(member), Some(rank));
        assert_eq!(set.score(member), Some(score));
    }
    let Some(highest) = Score::new(f64::INFINITY) else { return };
    set.insert("\u{10ffff}".to_owned(), highest);
    let last = set.pop_last();
    assert!(last.is_some_and(|(_, score)| score == highest));
    while let Some((member, _)) = set.pop_first() {
        assert_eq!(set.score(&member), None);
    }
    assert!(set.is_empty());
});
