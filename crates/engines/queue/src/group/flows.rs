//! The flows of M10, and the time-outs, one a test.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::testing::{Bench, REBALANCE_MS, SESSION_MS, join, member};
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

/// What the leader's client computes for members that all want the same topic.
fn range_plan(members: &[JoinedMember], partitions: u32) -> Vec<(String, String)> {
    let topics = || ["t".to_owned()].into();
    let wanted = members.iter().map(|member| (member.member_id.clone(), topics())).collect();
    let plan = assignment::range(&wanted, &[("t".to_owned(), partitions)].into());
    let text = |mine: BTreeSet<(String, u32)>| {
        mine.iter().map(|(_, number)| number.to_string()).collect::<Vec<_>>().join(" ")
    };
    plan.into_iter().map(|(id, mine)| (id.as_str().to_owned(), text(mine))).collect()
}

/// Syncs all who have joined, the leader last; the parts they get.
fn sync_all(bench: &mut Bench, tickets: Vec<Ticket>, partitions: u32) -> Vec<String> {
    let joined: Vec<Joined> = tickets.into_iter().map(|ticket| bench.joined(ticket)).collect();
    let (generation, leader) = (joined[0].generation, joined[0].leader.clone());
    let members = joined.iter().flat_map(|joined| joined.members.clone()).collect::<Vec<_>>();
    let plan = range_plan(&members, partitions);
    let plan: Vec<(&str, &str)> =
        plan.iter().map(|(id, part)| (id.as_str(), part.as_str())).collect();
    let followers = joined.iter().filter(|joined| joined.member_id != leader);
    let mut parked: Vec<Ticket> =
        followers.map(|joined| bench.sync(joined.member_id.as_str(), generation, &[])).collect();
    parked.push(bench.sync(leader.as_str(), generation, &plan));
    parked.into_iter().map(|ticket| bench.synced(ticket).unwrap()).collect()
}

/// The partitions in all parts, in order.
fn all_partitions(parts: &[String]) -> Vec<u32> {
    let numbers = parts.iter().flat_map(|part| part.split_whitespace());
    let mut all: Vec<u32> = numbers.map(|number| number.parse().unwrap()).collect();
    all.sort_unstable();
    all
}

/// Acceptance 2: 4 partitions, 5 consumers, exactly one is idle.
#[test]
fn one_consumer_too_many_is_idle() {
    let mut bench = Bench::with(Limits::default());
    let tickets = (0..5).map(|number| bench.join(join(&format!("c{number}")))).collect();
    bench.pass(6_000);
    let parts = sync_all(&mut bench, tickets, 4);
    assert_eq!(all_partitions(&parts), [0, 1, 2, 3]);
    assert_eq!(parts.iter().filter(|part| part.is_empty()).count(), 1);
}

/// N8, Acceptance 5: with heartbeats every 3 s, ten members are stable again within the session
/// time-out and 5 s after one of them crashed.
#[test]
fn a_small_group_recovers_from_a_crash_in_time() {
    let mut bench = Bench::with(Limits::default());
    let name = |number: u64| format!("c{number}");
    let tickets = (0..10).map(|number| bench.join(join(&name(number)))).collect();
    bench.pass(6_000);
    assert_eq!(all_partitions(&sync_all(&mut bench, tickets, 12)), (0..12).collect::<Vec<_>>());
    let crashed_at_ms = bench.now_ms;
    let mut rejoining: BTreeMap<u64, Ticket> = BTreeMap::new();
    while rejoining.len() < 9 || rejoining.values().any(|ticket| bench.is_waiting(*ticket)) {
        bench.pass(1_000);
        let now_s = bench.now_ms / 1_000;
        for number in (0..9).filter(|number| (now_s + number).is_multiple_of(3)) {
            let id = format!("{}-1", name(number));
            if rejoining.contains_key(&number) || bench.heartbeat(&id, 1).is_ok() {
                continue;
            }
            let identity = member(&id);
            let ticket = bench.join(Join { identity, ..join(&name(number)) });
            rejoining.insert(number, ticket);
        }
    }
    let parts = sync_all(&mut bench, rejoining.into_values().collect(), 12);
    assert_eq!(all_partitions(&parts), (0..12).collect::<Vec<_>>());
    assert_eq!(bench.group.state(), GroupState::Stable);
    assert!(bench.now_ms - crashed_at_ms <= SESSION_MS + 5_000);
}
