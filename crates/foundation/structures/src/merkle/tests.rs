use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::hash::{KeyHash, Xxh3};

fn position(key: u16) -> u64 {
    Xxh3.hash(&key.to_le_bytes())
}

fn digest(key: u16, version: u8) -> Digest {
    Digest::of_entry(&key.to_le_bytes(), &[version])
}

fn tree_of(depth: u8, entries: &BTreeMap<u16, u8>) -> MerkleTree {
    let mut tree = MerkleTree::new(depth).unwrap();
    for (key, version) in entries {
        tree.insert(position(*key), digest(*key, *version));
    }
    tree
}

#[test]
fn one_changed_entry_is_found_in_its_range_alone() {
    let entries: BTreeMap<u16, u8> = (0..1000).map(|key| (key, 0)).collect();
    let ours = tree_of(10, &entries);
    let mut theirs = ours.clone();
    theirs.replace(position(77), digest(77, 0), digest(77, 1));
    let ranges = ours.diff(&theirs).unwrap();
    assert_eq!(ranges.len(), 1);
    assert!(ranges[0].contains(position(77)));
    assert_eq!(ranges[0].len(), 1 << 54);
    theirs.replace(position(77), digest(77, 1), digest(77, 0));
    assert_eq!(ours.root(), theirs.root());
}

#[test]
fn an_exchange_follows_only_what_differs() {
    let entries: BTreeMap<u16, u8> = (0..1000).map(|key| (key, 0)).collect();
    let (ours, mut theirs) = (tree_of(10, &entries), tree_of(10, &entries));
    theirs.remove(position(5), digest(5, 0));
    let (mut nodes, mut sent) = (vec![0u32], 0);
    for level in 0..=ours.depth() {
        let mut differ = Vec::new();
        for node in &nodes {
            let digest = theirs.level(level)[*node as usize];
            sent += 1;
            differ.extend(differing(&ours, level, *node..*node + 1, &[digest]));
        }
        nodes = differ;
        if level < ours.depth() {
            nodes = nodes.iter().flat_map(|node| [2 * node, 2 * node + 1]).collect();
        }
    }
    assert_eq!(sent, 1 + 2 * 10);
    assert_eq!(nodes.len(), 1);
    assert!(ours.range_of(10, nodes[0]).contains(position(5)));
}

#[test]
fn the_ranges_of_a_level_cover_all_positions() {
    let tree = MerkleTree::new(3).unwrap();
    for level in 0..=3 {
        let ranges: Vec<Arc> = (0..1 << level).map(|index| tree.range_of(level, index)).collect();
        assert_eq!(ranges.iter().map(Arc::len).sum::<u128>(), 1 << 64);
        assert!(ranges[0].contains(0) && ranges.last().unwrap().contains(u64::MAX));
    }
    assert!(tree.level(4).is_empty());
    let mut single = MerkleTree::new(0).unwrap();
    single.insert(u64::MAX, Digest(7));
    assert_eq!(single.root(), Digest(7));
}

#[test]
fn unlike_or_damaged_trees_are_refused() {
    assert_eq!(MerkleTree::new(21), Err(MerkleError::Depth(21)));
    let (small, large) = (MerkleTree::new(2).unwrap(), MerkleTree::new(3).unwrap());
    assert_eq!(small.diff(&large), Err(MerkleError::Differs { ours: 2, theirs: 3 }));
    let bytes = small.to_bytes();
    for end in 0..bytes.len() {
        assert_eq!(MerkleTree::from_bytes(&bytes[..end]), Err(ReadError::Length));
    }
    let deep = [1, 21];
    assert!(matches!(MerkleTree::from_bytes(&deep), Err(ReadError::Impossible(_))));
}

proptest! {
    #[test]
    fn a_diff_covers_every_key_that_differs_and_no_range_without_one(
        depth in 0u8..8,
        ours in prop::collection::btree_map(any::<u16>(), 0u8..2, 0..60),
        changes in prop::collection::vec((any::<u16>(), prop::option::of(0u8..2)), 0..10),
    ) {
        let (tree, mut other) = (tree_of(depth, &ours), tree_of(depth, &ours));
        let mut theirs = ours.clone();
        for (key, version) in changes {
            let before = theirs.remove(&key);
            match (before, version) {
                (Some(old), Some(new)) => {
                    other.replace(position(key), digest(key, old), digest(key, new));
                }
                (Some(old), None) => other.remove(position(key), digest(key, old)),
                (None, Some(new)) => other.insert(position(key), digest(key, new)),
                (None, None) => {}
            }
            version.map(|version| theirs.insert(key, version));
        }
        prop_assert_eq!(&other, &tree_of(depth, &theirs));
        let ranges = tree.diff(&other).unwrap();
        let keys = || ours.keys().chain(theirs.keys());
        let differs = |key: &u16| ours.get(key) != theirs.get(key);
        for key in keys().filter(|key| differs(key)) {
            prop_assert!(ranges.iter().any(|range| range.contains(position(*key))));
        }
        for range in &ranges {
            prop_assert!(keys().any(|key| differs(key) && range.contains(position(*key))));
        }
        prop_assert_eq!(ranges.is_empty(), tree.root() == other.root());
        prop_assert_eq!(MerkleTree::from_bytes(&other.to_bytes()), Ok(other));
    }
}
