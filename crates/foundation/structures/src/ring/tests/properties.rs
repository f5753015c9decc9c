use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::bounded::Loads;
use super::super::diff::diff;
use super::*;

/// A ring as the definition has it: a sorted list that is searched from the start.
struct Naive(Vec<(u64, String, u32)>);

impl Naive {
    fn of(members: &BTreeMap<String, u32>, virtual_nodes: u32) -> Self {
        let mut points = Vec::new();
        for (id, weight) in members {
            for index in 0..virtual_nodes * weight {
                points.push((Xxh3.hash(format!("{id}_{index}").as_bytes()), id.clone(), index));
            }
        }
        points.sort();
        Self(points)
    }

    fn walk(&self, position: u64) -> Vec<String> {
        let first = self.0.iter().position(|(at, ..)| *at >= position).unwrap_or(0);
        let (before, after) = self.0.split_at(first);
        let mut seen = BTreeSet::new();
        let clockwise = after.iter().chain(before).map(|(_, id, _)| id.clone());
        clockwise.filter(|id| seen.insert(id.clone())).collect()
    }
}

fn members() -> impl Strategy<Value = BTreeMap<String, u32>> {
    prop::collection::btree_map((0u8..12).prop_map(|id| format!("s{id}")), 0u32..4, 0..8)
}

fn ring_of_members(members: &BTreeMap<String, u32>, virtual_nodes: u32) -> Ring {
    let servers = members.iter().map(|(id, weight)| Server::new(id).with_weight(*weight));
    Ring::with_servers(Xxh3, virtual_nodes, servers).unwrap()
}

/// Some positions beside those of the points, where owners change.
fn positions(ring: &Ring, others: &[u64]) -> Vec<u64> {
    let near = |at: u64| [at.wrapping_sub(1), at, at.wrapping_add(1)];
    ring.points().flat_map(|(at, _)| near(at)).chain(others.iter().copied()).collect()
}

