//! The flows of M10, and the cases of the requests, one a test.

use bytes::Bytes;

use super::testing::{Bench, REBALANCE_MS, SESSION_MS, fixed, join, member};
use super::*;

/// M10: the first consumer leads itself and owns everything.
#[test]
fn the_first_consumer_leads_and_owns_all() {
    let mut bench = Bench::new();
    let ticket = bench.join(join("a"));
    assert_eq!(bench.group.state(), GroupState::CompletingRebalance);
    let joined = bench.joined(ticket);
    assert_eq!((joined.member_id.as_str(), joined.leader.as_str()), ("a-1", "a-1"));
    assert_eq!((joined.generation, joined.protocol.as_str()), (1, "range"));
    assert_eq!(joined.members[0].metadata, Bytes::from_static(b"topic"));
    let ticket = bench.sync("a-1", 1, &[("a-1", "0 1 2 3")]);
    assert_eq!(bench.synced(ticket).unwrap(), "0 1 2 3");
    assert_eq!(bench.group.state(), GroupState::Stable);
    assert_eq!(bench.heartbeat("a-1", 1), Ok(()));
}

/// M10: B joins; A learns it from its heartbeat, rejoins, and both are told the generation.
#[test]
fn a_second_consumer_is_let_in_when_the_first_has_rejoined() {
    let mut bench = Bench::new();
    let a = bench.join(join("a"));
    bench.joined(a);
    bench.sync("a-1", 1, &[("a-1", "0 1 2 3")]);
    let b = bench.join(join("b"));
    assert_eq!(bench.group.state(), GroupState::PreparingRebalance);
    assert!(bench.is_waiting(b));
    assert_eq!(bench.heartbeat("a-1", 1), Err(GroupError::RebalanceInProgress));
    // The work of the last generation is still committed.
    assert_eq!(bench.group.may_commit(&member("a-1"), 1), Ok(()));
    let a = bench.rejoin(member("a-1"));
    let (a, b) = (bench.joined(a), bench.joined(b));
    assert_eq!((a.generation, a.leader.as_str(), a.members.len()), (2, "a-1", 2));
    assert_eq!((b.generation, b.leader.as_str(), b.members.len()), (2, "a-1", 0));
    assert_eq!(bench.group.may_commit(&member("a-1"), 2), Err(GroupError::RebalanceInProgress));
    let of_b = bench.sync("b-1", 2, &[]);
    assert!(bench.is_waiting(of_b));
    let of_a = bench.sync("a-1", 2, &[("a-1", "0 1"), ("b-1", "2 3"), ("ghost", "9")]);
    assert_eq!(bench.synced(of_a).unwrap(), "0 1");
    assert_eq!(bench.synced(of_b).unwrap(), "2 3");
}

/// M10: A leaves cleanly; B is told at its next heartbeat and becomes leader.
#[test]
fn who_remains_after_a_leave_takes_over() {
    let mut bench = Bench::stable_pair();
    assert_eq!(bench.leave(&[member("a-1")]), [Ok(())]);
    assert_eq!(bench.heartbeat("b-1", 2), Err(GroupError::RebalanceInProgress));
    let b = bench.rejoin(member("b-1"));
    let joined = bench.joined(b);
    assert_eq!((joined.generation, joined.leader.as_str(), joined.members.len()), (3, "b-1", 1));
    assert_eq!(bench.group.may_commit(&member("a-1"), 2), Err(GroupError::UnknownMemberId));
}

/// M10: A crashes; after the session time-out it is dead and B is told.
#[test]
fn a_crash_is_found_at_the_session_time_out() {
    let mut bench = Bench::stable_pair();
    bench.pass(SESSION_MS - 1);
    assert_eq!(bench.heartbeat("b-1", 2), Ok(()));
    assert_eq!(bench.group.state(), GroupState::Stable);
    bench.pass(1);
    assert_eq!(bench.group.state(), GroupState::PreparingRebalance);
    assert_eq!(bench.heartbeat("b-1", 2), Err(GroupError::RebalanceInProgress));
    let b = bench.rejoin(member("b-1"));
    assert_eq!(bench.joined(b).leader.as_str(), "b-1");
}

