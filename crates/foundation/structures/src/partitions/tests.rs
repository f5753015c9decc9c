use proptest::prelude::*;

use super::*;
use crate::hash::Sip24;

fn of(count: u32, servers: &[(&str, u32)]) -> Partitions {
    let mut partitions = Partitions::new(Xxh3, count).unwrap();
    for (id, weight) in servers {
        partitions.add(Server::new(*id).with_weight(*weight)).unwrap();
    }
    partitions
}

fn held(partitions: &Partitions) -> Vec<u64> {
    partitions.held()
}

#[test]
fn a_new_server_takes_its_part_from_all_and_nothing_else_moves() {
    let old = of(1024, &[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    assert_eq!(held(&old), [256; 4]);
    let mut new = old.clone();
    new.add(Server::new("e")).unwrap();
    assert_eq!(held(&new), [205, 205, 205, 205, 204]);
    let moved: Vec<Transfer<'_>> = old.moved(&new).collect();
    assert_eq!(moved.len(), 204);
    assert!(moved.iter().all(|transfer| transfer.to.unwrap().id() == "e"));
    let mut back = new.clone();
    back.remove("e").unwrap();
    assert_eq!(held(&back), [256; 4]);
    assert!(new.moved(&back).all(|transfer| transfer.from.unwrap().id() == "e"));
}

#[test]
fn weights_are_parts_and_zero_drains() {
    let mut partitions = of(100, &[("a", 1), ("b", 3)]);
    assert_eq!(held(&partitions), [25, 75]);
    partitions.set_weight("b", 0).unwrap();
    assert_eq!(held(&partitions), [100, 0]);
    partitions.remove("a").unwrap();
    assert_eq!(partitions.get(b"key"), None);
    assert_eq!(Partitions::from_bytes(Xxh3, &partitions.to_bytes()), Ok(partitions));
}

#[test]
fn ranges_cover_the_circle_and_agree_with_the_partition_of_a_key() {
    for count in [1, 2, 3, 7, 1000] {
        let partitions = of(count, &[("a", 1)]);
        let ranges: Vec<Arc> = (0..count).map(|number| partitions.range_of(number)).collect();
        assert_eq!(ranges.iter().map(Arc::len).sum::<u128>(), 1 << 64);
        for key in crate::spread_testing::keys(200) {
            let partition = partitions.partition_of(&key) as usize;
            assert!(ranges[partition].contains(Xxh3.hash(&key)));
        }
    }
}

#[test]
fn a_damaged_assignment_is_refused() {
    let bytes = of(8, &[("a", 1)]).to_bytes();
    let other = Partitions::from_bytes(Sip24::new([0; 16]), &bytes);
    assert_eq!(other, Err(ReadError::OtherHash));
    for end in 0..bytes.len() {
        assert_eq!(Partitions::from_bytes(Xxh3, &bytes[..end]), Err(ReadError::Length));
    }
    let mut nobody = bytes.clone();
    let last = bytes.len() - 1;
    nobody[last - 1..].fill(0xff);
    let read = Partitions::from_bytes(Xxh3, &nobody);
    assert_eq!(read, Err(ReadError::Impossible("a partition's owner is not there")));
}

proptest! {
    #[test]
    fn every_change_moves_the_fewest_and_levels_to_within_one(
        count in 1u32..300,
        changes in prop::collection::vec((0u8..8, 0u32..5), 1..30),
    ) {
        let mut partitions = Partitions::new(Xxh3, count).unwrap();
        for (server, weight) in changes {
            let old = partitions.clone();
            let id = format!("s{server}");
            // Weight 4 stands for a removal.
            let changed = match (partitions.members.find(&id), weight) {
                (Ok(_), 4) => partitions.remove(&id),
                (Ok(_), weight) => partitions.set_weight(&id, weight),
                (Err(_), weight) => partitions.add(Server::new(id).with_weight(weight)),
            };
            changed.unwrap();
            let total = partitions.members.total_weight();
            let held = partitions.held();
            let mut gained = 0;
            for (server, held) in partitions.servers().iter().zip(&held) {
                let exact = u64::from(count * server.weight()) as f64 / total.max(1) as f64;
                prop_assert!((*held as f64 - exact).abs() < 1.0, "{held} of {exact}");
                let before = old.members.find(server.id()).map_or(0, |place| old.held()[place]);
                gained += held.saturating_sub(before);
            }
            // What is gained is all that moves: nothing is passed around in a circle.
            if total > 0 {
                prop_assert_eq!(old.moved(&partitions).count() as u64, gained);
            }
            let read = Partitions::from_bytes(Xxh3, &partitions.to_bytes());
            prop_assert_eq!(read.as_ref(), Ok(&partitions));
            let replicas = partitions.get_n(b"key", 3);
            prop_assert_eq!(replicas.first().copied(), partitions.get(b"key"));
        }
    }
}
