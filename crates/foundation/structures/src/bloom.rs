//! Bloom filter: "surely absent" or "perhaps present".
//!
//! Bloom, "Space/time trade-offs in hash coding with allowable errors" (1970). For n keys and a
//! false-positive rate p it takes m = -n ln p / (ln 2)^2 bits and k = m / n ln 2 probes: 9.6 bits a
//! key and 7 probes for 1 %. The k probes come from two hashes, h1 + i h2, which costs nothing in
//! accuracy (Kirsch and Mitzenmacher, "Less hashing, same performance", 2006).
//!
//! A key that was inserted is always found. A key that was not is found with probability p once n
//! keys are in; with fewer it is less, with more it grows ([`Bloom::false_positive_rate`]).
//! Nothing can be removed. The hash has a fixed key: someone who knows it can choose keys that
//! collide, which costs a needless lookup and no more.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

const VERSION: u8 = 1;
const HEADER_LEN: usize = 18;

/// Most probes a key: a rate of one in four thousand million.
pub const MAX_PROBES: u32 = 32;

/// Most bits: 8 GiB of memory.
pub const MAX_BITS: u64 = 1 << 36;

/// Why a filter cannot be made or read.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BloomError {
    /// The rate is not above 0 and below 1.
    #[error("a false-positive rate of {0} is not between 0 and 1")]
    Rate(f64),
    /// No keys, or more bits than [`MAX_BITS`].
    #[error("a filter for {items} keys has {bits} bits; from 1 to 2^36 are possible")]
    Size {
        /// The keys asked for.
        items: u64,
        /// The bits they need.
        bits: u64,
    },
    /// Written by another version, or not a filter at all.
    #[error("stored filter has version {0}, this program reads version 1")]
    Version(u8),
    /// The bytes do not describe a filter.
    #[error("stored filter is cut short or has an impossible header")]
    Malformed,
}

/// A filter over byte strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bloom {
    words: Vec<u64>,
    probes: u32,
    inserted: u64,
}

impl Bloom {
    /// An empty filter sized for `items` keys at `false_positive_rate`.
    ///
    /// # Errors
    /// [`BloomError::Rate`], [`BloomError::Size`].
    pub fn new(items: u64, false_positive_rate: f64) -> Result<Self, BloomError> {
        if !(false_positive_rate > 0.0 && false_positive_rate < 1.0) {
            return Err(BloomError::Rate(false_positive_rate));
        }
        let (bits, probes) = size_for(items, false_positive_rate);
        if items == 0 || bits > MAX_BITS {
            return Err(BloomError::Size { items, bits });
        }
        let words = vec![0; bits.div_ceil(64) as usize];
        Ok(Self { words, probes, inserted: 0 })
    }

    /// Inserts a key; whether it was surely absent before.
    pub fn insert(&mut self, key: &[u8]) -> bool {
        let mut was_absent = false;
        for (word, mask) in self.places(key) {
            was_absent |= self.words[word] & mask == 0;
            self.words[word] |= mask;
        }
        // What is read from a store may begin at any number.
        self.inserted = self.inserted.saturating_add(u64::from(was_absent));
        was_absent
    }

    /// False: the key was never inserted. True: it probably was.
    #[must_use]
    pub fn may_contain(&self, key: &[u8]) -> bool {
        self.places(key).all(|(word, mask)| self.words[word] & mask != 0)
    }

    /// How many keys were inserted, those left out that seemed to be there already.
    #[must_use]
    pub fn inserted(&self) -> u64 {
        self.inserted
    }

    /// Its size in bits.
    #[must_use]
    pub fn bits(&self) -> u64 {
        self.words.len() as u64 * 64
    }

    /// Probes a key.
    #[must_use]
    pub fn probes(&self) -> u32 {
        self.probes
    }

    /// The chance that a key that is absent is reported as present, as the filter is filled now.
    #[must_use]
    pub fn false_positive_rate(&self) -> f64 {
        let set: u64 = self.words.iter().map(|word| u64::from(word.count_ones())).sum();
        (set as f64 / self.bits() as f64).powf(f64::from(self.probes))
    }

    /// The stored form: version, probes, keys inserted and words (8 bytes each, little-endian),
    /// then the bits.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + self.words.len() * 8);
        bytes.extend([VERSION, self.probes as u8]);
        bytes.extend(self.inserted.to_le_bytes());
        bytes.extend((self.words.len() as u64).to_le_bytes());
        bytes.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        bytes
    }

    /// Reads a stored form.
    ///
    /// # Errors
    /// [`BloomError::Version`], [`BloomError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BloomError> {
        let (&version, rest) = bytes.split_first().ok_or(BloomError::Malformed)?;
        if version != VERSION {
            return Err(BloomError::Version(version));
        }
        let (&probes, rest) = rest.split_first().ok_or(BloomError::Malformed)?;
        let probes = u32::from(probes);
        let (numbers, tail) = rest.as_chunks::<8>();
        let [inserted, count, words @ ..] = numbers else { return Err(BloomError::Malformed) };
        let whole = tail.is_empty() && u64::from_le_bytes(*count) == words.len() as u64;
        if !whole || words.is_empty() || !(1..=MAX_PROBES).contains(&probes) {
            return Err(BloomError::Malformed);
        }
        let words = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        Ok(Self { words, probes, inserted: u64::from_le_bytes(*inserted) })
    }

    /// The word and bit of each probe.
    fn places(&self, key: &[u8]) -> impl Iterator<Item = (usize, u64)> + use<> {
        let mut hasher = SipHasher13::new();
        hasher.write(key);
        let hash = hasher.finish128();
        // Odd, so that no two probes of a key fall together before they are scaled.
        let (start, stride) = (hash.h1, hash.h2 | 1);
        let bits = u128::from(self.bits());
        (0..self.probes).map(move |probe| {
            let spread = start.wrapping_add(stride.wrapping_mul(u64::from(probe)));
            // Multiply and take the high half: a fair scaling to 0..bits without a division
            // (Lemire, "Fast random integer generation in an interval", 2019).
            let bit = ((u128::from(spread) * bits) >> 64) as u64;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }
}

/// Bits and probes for that many keys and that rate.
#[must_use]
pub fn size_for(items: u64, false_positive_rate: f64) -> (u64, u32) {
    let bits_a_key = -false_positive_rate.ln() / std::f64::consts::LN_2.powi(2);
    let bits = (items as f64 * bits_a_key).ceil() as u64;
    let probes = (bits_a_key * std::f64::consts::LN_2).round() as u32;
    (bits, probes.clamp(1, MAX_PROBES))
}

#[cfg(test)]
mod tests;
