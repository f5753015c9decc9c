//! Fixed partitions: the circle in Q equal parts that never change shape, and only change owner.
//!
//! DeCandia et al., "Dynamo" (2007), section 6.2, strategy 3. Q is much larger than the number of
//! servers. Since a partition is always the same range of hashes, it can be a file, a hash tree
//! ([`crate::merkle`]) and a unit of transfer. A server's part of them is in proportion to its
//! weight, to within one partition, and a change moves no more of them than it must.
//!
//! Who has which partition depends on the history of changes, unlike on a ring. So the assignment
//! itself is what processes share: decide it in one place and hand out the stored form.
//!
//! Cost: two bytes a partition; a look-up is a hash and a load; a change is O(Q + servers).

use crate::hash::{KeyHash, Xxh3, scale};
use crate::membership::{Members, MembershipError, Placement, Replicated, Server};
use crate::ring::diff::Arc;
use crate::stored::{ReadError, Reader};

/// Most partitions.
pub const MAX_PARTITIONS: u32 = 1 << 20;

const VERSION: u8 = 1;
const NOBODY: u16 = u16::MAX;

/// Which server has which partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions<H = Xxh3> {
    hash: H,
    members: Members,
    /// The place of the owner among the members; [`NOBODY`] everywhere while nobody has weight.
    owners: Vec<u16>,
}

impl<H: KeyHash> Partitions<H> {
    /// `count` partitions and no servers yet. Take a hundred partitions a server or more.
    ///
    /// # Errors
    /// [`MembershipError::OutOfRange`] unless there are from 1 to [`MAX_PARTITIONS`].
    pub fn new(hash: H, count: u32) -> Result<Self, MembershipError> {
        if !(1..=MAX_PARTITIONS).contains(&count) {
            let (what, wanted, most) = ("partitions", u64::from(count), u64::from(MAX_PARTITIONS));
            return Err(MembershipError::OutOfRange { what, wanted, least: 1, most });
        }
        Ok(Self { hash, members: Members::default(), owners: vec![NOBODY; count as usize] })
    }

    /// The partition of a key.
    #[inline]
    #[must_use]
    pub fn partition_of(&self, key: &[u8]) -> u32 {
        scale(self.hash.hash(key), self.owners.len() as u64) as u32
    }

    /// Who has a partition; none if nobody has weight, or there is no such partition.
    #[must_use]
    pub fn owner_of(&self, partition: u32) -> Option<&Server> {
        self.members.as_slice().get(usize::from(*self.owners.get(partition as usize)?))
    }

    /// The hashes of a partition, which never change; `partition` is one of them.
    #[must_use]
    pub fn range_of(&self, partition: u32) -> Arc {
        // The first hash that is scaled to a number or above it, less one.
        let before = |number: u64| {
            let first = (u128::from(number) << 64).div_ceil(self.owners.len() as u128);
            (first as u64).wrapping_sub(1)
        };
        Arc { after: before(partition.into()), through: before(u64::from(partition) + 1) }
    }

    /// The partitions whose owner differs between two assignments: what is to be transferred.
    pub fn moved<'p>(&'p self, new: &'p Self) -> impl Iterator<Item = Transfer<'p>> {
        (0..self.owners.len() as u32).filter_map(|partition| {
            let (from, to) = (self.owner_of(partition), new.owner_of(partition));
            let moves = from.map(Server::id) != to.map(Server::id);
            moves.then_some(Transfer { partition, from, to })
        })
    }

    /// Makes a change and hands out again what some have too much of.
    fn change(
        &mut self,
        change: impl FnOnce(&mut Members) -> Result<usize, MembershipError>,
    ) -> Result<(), MembershipError> {
        let before = self.members.clone();
        change(&mut self.members)?;
        // The members may have moved; who is gone leaves partitions to nobody.
        let renumbered: Vec<u16> = before
            .as_slice()
            .iter()
            .map(|server| self.members.find(server.id()).map_or(NOBODY, |place| place as u16))
            .collect();
        for owner in &mut self.owners {
            *owner = renumbered.get(usize::from(*owner)).copied().unwrap_or(NOBODY);
        }
        self.level();
        Ok(())
    }

    /// Moves the fewest partitions that give each server its quota.
    fn level(&mut self) {
        let Some(quotas) = self.quotas() else {
            self.owners.fill(NOBODY);
            return;
        };
        let mut held = self.held();
        for owner in &mut self.owners {
            let place = usize::from(*owner);
            if *owner != NOBODY && held[place] > quotas[place] {
                held[place] -= 1;
                *owner = NOBODY;
            }
        }
        // Those short of partitions take turns, so that a lost server's go to all of them.
        let mut place = 0;
        for owner in self.owners.iter_mut().filter(|owner| **owner == NOBODY) {
            while held[place] >= quotas[place] {
                place = (place + 1) % quotas.len();
            }
            *owner = place as u16;
            held[place] += 1;
            place = (place + 1) % quotas.len();
        }
    }

