//! Bloom filter: "surely absent" or "perhaps present".
//!
//! - [`Bloom`]: a fixed number of bits;
//! - [`counting::CountingBloom`]: keys can be removed, for four times the memory;
//! - [`scalable::ScalableBloom`]: grows with the keys and keeps its rate.
//!
//! Bloom, "Space/time trade-offs in hash coding with allowable errors" (1970). For n keys and a
//! false-positive rate p it takes m = -n ln p / (ln 2)^2 bits and k = m / n ln 2 probes: 9.6 bits a
//! key and 7 probes for 1 %. The k probes come from two hashes, h1 + i h2, which costs nothing in
//! accuracy (Kirsch and Mitzenmacher, "Less hashing, same performance", 2006).
//!
//! A key that was inserted is always found. A key that was not is found with probability p once n
//! keys are in; with fewer it is less, with more it grows ([`Bloom::false_positive_rate`]).
//! The hash is SipHash-1-3, 128 bits, with a fixed key: someone who knows it can choose keys that
//! collide, which costs a needless look-up and no more. Where it costs more, give a secret
//! ([`Bloom::with_secret`]).
//!
//! Cost: a key is hashed once, then a word is touched for each probe.

pub mod counting;
pub mod scalable;

use std::fmt;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::hash::scale;

/// Of a filter with the fixed key.
const VERSION: u8 = 1;
/// Of one with a secret, whose fingerprint stands behind the header.
const VERSION_WITH_SECRET: u8 = 2;
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
    /// Two filters of different sizes, probes or secrets.
    #[error("filters of different sizes, probes or secrets cannot be united; make them alike")]
    Differs,
    /// Written by another version, or not a filter at all.
    #[error("stored filter has version {0}, this program reads versions 1 and 2")]
    Version(u8),
    /// Written with another secret, or with one where none was given.
    #[error("stored filter was made with another secret; open it with that one")]
    OtherSecret,
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
    key: HashKey,
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
        Ok(Self::with_shape(bits, probes))
    }

    /// The same, hashing with 16 secret bytes: nobody without them can choose keys that collide.
    ///
    /// # Errors
    /// Those of [`Bloom::new`].
    pub fn with_secret(
        items: u64,
        false_positive_rate: f64,
        secret: [u8; 16],
    ) -> Result<Self, BloomError> {
        Ok(Self { key: HashKey(secret), ..Self::new(items, false_positive_rate)? })
    }

    /// A filter of at least that many bits.
    fn with_shape(bits: u64, probes: u32) -> Self {
        let words = vec![0; bits.div_ceil(64) as usize];
        Self { words, probes, inserted: 0, key: HashKey::FIXED }
    }

    /// Inserts a key; whether it was surely absent before.
    #[inline]
    pub fn insert(&mut self, key: &[u8]) -> bool {
        self.insert_at(self.key.hash(key).probes(self.probes, self.bits()))
    }

    fn insert_at(&mut self, bits: impl Iterator<Item = u64>) -> bool {
        let mut was_absent = false;
        for (word, mask) in bits.map(place) {
            was_absent |= self.words[word] & mask == 0;
            self.words[word] |= mask;
        }
        // What is read from a store may begin at any number.
        self.inserted = self.inserted.saturating_add(u64::from(was_absent));
        was_absent
    }

    /// False: the key was never inserted. True: it probably was.
    #[inline]
    #[must_use]
    pub fn may_contain(&self, key: &[u8]) -> bool {
        self.contains_at(self.key.hash(key).probes(self.probes, self.bits()))
    }

    fn contains_at(&self, mut bits: impl Iterator<Item = u64>) -> bool {
        bits.all(|bit| {
            let (word, mask) = place(bit);
            self.words[word] & mask != 0
        })
    }

    /// Adds all keys of another filter: the same bits as if they had been inserted here.
    /// [`inserted`](Self::inserted) becomes the estimate, since keys may be in both.
    ///
    /// # Errors
    /// [`BloomError::Differs`].
    pub fn union(&mut self, other: &Self) -> Result<(), BloomError> {
        let is_alike = self.words.len() == other.words.len()
            && self.probes == other.probes
            && self.key == other.key;
        if !is_alike {
            return Err(BloomError::Differs);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine |= theirs);
        self.inserted = self.estimated_items();
        Ok(())
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
        (self.bits_set() as f64 / self.bits() as f64).powf(f64::from(self.probes))
    }

    /// How many keys the bits that are set tell of: -m / k ln(1 - X / m) (Swamidass and Baldi,
    /// "Mathematical correction for fingerprint similarity measures", 2007). Within about 1 % up to
    /// the number of keys that the filter was made for; `u64::MAX` when every bit is set.
    #[must_use]
    pub fn estimated_items(&self) -> u64 {
        let (bits, set) = (self.bits() as f64, self.bits_set() as f64);
        // A full filter gives infinity; the cast saturates then.
        (-bits / f64::from(self.probes) * (1.0 - set / bits).ln()).round() as u64
    }

    fn bits_set(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The stored form: version, probes, keys inserted and words (8 bytes each, little-endian),
    /// with a secret its fingerprint (8 bytes) and never the secret itself, then the bits.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + (self.words.len() + 1) * 8);
        let is_fixed = self.key == HashKey::FIXED;
        bytes.extend([if is_fixed { VERSION } else { VERSION_WITH_SECRET }, self.probes as u8]);
        bytes.extend(self.inserted.to_le_bytes());
        bytes.extend((self.words.len() as u64).to_le_bytes());
        if !is_fixed {
            bytes.extend(self.key.fingerprint().to_le_bytes());
        }
        bytes.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        bytes
    }

    /// Reads a stored form of a filter without a secret.
    ///
    /// # Errors
    /// [`BloomError::Version`], [`BloomError::OtherSecret`], [`BloomError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BloomError> {
        Self::read(bytes, HashKey::FIXED)
    }

    /// Reads a stored form of a filter with this secret.
    ///
    /// # Errors
    /// Those of [`Bloom::from_bytes`].
    pub fn from_bytes_with_secret(bytes: &[u8], secret: [u8; 16]) -> Result<Self, BloomError> {
        Self::read(bytes, HashKey(secret))
    }

    fn read(bytes: &[u8], key: HashKey) -> Result<Self, BloomError> {
        let (&version, rest) = bytes.split_first().ok_or(BloomError::Malformed)?;
        let is_fixed = match version {
            VERSION => true,
            VERSION_WITH_SECRET => false,
            other => return Err(BloomError::Version(other)),
        };
        let (&probes, rest) = rest.split_first().ok_or(BloomError::Malformed)?;
        let probes = u32::from(probes);
        let (numbers, tail) = rest.as_chunks::<8>();
        let [inserted, count, words @ ..] = numbers else { return Err(BloomError::Malformed) };
        let (fingerprint, words) = match words {
            _ if is_fixed => (None, words),
            [fingerprint, words @ ..] => (Some(u64::from_le_bytes(*fingerprint)), words),
            [] => return Err(BloomError::Malformed),
        };
        let whole = tail.is_empty() && u64::from_le_bytes(*count) == words.len() as u64;
        if !whole || words.is_empty() || !(1..=MAX_PROBES).contains(&probes) {
            return Err(BloomError::Malformed);
        }
        let ours = (key != HashKey::FIXED).then(|| key.fingerprint());
        if fingerprint != ours {
            return Err(BloomError::OtherSecret);
        }
        let words = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        Ok(Self { words, probes, inserted: u64::from_le_bytes(*inserted), key })
    }
}

