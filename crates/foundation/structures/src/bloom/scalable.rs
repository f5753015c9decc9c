//! A Bloom filter that grows: a full filter is followed by one of twice its size and half its rate.
//!
//! Almeida, Baquero, Preguica and Hutchison, "Scalable Bloom filters" (2007), with growth 2 and
//! tightening 1/2. The first filter has half the rate asked for, so that the rates of all, however
//! many there come to be, add up to no more than that. Memory is about twice that of a filter which
//! knew the number of keys beforehand, and a look-up asks one filter for each doubling.

use super::{Bloom, BloomError, HashKey};
use crate::stored::{ReadError, Reader};

const VERSION: u8 = 1;

/// Most filters in a row: the keys of the first, doubled that often.
const MAX_STAGES: usize = 32;

/// A filter over byte strings of any number.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalableBloom {
    /// All but the last are full; there is always one.
    stages: Vec<Bloom>,
    /// Keys that the first was made for.
    first_items: u64,
    /// Of all stages together.
    rate: f64,
    key: HashKey,
}

impl ScalableBloom {
    /// An empty filter that begins with room for `first_items` keys and stays at or below
    /// `false_positive_rate` while it grows.
    ///
    /// # Errors
    /// [`BloomError::Rate`], [`BloomError::Size`].
    pub fn new(first_items: u64, false_positive_rate: f64) -> Result<Self, BloomError> {
        Self::of(first_items, false_positive_rate, HashKey::FIXED)
    }

    /// The same, hashing with 16 secret bytes.
    ///
    /// # Errors
    /// Those of [`ScalableBloom::new`].
    pub fn with_secret(
        first_items: u64,
        false_positive_rate: f64,
        secret: [u8; 16],
    ) -> Result<Self, BloomError> {
        Self::of(first_items, false_positive_rate, HashKey(secret))
    }

    fn of(first_items: u64, rate: f64, key: HashKey) -> Result<Self, BloomError> {
        if !(rate > 0.0 && rate < 1.0) {
            return Err(BloomError::Rate(rate));
        }
        let mut filter = Self { stages: Vec::new(), first_items, rate, key };
        filter.stages.push(filter.stage(0)?);
        Ok(filter)
    }

    /// Inserts a key; whether it was surely absent before.
    pub fn insert(&mut self, key: &[u8]) -> bool {
        let hashes = self.key.hash(key);
        let contains = |stage: &Bloom| stage.contains_at(hashes.probes(stage.probes, stage.bits()));
        if self.stages.iter().any(contains) {
            return false;
        }
        let last = self.stages.len() - 1;
        // A filter that has no more room to grow takes more keys at a higher rate.
        if self.stages[last].inserted() >= self.items_of(last)
            && self.stages.len() < MAX_STAGES
            && let Ok(next) = self.stage(last + 1)
        {
            self.stages.push(next);
        }
        let last = self.stages.len() - 1;
        let stage = &mut self.stages[last];
        stage.insert_at(hashes.probes(stage.probes, stage.bits()))
    }

    /// False: the key was never inserted. True: it probably was.
    #[must_use]
    pub fn may_contain(&self, key: &[u8]) -> bool {
        let hashes = self.key.hash(key);
        // Half of the keys are in the last stage.
        let mut newest_first = self.stages.iter().rev();
        newest_first.any(|stage| stage.contains_at(hashes.probes(stage.probes, stage.bits())))
    }

    /// How many keys were inserted, those left out that seemed to be there already.
    #[must_use]
    pub fn inserted(&self) -> u64 {
        self.stages.iter().fold(0, |sum, stage| sum.saturating_add(stage.inserted()))
    }

    /// Its size in bits.
    #[must_use]
    pub fn bits(&self) -> u64 {
        self.stages.iter().map(Bloom::bits).sum()
    }

    /// How many filters it has grown to.
    #[must_use]
    pub fn stages(&self) -> usize {
        self.stages.len()
    }

    /// The chance that a key that is absent is reported as present, as it is filled now.
    #[must_use]
    pub fn false_positive_rate(&self) -> f64 {
        1.0 - self.stages.iter().map(|stage| 1.0 - stage.false_positive_rate()).product::<f64>()
    }

    /// How many keys the bits that are set tell of.
    #[must_use]
    pub fn estimated_items(&self) -> u64 {
        self.stages.iter().fold(0, |sum, stage| sum.saturating_add(stage.estimated_items()))
    }

