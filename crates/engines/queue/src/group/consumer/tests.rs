//! The cases of a heartbeat, one a test.

use super::*;

const TOPICS: [(&str, u32); 1] = [("t", 4)];

fn topics() -> PartitionCounts {
    TOPICS.iter().map(|(name, count)| (name.to_string(), *count)).collect()
}

fn parts(numbers: &[u32]) -> BTreeSet<Partition> {
    numbers.iter().map(|number| ("t".to_owned(), *number)).collect()
}

fn who(id: &str) -> Identity {
    Identity { member_id: id.into(), instance_id: None }
}

fn fixed(id: &str) -> Identity {
    Identity { member_id: id.into(), instance_id: Some("name".into()) }
}

fn joining(identity: Identity) -> Beat {
    Beat {
        identity,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        rebalance_timeout_ms: Some(60_000),
        topics: Some(["t".to_owned()].into()),
        owned: Some(BTreeSet::new()),
        ..Beat::default()
    }
}

fn alive(identity: Identity, epoch: i32, owned: Option<&[u32]>) -> Beat {
    Beat { identity, epoch, owned: owned.map(parts), ..Beat::default() }
}

/// The epoch and the partitions in an answer.
fn beat(group: &mut ConsumerGroup, beat: Beat) -> (i32, Option<BTreeSet<Partition>>) {
    let led = group.heartbeat(0, beat, &topics()).unwrap();
    assert_eq!(led.heartbeat_interval_ms, 5_000);
    (led.epoch, led.assigned)
}

fn error(group: &mut ConsumerGroup, beat: Beat) -> GroupError {
    group.heartbeat(0, beat, &topics()).unwrap_err()
}

fn group() -> ConsumerGroup {
    ConsumerGroup::new(ConsumerLimits::default())
}

/// The example of KIP-848 in small: b gets its half only after a has let it go.
#[test]
fn a_partition_goes_over_only_when_it_was_let_go() {
    let mut group = group();
    assert_eq!(beat(&mut group, joining(who("a"))), (1, Some(parts(&[0, 1, 2, 3]))));
    assert_eq!(group.state().name(), "Stable");
    assert_eq!(beat(&mut group, joining(who("b"))), (2, Some(parts(&[]))));
    assert_eq!(group.state().name(), "Reconciling");
    let kept = (1, Some(parts(&[2, 3])));
    assert_eq!(beat(&mut group, alive(who("a"), 1, None)), kept);
    assert_eq!(group.may_commit(&who("a"), 1), Ok(()), "it commits what it lets go");
    assert_eq!(beat(&mut group, alive(who("a"), 1, Some(&[0, 1, 2, 3]))), (1, None));
    assert_eq!(beat(&mut group, alive(who("a"), 1, Some(&[2, 3]))), (2, None));
    assert_eq!(beat(&mut group, alive(who("b"), 2, None)), (2, Some(parts(&[0, 1]))));
    assert_eq!(group.state().name(), "Stable");
    assert_eq!(group.may_commit(&who("a"), 1), Err(GroupError::StaleMemberEpoch));
}

#[test]
fn who_leaves_or_falls_silent_frees_its_partitions() {
    let mut group = group();
    beat(&mut group, joining(who("a")));
    beat(&mut group, joining(who("b")));
    assert_eq!(beat(&mut group, alive(who("a"), LEAVE_EPOCH, None)), (LEAVE_EPOCH, None));
    assert_eq!(group.state().name(), "Assigning");
    assert_eq!(beat(&mut group, alive(who("b"), 2, None)), (3, Some(parts(&[0, 1, 2, 3]))));
    assert_eq!(group.next_deadline(), Some(45_000));
    assert!(!group.tick(44_999));
    assert!(group.tick(45_000));
    assert_eq!(group.state().name(), "Empty");
    assert_eq!(group.may_commit(&who("b"), 3), Err(GroupError::UnknownMemberId));
    assert_eq!(group.may_commit(&who(""), -1), Ok(()));
}

