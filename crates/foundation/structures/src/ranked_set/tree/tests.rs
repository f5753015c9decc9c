use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::hash::mix;

impl<K: Ord + Clone + std::fmt::Debug> RankTree<K> {
    /// Asserts what the module promises of every node.
    fn check(&self) {
        let mut leaf_depths = BTreeSet::new();
        self.root.check(true, 0, &mut leaf_depths);
        assert!(leaf_depths.len() == 1, "{leaf_depths:?}");
        assert_eq!(self.root.count(), self.len);
        assert!(self.iter().is_sorted_by(|one, next| one < next));
    }
}

impl<K: Ord + Clone + std::fmt::Debug> Node<K> {
    fn check(&self, is_root: bool, depth: usize, leaf_depths: &mut BTreeSet<usize>) {
        assert!(self.size() <= NODE_MAX);
        let Self::Inner(inner) = self else {
            assert!(is_root || self.size() > 0);
            leaf_depths.insert(depth);
            return;
        };
        assert_eq!(inner.separators.len() + 1, inner.children.len());
        assert!(!is_root || inner.children.len() > 1);
        for (place, child) in inner.children.iter().enumerate() {
            assert_eq!(inner.counts[place], child.count());
            child.check(false, depth + 1, leaf_depths);
            let (first, last) = child.ends();
            assert!(place == 0 || inner.separators[place - 1] <= first);
            assert!(inner.separators.get(place).is_none_or(|separator| last < *separator));
        }
    }

    fn ends(&self) -> (K, K) {
        match self {
            Self::Leaf(keys) => (keys[0].clone(), keys[keys.len() - 1].clone()),
            Self::Inner(inner) => {
                (inner.children[0].ends().0, inner.children[inner.children.len() - 1].ends().1)
            }
        }
    }
}

fn of(keys: impl IntoIterator<Item = u64>) -> RankTree<u64> {
    let mut tree = RankTree::default();
    keys.into_iter().for_each(|key| assert!(tree.insert(key)));
    tree
}

#[test]
fn many_keys_come_and_go_at_random() {
    const COUNT: u64 = 30_000;
    let mut tree = of((0..COUNT).map(mix));
    tree.check();
    for key in (0..COUNT).filter(|key| key % 7 != 0) {
        assert!(tree.remove(&mix(key)));
        assert!(key % 1000 != 0 || !tree.remove(&mix(key)));
    }
    tree.check();
    let mut left: Vec<u64> = (0..COUNT).step_by(7).map(mix).collect();
    left.sort_unstable();
    assert!(tree.iter().eq(&left));
    assert!(tree.iter().rev().eq(left.iter().rev()));
    for key in left {
        assert!(tree.contains(&key) && tree.remove(&key) && !tree.contains(&key));
    }
    tree.check();
    assert!(tree.is_empty() && matches!(tree.root, Node::Leaf(_)));
}

#[test]
fn keys_that_come_in_order_leave_full_leaves() {
    const COUNT: u64 = 100_000;
    let in_order = of(0..COUNT);
    let backwards = of((0..COUNT).rev());
    let at_random = of((0..COUNT).map(mix));
    let packed = RankTree::from_sorted((0..COUNT).collect()).unwrap();
    for tree in [&in_order, &backwards, &at_random, &packed] {
        tree.check();
    }
    let bytes = |tree: &RankTree<u64>| tree.memory_bytes() as f64 / COUNT as f64;
    // 8 bytes are the key itself.
    assert!(bytes(&packed) < 9.0, "{}", bytes(&packed));
    assert!(bytes(&in_order) < 10.0, "{}", bytes(&in_order));
    assert!(bytes(&at_random) < 14.0, "{}", bytes(&at_random));
}

#[test]
fn what_is_not_in_order_is_refused() {
    assert!(RankTree::from_sorted(vec![1, 1]).is_none());
    assert!(RankTree::from_sorted(vec![2, 1]).is_none());
    assert!(RankTree::from_sorted(Vec::<u64>::new()).unwrap().is_empty());
}

#[test]
fn a_range_past_the_end_is_what_is_there() {
    let tree = of(0..200);
    assert_eq!(tree.range(198..500).collect::<Vec<_>>(), [&198, &199]);
    assert_eq!(tree.range(500..600).count(), 0);
    let backwards = std::ops::Range { start: 9, end: 3 };
    assert_eq!(tree.range(backwards).count(), 0);
    assert_eq!((tree.select(199), tree.select(200)), (Some(&199), None));
}

#[derive(Debug, Clone)]
enum Change {
    Insert(u16),
    Remove(u16),
    InsertRun(u16, u16),
    RemoveRun(u16, u16),
}

fn change() -> impl Strategy<Value = Change> {
    let (key, run) = (0u16..2000, 1u16..300);
    prop_oneof![
        key.clone().prop_map(Change::Insert),
        key.clone().prop_map(Change::Remove),
        (key.clone(), run.clone()).prop_map(|(first, count)| Change::InsertRun(first, count)),
        (key, run).prop_map(|(first, count)| Change::RemoveRun(first, count)),
    ]
}

proptest! {
    #[test]
    fn agrees_with_an_ordered_set(
        changes in prop::collection::vec(change(), 1..60),
        asked in prop::collection::vec(0u16..2400, 8),
        ends in prop::collection::vec(any::<bool>(), 0..60),
    ) {
        let (mut tree, mut model) = (RankTree::default(), BTreeSet::new());
        for change in changes {
            let (is_insert, keys) = match change {
                Change::Insert(key) => (true, key..key + 1),
                Change::Remove(key) => (false, key..key + 1),
                Change::InsertRun(first, count) => (true, first..first + count),
                Change::RemoveRun(first, count) => (false, first..first + count),
            };
            for key in keys {
                if is_insert {
                    prop_assert_eq!(tree.insert(key), model.insert(key));
                } else {
                    prop_assert_eq!(tree.remove(&key), model.remove(&key));
                }
            }
        }
        tree.check();
        let sorted: Vec<u16> = model.iter().copied().collect();
        prop_assert!(tree.iter().eq(&sorted));
        for key in asked {
            prop_assert_eq!(tree.rank(&key), model.range(..key).count());
            prop_assert_eq!(tree.contains(&key), model.contains(&key));
            prop_assert_eq!(tree.select(key.into()), sorted.get(usize::from(key)));
        }
        // From both ends in turn, as they come.
        let (mut keys, mut expected) = (tree.range(3..sorted.len()), sorted.iter().skip(3));
        for is_front in ends {
            if is_front {
                prop_assert_eq!(keys.next(), expected.next());
            } else {
                prop_assert_eq!(keys.next_back(), expected.next_back());
            }
        }
        let mut folded = Vec::new();
        keys.clone().for_each(|key| folded.push(*key));
        prop_assert!(keys.eq(expected.clone()));
        prop_assert!(expected.eq(&folded));
        let packed = RankTree::from_sorted(sorted).unwrap();
        packed.check();
        prop_assert!(packed.iter().eq(tree.iter()));
    }
}