    /// The stored form: version, keys of the first stage (8 bytes), rate (8, IEEE 754), number of
    /// stages (4); for each the length (8) and stored form of its [`Bloom`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.first_items.to_le_bytes());
        bytes.extend(self.rate.to_le_bytes());
        bytes.extend((self.stages.len() as u32).to_le_bytes());
        for stage in &self.stages {
            let stored = stage.to_bytes();
            bytes.extend((stored.len() as u64).to_le_bytes());
            bytes.extend(stored);
        }
        bytes
    }

    /// Reads a stored form of a filter without a secret.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        Self::read(bytes, HashKey::FIXED)
    }

    /// Reads a stored form of a filter with this secret.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_bytes_with_secret(bytes: &[u8], secret: [u8; 16]) -> Result<Self, ReadError> {
        Self::read(bytes, HashKey(secret))
    }

    fn read(bytes: &[u8], key: HashKey) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes, VERSION)?;
        let first_items = reader.u64()?;
        let rate = f64::from_bits(reader.u64()?);
        let count = reader.count(8)?;
        if !((1..=MAX_STAGES).contains(&count) && rate > 0.0 && rate < 1.0) {
            return Err(ReadError::Impossible("no stages, too many, or a rate that is none"));
        }
        let mut filter = Self { stages: Vec::new(), first_items, rate, key };
        for index in 0..count {
            let length = reader.u64()?;
            let stored = reader.bytes(usize::try_from(length).map_err(|_| ReadError::Length)?)?;
            let stage = Bloom::read(stored, key).map_err(|error| match error {
                BloomError::OtherSecret => ReadError::OtherHash,
                _ => ReadError::Impossible("a stage is no filter"),
            })?;
            // Nearly: another machine may have rounded the logarithm differently. Without this a
            // few bytes could ask for a next stage of gigabytes.
            let (bits, _) = super::size_for(filter.items_of(index), filter.rate_of(index));
            if stage.bits().abs_diff(bits) > 64 + bits / 1000 {
                return Err(ReadError::Impossible("a stage has not the size of its place"));
            }
            filter.stages.push(stage);
        }
        reader.finish()?;
        Ok(filter)
    }

    fn stage(&self, index: usize) -> Result<Bloom, BloomError> {
        Ok(Bloom { key: self.key, ..Bloom::new(self.items_of(index), self.rate_of(index))? })
    }

    fn items_of(&self, stage: usize) -> u64 {
        self.first_items.saturating_mul(1 << stage)
    }

    fn rate_of(&self, stage: usize) -> f64 {
        self.rate / 2f64.powi(stage as i32 + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn grows_a_hundredfold_and_keeps_its_rate() {
        let key = |number: u32| number.to_le_bytes();
        let mut filter = ScalableBloom::new(1000, 0.01).unwrap();
        (0..100_000).for_each(|number| _ = filter.insert(&key(number)));
        assert!((0..100_000).all(|number| filter.may_contain(&key(number))));
        // 1,000 times 1 + 2 + ... + 64 is enough.
        assert_eq!(filter.stages(), 7);
        let hits = (100_000..300_000).filter(|number| filter.may_contain(&key(*number))).count();
        assert!(hits < 2000 * 11 / 10, "{hits}");
        assert!(filter.false_positive_rate() <= 0.01, "{}", filter.false_positive_rate());
        let estimate = filter.estimated_items() as f64;
        assert!((estimate / 100_000.0 - 1.0).abs() < 0.02, "{estimate}");
        // What a filter made for 127,000 keys needs, and what the tighter rates of stages add.
        assert!(filter.bits() < 127_000 * 21);
    }

    #[test]
    fn damaged_forms_are_refused() {
        let mut filter = ScalableBloom::with_secret(4, 0.1, [1; 16]).unwrap();
        (0..20u8).for_each(|key| _ = filter.insert(&[key]));
        assert_eq!(filter.stages(), 3);
        let bytes = filter.to_bytes();
        for end in 0..bytes.len() {
            assert!(ScalableBloom::from_bytes_with_secret(&bytes[..end], [1; 16]).is_err());
        }
        assert_eq!(ScalableBloom::from_bytes(&bytes), Err(ReadError::OtherHash));
        let mut other_size = bytes.clone();
        other_size[1] = 200;
        let read = ScalableBloom::from_bytes_with_secret(&other_size, [1; 16]);
        assert_eq!(read, Err(ReadError::Impossible("a stage has not the size of its place")));
        assert_eq!(ScalableBloom::from_bytes_with_secret(&bytes, [1; 16]), Ok(filter));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert_eq!(ScalableBloom::new(9, 0.0), Err(BloomError::Rate(0.0)));
        assert!(matches!(ScalableBloom::new(0, 0.1), Err(BloomError::Size { .. })));
    }

    proptest! {
        #[test]
        fn every_inserted_key_is_found_also_after_storing(
            keys in prop::collection::vec(any::<u16>(), 0..400),
        ) {
            let mut filter = ScalableBloom::new(8, 0.05).unwrap();
            let mut model = HashSet::new();
            for key in &keys {
                let was_absent = filter.insert(&key.to_le_bytes());
                prop_assert!(model.insert(*key) || !was_absent);
            }
            let read = ScalableBloom::from_bytes(&filter.to_bytes()).unwrap();
            prop_assert!(keys.iter().all(|key| read.may_contain(&key.to_le_bytes())));
            prop_assert!(filter.inserted() <= model.len() as u64);
            prop_assert_eq!(read, filter);
        }
    }
}
