//! A keyed bijection of `0..size`: numbers that show neither order nor distance, and lead back.
//!
//! A balanced Feistel network over the next even power of two, SipHash-2-4 as the round function
//! (Aumasson and Bernstein 2012), ten rounds as in NIST SP 800-38G, and cycle walking (Black and
//! Rogaway, "Ciphers with arbitrary finite domains", 2002) back into the domain: a result outside
//! is fed in again; the network permutes less than four times the domain.
//!
//! What it gives is unpredictability, not secrecy: with so small a domain nobody should treat a
//! number as a password. Cost: ten hashes of 16 bytes a step.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

const ROUNDS: u64 = 10;

/// A secret permutation of `0..size`.
#[derive(Clone, Copy)]
pub struct Permutation {
    key: [u8; 16],
    size: u64,
    half_bits: u32,
}

impl Permutation {
    /// The permutation of `0..size` that `key` selects. `size` is at most 2^63.
    ///
    /// The size takes part in the key, so two domains under one key are unrelated.
    #[must_use]
    pub fn new(key: [u8; 16], size: u64) -> Self {
        debug_assert!((1..=1 << 63).contains(&size));
        let bits = u64::BITS - size.saturating_sub(1).leading_zeros();
        Self { key, size, half_bits: bits.div_ceil(2).max(1) }
    }

    /// Where `number` goes; `None` outside the domain.
    #[must_use]
    pub fn apply(&self, number: u64) -> Option<u64> {
        self.walk(number, Self::encrypt)
    }

    /// Where `number` came from; `None` outside the domain.
    #[must_use]
    pub fn invert(&self, number: u64) -> Option<u64> {
        self.walk(number, Self::decrypt)
    }

    /// Steps until the result lies in the domain. Ends, since the start itself is on the cycle.
    fn walk(&self, number: u64, step: fn(&Self, u64) -> u64) -> Option<u64> {
        if number >= self.size {
            return None;
        }
        let mut current = step(self, number);
        while current >= self.size {
            current = step(self, current);
        }
        Some(current)
    }

    fn encrypt(&self, number: u64) -> u64 {
        let (mut left, mut right) = (number >> self.half_bits, number & self.mask());
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round_value(round, right));
        }
        left << self.half_bits | right
    }

    fn decrypt(&self, number: u64) -> u64 {
        let (mut left, mut right) = (number >> self.half_bits, number & self.mask());
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.round_value(round, left), left);
        }
        left << self.half_bits | right
    }

    fn round_value(&self, round: u64, half: u64) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        // Round and half fit one word: a half has at most 32 bits.
        hasher.write_u64(round << 32 | half);
        hasher.write_u64(self.size);
        hasher.finish() & self.mask()
    }

    fn mask(&self) -> u64 {
        (1 << self.half_bits) - 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 16] = *b"a key for tests!";
    const LARGEST: u64 = 1 << 63;

    #[test]
    fn small_domains_are_permuted_without_gap_or_repeat() {
        for size in (1..=300).chain([1023, 1024, 1025, 4095, 4097, 62 * 62]) {
            let permutation = Permutation::new(KEY, size);
            let images: HashSet<u64> = (0..size).filter_map(|n| permutation.apply(n)).collect();
            assert_eq!(images.len() as u64, size, "size {size}");
            assert!(images.iter().all(|image| *image < size));
            assert!(
                (0..size).all(|n| permutation.invert(permutation.apply(n).unwrap()) == Some(n))
            );
        }
    }

    #[test]
    fn neighbours_become_strangers_in_the_largest_domain() {
        let permutation = Permutation::new(KEY, LARGEST);
        let images: Vec<u64> = (0..1_000).filter_map(|number| permutation.apply(number)).collect();
        assert!(!images.is_sorted());
        let changed: u32 = images.windows(2).map(|pair| (pair[0] ^ pair[1]).count_ones()).sum();
        assert!((28..36).contains(&(changed / 999)), "about half of the bits change: {changed}");
        assert_eq!(permutation.apply(LARGEST), None);
        assert_ne!(Permutation::new([8; 16], LARGEST).apply(5), permutation.apply(5));
    }

    proptest! {
        #[test]
        fn invert_undoes_apply(key: [u8; 16], number in 0..LARGEST) {
            let permutation = Permutation::new(key, LARGEST);
            let image = permutation.apply(number).unwrap();
            prop_assert!(image < LARGEST);
            prop_assert_eq!(permutation.invert(image), Some(number));
        }
    }
}
