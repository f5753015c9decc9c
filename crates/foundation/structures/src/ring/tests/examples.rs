use super::super::diff::{Arc, diff};
use super::*;
use crate::hash::Sip24;
use crate::stored::ReadError;

/// Four servers and four keys on a circle, clockwise: key0 s0 key1 s1 key2 s2 key3 s3. The fifth
/// server would stand between key0 and s0.
fn table() -> Table {
    let places = [
        ("key0", 10),
        ("s4_0", 15),
        ("s0_0", 20),
        ("key1", 30),
        ("s1_0", 40),
        ("key2", 50),
        ("s2_0", 60),
        ("key3", 70),
        ("s3_0", 80),
        ("behind", 90),
    ];
    Table(HashMap::from(places))
}

fn hand_made() -> Ring<Table> {
    let servers = (0..4).map(|id| Server::new(format!("s{id}")));
    Ring::with_servers(table(), 1, servers).unwrap()
}

fn owners(ring: &Ring<Table>) -> Vec<&str> {
    ["key0", "key1", "key2", "key3"].map(|key| ring.get(key.as_bytes()).unwrap().id()).into()
}

#[test]
fn a_key_goes_to_the_next_server_clockwise() {
    assert_eq!(owners(&hand_made()), ["s0", "s1", "s2", "s3"]);
}

#[test]
fn adding_a_server_moves_only_the_key_before_it() {
    let (old, mut new) = (hand_made(), hand_made());
    new.add(Server::new("s4")).unwrap();
    assert_eq!(owners(&new), ["s4", "s1", "s2", "s3"]);
    // From the server before it, s3, round to itself; taken from the next one, s0.
    let moves = diff(&old, &new);
    assert_eq!(moves.len(), 1);
    assert_eq!(moves[0].arc, Arc { after: 80, through: 15 });
    assert_eq!((moves[0].from.unwrap().id(), moves[0].to.unwrap().id()), ("s0", "s4"));
}

#[test]
fn removing_a_server_moves_only_its_key() {
    let (old, mut new) = (hand_made(), hand_made());
    new.remove("s1").unwrap();
    assert_eq!(owners(&new), ["s0", "s2", "s2", "s3"]);
    let moves = diff(&old, &new);
    assert_eq!(moves.len(), 1);
    assert_eq!(moves[0].arc, Arc { after: 20, through: 40 });
    assert_eq!((moves[0].from.unwrap().id(), moves[0].to.unwrap().id()), ("s1", "s2"));
    // So partitions cannot stay equal: s2 now has twice the arc that s3 has.
    let arcs: Vec<u64> = new.points().map(|(at, _)| at).collect();
    assert_eq!((arcs[1] - arcs[0], arcs[2] - arcs[1]), (40, 20));
}

#[test]
fn a_key_past_the_last_point_goes_to_the_first_and_one_at_a_point_to_that() {
    let ring = hand_made();
    assert_eq!(ring.get(b"behind").unwrap().id(), "s0");
    assert_eq!(ring.owner_of(u64::MAX).unwrap().id(), "s0");
    assert_eq!(ring.owner_of(0).unwrap().id(), "s0");
    assert_eq!(ring.owner_of(40).unwrap().id(), "s1");
    assert_eq!(ring.owner_of(41).unwrap().id(), "s2");
    assert_eq!(ring.owner_of(80).unwrap().id(), "s3");
}

#[test]
fn virtual_nodes_lead_to_their_server() {
    let places = [("k0", 25), ("s0_0", 10), ("s1_0", 20), ("s1_1", 30), ("s0_1", 40)];
    let table = Table(HashMap::from(places));
    let mut ring = Ring::with_servers(table, 2, ["s1", "s0"].map(Server::new)).unwrap();
    assert_eq!(ring.get(b"k0").unwrap().id(), "s1");
    assert_eq!(ids(&ring.walk(b"k0").collect::<Vec<_>>()), ["s1", "s0"]);
    ring.remove("s1").unwrap();
    assert_eq!(ring.get(b"k0").unwrap().id(), "s0");
    assert_eq!(ring.points().len(), 2);
}

