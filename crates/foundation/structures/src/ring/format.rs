//! The stored form of a ring: its members, from which every process computes the same points.
//!
//! Version 1: `1`; the ring's version (8 bytes); the fingerprint of the hash (8); points of a
//! server of weight 1 (4); the number of servers (4); for each, in the order of the ids, its id,
//! its weight (4) and its zone, empty for none; the XXH3 of all that (8).

use super::Ring;
use crate::hash::{KeyHash, Xxh3};
use crate::membership::Members;
use crate::stored::{ReadError, Reader};

const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 8;

impl<H: KeyHash> Ring<H> {
    /// The stored form. A secret of the hash is not part of it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.version.to_le_bytes());
        self.write_membership(&mut bytes);
        let checksum = Xxh3.hash(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    /// Reads a stored form. `hash` must be the one it was made with.
    ///
    /// # Errors
    /// [`ReadError`] for anything [`Ring::to_bytes`] does not write with that hash.
    pub fn from_bytes(hash: H, bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes, VERSION)?;
        let body = bytes.len().checked_sub(CHECKSUM_BYTES).ok_or(ReadError::Length)?;
        let (body, checksum) = bytes.split_at(body);
        if Xxh3.hash(body).to_le_bytes() != checksum {
            return Err(ReadError::Impossible("the checksum is wrong"));
        }
        let version = reader.u64()?;
        if reader.u64()? != hash.fingerprint() {
            return Err(ReadError::OtherHash);
        }
        let virtual_nodes = reader.u32()?;
        let out_of_range = |_| ReadError::Impossible("too many points, or none a server");
        let mut ring = Self::new(hash, virtual_nodes).map_err(out_of_range)?;
        ring.members = Members::read(&mut reader)?;
        reader.array::<CHECKSUM_BYTES>()?;
        reader.finish()?;
        ring.check_points(ring.members.total_weight()).map_err(out_of_range)?;
        ring.points = ring.points_of_all();
        Ok(ring.with_version(version))
    }

    /// What two rings must have in common to place every key alike.
    pub(super) fn write_membership(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.hash.fingerprint().to_le_bytes());
        bytes.extend(self.virtual_nodes.to_le_bytes());
        self.members.write(bytes);
    }
}
