//! A Bloom filter that forgets: a small counter in place of each bit.
//!
//! Fan, Cao, Almeida and Broder, "Summary cache" (1998), section V: counters of four bits. With the
//! number of probes that suits the size, one of them passes 15 with a chance of 1.4e-15 a counter.
//! One that has reached 15 stays there for good, so that what is in is still found; the filter then
//! forgets a little less than it should. Four times the memory of [`Bloom`](super::Bloom), the same
//! rate of false positives.

use super::{BloomError, HashKey, MAX_BITS, MAX_PROBES, size_for};
use crate::stored::{ReadError, Reader};

const VERSION: u8 = 1;
const COUNTER_MAX: u8 = 15;

/// A filter over byte strings, which can be removed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountingBloom {
    /// Two counters a byte, the lower half first.
    pairs: Vec<u8>,
    probes: u32,
    items: u64,
    key: HashKey,
}

impl CountingBloom {
    /// An empty filter sized for `items` keys at `false_positive_rate`.
    ///
    /// # Errors
    /// [`BloomError::Rate`], [`BloomError::Size`].
    pub fn new(items: u64, false_positive_rate: f64) -> Result<Self, BloomError> {
        if !(false_positive_rate > 0.0 && false_positive_rate < 1.0) {
            return Err(BloomError::Rate(false_positive_rate));
        }
        let (counters, probes) = size_for(items, false_positive_rate);
        if items == 0 || counters > MAX_BITS / 4 {
            return Err(BloomError::Size { items, bits: counters.saturating_mul(4) });
        }
        let pairs = vec![0; counters.div_ceil(2) as usize];
        Ok(Self { pairs, probes, items: 0, key: HashKey::FIXED })
    }

    /// The same, hashing with 16 secret bytes.
    ///
    /// # Errors
    /// Those of [`CountingBloom::new`].
    pub fn with_secret(
        items: u64,
        false_positive_rate: f64,
        secret: [u8; 16],
    ) -> Result<Self, BloomError> {
        Ok(Self { key: HashKey(secret), ..Self::new(items, false_positive_rate)? })
    }

    /// Inserts a key. One that is inserted twice must be removed twice.
    pub fn insert(&mut self, key: &[u8]) {
        for place in self.places(key) {
            let counter = self.counter(place);
            self.set_counter(place, (counter + 1).min(COUNTER_MAX));
        }
        self.items = self.items.saturating_add(1);
    }

