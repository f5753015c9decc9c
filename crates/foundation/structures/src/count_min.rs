//! Count-min sketch: how often things came up, in fixed memory.
//!
//! - [`CountMin`]: the sketch;
//! - [`top::Top`]: the things that came up most;
//! - [`window::Window`]: counts of the last while only.
//!
//! Cormode and Muthukrishnan, "An improved data stream summary: the count-min sketch and its
//! applications" (2005). d rows of w counters; a thing has one counter in each row and its estimate
//! is the least of them. With w = ceil(e / epsilon) and d = ceil(ln(1 / delta)) it is never too
//! low, and too high by at most epsilon N with probability 1 - delta, N being the sum of all that
//! was added. For epsilon 0.1 % and delta 1 % that is 2,719 times 5 counters: 54 KB.
//!
//! Conservative update ([`CountMin::conservative`]; Estan and Varghese, "New directions in traffic
//! measurement and accounting", 2002, section 3.3.2) raises only the counters that must rise. The
//! bounds stay and errors get smaller, with a Zipf stream by about half; the price is a look at all
//! counters first, and that merged sketches are worse than one of both streams would be.
//!
//! Cost: one hash of the thing, then d counters. Counters have 32 bits and stay at their end, about
//! four thousand million; [`CountMin::halve`] in time where that is not enough.

pub mod top;
pub mod window;

use crate::hash::{KeyHash, Xxh3, mix, scale};
use crate::stored::{ReadError, Reader};

/// Most counters: 1 GiB.
pub const MAX_COUNTERS: u64 = 1 << 28;

/// Most rows: a chance of one in 10^13.
pub const MAX_ROWS: u32 = 30;

const VERSION: u8 = 1;

/// Why a sketch cannot be made or merged.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CountMinError {
    /// Epsilon or delta is not above 0 and below 1.
    #[error("an error of {epsilon} with a chance of {delta}: both are above 0 and below 1")]
    Bounds {
        /// The error in relation to the sum of all counts.
        epsilon: f64,
        /// The chance that it is exceeded.
        delta: f64,
    },
    /// No counters, or too many.
    #[error("{rows} rows of {width} counters; from 1 to 30 rows and 2^28 counters are possible")]
    Size {
        /// Counters a row.
        width: u64,
        /// Rows.
        rows: u32,
    },
    /// Two sketches of different sizes, hashes or kinds.
    #[error("sketches of different sizes, hashes or kinds cannot be merged; make them alike")]
    Differs,
}

/// A sketch of a stream of byte strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountMin<H = Xxh3> {
    hash: H,
    width: u64,
    /// Row after row.
    counters: Vec<u32>,
    is_conservative: bool,
    total: u64,
}

impl CountMin {
    /// An empty sketch whose estimates are at most `epsilon` times the sum of all counts too high,
    /// with a chance of 1 - `delta`.
    ///
    /// # Errors
    /// [`CountMinError::Bounds`], [`CountMinError::Size`].
    pub fn with_error(epsilon: f64, delta: f64) -> Result<Self, CountMinError> {
        let (width, rows) = size_for(epsilon, delta)?;
        Self::with_size(Xxh3, width, rows)
    }
}

impl<H: KeyHash> CountMin<H> {
    /// An empty sketch of `rows` rows of `width` counters.
    ///
    /// # Errors
    /// [`CountMinError::Size`].
    pub fn with_size(hash: H, width: u64, rows: u32) -> Result<Self, CountMinError> {
        let counters = width.saturating_mul(u64::from(rows));
        if !(1..=MAX_ROWS).contains(&rows) || !(1..=MAX_COUNTERS).contains(&counters) {
            return Err(CountMinError::Size { width, rows });
        }
        let counters = vec![0; counters as usize];
        Ok(Self { hash, width, counters, is_conservative: false, total: 0 })
    }

    /// The same, with conservative update. Only of use while the sketch is empty.
    #[must_use]
    pub fn conservative(self) -> Self {
        Self { is_conservative: true, ..self }
    }

    /// Adds `count` of a thing; returns its estimate then.
    #[inline]
    pub fn add(&mut self, thing: &[u8], count: u32) -> u32 {
        self.add_at(self.columns(thing), count)
    }

    #[inline]
    fn add_at(&mut self, columns: impl Iterator<Item = u64> + Clone, count: u32) -> u32 {
        self.total = self.total.saturating_add(u64::from(count));
        let floor = if self.is_conservative {
            self.estimate_at(columns.clone()).saturating_add(count)
        } else {
            u32::MAX
        };
        let mut least = u32::MAX;
        let rows = self.counters.chunks_exact_mut(self.width as usize);
        for (row, column) in rows.zip(columns) {
            let counter = &mut row[column as usize];
            // Conservative: up to the new estimate, and not down to it.
            *counter = (*counter).max(counter.saturating_add(count).min(floor));
            least = least.min(*counter);
        }
        least
    }