#[test]
fn who_does_not_let_go_in_time_is_thrown_out() {
    let mut group = group();
    beat(&mut group, Beat { rebalance_timeout_ms: Some(7_000), ..joining(who("a")) });
    beat(&mut group, joining(who("b")));
    beat(&mut group, alive(who("a"), 1, None));
    let stubborn = alive(who("a"), 1, Some(&[0, 1, 2, 3]));
    assert_eq!(group.heartbeat(6_999, stubborn.clone(), &topics()).unwrap().epoch, 1);
    assert_eq!(group.next_deadline(), Some(7_000));
    assert!(group.tick(7_000));
    let refused = group.heartbeat(7_000, stubborn, &topics());
    assert_eq!(refused, Err(GroupError::UnknownMemberId));
    assert_eq!(beat(&mut group, alive(who("b"), 2, None)).1, Some(parts(&[0, 1, 2, 3])));
}

#[test]
fn an_old_epoch_passes_only_if_the_last_answer_was_lost() {
    let mut group = group();
    beat(&mut group, joining(who("a")));
    beat(&mut group, joining(who("b")));
    beat(&mut group, alive(who("a"), 1, None));
    assert_eq!(beat(&mut group, alive(who("a"), 1, Some(&[2, 3]))).0, 2);
    assert_eq!(beat(&mut group, alive(who("a"), 1, Some(&[2]))).0, 2);
    for fenced in [
        alive(who("a"), 1, None),
        alive(who("a"), 1, Some(&[1, 2])),
        alive(who("a"), 3, Some(&[2])),
    ] {
        assert_eq!(error(&mut group, fenced), GroupError::FencedMemberEpoch);
    }
    assert_eq!(beat(&mut group, joining(who("a"))), (2, Some(parts(&[2, 3]))));
}

#[test]
fn more_partitions_and_other_topics_make_a_new_target() {
    let mut group = group();
    beat(&mut group, joining(who("a")));
    let more = PartitionCounts::from([("t".to_owned(), 5), ("other".to_owned(), 9)]);
    let led = group.heartbeat(0, alive(who("a"), 1, None), &more).unwrap();
    assert_eq!((led.epoch, led.assigned), (2, Some(parts(&[0, 1, 2, 3, 4]))));
    let wish = Some(["other".to_owned()].into());
    let changed = Beat { topics: wish, ..alive(who("a"), 2, None) };
    let led = group.heartbeat(0, changed, &more).unwrap();
    assert_eq!((led.epoch, led.assigned), (2, Some(parts(&[]))));
    let led = group.heartbeat(0, alive(who("a"), 2, Some(&[])), &more).unwrap();
    assert_eq!((led.epoch, led.assigned.unwrap().len()), (3, 9));
}

#[test]
fn the_assignor_most_members_prefer_is_used() {
    let topics = PartitionCounts::from([("t".to_owned(), 1), ("u".to_owned(), 1)]);
    let mut group = group();
    let wish: BTreeSet<String> = topics.keys().cloned().collect();
    let mut join = |id: &str, assignor: &str| {
        let assignor = Some(Assignor::named(assignor).unwrap());
        let beat = Beat { topics: Some(wish.clone()), assignor, ..joining(who(id)) };
        group.heartbeat(0, beat, &topics).unwrap();
        group.record().target.values().map(BTreeSet::len).collect::<Vec<_>>()
    };
    assert_eq!(join("a", "uniform"), [2]);
    assert_eq!(join("b", "uniform"), [1, 1]);
    assert_eq!(join("c", "range"), [1, 1, 0]);
    assert_eq!(join("d", "range"), [1, 1, 0, 0]);
    assert_eq!(join("e", "range"), [2, 0, 0, 0, 0]);
    assert_eq!(Assignor::named("sticky"), Err(GroupError::UnsupportedAssignor));
    assert_eq!(Assignor::named(Assignor::Range.name()), Ok(Assignor::Range));
}