#[test]
fn points_that_fall_together_are_all_kept_and_the_lower_id_has_the_keys() {
    let table = Table(HashMap::from([("a_0", 7), ("b_0", 7), ("c_0", 9)]));
    let one = Ring::with_servers(table.clone(), 1, ["a", "b", "c"].map(Server::new)).unwrap();
    let mut other = Ring::new(table, 1).unwrap();
    for id in ["c", "b", "a"] {
        other.add(Server::new(id)).unwrap();
    }
    for ring in [&one, &other] {
        let points: Vec<_> = ring.points().map(|(at, server)| (at, server.id())).collect();
        assert_eq!(points, [(7, "a"), (7, "b"), (9, "c")]);
        assert_eq!(ring.owner_of(7).unwrap().id(), "a");
    }
    assert_eq!(one.shares().of.iter().map(|(_, share)| *share).sum::<f64>(), 1.0);
    other.remove("a").unwrap();
    assert_eq!(other.owner_of(7).unwrap().id(), "b");
}

#[test]
fn an_empty_ring_has_no_server_and_a_single_one_has_everything() {
    let mut ring = Ring::default();
    assert_eq!(ring.get(b"key"), None);
    assert_eq!(ring.walk(b"key").count(), 0);
    assert!(ring.shares().of.is_empty());
    let empty = ring.clone();
    ring.add(Server::new("a")).unwrap();
    assert_eq!(ring.get(b"key").unwrap().id(), "a");
    assert_eq!(ring.shares().of[0].1, 1.0);
    let moves = diff(&empty, &ring);
    assert_eq!(moves.len(), 1);
    assert_eq!((moves[0].arc.share(), moves[0].from), (1.0, None));
    let one_point = Ring::with_servers(Xxh3, 1, [Server::new("a")]).unwrap();
    assert_eq!(one_point.shares().of[0].1, 1.0);
}

#[test]
fn impossible_members_are_refused_and_change_nothing() {
    let mut ring = ring_of(2, 10);
    let before = ring.to_bytes();
    let twice = ring.add(Server::new("s1"));
    assert_eq!(twice, Err(MembershipError::AlreadyMember("s1".to_owned())));
    assert_eq!(ring.remove("s2"), Err(MembershipError::NotMember("s2".to_owned())));
    assert_eq!(ring.set_weight("s2", 1), Err(MembershipError::NotMember("s2".to_owned())));
    assert_eq!(ring.add(Server::new("")), Err(MembershipError::Name { bytes: 0 }));
    let long = Server::new("a").with_zone("z".repeat(256));
    assert_eq!(ring.add(long), Err(MembershipError::Name { bytes: 256 }));
    let heavy = ring.add(Server::new("heavy").with_weight(u32::MAX));
    assert!(matches!(heavy, Err(MembershipError::OutOfRange { .. })));
    assert!(matches!(ring.set_weight("s1", 1 << 20), Err(MembershipError::OutOfRange { .. })));
    assert!(matches!(Ring::new(Xxh3, 0), Err(MembershipError::OutOfRange { .. })));
    assert_eq!(ring.to_bytes(), before);
}

#[test]
fn too_few_servers_or_zones_are_all_returned_and_flagged() {
    let zoned = |id: &str, zone: &str| Server::new(id).with_zone(zone);
    let servers = [zoned("a", "east"), zoned("b", "east"), zoned("c", "west")];
    let ring = Ring::with_servers(Xxh3, 50, servers).unwrap();
    for key in crate::spread_testing::keys(200) {
        let two = ring.replicas(&key, 2, Distinct::Zones);
        assert_ne!(two.servers[0].zone(), two.servers[1].zone());
        assert!(!two.zones_repeat && !two.short_of_servers);
        let three = ring.replicas(&key, 3, Distinct::Zones);
        assert!(three.zones_repeat && !three.short_of_servers);
        assert_eq!(three.servers.len(), 3);
        let four = ring.replicas(&key, 4, Distinct::Servers);
        assert!(four.short_of_servers && !four.zones_repeat);
        assert_eq!(four.servers.len(), 3);
    }
}