/// M10: the leader dies before its sync; the others' syncs are called off and another leads.
#[test]
fn a_leader_that_dies_before_its_sync_is_replaced() {
    let mut bench = Bench::stable_pair();
    let b = bench.rejoin(member("b-1"));
    assert_eq!(bench.joined(b).generation, 2, "an unchanged follower changes nothing");
    let a = bench.rejoin(member("a-1"));
    let b = bench.rejoin(member("b-1"));
    assert_eq!((bench.joined(a).generation, bench.joined(b).generation), (3, 3));
    let of_b = bench.sync("b-1", 3, &[]);
    bench.pass(SESSION_MS);
    assert_eq!(bench.synced(of_b), Err(GroupError::RebalanceInProgress));
    let b = bench.rejoin(member("b-1"));
    let joined = bench.joined(b);
    assert_eq!((joined.generation, joined.leader.as_str()), (4, "b-1"));
}

/// M10: the coordinator dies; its successor goes on from the record.
#[test]
fn a_successor_goes_on_from_the_record() {
    let mut bench = Bench::stable_pair();
    let b = bench.rejoin(Identity::default());
    let output = bench.group.resign();
    let error = GroupError::NotCoordinator;
    let refused = JoinRefused { error, member_id: "client-1".into() };
    assert_eq!(output.answers, [(b, Answer::Join(Err(refused)))]);
    assert_eq!(bench.heartbeat("a-1", 2), Err(GroupError::CoordinatorNotAvailable));
    assert_eq!(bench.group.next_deadline(), None);

    let record = bench.recorded.take().unwrap();
    bench.group = Group::restore(Limits::default(), record, bench.now_ms);
    assert_eq!(bench.group.state(), GroupState::Stable);
    assert_eq!(bench.heartbeat("a-1", 2), Ok(()));
    let of_b = bench.sync("b-1", 2, &[]);
    assert_eq!(bench.synced(of_b).unwrap(), "1");
    let b = bench.rejoin(member("b-1"));
    assert_eq!(bench.joined(b).generation, 2);
    bench.pass(SESSION_MS);
    assert_eq!((bench.group.state(), bench.group.generation()), (GroupState::Empty, 3));
}

/// M10, Acceptance 5: a zombie's heartbeat, sync and commit are refused.
#[test]
fn a_zombie_is_refused() {
    let mut bench = Bench::stable_pair();
    let c = bench.join(join("c"));
    let b = bench.rejoin(member("b-1"));
    bench.pass(SESSION_MS);
    assert_eq!((bench.joined(b).generation, bench.joined(c).generation), (3, 3));
    for (identity, generation, error) in [
        (member("a-1"), 2, GroupError::UnknownMemberId),
        (member("a-1"), 3, GroupError::UnknownMemberId),
        (member("b-1"), 2, GroupError::IllegalGeneration),
        (member(""), -1, GroupError::UnknownMemberId),
    ] {
        assert_eq!(bench.group.may_commit(&identity, generation), Err(error));
        assert_eq!(bench.group.heartbeat(bench.now_ms, &identity, generation), Err(error));
        let sync = bench.sync(identity.member_id.as_str(), generation, &[]);
        assert_eq!(bench.synced(sync), Err(error));
    }
    let a = bench.rejoin(member("a-1"));
    assert_eq!(bench.refused(a).error, GroupError::UnknownMemberId);
}

#[test]
fn who_does_not_rejoin_in_time_is_out() {
    let mut bench = Bench::stable_pair();
    let c = bench.join(join("c"));
    let a = bench.rejoin(member("a-1"));
    for _ in 0..REBALANCE_MS / 5_000 {
        // It is alive, but busy with its records.
        assert_eq!(bench.heartbeat("b-1", 2), Err(GroupError::RebalanceInProgress));
        assert!(bench.is_waiting(a) && bench.is_waiting(c));
        bench.pass(5_000);
    }
    assert_eq!(bench.joined(a).members.len(), 2);
    assert_eq!(bench.joined(c).generation, 3);
    assert_eq!(bench.heartbeat("b-1", 2), Err(GroupError::UnknownMemberId));
}

