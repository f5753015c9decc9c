//! What the requirement measured, with its tolerances.

use std::collections::BTreeMap;

use super::super::bounded::Loads;
use super::super::diff::diff;
use super::*;
use crate::membership::movement;
use crate::modulo::Modulo;
use crate::spread_testing::{Tally, keys};

#[test]
fn from_ten_servers_to_eleven_a_ring_moves_a_ninth_of_what_modulo_moves() {
    let (old, new) = (ring_of(10, 200), ring_of(11, 200));
    let share = movement(&old, &new, keys(1_000_000)).share();
    assert!((0.07..0.115).contains(&share), "{share}");

    let modulo = |count| {
        let mut modulo = Modulo::default();
        (0..count).for_each(|id| modulo.add(Server::new(format!("s{id:02}"))).unwrap());
        modulo
    };
    let share = movement(&modulo(10), &modulo(11), keys(1_000_000)).share();
    assert!((share - 0.91).abs() < 0.01, "{share}");
}

#[test]
fn more_virtual_nodes_spread_more_evenly() {
    let mean_deviation = |virtual_nodes| {
        let deviations = (0..30).map(|ring| {
            let ring = named_ring(&format!("ring{ring}-"), 10, virtual_nodes);
            ring.shares().deviation_percent
        });
        deviations.sum::<f64>() / 30.0
    };
    let means = [1, 10, 100, 200, 1000].map(mean_deviation);
    assert!((8.0..11.5).contains(&means[2]), "{means:?}");
    assert!((5.5..8.0).contains(&means[3]), "{means:?}");
    assert!(means[4] < 4.0, "{means:?}");
    assert!(means.is_sorted_by(|fewer, more| fewer > more), "{means:?}");
}

#[test]
fn a_lost_servers_keys_go_to_all_survivors_or_with_one_point_to_one() {
    for (virtual_nodes, heirs) in [(200, 9), (1, 1)] {
        let old = ring_of(10, virtual_nodes);
        let mut new = old.clone();
        new.remove("s4").unwrap();
        let mut inherited: BTreeMap<&str, f64> = BTreeMap::new();
        for moved in diff(&old, &new) {
            assert_eq!(moved.from.unwrap().id(), "s4");
            *inherited.entry(moved.to.unwrap().id()).or_default() += moved.arc.share();
        }
        assert_eq!(inherited.len(), heirs);
        let lost: f64 = inherited.values().sum();
        assert!(heirs == 1 || inherited.values().all(|part| part / lost <= 0.25), "{inherited:?}");
    }
}

#[test]
fn a_failure_cascades_with_one_point_and_not_with_two_hundred() {
    for virtual_nodes in [1, 200] {
        let old = ring_of(10, virtual_nodes);
        let mut new = old.clone();
        new.remove("s7").unwrap();
        // Each server was at 70 % of what it can bear before the failure, and its load is spread
        // over its arcs.
        let lost = old.shares().of.iter().find(|(server, _)| server.id() == "s7").unwrap().1;
        let mut load: BTreeMap<&str, f64> =
            new.servers().iter().map(|server| (server.id(), 0.7)).collect();
        for moved in diff(&old, &new) {
            *load.get_mut(moved.to.unwrap().id()).unwrap() += 0.7 * moved.arc.share() / lost;
        }
        let most = load.values().copied().fold(0.0, f64::max);
        match virtual_nodes {
            1 => assert!((most - 1.4).abs() < 1e-9, "{load:?}"),
            _ => assert!(most < 0.9, "{load:?}"),
        }
    }
}

#[test]
fn twice_the_weight_is_twice_the_keys_and_no_weight_none() {
    let mut ring = ring_of(10, 200);
    ring.set_weight("s3", 2).unwrap();
    let tally = Tally::count(&ring, 200_000);
    let others = (200_000 - tally.of("s3")) as f64 / 9.0;
    let ratio = tally.of("s3") as f64 / others;
    assert!((1.7..2.3).contains(&ratio), "{ratio}");
    ring.set_weight("s3", 0).unwrap();
    assert_eq!(Tally::count(&ring, 10_000).of("s3"), 0);
    assert!(ring.server("s3").is_some());
    assert!(keys(1000).all(|key| ring.walk(&key).all(|server| server.id() != "s3")));
}