proptest! {
    #[test]
    fn agrees_with_the_definition(
        members in members(),
        virtual_nodes in 1u32..6,
        asked in prop::collection::vec(any::<u64>(), 10),
    ) {
        let ring = ring_of_members(&members, virtual_nodes);
        let naive = Naive::of(&members, virtual_nodes);
        for position in positions(&ring, &asked) {
            let walk = naive.walk(position);
            let owner = ring.owner_of(position).map(Server::id);
            prop_assert_eq!(owner, walk.first().map(String::as_str));
            prop_assert_eq!(ids(&ring.walk_from(position).collect::<Vec<_>>()), walk);
        }
    }

    #[test]
    fn any_order_of_changes_gives_one_ring(
        members in members(),
        detour in members(),
        order in any::<prop::sample::Selector>(),
    ) {
        let whole = ring_of_members(&members, 5);
        let mut one_by_one = Ring::new(Xxh3, 5).unwrap();
        for (id, weight) in &detour {
            one_by_one.add(Server::new(id).with_weight(*weight)).unwrap();
        }
        let mut left: Vec<&String> = members.keys().chain(detour.keys()).collect();
        while let Some(id) = (!left.is_empty()).then(|| *order.select(&left)) {
            left.retain(|other| *other != id);
            match (members.get(id), one_by_one.server(id)) {
                (Some(weight), Some(_)) => one_by_one.set_weight(id, *weight).unwrap(),
                (Some(weight), None) => {
                    one_by_one.add(Server::new(id).with_weight(*weight)).unwrap();
                }
                (None, _) => one_by_one.remove(id).unwrap(),
            }
        }
        prop_assert!(one_by_one.points().eq(whole.points()));
        prop_assert_eq!(one_by_one.checksum(), whole.checksum());
        let read = Ring::from_bytes(Xxh3, &one_by_one.to_bytes()).unwrap();
        prop_assert!(read.points().eq(whole.points()));
        prop_assert_eq!(read.version(), one_by_one.version());
    }

    #[test]
    fn only_the_keys_of_the_server_that_comes_or_goes_move(
        members in members(),
        asked in prop::collection::vec(any::<u64>(), 50),
    ) {
        let old = ring_of_members(&members, 5);
        let mut new = old.clone();
        new.add(Server::new("new")).unwrap();
        for position in positions(&new, &asked) {
            let (was, is) = (old.owner_of(position), new.owner_of(position));
            prop_assert!(was == is || is.unwrap().id() == "new");
        }
        new.remove("new").unwrap();
        prop_assert!(new.points().eq(old.points()));
        if let Some(gone) = members.keys().next() {
            new.remove(gone).unwrap();
            for position in positions(&old, &asked) {
                let (was, is) = (old.owner_of(position), new.owner_of(position));
                prop_assert!(was == is || was.unwrap().id() == gone);
            }
        }
    }

    #[test]
    fn a_diff_says_of_every_position_whether_it_moves(
        before in members(),
        after in members(),
        asked in prop::collection::vec(any::<u64>(), 20),
    ) {
        let (old, new) = (ring_of_members(&before, 3), ring_of_members(&after, 3));
        let moves = diff(&old, &new);
        let all = [positions(&old, &asked), positions(&new, &[])].concat();
        for position in all {
            let mut arcs = moves.iter().filter(|moved| moved.arc.contains(position));
            let (from, to) = (old.owner_of(position), new.owner_of(position));
            match arcs.next() {
                None => prop_assert_eq!(from.map(Server::id), to.map(Server::id)),
                Some(moved) => {
                    prop_assert_eq!((moved.from, moved.to), (from, to));
                    prop_assert_ne!(from.map(Server::id), to.map(Server::id));
                }
            }
            prop_assert!(arcs.next().is_none(), "two ranges have {position}");
        }
        // Merged: neighbours differ in their owners.
        for (one, next) in moves.iter().zip(moves.iter().cycle().skip(1)) {
            let touches = moves.len() > 1 && one.arc.through == next.arc.after;
            prop_assert!(!touches || (one.from, one.to) != (next.from, next.to));
        }
        prop_assert!(moves.iter().map(|moved| moved.arc.len()).sum::<u128>() <= 1 << 64);
    }

    #[test]
    fn a_server_that_is_down_is_stood_in_for_by_the_next_and_others_are_not_touched(
        members in members(),
        down in 0u8..12,
        keys in prop::collection::vec(any::<[u8; 4]>(), 20),
    ) {
        let ring = ring_of_members(&members, 5);
        let down = format!("s{down}");
        for key in keys {
            let up = ring.get_up(&key, |server| server.id() == down);
            match ring.get(&key) {
                Some(owner) if owner.id() == down => {
                    prop_assert_eq!(up, ring.walk(&key).nth(1));
                }
                owner => prop_assert_eq!(up, owner),
            }
        }
    }

    #[test]
    fn replicas_are_distinct_servers_and_zones_and_begin_with_the_owner(
        members in members(),
        zones in prop::collection::vec(0u8..4, 12),
        count in 0usize..6,
        keys in prop::collection::vec(any::<[u8; 4]>(), 10),
    ) {
        let servers = members.iter().zip(&zones).map(|((id, weight), zone)| {
            Server::new(id).with_weight(*weight).with_zone(format!("z{zone}"))
        });
        let ring = Ring::with_servers(Xxh3, 5, servers).unwrap();
        let usable = || ring.servers().iter().filter(|server| server.weight() > 0);
        let zone_count = usable().map(Server::zone).collect::<BTreeSet<_>>().len();
        for key in keys {
            let plain = ring.replicas(&key, count, Distinct::Servers);
            prop_assert_eq!(&plain.servers, &ring.walk(&key).take(count).collect::<Vec<_>>());
            prop_assert_eq!(plain.short_of_servers, usable().count() < count);
            let zoned = ring.replicas(&key, count, Distinct::Zones);
            let owner = ring.get(&key).filter(|_| count > 0);
            prop_assert_eq!(zoned.servers.first().copied(), owner);
            let distinct: BTreeSet<_> = zoned.servers.iter().map(|server| server.id()).collect();
            prop_assert_eq!(distinct.len(), count.min(usable().count()));
            let first = count.min(zone_count);
            let met: BTreeSet<_> = zoned.servers[..first].iter().map(|s| s.zone()).collect();
            prop_assert_eq!(met.len(), first);
            prop_assert_eq!(zoned.zones_repeat, distinct.len() > zone_count);
        }
    }

    #[test]
    fn whatever_comes_and_goes_no_server_is_filled_above_its_bound(
        members in members(),
        margin in 0.05f64..2.0,
        steps in prop::collection::vec((any::<u8>(), prop::bool::weighted(0.7)), 1..120),
        leaves_at in 0usize..120,
    ) {
        let mut ring = ring_of_members(&members, 5);
        let mut loads = Loads::new(margin).unwrap();
        let mut at_work: Vec<String> = Vec::new();
        for (step, (key, comes)) in steps.into_iter().enumerate() {
            if step == leaves_at && let Some(gone) = members.keys().next() {
                ring.remove(gone).unwrap();
            }
            if !comes && !at_work.is_empty() {
                let id = at_work.swap_remove(usize::from(key) % at_work.len());
                prop_assert!(loads.release(&id));
                continue;
            }
            let weights: u32 = ring.servers().iter().map(Server::weight).sum();
            let Some(server) = loads.acquire(&ring, &[key]) else {
                prop_assert_eq!(weights, 0);
                continue;
            };
            at_work.push(server.id().to_owned());
            let share = f64::from(server.weight()) / f64::from(weights);
            let bound = ((1.0 + margin) * at_work.len() as f64 * share).ceil();
            prop_assert!(loads.of(server.id()) as f64 <= bound);
            // Passed over are only those that are full.
            let place = ring.walk(&[key]).position(|other| other == server).unwrap();
            for full in ring.walk(&[key]).take(place) {
                let share = f64::from(full.weight()) / f64::from(weights);
                let bound = ((1.0 + margin) * at_work.len() as f64 * share).ceil();
                prop_assert!(loads.of(full.id()) as f64 >= bound);
            }
        }
        prop_assert_eq!(loads.total(), at_work.len() as u64);
    }

    #[test]
    fn with_all_servers_down_there_is_none(members in members(), key in any::<[u8; 4]>()) {
        let ring = ring_of_members(&members, 5);
        prop_assert_eq!(ring.get_up(&key, |_| true), None);
    }
}
