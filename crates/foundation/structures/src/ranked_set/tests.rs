use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn score(number: f64) -> Score {
    Score::new(number).unwrap()
}

fn set_of(members: &[(&str, f64)]) -> RankedSet<String> {
    let mut set = RankedSet::new();
    for (member, number) in members {
        set.insert((*member).to_owned(), score(*number));
    }
    set
}

#[test]
fn members_of_one_score_are_in_their_own_order() {
    // As after ZADD z 2 b 1 c 2 a -inf d.
    let mut set = set_of(&[("b", 2.0), ("c", 1.0), ("a", 2.0), ("d", f64::NEG_INFINITY)]);
    let names = |set: &RankedSet<String>| set.iter().map(|(m, _)| m.clone()).collect::<Vec<_>>();
    assert_eq!(names(&set), ["d", "c", "a", "b"]);
    assert_eq!((set.rank("a"), set.rank("b"), set.rank("x")), (Some(2), Some(3), None));
    assert_eq!(set.select(1), Some((&"c".to_owned(), score(1.0))));
    // A new score is a new place.
    assert_eq!(set.insert("c".to_owned(), score(2.5)), Some(score(1.0)));
    assert_eq!(names(&set), ["d", "a", "b", "c"]);
    assert_eq!(set.insert("c".to_owned(), score(2.5)), Some(score(2.5)));
    assert_eq!(set.remove("a"), Some(score(2.0)));
    assert_eq!(set.remove("a"), None);
    assert_eq!((set.score("c"), set.len()), (Some(score(2.5)), 3));
    assert_eq!(set.pop_last(), Some(("c".to_owned(), score(2.5))));
    assert_eq!(set.pop_first(), Some(("d".to_owned(), score(f64::NEG_INFINITY))));
    assert_eq!(set.pop_first(), Some(("b".to_owned(), score(2.0))));
    assert_eq!((set.pop_first(), set.pop_last(), set.is_empty()), (None, None, true));
}

#[test]
fn scores_have_an_order_and_no_nan() {
    assert_eq!(Score::new(f64::NAN), None);
    assert_eq!(score(0.0), score(-0.0));
    assert_eq!(score(-0.0).get().to_bits(), 0);
    assert!(score(f64::NEG_INFINITY) < score(-1.0) && score(-1.0) < score(0.0));
    assert!(score(0.0) < score(1e-300) && score(1.0) < score(f64::INFINITY));
}

#[test]
fn ranges_of_scores_and_names_are_ranges_of_ranks() {
    let set = set_of(&[("a", 1.0), ("b", 2.0), ("c", 2.0), ("d", 3.0)]);
    assert_eq!(set.ranks_of(score(2.0)..=score(2.0)), 1..3);
    assert_eq!(set.ranks_of(score(2.0)..score(3.0)), 1..3);
    assert_eq!(set.ranks_of((Bound::Excluded(score(2.0)), Bound::Unbounded)), 3..4);
    assert_eq!(set.ranks_of(score(3.0)..score(1.0)).count(), 0);
    assert_eq!(set.ranks_of(..).count(), 4);
    let down: Vec<_> = set.range_by_score(..=score(2.0)).rev().map(|(name, _)| name).collect();
    assert_eq!(down, ["c", "b", "a"]);
    // ZRANGEBYLEX within one score.
    let same = set_of(&[("apple", 0.0), ("banana", 0.0), ("cherry", 0.0)]);
    assert_eq!(same.rank_where(|name, _| name.as_str() < "b"), 1);
}

#[test]
fn byte_strings_are_members_without_a_copy_for_each_place() {
    let mut set: RankedSet<Arc<[u8]>> = RankedSet::new();
    let member: Arc<[u8]> = b"member"[..].into();
    set.insert(Arc::clone(&member), score(1.0));
    // The table, the tree and this.
    assert_eq!(Arc::strong_count(&member), 3);
    assert_eq!(set.rank(&b"member"[..]), Some(0));
    let read: RankedSet<Arc<[u8]>> = RankedSet::from_bytes(&set.to_bytes()).unwrap();
    assert_eq!(read.score(&b"member"[..]), Some(score(1.0)));
}

#[test]
fn damaged_forms_are_refused() {
    let set = set_of(&[("a", 1.0), ("b", 1.0)]);
    let bytes = set.to_bytes();
    let read = |bytes: &[u8]| RankedSet::<String>::from_bytes(bytes).map(|set| set.len());
    assert_eq!(read(&bytes), Ok(2));
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err());
    }
    assert_eq!(read(&[&bytes[..], b"x"].concat()), Err(ReadError::Length));
    let with = |at: usize, value: u8| {
        let mut changed = bytes.clone();
        changed[at] = value;
        read(&changed)
    };
    let none = Err(ReadError::Impossible("a score or a member is none"));
    assert_eq!(with(21, b'c'), Err(ReadError::Impossible("the members are out of order")));
    assert_eq!(with(34, b'a'), Err(ReadError::Impossible("a member is there twice")));
    assert_eq!(with(21, 0xff), none);
    // The sign of 1 is fine and another order, a length past the end is not.
    assert_eq!(with(17, 9), none);
    let nan = [&[1, 1, 0, 0, 0, 0, 0, 0, 0][..], &f64::NAN.to_le_bytes(), &[0; 4]].concat();
    assert_eq!(read(&nan), none);
    let minus_zero = [&[1, 1, 0, 0, 0, 0, 0, 0, 0][..], &(-0f64).to_le_bytes(), &[0; 4]].concat();
    assert_eq!(read(&minus_zero), none);
    let many = [&[1][..], &u64::MAX.to_le_bytes()].concat();
    assert_eq!(read(&many), Err(ReadError::Length));
}

/// A member with its new score, or none to take it out.
fn change() -> impl Strategy<Value = (u64, Option<i64>)> {
    (0u64..200, prop::option::weighted(0.7, -5i64..5))
}

proptest! {
    #[test]
    fn agrees_with_a_sorted_list(
        changes in prop::collection::vec(change(), 1..500),
        asked in 0u64..220,
        low in -6i64..6,
        high in -6i64..6,
    ) {
        let mut set: RankedSet<u64, i64> = RankedSet::new();
        let mut model: HashMap<u64, i64> = HashMap::new();
        for (member, score) in changes {
            match score {
                Some(score) => {
                    prop_assert_eq!(set.insert(member, score), model.insert(member, score));
                }
                None => prop_assert_eq!(set.remove(&member), model.remove(&member)),
            }
        }
        let sorted: BTreeSet<(i64, u64)> = model.iter().map(|(m, score)| (*score, *m)).collect();
        let pairs: Vec<(i64, u64)> = set.iter().map(|(m, score)| (score, *m)).collect();
        prop_assert!(pairs.iter().eq(&sorted));
        let own = model.get(&asked).map(|score| sorted.range(..(*score, asked)).count());
        prop_assert_eq!(set.rank(&asked), own);
        prop_assert_eq!(set.score(&asked), model.get(&asked).copied());
        let within: Vec<u64> =
            sorted.iter().filter(|(s, _)| (low..high).contains(s)).map(|(_, m)| *m).collect();
        let found: Vec<u64> = set.range_by_score(low..high).map(|(m, _)| *m).collect();
        prop_assert_eq!(found, within);
        let read: RankedSet<u64, i64> = RankedSet::from_bytes(&set.to_bytes()).unwrap();
        prop_assert!(read.iter().eq(set.iter()));
        prop_assert_eq!(read.rank(&asked), own);
    }
}