#[test]
fn ranges_that_move_are_exactly_the_keys_that_move() {
    let old = ring_of(10, 200);
    let mut new = old.clone();
    new.remove("s2").unwrap();
    new.add(Server::new("new").with_weight(2)).unwrap();
    new.set_weight("s5", 3).unwrap();
    let moves = diff(&old, &new);
    let total: f64 = moves.iter().map(|moved| moved.arc.share()).sum();
    // Disjoint: each begins where the one before it ends, or later. The first may wrap.
    assert!(moves.windows(2).all(|pair| pair[0].arc.through <= pair[1].arc.after));
    let last = moves.last().unwrap().arc.through;
    assert!(moves[0].arc.after >= last || moves[0].arc.after < moves[0].arc.through);
    let mut moved_keys = 0;
    for key in keys(1_000_000) {
        let position = old.position(&key);
        let after = moves.partition_point(|moved| moved.arc.through < position);
        let found = [moves.get(after), moves.first()]
            .into_iter()
            .flatten()
            .find(|moved| moved.arc.contains(position));
        let (was, is) = (old.get(&key), new.get(&key));
        if was.map(Server::id) == is.map(Server::id) {
            assert!(found.is_none());
        } else {
            assert_eq!((found.unwrap().from, found.unwrap().to), (was, is));
            moved_keys += 1;
        }
    }
    assert!((f64::from(moved_keys) / 1e6 - total).abs() < 0.005);
}

#[test]
fn no_server_is_above_its_bound_and_few_keys_are_elsewhere() {
    let ring = ring_of(10, 200);
    let mut loads = Loads::new(0.25).unwrap();
    let mut elsewhere = 0;
    for key in keys(10_000) {
        let placed = loads.acquire(&ring, &key).unwrap();
        elsewhere += u32::from(Some(placed) != ring.get(&key));
    }
    let loads_of = |loads: &Loads| ring.servers().iter().map(|s| loads.of(s.id())).max().unwrap();
    assert!(loads_of(&loads) <= 1250, "{}", loads_of(&loads));
    // With a share of 9.5 % too much at the most, hardly any server reaches its bound.
    assert!(elsewhere < 1000, "{elsewhere}");

    // One key taken by everybody still keeps within the bound of a growing total.
    let mut hot = Loads::new(0.25).unwrap();
    for count in 1..=1000u64 {
        hot.acquire(&ring, b"hot").unwrap();
        assert!(loads_of(&hot) <= (1.25 * count as f64 / 10.0).ceil() as u64);
    }
    let holder = ring.get(b"hot").unwrap().id();
    let before = hot.of(holder);
    assert!(hot.release(holder) && !hot.release("nobody"));
    assert_eq!((hot.of(holder), hot.total()), (before - 1, 999));
    // What was made free is what the next one gets: it is the first in the walk.
    assert_eq!(hot.acquire(&ring, b"hot").unwrap().id(), holder);
    assert!(Loads::new(0.0).is_err() && Loads::new(f64::NAN).is_err());
}

#[test]
fn two_hundred_thousand_points_take_less_than_3_6_megabytes() {
    let ring = ring_of(1000, 200);
    assert_eq!(ring.points().len(), 200_000);
    assert!(ring.memory_bytes() <= 3_600_000, "{}", ring.memory_bytes());
    let mut changed = ring.clone();
    changed.remove("s17").unwrap();
    changed.add(Server::new("s17")).unwrap();
    assert!(changed.points().eq(ring.points()));
    assert!(changed.memory_bytes() <= 3_600_000, "{}", changed.memory_bytes());
}
