//! Fixed hash slots, as in Redis Cluster: 16,384 slots, and an operator decides who serves which.
//!
//! Redis Cluster specification, "Key distribution model" and "Hash tags". A key's slot is its
//! CRC-16/XMODEM modulo 16,384; of a key with a tag, such as `{user1000}.followers`, only the tag
//! counts, so that keys of one tag share a slot. A new server serves nothing until slots are
//! assigned to it, and one that serves some cannot be removed.
//!
//! Cost: 32 KiB, and a look-up of O(key).

use std::ops::RangeInclusive;

use crate::membership::{MAX_SERVERS, Members, MembershipError, Placement, Server};
use crate::stored::{ReadError, Reader};

/// How many slots there are.
pub const SLOT_COUNT: u16 = 16_384;

const VERSION: u8 = 1;
/// No server has this number.
const NOBODY: u16 = MAX_SERVERS as u16;

/// The slot of a key, as `CLUSTER KEYSLOT` tells it.
#[must_use]
pub fn slot_of(key: &[u8]) -> u16 {
    crc16(tag_of(key)) % SLOT_COUNT
}

/// What stands between the first `{` and the first `}` after it, if that is something; else all.
fn tag_of(key: &[u8]) -> &[u8] {
    let tag = || {
        let open = key.iter().position(|byte| *byte == b'{')?;
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    };
    tag().unwrap_or(key)
}

/// CRC-16/XMODEM: polynomial 0x1021, from 0, not reflected.
fn crc16(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut crc = (byte as u16) << 8;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    bytes.iter().fold(0, |crc: u16, byte| crc << 8 ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

/// Which server serves which slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    members: Members,
    /// The place of the owner among the members, or [`NOBODY`].
    owners: Vec<u16>,
}

impl Default for Slots {
    fn default() -> Self {
        Self { members: Members::default(), owners: vec![NOBODY; usize::from(SLOT_COUNT)] }
    }
}

impl Slots {
    /// Gives slots to a member; returns how many of them another server had before.
    ///
    /// # Errors
    /// [`MembershipError::NotMember`]; [`MembershipError::OutOfRange`] past the last slot.
    pub fn assign(&mut self, slots: RangeInclusive<u16>, id: &str) -> Result<u16, MembershipError> {
        let owner = self.members.find(id)? as u16;
        if *slots.end() >= SLOT_COUNT {
            let (wanted, most) = (u64::from(*slots.end()), u64::from(SLOT_COUNT - 1));
            let what = "the last slot";
            return Err(MembershipError::OutOfRange { what, wanted, least: 0, most });
        }
        let mut moved = 0;
        for slot in slots {
            let place = &mut self.owners[usize::from(slot)];
            moved += u16::from(*place != owner && *place != NOBODY);
            *place = owner;
        }
        Ok(moved)
    }

    /// Who serves a slot; none if nobody does, or there is no such slot.
    #[must_use]
    pub fn owner_of(&self, slot: u16) -> Option<&Server> {
        self.members.as_slice().get(usize::from(*self.owners.get(usize::from(slot))?))
    }

    /// The ranges of slots that a server serves, in order.
    #[must_use]
    pub fn ranges_of(&self, id: &str) -> Vec<RangeInclusive<u16>> {
        let Ok(owner) = self.members.find(id) else { return Vec::new() };
        let mut ranges: Vec<RangeInclusive<u16>> = Vec::new();
        for (slot, _) in (0..).zip(&self.owners).filter(|(_, of)| usize::from(**of) == owner) {
            match ranges.last_mut() {
                Some(last) if *last.end() + 1 == slot => *last = *last.start()..=slot,
                _ => ranges.push(slot..=slot),
            }
        }
        ranges
    }

    /// The stored form: version, servers (see [`crate::ring`]), then the number of the owner of
    /// each slot, two bytes each, 65,535 for nobody.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        self.members.write(&mut bytes);
        bytes.extend(self.owners.iter().flat_map(|owner| owner.to_le_bytes()));
        bytes
    }

    /// Reads a stored form.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes, VERSION)?;
        let members = Members::read(&mut reader)?;
        let owners = (0..SLOT_COUNT).map(|_| reader.u16()).collect::<Result<Vec<_>, _>>()?;
        reader.finish()?;
        if owners.iter().any(|owner| *owner != NOBODY && usize::from(*owner) >= members.len()) {
            return Err(ReadError::Impossible("a slot belongs to a server that is not there"));
        }
        Ok(Self { members, owners })
    }

    /// Gives the owners other numbers, after the members have moved.
    fn renumber(&mut self, to: impl Fn(u16) -> u16) {
        self.owners
            .iter_mut()
            .filter(|owner| **owner != NOBODY)
            .for_each(|owner| *owner = to(*owner));
    }
}