    /// Takes a key out that was inserted; false, and nothing is changed, if it surely was not.
    ///
    /// Removing a key that was never inserted, but seems to be there, takes away from others: they
    /// may then be missing. Remove only what you know you inserted.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        if !self.may_contain(key) {
            return false;
        }
        for place in self.places(key) {
            let counter = self.counter(place);
            // How often it was counted at 15 is not known. At 0 it is when two probes of a key
            // that was never inserted fall together.
            if (1..COUNTER_MAX).contains(&counter) {
                self.set_counter(place, counter - 1);
            }
        }
        self.items = self.items.saturating_sub(1);
        true
    }

    /// False: the key is not in. True: it probably is.
    #[must_use]
    pub fn may_contain(&self, key: &[u8]) -> bool {
        self.places(key).all(|place| self.counter(place) > 0)
    }

    /// Keys inserted less keys removed.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.items
    }

    /// How many counters there are, half a byte each.
    #[must_use]
    pub fn counters(&self) -> u64 {
        self.pairs.len() as u64 * 2
    }

    /// The chance that a key that is absent is reported as present, as the filter is filled now.
    #[must_use]
    pub fn false_positive_rate(&self) -> f64 {
        let counted = self.pairs.iter().flat_map(|pair| [pair & 15, pair >> 4]);
        let set = counted.filter(|counter| *counter > 0).count();
        (set as f64 / self.counters() as f64).powf(f64::from(self.probes))
    }

    /// The stored form: version, probes (1 byte), items, the fingerprint of the secret and the
    /// number of pairs (8 bytes each), then the pairs.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.probes as u8];
        bytes.extend(self.items.to_le_bytes());
        bytes.extend(self.key.fingerprint().to_le_bytes());
        bytes.extend((self.pairs.len() as u64).to_le_bytes());
        bytes.extend(&self.pairs);
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
        let probes = u32::from(reader.u8()?);
        let items = reader.u64()?;
        if reader.u64()? != key.fingerprint() {
            return Err(ReadError::OtherHash);
        }
        let count = reader.u64()?;
        let pairs = reader.rest().to_vec();
        if count != pairs.len() as u64 || pairs.is_empty() {
            return Err(ReadError::Length);
        }
        if !(1..=MAX_PROBES).contains(&probes) {
            return Err(ReadError::Impossible("no probes, or too many"));
        }
        Ok(Self { pairs, probes, items, key })
    }

    fn places(&self, key: &[u8]) -> impl Iterator<Item = u64> + use<> {
        self.key.hash(key).probes(self.probes, self.counters())
    }

    fn counter(&self, place: u64) -> u8 {
        self.pairs[(place / 2) as usize] >> (place % 2 * 4) & 15
    }

    fn set_counter(&mut self, place: u64, value: u8) {
        let (pair, shift) = (&mut self.pairs[(place / 2) as usize], place % 2 * 4);
        *pair = *pair & !(15 << shift) | value << shift;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counters_stay_at_their_end() {
        let mut filter = CountingBloom::new(10, 0.01).unwrap();
        (0..40).for_each(|_| filter.insert(b"often"));
        filter.insert(b"once");
        assert!((0..40).all(|_| filter.remove(b"often")));
        // Forgotten too little, never too much.
        assert!(filter.may_contain(b"often") && filter.may_contain(b"once"));
        assert_eq!(filter.items(), 1);
        assert!(!filter.remove(b"never"));
    }

    #[test]
    fn the_rate_is_what_was_asked_for_also_after_removals() {
        let key = |number: u32| number.to_le_bytes();
        let mut filter = CountingBloom::new(10_000, 0.01).unwrap();
        (0..20_000).for_each(|number| filter.insert(&key(number)));
        assert!((0..10_000).all(|number| filter.remove(&key(number))));
        assert!((10_000..20_000).all(|number| filter.may_contain(&key(number))));
        let hits = (20_000..120_000).filter(|number| filter.may_contain(&key(*number))).count();
        assert!((700..1300).contains(&hits), "{hits}");
        assert!((filter.false_positive_rate() / 0.01 - 1.0).abs() < 0.2);
    }

    #[test]
    fn a_secret_changes_the_places_and_is_needed_to_read() {
        let mut filter = CountingBloom::with_secret(100, 0.01, [3; 16]).unwrap();
        filter.insert(b"key");
        let bytes = filter.to_bytes();
        assert_eq!(CountingBloom::from_bytes(&bytes), Err(ReadError::OtherHash));
        assert_eq!(CountingBloom::from_bytes_with_secret(&bytes, [3; 16]), Ok(filter));
    }

    #[test]
    fn damaged_forms_are_refused() {
        let bytes = CountingBloom::new(100, 0.01).unwrap().to_bytes();
        for end in 0..bytes.len() {
            assert_eq!(CountingBloom::from_bytes(&bytes[..end]), Err(ReadError::Length));
        }
        let mut no_probes = bytes.clone();
        no_probes[1] = 0;
        assert!(matches!(CountingBloom::from_bytes(&no_probes), Err(ReadError::Impossible(_))));
        assert!(CountingBloom::new(0, 0.1).is_err() && CountingBloom::new(9, 1.0).is_err());
    }

    proptest! {
        #[test]
        fn what_is_in_is_always_found(
            changes in prop::collection::vec((any::<bool>(), 0u8..20), 0..200),
        ) {
            let mut filter = CountingBloom::new(20, 0.05).unwrap();
            let mut model: HashMap<u8, u32> = HashMap::new();
            for (inserts, key) in changes {
                let count = model.entry(key).or_default();
                if inserts && *count < 5 {
                    filter.insert(&[key]);
                    *count += 1;
                } else if *count > 0 {
                    prop_assert!(filter.remove(&[key]));
                    *count -= 1;
                }
            }
            for (key, count) in &model {
                prop_assert!(*count == 0 || filter.may_contain(&[*key]));
            }
            prop_assert_eq!(filter.items(), u64::from(model.values().sum::<u32>()));
            prop_assert_eq!(CountingBloom::from_bytes(&filter.to_bytes()), Ok(filter));
        }
    }
}