#[test]
fn a_static_member_that_is_away_keeps_its_place() {
    let mut group = group();
    beat(&mut group, joining(fixed("a")));
    beat(&mut group, joining(who("b")));
    beat(&mut group, alive(fixed("a"), 1, None));
    beat(&mut group, alive(fixed("a"), 1, Some(&[2, 3])));
    beat(&mut group, alive(who("b"), 2, None));
    assert_eq!(error(&mut group, joining(fixed("a2"))), GroupError::UnreleasedInstanceId);
    let away = alive(fixed("a"), LEAVE_FOR_A_WHILE_EPOCH, None);
    assert_eq!(beat(&mut group, away), (LEAVE_FOR_A_WHILE_EPOCH, None));
    assert_eq!(group.may_commit(&fixed("a"), -2), Err(GroupError::StaleMemberEpoch));
    assert_eq!(beat(&mut group, alive(who("b"), 2, None)), (2, None));
    assert_eq!(beat(&mut group, joining(fixed("a2"))), (2, Some(parts(&[2, 3]))));
    assert_eq!(group.record().epoch, 2, "nobody else notices");
    assert_eq!(error(&mut group, alive(fixed("a"), 2, None)), GroupError::FencedInstanceId);
    assert_eq!(group.may_commit(&fixed("a"), 2), Err(GroupError::FencedInstanceId));
    // Away for longer than a session is gone.
    beat(&mut group, alive(fixed("a2"), LEAVE_FOR_A_WHILE_EPOCH, None));
    group.heartbeat(44_000, alive(who("b"), 2, None), &topics()).unwrap();
    assert!(group.tick(45_000));
    assert_eq!(beat(&mut group, alive(who("b"), 2, None)).1, Some(parts(&[0, 1, 2, 3])));
}

#[test]
fn what_is_not_a_whole_heartbeat_is_refused() {
    let limits = ConsumerLimits { members_max: 1, member_bytes_max: 50, ..Default::default() };
    let mut group = ConsumerGroup::new(limits);
    for bad in [
        joining(who("")),
        Beat { owned: None, ..joining(who("a")) },
        Beat { owned: Some(parts(&[1])), ..joining(who("a")) },
        Beat { topics: None, ..joining(who("a")) },
        Beat { rebalance_timeout_ms: None, ..joining(who("a")) },
        Beat { topics: Some(["x".repeat(10)].into()), ..joining(who("a")) },
        alive(who("a"), LEAVE_FOR_A_WHILE_EPOCH, None),
        alive(who("a"), -3, None),
    ] {
        assert_eq!(error(&mut group, bad), GroupError::InvalidRequest);
    }
    assert_eq!(error(&mut group, alive(who("a"), 1, None)), GroupError::UnknownMemberId);
    assert_eq!(error(&mut group, alive(who("a"), -1, None)), GroupError::UnknownMemberId);
    beat(&mut group, joining(who("a")));
    assert_eq!(error(&mut group, joining(who("b"))), GroupError::GroupMaxSizeReached);
}

#[test]
fn a_successor_goes_on_in_the_middle_of_a_step() {
    let mut group = group();
    beat(&mut group, joining(who("a")));
    beat(&mut group, joining(who("b")));
    beat(&mut group, alive(who("a"), 1, None));
    let record = group.record().clone();
    let mut group = ConsumerGroup::restore(ConsumerLimits::default(), record, 0);
    assert_eq!(beat(&mut group, alive(who("b"), 2, None)), (2, None));
    assert_eq!(beat(&mut group, alive(who("a"), 1, Some(&[2, 3]))), (2, None));
    assert_eq!(beat(&mut group, alive(who("b"), 2, None)), (2, Some(parts(&[0, 1]))));
    assert_eq!(group.next_deadline(), Some(45_000));
}

#[test]
fn a_heartbeat_that_changes_nothing_need_not_be_durable() {
    let mut group = group();
    beat(&mut group, joining(who("a")));
    assert!(group.take_changed() && !group.take_changed());
    beat(&mut group, joining(who("a")));
    assert!(!group.take_changed());
}
