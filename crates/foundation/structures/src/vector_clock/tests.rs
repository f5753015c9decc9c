use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn clock(events: &[(&str, u64)]) -> VectorClock {
    let mut clock = VectorClock::new();
    for (actor, count) in events {
        for _ in 0..*count {
            clock.increment(actor, 0).unwrap();
        }
    }
    clock
}

#[test]
fn dynamos_example_comes_out() {
    // Figure 3 of the paper: D1 to D5 by the servers x, y and z.
    let d1 = clock(&[("x", 1)]);
    let d2 = clock(&[("x", 2)]);
    let d3 = clock(&[("x", 2), ("y", 1)]);
    let d4 = clock(&[("x", 2), ("z", 1)]);
    assert_eq!(d2.compare(&d1), Relation::After);
    assert_eq!(d2.compare(&d3), Relation::Before);
    assert_eq!(d3.compare(&d4), Relation::Concurrent);
    assert_eq!(d3.partial_cmp(&d4), None);
    let mut d5 = d3.clone();
    d5.merge(&d4);
    let dot = d5.increment("x", 0).unwrap();
    assert_eq!(d5, clock(&[("x", 3), ("y", 1), ("z", 1)]));
    assert!(d5 > d3 && d5 > d4);
    assert_eq!(dot, Dot { actor: "x".to_owned(), counter: 3 });
    assert!(d5.contains(&dot) && !d3.contains(&dot));
}

#[test]
fn pruning_keeps_what_was_touched_last() {
    let mut clock = VectorClock::new();
    for (actor, now_ms) in [("b", 10), ("a", 20), ("c", 5), ("b", 30)] {
        clock.increment(actor, now_ms).unwrap();
    }
    let whole = clock.clone();
    assert_eq!(clock.prune(3), 0);
    assert_eq!(clock.prune(2), 1);
    assert_eq!(clock.iter().collect::<Vec<_>>(), [("a", 1), ("b", 2)]);
    // Never the newest, whatever is asked.
    assert_eq!(clock.prune(0), 1);
    assert_eq!(clock.iter().collect::<Vec<_>>(), [("b", 2)]);
    // What it came from may seem concurrent, and is then kept beside it.
    let before = whole.clone();
    let mut after = whole;
    after.increment("d", 40).unwrap();
    after.prune(1);
    assert_eq!(after.compare(&before), Relation::Concurrent);
}

#[test]
fn actors_have_names_and_a_bound() {
    let mut clock = VectorClock::new();
    assert_eq!(clock.increment("", 0), Err(ClockError::Actor(0)));
    assert_eq!(clock.increment(&"x".repeat(256), 0), Err(ClockError::Actor(256)));
    for actor in 0..MAX_ACTORS {
        clock.increment(&actor.to_string(), 0).unwrap();
    }
    assert_eq!(clock.increment("one too many", 0), Err(ClockError::Full));
    clock.increment("7", 0).unwrap();
    assert_eq!((clock.len(), clock.get("7")), (MAX_ACTORS, 2));
}

#[test]
fn damaged_forms_are_refused() {
    let bytes = clock(&[("a", 1), ("b", 2)]).to_bytes();
    for end in 0..bytes.len() {
        assert_eq!(VectorClock::from_bytes(&bytes[..end]).unwrap_err(), ReadError::Length);
    }
    let with = |at: usize, value: u8| {
        let mut changed = bytes.clone();
        changed[at] = value;
        VectorClock::from_bytes(&changed).unwrap_err()
    };
    assert_eq!(with(0, 7), ReadError::Version { found: 7, known: 1 });
    // The second actor is named like the first, is no text, or the first has no event.
    assert_eq!(with(26, b'a'), ReadError::Impossible("the actors are out of order"));
    assert_eq!(with(26, 0xff), ReadError::Impossible("a text is no UTF-8"));
    assert_eq!(with(8, 0), ReadError::Impossible("an actor without a name or an event"));
}

type Model = BTreeMap<String, u64>;

fn model() -> impl Strategy<Value = Model> {
    prop::collection::btree_map("[a-e]", 1u64..4, 0..5)
}

fn clock_of(model: &Model) -> VectorClock {
    let events: Vec<(&str, u64)> = model.iter().map(|(a, count)| (a.as_str(), *count)).collect();
    clock(&events)
}

proptest! {
    #[test]
    fn agrees_with_sets_of_events(one in model(), other in model()) {
        let covers = |one: &Model, other: &Model| {
            other.iter().all(|(actor, count)| one.get(actor).copied().unwrap_or(0) >= *count)
        };
        let (ours, theirs) = (clock_of(&one), clock_of(&other));
        let expected = match (covers(&one, &other), covers(&other, &one)) {
            (true, true) => Relation::Equal,
            (true, false) => Relation::After,
            (false, true) => Relation::Before,
            (false, false) => Relation::Concurrent,
        };
        prop_assert_eq!(ours.compare(&theirs), expected);
        prop_assert_eq!(ours == theirs, expected == Relation::Equal);

        let mut union = one.clone();
        for (actor, count) in &other {
            let entry = union.entry(actor.clone()).or_default();
            *entry = (*entry).max(*count);
        }
        let (mut forward, mut backward) = (ours.clone(), theirs.clone());
        forward.merge(&theirs);
        backward.merge(&ours);
        prop_assert_eq!(&forward, &clock_of(&union));
        prop_assert_eq!(&backward, &forward);
        prop_assert!(forward >= ours && forward >= theirs);
        prop_assert_eq!(VectorClock::from_bytes(&forward.to_bytes()), Ok(forward));
    }

    #[test]
    fn a_pruned_write_is_never_taken_for_older(
        before in model(),
        writer in "[a-f]",
        most in 0usize..4,
    ) {
        let seen = clock_of(&before);
        let mut write = seen.clone();
        write.increment(&writer, 1).unwrap();
        write.prune(most);
        let relation = write.compare(&seen);
        prop_assert!(matches!(relation, Relation::After | Relation::Concurrent), "{relation:?}");
    }
}
