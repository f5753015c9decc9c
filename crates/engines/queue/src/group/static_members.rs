//! Static members (KIP-345), one case a test.

use bytes::Bytes;

use super::testing::{Bench, REBALANCE_MS, fixed, join, member};
use super::*;

/// A stable group of the dynamic `a-1`, who leads, and the static `s`, whose id is `s-1`.
fn with_static_member() -> Bench {
    let mut bench = Bench::new();
    let a = bench.join(join("a"));
    bench.joined(a);
    let s = bench.rejoin(fixed("", "s"));
    let a = bench.rejoin(member("a-1"));
    assert_eq!((bench.joined(a).generation, bench.joined(s).member_id.as_str()), (2, "s-1"));
    bench.sync("s-1", 2, &[]);
    bench.sync("a-1", 2, &[("a-1", "0"), ("s-1", "1")]);
    assert_eq!(bench.group.state(), GroupState::Stable);
    bench
}

/// KIP-345: a restart within the session time-out is not noticed, and the old process is fenced.
#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let mut bench = with_static_member();
    let identity = fixed("", "s");
    let ticket = bench.join(Join { identity, new_id_suffix: "2".to_owned(), ..join("s") });
    let joined = bench.joined(ticket);
    assert_eq!((joined.generation, joined.member_id.as_str()), (2, "s-2"));
    assert_eq!(bench.recorded.as_ref().unwrap().members[1].member_id.as_str(), "s-2");
    let sync = bench.sync("s-2", 2, &[]);
    assert_eq!(bench.synced(sync).unwrap(), "1");
    let (old, fenced) = (fixed("s-1", "s"), Err(GroupError::FencedInstanceId));
    assert_eq!(bench.group.heartbeat(bench.now_ms, &old, 2), fenced);
    assert_eq!(bench.group.may_commit(&old, 2), fenced);
    assert_eq!(bench.leave(std::slice::from_ref(&old)), [fenced]);
    let ticket = bench.rejoin(old);
    assert_eq!(bench.refused(ticket).error, GroupError::FencedInstanceId);
    assert_eq!(bench.heartbeat("s-1", 2), Err(GroupError::UnknownMemberId));
    let nobody = fixed("x", "nobody");
    assert_eq!(bench.group.may_commit(&nobody, 2), Err(GroupError::UnknownMemberId));
    let ticket = bench.rejoin(nobody);
    assert_eq!(bench.refused(ticket).error, GroupError::UnknownMemberId);
}

#[test]
fn a_static_member_that_wants_something_else_rebalances() {
    let mut bench = with_static_member();
    let protocols = vec![("range".to_owned(), Bytes::from_static(b"other"))];
    let new_id_suffix = "2".to_owned();
    let ticket =
        bench.join(Join { identity: fixed("", "s"), protocols, new_id_suffix, ..join("s") });
    assert!(bench.is_waiting(ticket));
    let a = bench.rejoin(member("a-1"));
    assert_eq!(bench.joined(a).members[1].metadata, Bytes::from_static(b"other"));
    assert_eq!(bench.joined(ticket).member_id.as_str(), "s-2");
}

#[test]
fn a_static_member_keeps_its_place_until_its_session_ends() {
    let mut bench = with_static_member();
    bench.rejoin(fixed("s-1", "s"));
    let protocols = vec![("range".to_owned(), Bytes::from_static(b"new"))];
    let session_timeout_ms = 1_800_000;
    let s = Join { identity: fixed("s-1", "s"), session_timeout_ms, protocols, ..join("s") };
    bench.join(s);
    let a = bench.rejoin(member("a-1"));
    assert_eq!(bench.joined(a).generation, 3);
    bench.sync("s-1", 3, &[]);
    bench.sync("a-1", 3, &[]);
    let a = bench.rejoin(member("a-1"));
    bench.pass(REBALANCE_MS);
    assert_eq!(bench.joined(a).members.len(), 2, "it is not in, but not out either");
    // Alone and silent it holds the group in its rebalance until its session is over.
    bench.leave(&[member("a-1")]);
    bench.pass(1_000_000);
    assert_eq!(bench.group.state(), GroupState::PreparingRebalance);
    bench.pass(1_000_000);
    assert_eq!(bench.group.state(), GroupState::Empty);
}

#[test]
fn taking_over_a_parked_request_fences_it() {
    let mut bench = with_static_member();
    bench.rejoin(member("a-1"));
    bench.leave(&[member("a-1")]);
    let first = bench.rejoin(fixed("s-1", "s"));
    assert_eq!(bench.joined(first).generation, 3);
    let restarted = |suffix: &str| Join {
        identity: fixed("", "s"),
        new_id_suffix: suffix.to_owned(),
        ..join("s")
    };
    let taken = bench.join(restarted("2"));
    let joined = bench.joined(taken);
    assert_eq!((joined.generation, joined.leader.as_str()), (4, "s-2"));
    // A second member holds the rebalance open.
    let c = bench.join(join("c"));
    let second = bench.join(restarted("3"));
    assert_eq!((bench.joined(c).generation, bench.joined(second).generation), (5, 5));
    bench.join(join("d"));
    let third = bench.join(restarted("4"));
    let fourth = bench.join(restarted("5"));
    assert_eq!(bench.refused(third).error, GroupError::FencedInstanceId);
    assert!(bench.is_waiting(fourth));
}

/// KIP-814: a restarted static leader must not make a plan that nobody would be told of.
#[test]
fn a_static_leader_that_comes_back_makes_no_plan() {
    for can_skip_assignment in [false, true] {
        let mut bench = Bench::new();
        let ticket = bench.rejoin(fixed("", "s"));
        bench.joined(ticket);
        bench.sync("s-1", 1, &[("s-1", "all")]);
        let identity = fixed("", "s");
        let new_id_suffix = "2".to_owned();
        let again = Join { identity, new_id_suffix, can_skip_assignment, ..join("s") };
        let ticket = bench.join(again);
        let joined = bench.joined(ticket);
        assert_eq!((joined.generation, joined.member_id.as_str()), (1, "s-2"));
        assert_eq!(joined.skip_assignment, can_skip_assignment);
        let leader = if can_skip_assignment { "s-2" } else { "s-1" };
        assert_eq!(joined.leader.as_str(), leader);
        assert_eq!(joined.members.len(), usize::from(can_skip_assignment));
        let sync = bench.sync("s-2", 1, &[]);
        assert_eq!(bench.synced(sync).unwrap(), "all");
    }
}

#[test]
fn a_full_group_takes_its_static_member_back() {
    let mut bench = with_static_member();
    bench.group.limits.members_max = 2;
    let refused = bench.join(join("c"));
    assert_eq!(bench.refused(refused).error, GroupError::GroupMaxSizeReached);
    assert_eq!(bench.group.state(), GroupState::Stable, "a refusal disturbs nobody");
    let new_id_suffix = "2".to_owned();
    let ticket = bench.join(Join { identity: fixed("", "s"), new_id_suffix, ..join("s") });
    assert_eq!(bench.joined(ticket).member_id.as_str(), "s-2");
}

#[test]
fn an_operator_takes_a_static_member_out_by_its_name() {
    let mut bench = with_static_member();
    let unknown = Err(GroupError::UnknownMemberId);
    assert_eq!(
        bench.leave(&[fixed("", "x"), fixed("", "s"), member("")]),
        [unknown, Ok(()), unknown]
    );
    assert_eq!(bench.group.view().members.len(), 1);
    assert_eq!(bench.heartbeat("a-1", 2), Err(GroupError::RebalanceInProgress));
}