#[test]
fn who_does_not_sync_in_time_is_out() {
    let mut bench = Bench::stable_pair();
    let a = bench.rejoin(member("a-1"));
    let b = bench.rejoin(member("b-1"));
    assert_eq!((bench.joined(a).generation, bench.joined(b).generation), (3, 3));
    let sync = bench.sync("a-1", 3, &[("a-1", "0"), ("b-1", "1")]);
    assert_eq!(bench.synced(sync).unwrap(), "0");
    for _ in 0..REBALANCE_MS / 5_000 {
        assert_eq!(bench.group.state(), GroupState::Stable);
        assert_eq!((bench.heartbeat("a-1", 3), bench.heartbeat("b-1", 3)), (Ok(()), Ok(())));
        bench.pass(5_000);
    }
    assert_eq!(bench.heartbeat("a-1", 3), Err(GroupError::RebalanceInProgress));
    assert_eq!(bench.heartbeat("b-1", 3), Err(GroupError::UnknownMemberId));
}

#[test]
fn the_first_rebalance_waits_for_more_members() {
    let limits = Limits { initial_rebalance_delay_ms: 3_000, ..Limits::default() };
    let mut bench = Bench::with(limits);
    let a = bench.join(join("a"));
    bench.pass(2_000);
    let b = bench.join(join("b"));
    bench.pass(3_999);
    assert!(bench.is_waiting(a) && bench.is_waiting(b), "b's coming prolongs it once");
    bench.pass(1);
    assert_eq!(bench.joined(a).members.len(), 2);
    assert_eq!(bench.joined(b).generation, 1);
}

#[test]
fn newcomers_prolong_the_first_rebalance_up_to_the_rebalance_time_out() {
    let limits = Limits { initial_rebalance_delay_ms: 3_000, ..Limits::default() };
    let mut bench = Bench::with(limits);
    let first = bench.join(join("first"));
    let mut waited_ms = 0;
    while bench.is_waiting(first) {
        bench.join(join(&format!("c{waited_ms}")));
        bench.pass(1_000);
        waited_ms += 1_000;
    }
    assert_eq!(waited_ms, REBALANCE_MS);
}

#[test]
fn an_id_is_handed_out_first_where_that_is_asked_for() {
    let mut bench = Bench::new();
    let ticket = bench.join(Join { requires_known_id: true, ..join("a") });
    let refused = bench.refused(ticket);
    assert_eq!(refused.error, GroupError::MemberIdRequired);
    assert_eq!(refused.member_id.as_str(), "a-1");
    assert_eq!(bench.group.state(), GroupState::Empty);
    let ticket = bench.rejoin(member("a-1"));
    assert_eq!(bench.joined(ticket).member_id.as_str(), "a-1");
    // Once used, it is an ordinary member's.
    assert_eq!(
        bench.leave(&[member("a-1"), member("a-1")]),
        [Ok(()), Err(GroupError::UnknownMemberId)]
    );
}

#[test]
fn a_handed_out_id_holds_up_a_rebalance_until_it_expires_or_leaves() {
    for leaves in [false, true] {
        let mut bench = Bench::stable_pair();
        let ticket = bench.join(Join { requires_known_id: true, ..join("c") });
        assert_eq!(bench.refused(ticket).member_id.as_str(), "c-1");
        let a = bench.rejoin(member("a-1"));
        let b = bench.rejoin(member("b-1"));
        assert!(bench.is_waiting(a) && bench.is_waiting(b));
        match leaves {
            true => assert_eq!(bench.leave(&[member("c-1")]), [Ok(())]),
            false => bench.pass(SESSION_MS),
        }
        assert_eq!((bench.joined(a).generation, bench.joined(b).generation), (3, 3));
        let ticket = bench.rejoin(member("c-1"));
        assert_eq!(bench.refused(ticket).error, GroupError::UnknownMemberId);
    }
}