#[test]
fn a_server_without_a_zone_is_a_zone_of_its_own() {
    // Not even the zone that happens to have its name.
    let servers = [Server::new("a"), Server::new("b"), Server::new("c").with_zone("a")];
    let ring = Ring::with_servers(Xxh3, 50, servers).unwrap();
    let replicas = ring.replicas(b"key", 3, Distinct::Zones);
    assert_eq!(replicas.servers, ring.walk(b"key").collect::<Vec<_>>());
    assert!(!replicas.zones_repeat);
}

#[test]
fn versions_and_checksums_tell_who_is_behind() {
    let old = ring_of(3, 10);
    let mut new = old.clone();
    new.add(Server::new("late")).unwrap();
    assert_eq!((old.version(), new.version()), (1, 2));
    assert_eq!(new.epoch().agreement_with(old.epoch()), Agreement::TheyAreBehind);
    assert_eq!(old.epoch().agreement_with(new.epoch()), Agreement::WeAreBehind);
    assert_eq!(old.epoch().agreement_with(ring_of(3, 10).epoch()), Agreement::Same);
    assert_eq!(old.epoch().agreement_with(ring_of(3, 11).epoch()), Agreement::Conflict);
    let zone = Server::new("s2").with_zone("east");
    let zoned = [Server::new("s0"), Server::new("s1"), zone];
    assert_ne!(Ring::with_servers(Xxh3, 10, zoned).unwrap().checksum(), old.checksum());
}

#[test]
fn a_stored_version_at_its_end_stays_there() {
    let bytes = ring_of(2, 4).with_version(u64::MAX).to_bytes();
    let mut ring = Ring::from_bytes(Xxh3, &bytes).unwrap();
    ring.add(Server::new("late")).unwrap();
    assert_eq!((ring.version(), ring.servers().len()), (u64::MAX, 3));
}

#[test]
fn a_ring_is_the_same_ring_in_every_version_of_this_program() {
    // Computed from the definition in Python, with the package xxhash. Another owner here means
    // that every stored key has moved.
    let ring = ring_of(5, DEFAULT_VIRTUAL_NODES);
    let owners: Vec<&str> =
        (0..8).map(|key| ring.get(format!("key{key}").as_bytes()).unwrap().id()).collect();
    assert_eq!(owners, ["s0", "s4", "s4", "s4", "s0", "s3", "s2", "s4"]);
    assert_eq!(ring.checksum(), 0x410c_2472_f896_9283);
}

#[test]
fn stored_forms_are_read_with_their_own_hash_only() {
    let secret = Sip24::new([7; 16]);
    let servers = [Server::new("a").with_weight(2).with_zone("east"), Server::new("b")];
    let ring = Ring::with_servers(secret, 20, servers).unwrap().with_version(9);
    let bytes = ring.to_bytes();
    let read = Ring::from_bytes(secret, &bytes).unwrap();
    assert_eq!((read.epoch(), read.servers()), (ring.epoch(), ring.servers()));
    assert!(read.points().eq(ring.points()));
    assert_eq!(Ring::from_bytes(Xxh3, &bytes).unwrap_err(), ReadError::OtherHash);
    let other = Ring::from_bytes(Sip24::new([8; 16]), &bytes);
    assert_eq!(other.unwrap_err(), ReadError::OtherHash);
}

#[test]
fn damaged_forms_are_refused_at_every_byte() {
    let bytes = ring_of(3, 4).to_bytes();
    for at in 0..bytes.len() {
        assert!(Ring::from_bytes(Xxh3, &bytes[..at]).is_err());
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(Ring::from_bytes(Xxh3, &changed).is_err(), "byte {at}");
    }
}