impl Placement for Slots {
    fn get(&self, key: &[u8]) -> Option<&Server> {
        self.owner_of(slot_of(key))
    }

    fn servers(&self) -> &[Server] {
        self.members.as_slice()
    }

    /// Adds a server that serves no slots yet.
    fn add(&mut self, server: Server) -> Result<(), MembershipError> {
        let place = self.members.add(server)? as u16;
        self.renumber(|owner| owner + u16::from(owner >= place));
        Ok(())
    }

    /// Removes a server that serves no slots any more.
    fn remove(&mut self, id: &str) -> Result<(), MembershipError> {
        let place = self.members.find(id)? as u16;
        if self.owners.contains(&place) {
            return Err(undefined("assign the slots of this server to others first"));
        }
        self.members.remove(id)?;
        self.renumber(|owner| owner - u16::from(owner > place));
        Ok(())
    }

    fn set_weight(&mut self, _id: &str, _weight: u32) -> Result<(), MembershipError> {
        Err(undefined("a server has the slots that are assigned to it"))
    }
}

fn undefined(why: &'static str) -> MembershipError {
    MembershipError::Undefined { method: "a table of slots", why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis_cluster() {
        // The specification's check value, then what `redis-cli cluster keyslot` says.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        let expected = [
            ("somekey", 11_058),
            ("foo{hash_tag}", 2515),
            ("hash_tag", 2515),
            ("foo", 12_182),
            ("bar", 5061),
            ("hello", 866),
            ("", 0),
        ];
        for (key, slot) in expected {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn a_tag_is_what_the_specification_says() {
        // Its examples, and what is left open in none of them.
        let expected = [
            ("{user1000}.following", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("}foo{bar", "}foo{bar"),
        ];
        for (key, tag) in expected {
            assert_eq!(tag_of(key.as_bytes()), tag.as_bytes(), "{key}");
        }
    }

    #[test]
    fn the_operator_decides_what_moves() {
        let mut slots = Slots::default();
        slots.add(Server::new("b")).unwrap();
        assert_eq!(slots.get(b"foo"), None);
        assert_eq!(slots.assign(0..=16_383, "b"), Ok(0));
        slots.add(Server::new("a")).unwrap();
        assert_eq!(slots.get(b"foo").unwrap().id(), "b");
        assert_eq!(slots.assign(12_000..=12_999, "a"), Ok(1000));
        assert_eq!(slots.get(b"foo").unwrap().id(), "a");
        assert_eq!(slots.ranges_of("b"), [0..=11_999, 13_000..=16_383]);
        assert!(matches!(slots.remove("b"), Err(MembershipError::Undefined { .. })));
        assert_eq!(Slots::from_bytes(&slots.to_bytes()), Ok(slots.clone()));
        assert_eq!(slots.assign(0..=16_383, "a"), Ok(15_384));
        slots.remove("b").unwrap();
        assert_eq!(slots.get(b"bar").unwrap().id(), "a");
        assert!(matches!(slots.assign(5..=16_384, "a"), Err(MembershipError::OutOfRange { .. })));
    }

    #[test]
    fn a_damaged_table_is_refused() {
        let bytes = Slots::default().to_bytes();
        assert_eq!(Slots::from_bytes(&bytes[1..]), Err(ReadError::Version { found: 0, known: 1 }));
        assert_eq!(Slots::from_bytes(&bytes[..bytes.len() - 1]), Err(ReadError::Length));
        let mut owned = bytes.clone();
        owned[5] = 0;
        owned[6] = 0;
        let nobody_there = "a slot belongs to a server that is not there";
        assert_eq!(Slots::from_bytes(&owned), Err(ReadError::Impossible(nobody_there)));
    }
}
