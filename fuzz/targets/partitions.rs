//! `partitions::Partitions`: what is read writes back the same, and goes on from there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use structures::hash::Xxh3;
use structures::membership::{Placement, Replicated, Server};
use structures::partitions::Partitions;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut partitions) = Partitions::from_bytes(Xxh3, bytes) else { return };
    assert_eq!(partitions.to_bytes(), bytes);
    assert_eq!(partitions.get_n(bytes, 2).first().copied(), partitions.get(bytes));
    let before = partitions.clone();
    if partitions.add(Server::new("one more")).is_ok() {
        assert!(partitions.get(bytes).is_some());
        assert_eq!(partitions.remove("one more"), Ok(()));
        assert_eq!(partitions.servers(), before.servers());
        assert_eq!(partitions.get(bytes).is_some(), before.get(bytes).is_some());
    }
});