    /// About how often a thing was added: never too low while counters have not reached their end.
    /// See the error bound at the top.
    #[inline]
    #[must_use]
    pub fn estimate(&self, thing: &[u8]) -> u32 {
        self.estimate_at(self.columns(thing))
    }

    fn estimate_at(&self, columns: impl Iterator<Item = u64>) -> u32 {
        let rows = self.counters.chunks_exact(self.width as usize);
        rows.zip(columns).map(|(row, column)| row[column as usize]).min().unwrap_or(0)
    }

    /// Adds what `other` has counted. Without conservative update it is the sketch of both streams.
    ///
    /// # Errors
    /// [`CountMinError::Differs`].
    pub fn merge(&mut self, other: &Self) -> Result<(), CountMinError> {
        if !self.is_like(other) {
            return Err(CountMinError::Differs);
        }
        for (mine, theirs) in self.counters.iter_mut().zip(&other.counters) {
            *mine = mine.saturating_add(*theirs);
        }
        self.total = self.total.saturating_add(other.total);
        Ok(())
    }

    /// Whether counts of one can be added to those of the other.
    fn is_like(&self, other: &Self) -> bool {
        self.width == other.width
            && self.counters.len() == other.counters.len()
            && self.is_conservative == other.is_conservative
            && self.hash.fingerprint() == other.hash.fingerprint()
    }

    /// Halves every count, rounding up: called once a half-life, older counts fade.
    pub fn halve(&mut self) {
        self.counters.iter_mut().for_each(|counter| *counter = counter.div_ceil(2));
        self.total = self.total.div_ceil(2);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.counters.fill(0);
        self.total = 0;
    }

    /// The sum of all that was added.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Counters a row.
    #[must_use]
    pub fn width(&self) -> u64 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> u32 {
        (self.counters.len() as u64 / self.width) as u32
    }

    /// What an estimate is too high by at most, with a chance of 1 - e^-rows, as filled now.
    #[must_use]
    pub fn error_bound(&self) -> f64 {
        std::f64::consts::E / self.width as f64 * self.total as f64
    }

    /// The stored form: version, whether conservative (1 byte), the fingerprint of the hash, the
    /// total and the width (8 bytes each), rows (4), then the counters, four bytes each.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, u8::from(self.is_conservative)];
        bytes.extend(self.hash.fingerprint().to_le_bytes());
        bytes.extend(self.total.to_le_bytes());
        bytes.extend(self.width.to_le_bytes());
        bytes.extend(self.rows().to_le_bytes());
        bytes.extend(self.counters.iter().flat_map(|counter| counter.to_le_bytes()));
        bytes
    }

    /// Reads a stored form. `hash` must be the one it was made with.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_bytes(hash: H, bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes, VERSION)?;
        let is_conservative = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(ReadError::Impossible("a kind of update that there is not")),
        };
        if reader.u64()? != hash.fingerprint() {
            return Err(ReadError::OtherHash);
        }
        let (total, width, rows) = (reader.u64()?, reader.u64()?, reader.u32()?);
        let (counters, tail) = reader.rest().as_chunks::<4>();
        let count = width.saturating_mul(u64::from(rows));
        if !tail.is_empty() || counters.len() as u64 != count {
            return Err(ReadError::Length);
        }
        let mut sketch = Self::with_size(hash, width, rows)
            .map_err(|_| ReadError::Impossible("no counters, or too many"))?;
        for (mine, stored) in sketch.counters.iter_mut().zip(counters) {
            *mine = u32::from_le_bytes(*stored);
        }
        Ok(Self { is_conservative, total, ..sketch })
    }

    /// The counter of a thing in each row. The rows hash differently by h1 + i h2 (Kirsch and
    /// Mitzenmacher, "Less hashing, same performance", 2006), as in a Bloom filter.
    #[inline]
    fn columns(&self, thing: &[u8]) -> impl Iterator<Item = u64> + Clone + use<H> {
        let hash = self.hash.hash(thing);
        let (stride, width) = (mix(hash) | 1, self.width);
        (0u64..).map(move |row| scale(hash.wrapping_add(stride.wrapping_mul(row)), width))
    }
}

/// Counters a row and rows for that error and chance.
///
/// # Errors
/// [`CountMinError::Bounds`].
pub fn size_for(epsilon: f64, delta: f64) -> Result<(u64, u32), CountMinError> {
    let is_share = |value: f64| value > 0.0 && value < 1.0;
    if !is_share(epsilon) || !is_share(delta) {
        return Err(CountMinError::Bounds { epsilon, delta });
    }
    let width = (std::f64::consts::E / epsilon).ceil() as u64;
    Ok((width, (1.0 / delta).ln().ceil() as u32))
}

#[cfg(test)]
mod tests;
