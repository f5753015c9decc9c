//! One file of a journal: a block that says which segment it is, then records.
//!
//! A file is written to its full length before it holds a record, and used again once its records
//! are released: a flush that overwrites blocks which the file has already costs a fraction of one
//! that has to find new ones. The head stands twice in its block, in the first and the last sector,
//! since it is overwritten in place.
//!
//! | name | what it is |
//! |---|---|
//! | `NUMBER.tail` | the segment that is written to |
//! | `NUMBER.journal` | one that is full, and never changes under this name |
//! | `NUMBER.new` | a spare: room without records |

use std::path::{Path, PathBuf};

/// Bytes in front of the first record.
pub const HEAD_BYTES: usize = 4096;
/// Where the copy of the head is.
const COPY_AT: usize = HEAD_BYTES - SECTOR_BYTES;
const SECTOR_BYTES: usize = 512;

const MAGIC: &[u8; 8] = b"BPJRNL1\n";
/// Bytes of a head that say something.
const SAID_BYTES: usize = 36;

/// What the first block of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which segment of the journal it is; each begins where the one before it ends.
    pub number: u64,
    /// The sequence of its first record.
    pub first: u64,
    /// The run of its first record; see [`crate::frame`].
    pub run: u64,
}

impl Head {
    /// The block as it is written.
    pub fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut said = [0; SAID_BYTES];
        said[..8].copy_from_slice(MAGIC);
        said[8..16].copy_from_slice(&self.number.to_le_bytes());
        said[16..24].copy_from_slice(&self.first.to_le_bytes());
        said[24..32].copy_from_slice(&self.run.to_le_bytes());
        let crc = crc32c::crc32c(&said[..32]);
        said[32..].copy_from_slice(&crc.to_le_bytes());
        let mut block = [0; HEAD_BYTES];
        block[..SAID_BYTES].copy_from_slice(&said);
        block[COPY_AT..COPY_AT + SAID_BYTES].copy_from_slice(&said);
        block
    }

    /// Reads a block. None: neither copy is whole.
    pub fn decode(block: &[u8; HEAD_BYTES]) -> Option<Self> {
        let copies = [0, COPY_AT].map(|at| Self::decode_copy(&block[at..at + SAID_BYTES]));
        // Of two that differ, the one that was written first is of the later use.
        copies.into_iter().flatten().next()
    }

    fn decode_copy(said: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u64::from_le_bytes(said.get(at..at + 8)?.try_into().ok()?));
        let crc = u32::from_le_bytes(said.get(32..SAID_BYTES)?.try_into().ok()?);
        let whole = said.starts_with(MAGIC) && crc32c::crc32c(&said[..32]) == crc;
        whole.then_some(Self { number: number(8)?, first: number(16)?, run: number(24)? })
    }
}

/// What a file of the journal's folder is, by its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// A segment that is, or was last, written to.
    Tail(u64),
    /// A full segment.
    Sealed(u64),
    /// Room without records.
    Spare(u64),
}

impl Name {
    /// The path of the file in the journal's folder.
    pub fn path(self, folder: &Path) -> PathBuf {
        let (number, ending) = match self {
            Self::Tail(number) => (number, "tail"),
            Self::Sealed(number) => (number, "journal"),
            Self::Spare(number) => (number, "new"),
        };
        folder.join(format!("{number:016x}.{ending}"))
    }

    /// What `path` is the name of. None: of nothing that a journal makes.
    pub fn of(path: &Path) -> Option<Self> {
        let (digits, ending) = path.file_name()?.to_str()?.split_once('.')?;
        let exact = digits.len() == 16 && !digits.starts_with('+');
        let number = u64::from_str_radix(digits, 16).ok().filter(|_| exact)?;
        match ending {
            "tail" => Some(Self::Tail(number)),
            "journal" => Some(Self::Sealed(number)),
            "new" => Some(Self::Spare(number)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head { number: 7, first: 1 << 40, run: 0x0123_4567_89AB_CDEF };

    #[test]
    fn one_copy_of_a_head_is_enough() {
        let whole = HEAD.encode();
        assert_eq!(Head::decode(&whole), Some(HEAD));
        for torn in [0..SECTOR_BYTES, SECTOR_BYTES..HEAD_BYTES] {
            let mut block = whole;
            block[torn].fill(0xA5);
            assert_eq!(Head::decode(&block), Some(HEAD));
        }
        assert_eq!(Head::decode(&[0; HEAD_BYTES]), None);
    }

    #[test]
    fn every_flip_in_a_copy_makes_it_none() {
        let whole = HEAD.encode();
        for bit in 0..SAID_BYTES * 8 {
            let mut copy = whole[..SAID_BYTES].to_vec();
            copy[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::decode_copy(&copy), None, "bit {bit}");
        }
    }

    #[test]
    fn names_are_read_as_they_are_made() {
        for name in [Name::Tail(0), Name::Sealed(255), Name::Spare(u64::MAX)] {
            assert_eq!(Name::of(&name.path(Path::new("somewhere"))), Some(name));
        }
        for other in ["", "7.tail", "+00000000000007.tail", "0000000000000007.db", "x.tail"] {
            assert_eq!(Name::of(Path::new(other)), None, "{other}");
        }
    }
}
