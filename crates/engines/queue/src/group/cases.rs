//! The cases of the requests, and the limits, one a test.

use bytes::Bytes;

use super::testing::{Bench, SESSION_MS, join, member};
use super::*;

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
        member_bytes_max: 200,
        group_bytes_max: 260,
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
    let ticket = bench.join(sized("a", 200));
    assert_eq!(bench.refused(ticket).error, GroupError::InvalidRequest);
    let protocols = vec![(String::new(), Bytes::new()); PROTOCOLS_MAX + 1];
    let ticket = bench.join(Join { protocols, ..join("a") });
    assert_eq!(bench.refused(ticket).error, GroupError::InvalidRequest);
    let ticket = bench.join(sized("a", 80));
    bench.joined(ticket);
    let ticket = bench.join(sized("b", 80));
    assert_eq!(bench.refused(ticket).error, GroupError::GroupMaxSizeReached);
    let sync = bench.sync("a-1", 1, &[("a-1", &"x".repeat(261))]);
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
