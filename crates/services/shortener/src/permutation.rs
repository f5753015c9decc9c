//! A keyed bijection between the counter and the number a code shows (M11).
//!
//! Sequential codes let anyone walk all links. Here the counter goes through a secret permutation
//! first: still one number a link, never a collision, but the next code is not to be guessed.
//!
//! A balanced Feistel network over the next even power of two, SipHash-2-4 as the round function
//! (Aumasson and Bernstein 2012), ten rounds as in NIST SP 800-38G, and cycle walking (Black and
//! Rogaway, "Ciphers with arbitrary finite domains", 2002) back into the domain: a result outside
//! is fed in again, 1.25 rounds of that on average for 62^7, at most four times the domain.
//!
//! What it gives is unpredictability, not secrecy of the target: with so small a domain nobody
//! should treat a code as a password. Losing the key means losing nothing but the inverse.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use crate::base62::{SPACE_OF_EIGHT, SPACE_OF_SEVEN};

const ROUNDS: u64 = 10;

/// A secret permutation of `0..size`.
#[derive(Clone)]
pub struct Permutation {
    key: [u8; 16],
    size: u64,
    half_bits: u32,
}

impl Permutation {
    /// The permutation of `0..size` that `key` selects. `size` is at most 2^62.
    ///
    /// The size takes part in the key, so two domains under one key are unrelated.
    #[must_use]
    pub fn new(key: [u8; 16], size: u64) -> Self {
        debug_assert!((1..=1 << 62).contains(&size));
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
        // Round and half fit one word: a half has at most 31 bits.
        hasher.write_u64(round << 32 | half);
        hasher.write_u64(self.size);
        hasher.finish() & self.mask()
    }

    fn mask(&self) -> u64 {
        (1 << self.half_bits) - 1
    }
}

/// The permutation of the whole code space, which never makes a seven-character number longer.
///
/// Counters below 62^7 stay below it; those from 62^7 to 62^8 - 1 stay there. So exhaustion of
/// seven characters moves to eight instead of wrapping.
#[derive(Clone)]
pub struct CodePermutation {
    seven: Permutation,
    eight: Permutation,
}

impl CodePermutation {
    /// The permutation that `key` selects. The key must stay the same for the life of the store.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self {
            seven: Permutation::new(key, SPACE_OF_SEVEN),
            eight: Permutation::new(key, SPACE_OF_EIGHT - SPACE_OF_SEVEN),
        }
    }

    /// The number to encode for `counter`; `None` from 62^8 on.
    #[must_use]
    pub fn apply(&self, counter: u64) -> Option<u64> {
        match counter.checked_sub(SPACE_OF_SEVEN) {
            None => self.seven.apply(counter),
            Some(beyond) => self.eight.apply(beyond).map(|number| number + SPACE_OF_SEVEN),
        }
    }

    /// The counter behind an encoded number; `None` from 62^8 on.
    #[must_use]
    pub fn invert(&self, number: u64) -> Option<u64> {
        match number.checked_sub(SPACE_OF_SEVEN) {
            None => self.seven.invert(number),
            Some(beyond) => self.eight.invert(beyond).map(|counter| counter + SPACE_OF_SEVEN),
        }
    }
}

#[cfg(test)]
mod tests;