#[test]
fn only_a_leader_or_a_changed_member_rebalances_a_stable_group() {
    let mut bench = Bench::stable_pair();
    let b = bench.rejoin(member("b-1"));
    let joined = bench.joined(b);
    assert_eq!((joined.generation, joined.leader.as_str()), (2, "a-1"));
    assert_eq!(joined.members, []);
    let protocols = vec![("range".to_owned(), Bytes::from_static(b"topic other"))];
    let changed = bench.join(Join { identity: member("b-1"), protocols, ..join("b") });
    assert!(bench.is_waiting(changed));
    let a = bench.rejoin(member("a-1"));
    let joined = bench.joined(a);
    assert_eq!(joined.generation, 3);
    assert_eq!(joined.members[1].metadata, Bytes::from_static(b"topic other"));

    let mut bench = Bench::stable_pair();
    let a = bench.rejoin(member("a-1"));
    assert!(bench.is_waiting(a));
    assert_eq!(bench.heartbeat("b-1", 2), Err(GroupError::RebalanceInProgress));
}

#[test]
fn a_member_that_lost_the_answer_is_told_again_before_the_plan_is_there() {
    let mut bench = Bench::stable_pair();
    let first = [bench.rejoin(member("a-1")), bench.rejoin(member("b-1"))];
    let again = [bench.rejoin(member("a-1")), bench.rejoin(member("b-1"))];
    for (first, again) in first.into_iter().zip(again) {
        assert_eq!(bench.joined(first), bench.joined(again));
    }
    assert_eq!(bench.group.generation(), 3);
    let protocols = vec![("range".to_owned(), Bytes::from_static(b"changed"))];
    bench.join(Join { identity: member("b-1"), protocols, ..join("b") });
    assert_eq!(bench.group.state(), GroupState::PreparingRebalance);
}

#[test]
fn a_request_sent_again_displaces_the_one_that_is_parked() {
    let mut bench = Bench::stable_pair();
    let a = bench.rejoin(member("a-1"));
    let again = bench.rejoin(member("a-1"));
    assert_eq!(bench.refused(a).error, GroupError::RebalanceInProgress);
    let b = bench.rejoin(member("b-1"));
    assert_eq!((bench.joined(again).generation, bench.joined(b).generation), (3, 3));
    let first = bench.sync("b-1", 3, &[]);
    let again = bench.sync("b-1", 3, &[]);
    assert_eq!(bench.synced(first), Err(GroupError::RebalanceInProgress));
    bench.sync("a-1", 3, &[("b-1", "all")]);
    assert_eq!(bench.synced(again).unwrap(), "all");
}

#[test]
fn members_must_share_a_protocol_and_its_type() {
    let refused = |change: fn(&mut Join)| {
        let mut bench = Bench::stable_pair();
        let mut asked = join("c");
        change(&mut asked);
        let ticket = bench.join(asked);
        assert_eq!(bench.group.state(), GroupState::Stable);
        bench.refused(ticket).error
    };
    let error = GroupError::InconsistentGroupProtocol;
    assert_eq!(refused(|join| join.protocols[0].0 = "sticky".to_owned()), error);
    assert_eq!(refused(|join| join.protocols.clear()), error);
    assert_eq!(refused(|join| join.protocol_type = "connect".to_owned()), error);
    let mut bench = Bench::stable_pair();
    for (protocol_type, protocol) in [("consumer", "sticky"), ("connect", "range")] {
        let sync = Sync {
            identity: member("b-1"),
            generation: 2,
            protocol_type: Some(protocol_type.to_owned()),
            protocol: Some(protocol.to_owned()),
            assignments: Vec::new(),
        };
        let output = bench.group.sync(bench.now_ms, sync, Ticket(99));
        assert_eq!(output.answers, [(Ticket(99), Answer::Sync(Err(error)))]);
    }
    let mut bench = Bench::new();
    let ticket = bench.join(Join { protocol_type: String::new(), ..join("a") });
    assert_eq!(bench.refused(ticket).error, error);
}

