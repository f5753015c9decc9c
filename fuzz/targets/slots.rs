//! `slots::Slots`: what is read writes back the same, and every slot belongs to one range.

#![no_main]

use libfuzzer_sys::fuzz_target;
use structures::membership::Placement;
use structures::slots::{SLOT_COUNT, Slots, slot_of};

fuzz_target!(|bytes: &[u8]| {
    assert!(slot_of(bytes) < SLOT_COUNT);
    // Inputs are shorter than a table: the servers are fuzzed, and the end of the table.
    let mut stored = bytes.to_vec();
    let servers = Slots::default().to_bytes().len() - 2 * usize::from(SLOT_COUNT);
    stored.resize(stored.len().max(servers) + 2 * usize::from(SLOT_COUNT) - 64, 0xff);
    for stored in [&stored[..], bytes] {
        let Ok(slots) = Slots::from_bytes(stored) else { continue };
        assert_eq!(slots.to_bytes(), stored);
        let of_servers = slots.servers().iter().flat_map(|server| slots.ranges_of(server.id()));
        let served: usize = of_servers.map(|range| range.count()).sum();
        let owned = (0..SLOT_COUNT).filter(|slot| slots.owner_of(*slot).is_some()).count();
        assert_eq!(served, owned);
    }
});