/// The key of the hash function: a secret, or the fixed one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct HashKey([u8; 16]);

/// Two hashes of a key, from which all its probes come.
#[derive(Clone, Copy)]
struct KeyHashes {
    start: u64,
    /// Odd, so that no two probes of a key fall together before they are scaled.
    stride: u64,
}

impl HashKey {
    /// What `SipHasher13::new` has.
    const FIXED: Self = Self([0; 16]);

    #[inline]
    fn hash(self, key: &[u8]) -> KeyHashes {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(key);
        let hash = hasher.finish128();
        KeyHashes { start: hash.h1, stride: hash.h2 | 1 }
    }

    fn fingerprint(self) -> u64 {
        self.hash(b"structures::bloom").start
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if *self == Self::FIXED { "fixed" } else { "secret" })
    }
}

impl KeyHashes {
    /// As many places below `count`.
    #[inline]
    fn probes(self, probes: u32, count: u64) -> impl Iterator<Item = u64> {
        let Self { start, stride } = self;
        (0..u64::from(probes))
            .map(move |probe| scale(start.wrapping_add(stride.wrapping_mul(probe)), count))
    }
}

/// The word and mask of a bit.
#[inline]
fn place(bit: u64) -> (usize, u64) {
    ((bit / 64) as usize, 1 << (bit % 64))
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