#[test]
fn an_empty_group_takes_on_another_protocol_type() {
    let mut bench = Bench::stable_pair();
    assert_eq!(bench.leave(&[member("a-1"), member("b-1")]), [Ok(()), Ok(())]);
    assert_eq!((bench.group.state(), bench.group.generation()), (GroupState::Empty, 3));
    assert_eq!(bench.recorded.as_ref().unwrap().generation, 3);
    let ticket = bench.join(Join { protocol_type: "connect".to_owned(), ..join("w") });
    let joined = bench.joined(ticket);
    assert_eq!((joined.generation, joined.protocol_type.as_str()), (4, "connect"));
}

#[test]
fn a_simple_consumer_commits_only_while_nobody_is_in_the_group() {
    let mut bench = Bench::new();
    assert_eq!(bench.group.may_commit(&member(""), -1), Ok(()));
    let error = Err(GroupError::UnknownMemberId);
    assert_eq!(bench.group.may_commit(&member(""), 0), error);
    bench.join(join("a"));
    assert_eq!(bench.group.may_commit(&member(""), -1), error);
    assert_eq!(bench.group.may_commit_in_transaction(&member(""), -1), Ok(()));
    assert_eq!(bench.group.may_commit_in_transaction(&member("z"), 1), error);
    assert_eq!(bench.group.may_commit_in_transaction(&member("a-1"), 1), Ok(()));
    bench.leave(&[member("a-1")]);
    assert_eq!(bench.group.delete(), Ok(()));
    let error = Err(GroupError::CoordinatorNotAvailable);
    assert_eq!(bench.group.may_commit(&member(""), -1), error);
    assert_eq!(bench.group.may_commit_in_transaction(&member(""), -1), error);
}

#[test]
fn only_a_group_without_members_is_deleted() {
    let mut bench = Bench::stable_pair();
    assert_eq!(bench.group.delete(), Err(GroupError::NonEmptyGroup));
    bench.leave(&[member("a-1"), member("b-1")]);
    assert_eq!(bench.group.delete(), Ok(()));
    assert_eq!(bench.group.delete(), Err(GroupError::GroupIdNotFound));
    let ticket = bench.join(join("a"));
    assert_eq!(bench.refused(ticket).error, GroupError::CoordinatorNotAvailable);
    assert_eq!(bench.leave(&[member("a-1")]), [Err(GroupError::CoordinatorNotAvailable)]);
}

#[test]
fn each_limit_has_its_error() {
    let limits = Limits {
        initial_rebalance_delay_ms: 0,
        members_max: 2,
        member_bytes_max: 100,
        group_bytes_max: 150,
        ..Limits::default()
    };
    let mut bench = Bench::with(limits);
    for session_timeout_ms in [0, 5_999, 1_800_001] {
        let ticket = bench.join(Join { session_timeout_ms, ..join("a") });
        assert_eq!(bench.refused(ticket).error, GroupError::InvalidSessionTimeout);
    }
    let sized = |client: &str, bytes: usize| {
        let protocols = vec![("range".to_owned(), Bytes::from(vec![0; bytes]))];
        Join { protocols, ..join(client) }
    };
    let ticket = bench.join(sized("a", 100));
    assert_eq!(bench.refused(ticket).error, GroupError::InvalidRequest);
    let ticket = bench.join(sized("a", 80));
    bench.joined(ticket);
    let ticket = bench.join(sized("b", 80));
    assert_eq!(bench.refused(ticket).error, GroupError::GroupMaxSizeReached);
    let sync = bench.sync("a-1", 1, &[("a-1", &"x".repeat(151))]);
    assert_eq!(bench.synced(sync), Err(GroupError::InvalidRequest));
    let b = bench.join(sized("b", 20));
    let a = bench.join(Join { identity: member("a-1"), ..sized("a", 80) });
    assert_eq!((bench.joined(a).generation, bench.joined(b).generation), (2, 2));
    let c = bench.join(sized("c", 1));
    assert_eq!(bench.refused(c).error, GroupError::GroupMaxSizeReached);
}

