//! The stored form of a sketch.
//!
//! Version 1: `1`, precision, kind; then for kind 0 (sparse) three bytes a set register, index
//! (two bytes, little-endian) and rank, by index; for kind 1 (dense) all ranks, six bits each,
//! four of them in three bytes, lowest bits first.

use super::packed::Packed;
use super::{HyperLogLog, Registers, max_rank, sparse_limit};

const VERSION: u8 = 1;
const SPARSE: u8 = 0;
const DENSE: u8 = 1;

/// Why bytes are not a stored sketch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Written by another version, or not a sketch at all.
    #[error("stored sketch has version {0}, this program reads version 1")]
    Version(u8),
    /// The precision is out of range, or the kind unknown.
    #[error("stored sketch has an impossible header")]
    Header,
    /// The length does not fit the header.
    #[error("stored sketch is cut short or too long")]
    Length,
    /// A register holds what no insertion can put there, or the order or kind is wrong.
    #[error("stored sketch has impossible registers")]
    Registers,
}

impl HyperLogLog {
    /// The stored form: at most 3 + 3/4 m bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.registers {
            Registers::Sparse(set) => {
                let mut bytes = Vec::with_capacity(3 + 3 * set.len());
                bytes.extend([VERSION, self.precision, SPARSE]);
                for entry in set {
                    let [rank, low, high, _] = entry.to_le_bytes();
                    bytes.extend([low, high, rank]);
                }
                bytes
            }
            Registers::Dense(ranks) => {
                [&[VERSION, self.precision, DENSE][..], ranks.bytes()].concat()
            }
        }
    }

    /// Reads a stored form.
    ///
    /// # Errors
    /// [`ReadError`] for anything [`HyperLogLog::to_bytes`] does not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        let (&version, rest) = bytes.split_first().ok_or(ReadError::Length)?;
        if version != VERSION {
            return Err(ReadError::Version(version));
        }
        let ([precision, kind], body) = rest.split_first_chunk().ok_or(ReadError::Length)?;
        let mut sketch = Self::new(*precision).map_err(|_| ReadError::Header)?;
        sketch.registers = match *kind {
            SPARSE => read_sparse(body, *precision)?,
            DENSE => read_dense(body, *precision)?,
            _ => return Err(ReadError::Header),
        };
        Ok(sketch)
    }
}

fn read_sparse(body: &[u8], precision: u8) -> Result<Registers, ReadError> {
    let (entries, rest) = body.as_chunks::<3>();
    if !rest.is_empty() || entries.len() > sparse_limit(precision) {
        return Err(ReadError::Length);
    }
    let set: Vec<u32> = entries
        .iter()
        .map(|[low, high, rank]| u32::from_le_bytes([*rank, *low, *high, 0]))
        .collect();
    let ordered = set.is_sorted_by(|one, next| one >> 8 < next >> 8);
    let in_bounds = entries.iter().all(|[low, high, rank]| {
        u32::from(u16::from_le_bytes([*low, *high])) < 1 << precision
            && (1..=max_rank(precision)).contains(rank)
    });
    if ordered && in_bounds { Ok(Registers::Sparse(set)) } else { Err(ReadError::Registers) }
}

fn read_dense(body: &[u8], precision: u8) -> Result<Registers, ReadError> {
    if body.len() != (1usize << precision) / 4 * 3 {
        return Err(ReadError::Length);
    }
    let ranks = Packed::of_bytes(body);
    let set = ranks.iter().filter(|rank| *rank > 0).count();
    let in_bounds = ranks.iter().all(|rank| rank <= max_rank(precision));
    // Fewer would have been stored as a list; the same set must have one form.
    if in_bounds && set > sparse_limit(precision) {
        Ok(Registers::Dense(ranks))
    } else {
        Err(ReadError::Registers)
    }
}
