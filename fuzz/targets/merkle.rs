//! `merkle::MerkleTree`: what is read writes back the same, and one entry more is one range.

#![no_main]

use libfuzzer_sys::fuzz_target;
use structures::merkle::{Digest, MerkleTree};

fuzz_target!(|bytes: &[u8]| {
    let Ok(tree) = MerkleTree::from_bytes(bytes) else { return };
    assert_eq!(tree.to_bytes(), bytes);
    let mut other = tree.clone();
    let (position, entry) = (Digest::of_entry(bytes, b"").0 as u64, Digest::of_entry(bytes, b"1"));
    other.insert(position, entry);
    let ranges = tree.diff(&other);
    assert!(ranges.is_ok_and(|ranges| ranges.len() == 1 && ranges[0].contains(position)));
    other.remove(position, entry);
    assert_eq!(other, tree);
});