#[test]
fn ids_handed_out_are_bounded_too() {
    let limits = Limits { members_max: 2, ..Limits::default() };
    let mut bench = Bench::with(limits);
    let mut ask = |client: &str| {
        let ticket = bench.join(Join { requires_known_id: true, ..join(client) });
        bench.refused(ticket).error
    };
    assert_eq!(ask("a"), GroupError::MemberIdRequired);
    assert_eq!(ask("b"), GroupError::MemberIdRequired);
    assert_eq!(ask("b"), GroupError::CoordinatorNotAvailable, "the suffix is not unique");
    assert_eq!(ask("c"), GroupError::GroupMaxSizeReached);
}

#[test]
fn in_a_full_group_who_rejoins_first_stays() {
    let limits = Limits { initial_rebalance_delay_ms: 0, members_max: 2, ..Limits::default() };
    let mut bench = Bench::stable_pair();
    bench.group.limits = limits;
    assert_eq!(bench.heartbeat("b-1", 2), Ok(()));
    let a = bench.rejoin(member("a-1"));
    let c = bench.join(join("c"));
    let b = bench.rejoin(member("b-1"));
    assert_eq!(bench.refused(b).error, GroupError::GroupMaxSizeReached);
    assert_eq!((bench.joined(a).generation, bench.joined(c).generation), (3, 3));
}

#[test]
fn a_newcomer_whose_client_gave_up_is_forgotten_in_the_end() {
    let mut bench = Bench::stable_pair();
    let rebalance_timeout_ms = 900_000;
    let a = Join { identity: member("a-1"), rebalance_timeout_ms, ..join("a") };
    bench.join(a);
    let c = bench.join(join("c"));
    for _ in 0..60 {
        assert!(bench.is_waiting(c));
        assert_eq!(bench.heartbeat("b-1", 2), Err(GroupError::RebalanceInProgress));
        bench.pass(5_000);
    }
    assert_eq!(bench.refused(c).error, GroupError::UnknownMemberId);
}

#[test]
fn operators_see_metadata_and_assignments_of_a_stable_group() {
    let mut bench = Bench::stable_pair();
    let view = bench.group.view();
    assert_eq!((view.state.name(), view.generation), ("Stable", 2));
    assert_eq!((view.protocol_type.as_str(), view.protocol.as_str()), ("consumer", "range"));
    let seen = &view.members[1];
    assert_eq!((seen.member_id.as_str(), seen.client_id.as_str()), ("b-1", "b"));
    assert_eq!(seen.client_host, "/127.0.0.1");
    assert_eq!((&seen.metadata[..], &seen.assignment[..]), (&b"topic"[..], &b"1"[..]));
    bench.leave(&[member("a-1")]);
    let view = bench.group.view();
    assert_eq!((view.state.name(), view.protocol.as_str()), ("PreparingRebalance", ""));
    assert!(view.members[0].assignment.is_empty() && view.members[0].metadata.is_empty());
}

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

/// KIP-429: first a part is given up, then, in a second rebalance that the leader asks for, it is
/// given to another. In between nobody stops.
#[test]
fn a_cooperative_rebalance_is_two_generations() {
    let mut bench = Bench::new();
    let a = bench.join(join("a"));
    bench.joined(a);
    bench.sync("a-1", 1, &[("a-1", "0 1")]);
    let b = bench.join(join("b"));
    let a = bench.rejoin(member("a-1"));
    assert_eq!((bench.joined(a).generation, bench.joined(b).generation), (2, 2));
    let of_b = bench.sync("b-1", 2, &[]);
    bench.sync("a-1", 2, &[("a-1", "0")]);
    assert_eq!(bench.synced(of_b).unwrap(), "");
    assert_eq!(bench.group.may_commit(&member("a-1"), 2), Ok(()));
    let a = bench.rejoin(member("a-1"));
    assert_eq!(bench.heartbeat("b-1", 2), Err(GroupError::RebalanceInProgress));
    let b = bench.rejoin(member("b-1"));
    assert_eq!((bench.joined(a).generation, bench.joined(b).generation), (3, 3));
    let of_b = bench.sync("b-1", 3, &[]);
    bench.sync("a-1", 3, &[("a-1", "0"), ("b-1", "1")]);
    assert_eq!(bench.synced(of_b).unwrap(), "1");
}
