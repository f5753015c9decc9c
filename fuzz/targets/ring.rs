//! `ring::Ring`: what is read writes back the same, and its owners are where its walks begin.

#![no_main]

use libfuzzer_sys::fuzz_target;
use structures::hash::{KeyHash, Xxh3};
use structures::ring::Ring;
use structures::ring::diff::diff;

fuzz_target!(|bytes: &[u8]| {
    // With a checksum that is right, so that the fields behind it are reached, and with few points,
    // since a ring of millions takes a second to make.
    let mut bytes = bytes.to_vec();
    make_small(&mut bytes);
    bytes.extend(Xxh3.hash(&bytes).to_le_bytes());
    let Ok(ring) = Ring::from_bytes(Xxh3, &bytes) else { return };
    assert_eq!(ring.to_bytes(), bytes);
    for (position, _) in ring.points().take(100) {
        let owner = ring.owner_of(position);
        assert!(owner.is_some());
        assert_eq!(ring.walk_from(position).next(), owner);
    }
    let shares: f64 = ring.shares().of.iter().map(|(_, share)| share).sum();
    assert!(ring.points().len() == 0 || (shares - 1.0).abs() < 1e-9);
    let mut smaller = ring.clone();
    if let Some(server) = ring.servers().first() {
        assert_eq!(smaller.remove(server.id()), Ok(()));
        assert!(diff(&ring, &smaller).iter().all(|moved| moved.from == Some(server)));
    }
});

/// Cuts points and weights down to at most 15.
fn make_small(bytes: &mut [u8]) -> Option<()> {
    let (virtual_nodes, mut servers) = bytes.get_mut(17..)?.split_at_mut_checked(4)?;
    cut(virtual_nodes);
    (_, servers) = servers.split_at_mut_checked(4)?;
    loop {
        (_, servers) = skip_text(servers)?;
        let weight;
        (weight, servers) = servers.split_at_mut_checked(4)?;
        cut(weight);
        (_, servers) = skip_text(servers)?;
    }
}

fn cut(number: &mut [u8]) {
    number[0] &= 15;
    number[1..].fill(0);
}

fn skip_text(bytes: &mut [u8]) -> Option<(&mut [u8], &mut [u8])> {
    let length = u16::from_le_bytes(*bytes.first_chunk()?);
    bytes.split_at_mut_checked(2 + usize::from(length))
}