    /// How many partitions each server is to have: its part by weight rounded down, and one more
    /// for those that lost most by that; of equals, for those that hold more, then by id. None if
    /// nobody has weight.
    fn quotas(&self) -> Option<Vec<u64>> {
        let (count, total) = (self.owners.len() as u64, self.members.total_weight());
        let servers = self.members.as_slice();
        let exact = |server: &Server| u64::from(server.weight()) * count;
        let mut quotas: Vec<u64> =
            servers.iter().map(|server| exact(server).checked_div(total)).collect::<Option<_>>()?;
        let spare = count - quotas.iter().sum::<u64>();
        let held = self.held();
        let mut order: Vec<usize> = (0..servers.len()).collect();
        order.sort_by_key(|place| {
            let remainder = exact(&servers[*place]) % total;
            std::cmp::Reverse((remainder, held[*place]))
        });
        order.iter().take(spare as usize).for_each(|place| quotas[*place] += 1);
        (!servers.is_empty()).then_some(quotas)
    }

    /// How many partitions each server has.
    fn held(&self) -> Vec<u64> {
        let mut held = vec![0; self.members.len()];
        for owner in self.owners.iter().filter(|owner| **owner != NOBODY) {
            held[usize::from(*owner)] += 1;
        }
        held
    }

    /// The stored form: version, fingerprint of the hash, servers (see [`crate::ring`]), the number
    /// of partitions (4 bytes), then the number of the owner of each (2), 65,535 for nobody.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.hash.fingerprint().to_le_bytes());
        self.members.write(&mut bytes);
        bytes.extend((self.owners.len() as u32).to_le_bytes());
        bytes.extend(self.owners.iter().flat_map(|owner| owner.to_le_bytes()));
        bytes
    }

    /// Reads a stored form. `hash` must be the one it was made with.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_bytes(hash: H, bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes, VERSION)?;
        if reader.u64()? != hash.fingerprint() {
            return Err(ReadError::OtherHash);
        }
        let members = Members::read(&mut reader)?;
        let count = reader.count(2)?;
        let mut partitions = Self::new(hash, count as u32)
            .map_err(|_| ReadError::Impossible("no partitions, or too many"))?;
        for owner in &mut partitions.owners {
            *owner = reader.u16()?;
        }
        reader.finish()?;
        // All have an owner, or nobody has weight.
        let nobody_has_weight = members.total_weight() == 0;
        let is_possible = |owner: &u16| match members.as_slice().get(usize::from(*owner)) {
            Some(_) => !nobody_has_weight,
            None => *owner == NOBODY && nobody_has_weight,
        };
        if !partitions.owners.iter().all(is_possible) {
            return Err(ReadError::Impossible("a partition's owner is not there"));
        }
        partitions.members = members;
        Ok(partitions)
    }
}

/// A partition that changes owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer<'p> {
    /// Which one.
    pub partition: u32,
    /// Who has it; none if nobody has.
    pub from: Option<&'p Server>,
    /// Who is to have it; none if nobody is.
    pub to: Option<&'p Server>,
}

impl<H: KeyHash> Placement for Partitions<H> {
    #[inline]
    fn get(&self, key: &[u8]) -> Option<&Server> {
        self.owner_of(self.partition_of(key))
    }

    fn servers(&self) -> &[Server] {
        self.members.as_slice()
    }

    fn add(&mut self, server: Server) -> Result<(), MembershipError> {
        self.change(|members| members.add(server))
    }

    fn remove(&mut self, id: &str) -> Result<(), MembershipError> {
        self.change(|members| members.remove(id))
    }

    fn set_weight(&mut self, id: &str, weight: u32) -> Result<(), MembershipError> {
        self.change(|members| members.set_weight(id, weight))
    }
}

impl<H: KeyHash> Replicated for Partitions<H> {
    /// The owners of the partition and of those after it, each once.
    fn get_n(&self, key: &[u8], count: usize) -> Vec<&Server> {
        let first = self.partition_of(key) as usize;
        let mut chosen: Vec<u16> = Vec::new();
        for owner in self.owners[first..].iter().chain(&self.owners[..first]) {
            if chosen.len() == count.min(self.members.len()) {
                break;
            }
            if *owner != NOBODY && !chosen.contains(owner) {
                chosen.push(*owner);
            }
        }
        chosen.iter().map(|owner| &self.members.as_slice()[usize::from(*owner)]).collect()
    }
}

#[cfg(test)]
mod tests;
